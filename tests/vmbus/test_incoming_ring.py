"""Packets from the guest: what is taken, what breaks the channel, who is signalled for the room."""

import struct

import pytest

from hv.vmbus.service import Channel
from tests.vmbus.fake_guest import FakeGuest, GuestChannel, boot
from tests.vmbus.fakes import Diary, offer
from tests.vmbus.guest_ring import FEATURES, PENDING, READ, WRITE, descriptor

PAGE = 0x1000


class Bench:
    """One open channel with a page of data each way; nothing is signalled by itself."""

    def __init__(self, **offered: object) -> None:
        self.service = Diary(offer(**offered))  # type: ignore[arg-type]
        self.guest: FakeGuest = boot(self.service)
        self.channel: GuestChannel = self.guest.open(self.guest.offers[0], pages=2)
        self.channel.autosignal = False
        self.ring = self.channel.outgoing

    @property
    def host(self) -> Channel:
        assert self.service.channel is not None
        return self.service.channel

    @property
    def failure(self) -> str:
        return self.guest.bus.inspect().channels[0].failure

    def raw(self, data: bytes, write: int) -> None:
        """Bytes at the start of the ring, and a write index."""
        self.ring.write(0, data)
        self.ring.store(WRITE, write)
        self.channel.signal()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_packets_come_in_order_and_none_when_empty(bench: Bench) -> None:
    for number in range(4):
        bench.channel.send(bytes([number]) * 8)
    bench.channel.signal()
    assert [packet.payload[0] for packet in bench.service.packets] == [0, 1, 2, 3]
    assert [packet.transaction_id for packet in bench.service.packets] == [1, 2, 3, 4]
    assert bench.ring.word(READ) == bench.ring.word(WRITE)
    assert bench.host.receive() is None


def test_the_read_index_moves_with_each_packet(bench: Bench) -> None:
    bench.channel.send(bytes(8))
    bench.channel.send(bytes(16))
    bench.host.receive()
    assert bench.ring.word(READ) == 0x20
    bench.host.receive()
    assert bench.ring.word(READ) == 0x48


def test_a_ring_goes_round_many_times(bench: Bench) -> None:
    sent = []
    for number in range(600):
        payload = bytes([number % 256]) * (8 * (number % 61))
        sent.append(payload)
        bench.channel.send(payload)
        bench.channel.signal()
    assert [packet.payload for packet in bench.service.packets] == sent
    assert bench.failure == ""


def test_a_ring_full_to_the_last_word_is_read(bench: Bench) -> None:
    assert bench.channel.put(descriptor(6, bytes(PAGE - 8 - 8 - 16), 1))
    assert bench.ring.free() == 8
    bench.channel.signal()
    assert len(bench.service.packets[0].payload) == PAGE - 32


def test_our_read_index_is_not_the_guests_to_move(bench: Bench) -> None:
    bench.channel.send(b"one     ")
    bench.channel.signal()
    bench.ring.store(READ, 0)
    bench.channel.signal()
    assert len(bench.service.packets) == 1
    assert bench.failure == ""


@pytest.mark.parametrize("index", [PAGE, PAGE + 8, 0xFFFFFFF8, 4, 1, 0x81])
def test_a_write_index_that_is_none_breaks_the_channel(bench: Bench, index: int) -> None:
    bench.ring.store(WRITE, index)
    bench.channel.signal()
    assert f"write index {index:#x}" in bench.failure
    assert bench.service.events == ["open", "ready", "close"]


@pytest.mark.parametrize(
    ("start", "length", "write"),
    [
        (2, 3, 8),  # the index ends inside
        (2, 3, 16),
        (2, 3, 24),
        (2, 3, 0x100 - 8),
        (0, 3, 32),
        (1, 3, 32),
        (4, 3, 32),
        (0xFFFF, 0xFFFF, 32),
        (2, 0, 32),
        (2, 1, 32),
        (2, 4, 32),
        (2, 0xFFFF, 32),
    ],
)
def test_a_descriptor_that_does_not_add_up_breaks_the_channel(
    bench: Bench, start: int, length: int, write: int
) -> None:
    data = struct.pack("<HHHHQ", 6, start, length, 0, 7).ljust(0x100, b"\0")
    consistent = (start, length) == (2, 3) and write >= 32
    bench.raw(data, write)
    assert bool(bench.failure) or consistent
    assert len(bench.service.packets) == consistent


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, 5, 7, 8, 10, 12, 13, 0xFFFF])
def test_a_type_that_guests_do_not_send_breaks_the_channel(bench: Bench, kind: int) -> None:
    bench.channel.put(descriptor(kind, bytes(8), 1))
    bench.channel.signal()
    assert bench.failure == f"packet of type {kind}"


def test_a_broken_channel_says_nothing_more(bench: Bench) -> None:
    host = bench.host
    bench.ring.store(WRITE, 4)
    bench.channel.signal()
    bench.ring.store(WRITE, 0)
    bench.channel.send(b"x")
    bench.channel.signal()
    assert bench.service.events == ["open", "ready", "close"]
    assert host.receive() is None
    assert not host.send(b"x")
    assert bench.guest.bus.inspect().channels[0].state == "broken"


def test_a_payload_up_to_the_offers_limit_is_taken() -> None:
    bench = Bench(max_packet=60)  # in the ring it is 64
    bench.channel.send(bytes(64))
    bench.channel.send(bytes(65))
    bench.channel.signal()
    assert [len(packet.payload) for packet in bench.service.packets] == [64]
    assert "72 bytes where 64 are allowed" in bench.failure


def test_a_completion_of_the_guests_is_delivered(bench: Bench) -> None:
    bench.channel.complete(0x1234, b"done    ")
    bench.channel.signal()
    (packet,) = bench.service.packets
    assert (packet.kind, packet.transaction_id, packet.payload) == (11, 0x1234, b"done    ")


def test_a_completion_cannot_ask_for_one(bench: Bench) -> None:
    bench.channel.put(descriptor(11, bytes(8), 1, flags=1))
    bench.channel.signal()
    assert not bench.service.packets[0].wants_completion


# GPA-direct


def test_ranges_are_read_and_written_across_pages() -> None:
    bench = Bench()
    guest = bench.guest
    one = guest.buffer(0x2100, offset=0xF80, data=b"A" * 0x2100)
    two = guest.buffer(0x10, offset=0x123, data=b"B" * 0x10)
    bench.channel.send(b"read me", buffers=[one, two])
    bench.channel.signal()
    (packet,) = bench.service.packets
    assert packet.payload == b"read me\0"
    assert [r.byte_count for r in packet.ranges] == [0x2100, 0x10]
    assert bench.host.read(packet.ranges, 1 << 20) == b"A" * 0x2100 + b"B" * 0x10
    assert bench.host.read(packet.ranges, 0x2104) == b"A" * 0x2100 + b"B" * 4
    assert bench.host.write(packet.ranges, b"C" * 0x2101) == 0x2101
    assert one.data() == b"C" * 0x2100
    assert two.data() == b"C" + b"B" * 15
    assert bench.host.write(packet.ranges, bytes(0x4000)) == 0x2110
    assert bench.host.read(packet.ranges, 0) == b""


@pytest.mark.parametrize(
    "header",
    [
        b"",
        struct.pack("<II", 0, 0),
        struct.pack("<II", 0, 1),
        struct.pack("<II", 0, 0xFFFFFFFF),
        struct.pack("<IIIIQ", 0, 2, 0x1000, 0, 5),
        struct.pack("<IIIIQ", 0, 1, 0x1001, 0, 5),
        struct.pack("<IIIIQ", 0, 1, 0x1000, 1, 5),
        struct.pack("<IIIIQ", 0, 1, 0, 0, 5),
        struct.pack("<IIIIQ", 0, 1, 0xFFFFFFFF, 0, 5),
        struct.pack("<IIIIQ", 0, 1, 0xFFFFFFFF, 0xFFFFFFFF, 5),
        struct.pack("<IIIIQ", 0, 1, 8, 0x1000, 5),
    ],
)
def test_ranges_that_do_not_add_up_break_the_channel(bench: Bench, header: bytes) -> None:
    bench.channel.put(descriptor(9, bytes(8), 1, header=header))
    bench.channel.signal()
    assert "ranges" in bench.failure
    assert not bench.service.packets


def test_a_page_list_may_be_followed_by_slack(bench: Bench) -> None:
    header = struct.pack("<IIIIQ31Q", 0, 1, 0x1000, 0, 5, *[0] * 31)
    bench.channel.put(descriptor(9, b"payload ", 1, header=header))
    bench.channel.signal()
    assert bench.service.packets[0].ranges[0].pages == (5,)
    assert bench.service.packets[0].payload == b"payload "


# Pipes


def test_a_pipe_message_comes_without_header_and_padding() -> None:
    bench = Bench(pipe=True)
    bench.channel.send(b"hello")
    bench.channel.send(b"")
    bench.channel.signal()
    assert [packet.payload for packet in bench.service.packets] == [b"hello", b""]


def test_what_follows_a_pipe_message_is_dropped() -> None:
    bench = Bench(pipe=True)
    bench.channel.put(descriptor(6, struct.pack("<II", 1, 3) + b"abcdefgh", 1))
    bench.channel.signal()
    assert bench.service.packets[0].payload == b"abc"


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "header"),
        (struct.pack("<II", 0, 0), "type 0"),
        (struct.pack("<II", 3, 0), "type 3"),
        (struct.pack("<II", 1, 1), "1 bytes in 0"),
        (struct.pack("<IIQ", 1, 9, 0), "9 bytes in 8"),
        (struct.pack("<II", 1, 0xFFFFFFFF), "bytes in 0"),
    ],
)
def test_a_bad_pipe_header_breaks_the_channel(payload: bytes, said: str) -> None:
    bench = Bench(pipe=True)
    bench.channel.put(descriptor(6, payload, 1))
    bench.channel.signal()
    assert said in bench.failure


def test_a_pipes_limit_is_that_of_the_message() -> None:
    bench = Bench(pipe=True, max_packet=16)
    bench.channel.send(bytes(16))
    bench.channel.send(bytes(17))
    bench.channel.signal()
    assert len(bench.service.packets) == 1
    assert bench.failure


# The guest waits for room


def test_a_waiting_guest_is_signalled_once_when_there_is_room(bench: Bench) -> None:
    while bench.channel.put(descriptor(6, bytes(0x1E8), 1)):  # 0x200 each
        pass
    assert bench.ring.free() == 0x200
    bench.ring.store(PENDING, 0x408)
    signals = []
    while bench.host.receive():
        signals.append(bench.channel.interrupted())
    assert signals == [False, True, False, False, False, False, False]


def test_reaching_the_number_is_enough(bench: Bench) -> None:
    while bench.channel.put(descriptor(6, bytes(0x1E8), 1)):
        pass
    bench.ring.store(PENDING, 0x400)
    signals = []
    while bench.host.receive():
        signals.append(bench.channel.interrupted())
    assert signals[:3] == [True, True, False]


@pytest.mark.parametrize(("pending", "features"), [(0, 1), (0x400, 0), (0x400, 2)])
def test_a_guest_that_does_not_wait_is_left_alone(
    bench: Bench, pending: int, features: int
) -> None:
    while bench.channel.put(descriptor(6, bytes(0x1E8), 1)):
        pass
    bench.ring.store(PENDING, pending)
    bench.ring.store(FEATURES, features)
    bench.channel.signal()
    assert bench.service.packets
    assert not bench.channel.interrupted()


def test_no_room_that_a_ring_can_have_is_enough_for_a_guest_that_wants_too_much(
    bench: Bench,
) -> None:
    bench.ring.store(PENDING, 0xFFFFFFFF)
    bench.channel.send(bytes(8))
    bench.channel.signal()
    assert not bench.channel.interrupted()
