"""Packets to the guest: room, room that is owed, who is signalled, and how the host waits for more."""

import struct

import pytest

from hv.vmbus.service import Channel, TransferRange
from tests.vmbus.fake_guest import FakeGuest, GuestChannel, boot
from tests.vmbus.fakes import Diary, offer
from tests.vmbus.guest_ring import FEATURES, MASK, PENDING, READ, WRITE, descriptor

PAGE = 0x1000


class Bench:
    """One open channel, a page of data to the guest and eight to the host, signalled by hand."""

    def __init__(self, **offered: object) -> None:
        self.service = Diary(offer(**offered))  # type: ignore[arg-type]
        self.service.on_ready = lambda _channel: None
        self.guest: FakeGuest = boot(self.service)
        self.channel: GuestChannel = self.guest.open(
            self.guest.offers[0], pages=2, upstream_pages=9
        )
        self.channel.autosignal = False
        self.ring = self.channel.incoming

    @property
    def host(self) -> Channel:
        assert self.service.channel is not None
        return self.service.channel

    @property
    def failure(self) -> str:
        return self.guest.bus.inspect().channels[0].failure

    def fill(self) -> int:
        """Send packets of 0x200 ring bytes until there is no room; how many fitted."""
        count = 0
        while self.host.send(bytes(0x1E8)):
            count += 1
        return count


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_packet_carries_what_it_was_given(bench: Bench) -> None:
    assert bench.host.send(b"hello", transaction_id=1 << 63, wants_completion=True)
    packet = bench.channel.receive()
    assert packet is not None
    assert (packet.kind, packet.flags, packet.transaction_id) == (6, 1, 1 << 63)
    assert packet.payload == b"hello\0\0\0"


def test_a_pipe_message_is_framed(bench: Bench) -> None:
    bench = Bench(pipe=True)
    bench.host.send(b"hello")
    packet = bench.channel.receive()
    assert packet is not None
    assert packet.payload == b"hello"
    assert bench.ring.read(16, 16) == struct.pack("<II", 1, 5) + b"hello\0\0\0"


def test_a_transfer_names_its_ranges(bench: Bench) -> None:
    ranges = [TransferRange(0x40, 0x800), TransferRange(0x50, 0x1000)]
    assert bench.host.send_transfer(b"nvsp", 0xCAFE, ranges, transaction_id=9)
    packet = bench.channel.receive()
    assert packet is not None
    assert (packet.kind, packet.flags, packet.transaction_id) == (7, 1, 9)
    assert packet.header == struct.pack("<HBBIIIII", 0xCAFE, 0, 0, 2, 0x40, 0x800, 0x50, 0x1000)
    assert packet.payload == b"nvsp\0\0\0\0"


def test_the_host_says_that_it_waits_by_pending_send_size() -> None:
    service = Diary(offer())
    guest = boot(service)
    channel = guest.open(guest.offers[0])
    channel.incoming.store(FEATURES, 0)
    channel.incoming.store(PENDING, 77)
    channel.incoming.store(WRITE, 0x40)
    guest.post(7, struct.pack("<I", 1))
    assert guest.try_open(1, channel.gpadl, 9) == 0
    assert channel.incoming.word(FEATURES) == 1
    assert channel.incoming.word(PENDING) == 0
    assert channel.incoming.word(WRITE) == 0


# Signals


def test_each_packet_is_signalled_while_the_guest_listens(bench: Bench) -> None:
    for _ in range(3):
        bench.host.send(b"x")
        assert bench.channel.interrupted()


def test_a_masked_guest_is_not_signalled(bench: Bench) -> None:
    bench.ring.store(MASK, 1)
    bench.host.send(b"x")
    assert not bench.channel.interrupted()
    bench.ring.store(MASK, 0)
    bench.host.send(b"x")
    assert bench.channel.interrupted()


def test_completions_are_signalled_alike(bench: Bench) -> None:
    for mask, expected in ((0, True), (1, False)):
        bench.ring.store(MASK, mask)
        bench.channel.send(b"x", wants_completion=True, transaction_id=5)
        assert bench.host.receive(8) is not None
        bench.host.complete(5, b"done")
        assert bench.channel.interrupted() == expected


# Room


def test_a_ring_is_never_filled_to_the_last_byte(bench: Bench) -> None:
    assert not bench.host.send(bytes(PAGE - 24))
    assert bench.host.send(bytes(PAGE - 32))
    assert bench.ring.free() == 8
    packet = bench.channel.receive()
    assert packet is not None
    assert len(packet.payload) == PAGE - 32


def test_no_room_is_no_harm(bench: Bench) -> None:
    assert bench.fill() == 7
    assert bench.failure == ""
    assert len(bench.channel.receive_all()) == 7
    assert bench.fill() == 7


def test_a_packet_larger_than_the_ring_never_fits(bench: Bench) -> None:
    assert not bench.host.send(bytes(0x10000))
    assert bench.failure == ""
    assert bench.host.send(b"x")


@pytest.mark.parametrize("index", [PAGE, 4, 0xFFFFFFFF])
def test_a_read_index_that_is_none_breaks_the_channel(bench: Bench, index: int) -> None:
    bench.ring.store(READ, index)
    host = bench.host
    assert not host.send(b"x")
    assert f"read index {index:#x}" in bench.failure
    bench.channel.signal()
    assert bench.service.events == ["open", "close"]


def test_a_waiting_host_finds_a_bad_read_index_before_its_service_does(bench: Bench) -> None:
    bench.fill()
    bench.ring.store(READ, 4)
    bench.channel.signal()
    assert bench.service.events == ["open", "close"]
    assert "read index 0x4" in bench.failure


def test_our_write_index_is_not_the_guests_to_move(bench: Bench) -> None:
    bench.host.send(b"one")
    bench.ring.store(WRITE, 0x700)
    bench.host.send(b"two")
    assert bench.ring.word(WRITE) == 0x40
    assert [packet.payload[:3] for packet in bench.channel.receive_all()] == [b"one", b"two"]


# Room that is owed


def test_a_packet_is_taken_only_when_its_answer_has_room(bench: Bench) -> None:
    bench.fill()
    bench.channel.send(b"quiet")
    bench.channel.send(b"asking", wants_completion=True)
    first = bench.host.receive(0x1E8)
    assert first is not None
    assert not first.wants_completion
    assert bench.host.receive(0x1E8) is None
    assert bench.failure == ""
    bench.channel.receive()
    second = bench.host.receive(0x1E8)
    assert second is not None
    assert second.payload == b"asking\0\0"
    bench.host.complete(second.transaction_id, bytes(0x1E8))
    assert bench.channel.receive_all()[-1].kind == 11


def test_room_that_is_owed_is_not_for_sending(bench: Bench) -> None:
    for tid in range(3):
        bench.channel.send(b"asking", wants_completion=True, transaction_id=tid)
        assert bench.host.receive(0x1E8) is not None
    assert bench.fill() == 4
    for tid in range(3):
        bench.host.complete(tid, bytes(0x1E8))
    assert len(bench.channel.receive_all()) == 7
    assert bench.failure == ""


def test_completions_may_come_in_any_order_and_be_shorter(bench: Bench) -> None:
    for tid in (1, 2, 3):
        bench.channel.send(b"asking", wants_completion=True, transaction_id=tid)
        assert bench.host.receive(0x100) is not None
    for tid in (2, 3, 1):
        bench.host.complete(tid, bytes([tid]) * tid)
    packets = bench.channel.receive_all()
    assert [packet.transaction_id for packet in packets] == [2, 3, 1]
    assert [packet.payload for packet in packets] == [
        bytes([tid]) * tid + bytes(8 - tid) for tid in (2, 3, 1)
    ]
    assert bench.fill() == 7


def test_only_what_is_owed_can_be_completed(bench: Bench) -> None:
    bench.channel.send(b"quiet", transaction_id=4)
    bench.channel.send(b"asking", transaction_id=5, wants_completion=True)
    bench.host.receive()
    bench.host.receive()
    for tid in (4, 6, 5, 5):
        bench.host.complete(tid, b"")
    assert [packet.transaction_id for packet in bench.channel.receive_all()] == [5]


def test_packets_that_share_an_id_are_each_answered(bench: Bench) -> None:
    for size in (8, 0x48, 0x40):
        bench.channel.send(b"asking", transaction_id=7, wants_completion=True)
        assert bench.host.receive(size) is not None
    for size in (0x40, 1, 0x48, 1):
        bench.host.complete(7, bytes(size))
    sizes = [len(packet.payload) for packet in bench.channel.receive_all()]
    assert sizes == [0x40, 8, 0x48]


def test_an_answer_larger_than_its_room_is_the_services_mistake(bench: Bench) -> None:
    bench.channel.send(b"asking", transaction_id=7, wants_completion=True)
    assert bench.host.receive(8) is not None
    with pytest.raises(ValueError, match="9 bytes where 8"):
        bench.host.complete(7, bytes(9))


def test_a_guest_that_takes_room_back_breaks_the_channel(bench: Bench) -> None:
    for _ in range(4):
        bench.host.send(bytes(0x1E8))
    bench.channel.receive_all()
    bench.channel.send(b"asking", transaction_id=7, wants_completion=True)
    assert bench.host.receive(0xD00) is not None
    bench.ring.store(READ, 0)
    bench.host.complete(7, bytes(0xD00))
    assert "went back" in bench.failure


# The host waits for room


def test_a_waiting_host_is_told_when_there_is_room(bench: Bench) -> None:
    bench.fill()
    bench.channel.autosignal = True
    heard = []
    for _ in range(7):
        bench.channel.receive()
        heard.append(len(bench.service.events) - 1)
    assert heard == [1] * 7
    assert bench.ring.word(PENDING) == 0


def test_it_is_told_when_there_is_enough_not_sooner(bench: Bench) -> None:
    bench.fill()
    bench.channel.receive_all()
    bench.channel.signal()
    while bench.host.send(bytes(0x1E8)):
        if bench.ring.free() == 0x200:
            break
    assert not bench.host.send(bytes(0x800))
    bench.service.events.clear()
    bench.channel.autosignal = True
    heard = []
    for _ in range(6):
        bench.channel.receive()
        heard.append(len(bench.service.events))
    assert heard == [0, 0, 0, 1, 1, 1]
    assert bench.ring.word(PENDING) == 0


@pytest.mark.parametrize("reaches", [True, False])
def test_guests_that_signal_at_or_above_the_number_are_both_understood(
    bench: Bench, reaches: bool
) -> None:
    bench.fill()
    wanted = 0x5E8 + 24
    bench.channel.receive_all()
    bench.host.send(bytes(0xA00))
    assert not bench.host.send(bytes(0x5E8))
    pending = bench.ring.word(PENDING)
    for free in range(8, PAGE, 8):
        signalled = free >= pending if reaches else free > pending
        assert signalled == (free > wanted)


def test_a_spurious_signal_leaves_the_host_waiting(bench: Bench) -> None:
    bench.fill()
    pending = bench.ring.word(PENDING)
    assert pending
    bench.channel.signal()
    assert bench.ring.word(PENDING) == pending


def test_the_smallest_of_two_wishes_counts(bench: Bench) -> None:
    bench.fill()
    assert not bench.host.send(bytes(0x800))
    assert bench.ring.word(PENDING) == 0x201
    bench.channel.send(b"asking", wants_completion=True)
    free = bench.ring.free()
    assert bench.host.receive(free) is None
    assert bench.ring.word(PENDING) == 0x201


def test_a_host_that_found_room_by_itself_stops_asking(bench: Bench) -> None:
    bench.fill()
    bench.channel.receive_all()
    assert bench.ring.word(PENDING)
    assert bench.host.send(bytes(0x1E8))
    assert bench.ring.word(PENDING) == 0


def test_a_short_completion_makes_room_that_is_still_announced(bench: Bench) -> None:
    """Room set aside comes free without the guest having read anything: its next read must signal."""
    bench.channel.send(b"asking", transaction_id=1, wants_completion=True)
    assert bench.host.receive(0xE00) is not None
    assert not bench.host.send(bytes(0x400))
    bench.host.complete(1, b"short")
    bench.service.on_ready = lambda channel: channel.send(bytes(0x400))
    bench.channel.autosignal = True
    assert bench.channel.receive() is not None
    packet = bench.channel.receive()
    assert packet is not None
    assert len(packet.payload) == 0x400


def test_a_full_ring_between_two_that_wait_for_each_other_moves_on() -> None:
    """Every request wants an answer, the way back holds seven: all 300 get through."""
    bench = Bench()
    channel = bench.channel

    def answer(host: Channel) -> None:
        while packet := host.receive(0x1E8):
            host.complete(packet.transaction_id, packet.payload.ljust(0x1E8, b"."))

    bench.service.on_ready = answer
    channel.autosignal = True
    answers: list[int] = []
    number = 0
    for _ in range(10_000):
        packet = descriptor(6, struct.pack("<Q", number), number, flags=1)
        if number < 300 and channel.put(packet):
            number += 1
            continue
        received = channel.receive()
        if received is None:
            break
        answers.append(received.transaction_id)
    assert answers == list(range(300))
