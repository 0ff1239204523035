"""A guest that writes anything anywhere into its rings: nothing raises, and the channel ends or goes on."""

import struct
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from hv.vmbus.service import Channel, TransferRange
from tests.vmbus.fake_guest import GuestChannel, boot
from tests.vmbus.fakes import Diary, FakeMemory, offer
from tests.vmbus.guest_ring import FEATURES, MASK, PENDING, READ, WRITE, GuestRing, descriptor

PAGE = 0x1000

Step = Callable[[GuestChannel], object]

indices = st.one_of(
    st.integers(0, PAGE // 8).map(lambda n: n * 8),
    st.integers(0, PAGE),
    st.sampled_from([0xFFFFFFF8, 0xFFFFFFFF, 0x80000000]),
)
counts = st.one_of(st.integers(0, 6), st.sampled_from([0xFFFF, 0xFFFFFFFF]))


def ring(channel: GuestChannel, upstream: bool) -> GuestRing:
    return channel.outgoing if upstream else channel.incoming


def scribble(upstream: bool, offset: int, value: int) -> Step:
    return lambda channel: ring(channel, upstream).store(offset, value)


def smear(upstream: bool, at: int, data: bytes) -> Step:
    data = data.ljust(-(-len(data) // 8) * 8, b"\0")
    return lambda channel: ring(channel, upstream).write(at * 8, data)


def put(kind: int, header: bytes, payload: bytes, flags: int) -> Step:
    header = header[: len(header) // 8 * 8]
    return lambda channel: channel.put(descriptor(kind, payload, 5, flags, header))


def put_shape(kind: int, start: int, length: int, flags: int, payload: bytes) -> Step:
    """A descriptor whose lengths are not those of the packet."""
    packet = struct.pack("<HHHHQ", kind, start, length, flags, 9)
    packet += payload.ljust(-(-len(payload) // 8) * 8, b"\0")
    return lambda channel: channel.put(packet)


def direct(count: int, ranges: list[tuple[int, int, list[int]]]) -> Step:
    header = struct.pack("<II", 0, count)
    for byte_count, offset, pages in ranges:
        header += struct.pack(f"<II{len(pages)}Q", byte_count, offset, *pages)
    return put(9, header, b"payload", 1)


def take(channel: GuestChannel) -> object:
    """As an honest driver reads, as long as that makes sense."""
    try:
        return channel.receive()
    except AssertionError:
        return None


steps = st.one_of(
    st.builds(scribble, st.booleans(), st.sampled_from([READ, WRITE]), indices),
    st.builds(
        scribble,
        st.booleans(),
        st.sampled_from([MASK, PENDING, FEATURES]),
        st.integers(0, 1 << 32 - 1),
    ),
    st.builds(smear, st.booleans(), st.integers(0, PAGE // 8 - 1), st.binary(max_size=64)),
    st.builds(
        put,
        st.sampled_from([6, 6, 9, 11, 7, 0]),
        st.binary(max_size=48),
        st.binary(max_size=64),
        st.integers(0, 3),
    ),
    st.builds(
        put_shape,
        st.sampled_from([6, 9, 11]),
        counts.map(lambda n: n & 0xFFFF),
        counts.map(lambda n: n & 0xFFFF),
        st.integers(0, 1),
        st.binary(max_size=64),
    ),
    st.builds(
        direct,
        counts,
        st.lists(
            st.tuples(
                st.one_of(st.integers(0, 0x3000), st.just(0xFFFFFFFF)),
                st.one_of(st.integers(0, 0x1000), st.just(0xFFFFFFFF)),
                st.lists(st.one_of(st.integers(0, 255), st.just((1 << 64) - 1)), max_size=4),
            ),
            max_size=3,
        ),
    ),
    st.just(take),
    st.just(lambda channel: channel.signal()),
)


def greedy(channel: Channel) -> None:
    """A service that uses everything a channel offers."""
    while packet := channel.receive(32):
        data = channel.read(packet.ranges, 0x2000)
        assert channel.write(packet.ranges, data[::-1]) == len(data)
        channel.complete(packet.transaction_id, data[:32])
    channel.send(b"unasked", transaction_id=3, wants_completion=True)
    channel.send_transfer(b"pages", 1, [TransferRange(1, 2)], transaction_id=4)


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, min_size=5, max_size=40), st.booleans())
def test_any_rings(sequence: list[Step], pipe: bool) -> None:
    service = Diary(offer(pipe=pipe, max_packet=48))
    service.on_ready = greedy
    guest = boot(service, memory=FakeMemory(1 << 20))
    channel = guest.open(guest.offers[0], pages=2)
    for step in sequence:
        step(channel)
        view = guest.bus.inspect().channels[0]
        assert view.state == ("broken" if view.failure else "open")
        assert (service.channel is None) == bool(view.failure)
        assert service.events.count("close") == bool(view.failure)
    # Closing and opening again makes all good.
    guest.post(7, struct.pack("<I", 1))
    guest.tear_down(1, channel.gpadl)
    channel = guest.open(guest.offers[0], pages=2)
    channel.send(b"hello", wants_completion=True)
    kinds = [packet.kind for packet in channel.receive_all()]
    assert kinds == [11, 6, 7]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=PAGE), st.integers(0, PAGE // 8 - 1))
def test_a_ring_of_noise(noise: bytes, write: int) -> None:
    service = Diary(offer())
    service.on_ready = greedy
    guest = boot(service, memory=FakeMemory(1 << 20))
    channel = guest.open(guest.offers[0], pages=2)
    channel.outgoing.write(0, noise.ljust(PAGE, b"\0"))
    channel.outgoing.store(WRITE, write * 8)
    channel.signal()
    view = guest.bus.inspect().channels[0]
    assert view.failure or channel.outgoing.word(READ) == write * 8
