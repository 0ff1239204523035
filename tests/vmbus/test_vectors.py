"""The first minutes of a Linux guest on the bus, byte for byte: connect, offers, open, first packets.

The bytes are worked out from the driver's structures, not by this code.
"""

import struct
from uuid import UUID

import pytest

from hv.vmbus.bus import Bus
from hv.vmbus.service import Channel, GpaRange, Offer
from tests.vmbus.fake_guest import FakeGuest, boot
from tests.vmbus.fakes import Diary, FakeMemory, FakeSynic, offer
from tests.vmbus.guest_ring import GuestRing

SCSI = UUID("ba6163d9-04a1-4d29-b605-72e2ffb1dc7f")
INSTANCE = UUID("01020304-0506-0708-090a-0b0c0d0e0f10")

FIRST_PAGE = 0x100
RING_PAGES = 64
GUEST_TO_HOST = FIRST_PAGE * 0x1000
HOST_TO_GUEST = (FIRST_PAGE + RING_PAGES // 2) * 0x1000


def raw(text: str) -> bytes:
    """Hex in groups as they lie in memory."""
    return bytes.fromhex(text)


def scsi() -> Diary:
    return Diary(Offer("disk", SCSI, INSTANCE))


@pytest.fixture
def synic() -> FakeSynic:
    return FakeSynic()


@pytest.fixture
def memory() -> FakeMemory:
    return FakeMemory()


@pytest.fixture
def service() -> Diary:
    return scsi()


@pytest.fixture
def bus(memory: FakeMemory, synic: FakeSynic, service: Diary) -> Bus:
    bus = Bus(memory, synic)
    bus.offer(service)
    return bus


def contact(bus: Bus) -> None:
    assert bus.message(
        4,
        1,
        raw(
            "0e000000 00000000 03000500 00000000 02000000 00000000"
            "00302010 00000000 00402010 00000000"
        ),
    )


def gpadl(bus: Bus) -> None:
    """64 pages from FIRST_PAGE: 26 in the header, 28 and 10 in the bodies."""
    numbers = [struct.pack("<Q", FIRST_PAGE + i) for i in range(RING_PAGES)]
    header = raw("08000000 00000000 01000000 101e0e00 08020100 00000400 00000000")
    body = raw("09000000 00000000 00000000 101e0e00")
    first = header + b"".join(numbers[:26])
    second = body + b"".join(numbers[26:54])
    third = body + b"".join(numbers[54:])
    assert [len(first), len(second), len(third)] == [0xEC, 0xF0, 0x60]
    for message in (first, second, third):
        assert bus.message(1, 1, message)


def open_channel(bus: Bus) -> None:
    start = raw("05000000 00000000 01000000 01000000 101e0e00 00000000 20000000")
    assert len(start) + 0x78 == 0x94
    assert bus.message(1, 1, start + bytes(0x78))


def posted(synic: FakeSynic) -> list[bytes]:
    """Messages for processor 0 since the last time."""
    messages = list(synic.messages.get(0, ()))
    synic.messages.clear()
    return messages


@pytest.fixture
def opened(bus: Bus, synic: FakeSynic) -> Bus:
    contact(bus)
    bus.message(1, 1, raw("03000000 00000000"))
    gpadl(bus)
    open_channel(bus)
    posted(synic)
    return bus


def test_version_5_3_is_accepted_with_message_connection_1(bus: Bus, synic: FakeSynic) -> None:
    contact(bus)
    assert posted(synic) == [raw("0f000000 00000000 01000000 01000000")]


def test_offers_are_196_bytes_and_followed_by_the_end_of_the_list(
    bus: Bus, synic: FakeSynic
) -> None:
    contact(bus)
    posted(synic)
    bus.message(1, 1, raw("03000000 00000000"))
    offered, end = posted(synic)
    assert offered == (
        raw("01000000 00000000")
        + raw("d96361ba a104294d b60572e2 ffb1dc7f")
        + raw("04030201 06050807 090a0b0c 0d0e0f10")
        + bytes(16)
        + raw("0100 0000")
        + bytes(120)
        + raw("00000000 01000000 ff000100 01200000")
    )
    assert len(offered) == 0xC4
    assert end == raw("04000000 00000000")


def test_a_pipe_offer_has_the_flag_and_says_message_mode(synic: FakeSynic) -> None:
    bus = Bus(FakeMemory(), synic)
    bus.offer(Diary(offer(pipe=True)))
    contact(bus)
    posted(synic)
    bus.message(1, 1, raw("03000000 00000000"))
    offered, _ = posted(synic)
    assert offered[0x38:0x40] == raw("1000 0000 04000000")


def test_a_gpadl_of_three_messages_is_created_with_the_last(bus: Bus, synic: FakeSynic) -> None:
    contact(bus)
    bus.message(1, 1, raw("03000000 00000000"))
    posted(synic)
    gpadl(bus)
    assert posted(synic) == [raw("0a000000 00000000 01000000 101e0e00 00000000")]


def test_the_channel_opens(bus: Bus, synic: FakeSynic, service: Diary) -> None:
    contact(bus)
    bus.message(1, 1, raw("03000000 00000000"))
    gpadl(bus)
    posted(synic)
    open_channel(bus)
    assert posted(synic) == [raw("06000000 00000000 01000000 01000000 00000000")]
    assert service.events == ["open"]


def test_the_first_packet_and_its_completion(
    opened: Bus, memory: FakeMemory, service: Diary, synic: FakeSynic
) -> None:
    packet = raw("06000200 0a000100 fdffffff ffffffff 07000000 01000000 00000000") + bytes(52)
    memory.write(GUEST_TO_HOST + 0x1000, packet + raw("00000000 00000000"))
    memory.write(GUEST_TO_HOST, raw("58000000"))
    payload = raw("01000000 01000000 00000000") + bytes(52)

    def answer(channel: Channel) -> None:
        request = channel.receive(64)
        assert request is not None
        service.packets.append(request)
        channel.complete(request.transaction_id, payload)

    service.on_ready = answer
    assert opened.event(0x2001)

    request = service.packets[0]
    assert (request.kind, request.transaction_id) == (6, 0xFFFFFFFFFFFFFFFD)
    assert request.wants_completion
    assert request.payload == packet[16:]
    assert memory.read(GUEST_TO_HOST + 4, 4) == raw("58000000")
    completion = raw("0b000200 0a000000 fdffffff ffffffff") + payload
    assert memory.read(HOST_TO_GUEST + 0x1000, 0x58) == completion + bytes(8)
    assert memory.read(HOST_TO_GUEST, 8) == raw("58000000 00000000")
    assert synic.flags == {0: {1}}


def test_the_second_packets_trailer_names_where_it_began(
    opened: Bus, memory: FakeMemory, service: Diary
) -> None:
    assert service.channel is not None
    service.channel.send(bytes(0x40))
    service.channel.send(bytes(0x40))
    trailer_at = HOST_TO_GUEST + 0x1000 + 0x58 + 0x50
    assert memory.read(trailer_at, 8) == raw("00000000 58000000")


def test_an_inquirys_buffer_is_where_the_packet_says(
    opened: Bus, memory: FakeMemory, service: Diary
) -> None:
    packet = raw(
        "09000500 0d000100 12000000 00000000 00000000 01000000 24000000 00020000 45230100 00000000"
        "03000000 01000000 00000000 34000000 00000000 06140100 24000000 12000000"
        "24000000 00000000 00000000 00000000 48000000 3c000000 00000000"
    )
    packet = packet.ljust(0x68, b"\0")
    memory.write(GUEST_TO_HOST + 0x1000, packet)
    memory.write(GUEST_TO_HOST, raw("70000000"))
    answered = bytes(range(0x24))

    def answer(channel: Channel) -> None:
        request = channel.receive(64)
        assert request is not None
        service.packets.append(request)
        channel.write(request.ranges, answered)

    service.on_ready = answer
    opened.event(0x2001)
    assert service.packets[0].ranges == (GpaRange(0x24, 0x200, (0x12345,)),)
    assert service.packets[0].payload == packet[0x28:]


def test_a_wrapped_packet_goes_on_at_the_start_of_the_data() -> None:
    service = scsi()
    guest = boot(service)
    channel = guest.open(guest.offers[0], pages=2)
    ring = channel.incoming
    assert service.channel is not None
    for _ in range(5):  # 5 * 0x328 = 0xFC8 of 0x1000 bytes
        assert service.channel.send(bytes(0x310))
        channel.receive()
    assert service.channel.send(bytes(range(0x40)))
    assert ring.word(0) == 0x20
    packet = channel.receive()
    assert packet is not None
    assert packet.payload == bytes(range(0x40))


def test_the_fake_guest_speaks_the_same_bytes(synic: FakeSynic) -> None:
    """What other tests rely on: the guest's own messages against the vectors."""

    class Tap(Bus):
        seen: list[tuple[int, bytes]] = []

        def message(self, connection_id: int, message_type: int, payload: bytes) -> bool:
            self.seen.append((connection_id, payload))
            return super().message(connection_id, message_type, payload)

    memory = FakeMemory()
    bus = Tap(memory, synic)
    bus.offer(scsi())
    guest = FakeGuest(bus, memory, synic)
    guest.connect()
    guest.request_offers()
    guest.open(guest.offers[0], pages=32)
    ids = [connection for connection, _ in bus.seen]
    assert ids == [4, 1, 1, 1, 1, 1]
    assert bus.seen[0][1] == raw(
        "0e000000 00000000 03000500 00000000 02000000 00000000 00302010 00000000 00402010 00000000"
    )
    start = raw("08000000 00000000 01000000 101e0e00 08020100 00000400 00000000")
    assert bus.seen[2][1].startswith(start)
    assert bus.seen[3][1].startswith(raw("09000000 00000000 00000000 101e0e00"))
    assert [len(message) for _, message in bus.seen[2:]] == [0xEC, 0xF0, 0x60, 0x94]
    start = raw("05000000 00000000 01000000 01000000 101e0e00 00000000 20000000")
    assert bus.seen[5][1] == start + bytes(0x78)


def test_rings_of_a_guest_start_as_linux_leaves_them(memory: FakeMemory) -> None:
    GuestRing(memory, [3, 2])
    assert memory.read(0x3000, 16) == bytes(16)
    assert memory.read(0x3040, 4) == raw("01000000")
