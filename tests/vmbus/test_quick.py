from tests.vmbus.fake_guest import boot
from tests.vmbus.fakes import Diary, offer


def test_echo() -> None:
    service = Diary(offer())

    def answer(channel):
        while p := channel.receive(64):
            if p.wants_completion:
                channel.complete(p.transaction_id, p.payload[::-1])
            if p.ranges:
                data = channel.read(p.ranges, 1 << 20)
                channel.write(p.ranges, data[::-1])

    service.on_ready = answer
    guest = boot(service, Diary(offer(2, pipe=True)))
    channel = guest.open(guest.offers[0])
    assert channel.send(b"12345678", wants_completion=True) == 1
    assert channel.interrupted()
    got = channel.receive()
    assert got and got.kind == 11 and got.payload == b"87654321"
    b = guest.buffer(0x3000, 0x200, bytes(range(256)) * 0x30)
    before = b.data()
    channel.send(b"x", buffers=[b])
    assert b.data() == before[::-1]
    pipe = guest.open(guest.offers[1])
    pipe.send(b"hello")
    print(guest.bus.inspect())
    channel.close()
    guest.unload()
