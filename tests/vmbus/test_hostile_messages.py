"""Any messages in any order: nothing raises, nothing grows, and the protocol's promises hold."""

import struct
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from hv.vmbus.service import Channel
from tests.vmbus.fake_guest import FakeGuest, power_on
from tests.vmbus.fakes import Diary, FakeMemory, offer

MOST_PAGES = 0x10000
SERVICES = 3

Step = Callable[[FakeGuest, list[Diary]], object]

relids = st.sampled_from([0, 1, 1, 1, 2, 3, 4, 0xFFFFFFFF])
handles = st.sampled_from([1, 1, 1, 2, 3])
words = st.one_of(st.integers(0, 8), st.sampled_from([0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]))


def posted(data: bytes, connection: int = 1) -> Step:
    return lambda guest, _services: assert_true(guest.bus.message(connection, 1, data))


def assert_true(value: bool) -> None:
    assert value


def contact(version: int, sint: int, monitors: tuple[int, int]) -> Step:
    return posted(struct.pack("<IIIIQQQ", 14, 0, version, 0, sint, *monitors), 4)


def share(relid: int, handle: int, pages: int, cut: int, count: int) -> Step:
    ranges = struct.pack(f"<II{pages}Q", pages * 4096, 0, *range(16, 16 + pages))
    size = len(ranges)
    return posted(
        struct.pack("<IIIIHH", 8, 0, relid, handle, size, count)
        + ranges[: max(0, size - cut)][:208]
    )


def more(handle: int, pages: int, extra: int) -> Step:
    body = struct.pack(f"<{pages}Q", *range(16, 16 + pages)) + bytes(extra)
    return posted(struct.pack("<IIII", 9, 0, 0, handle) + body)


def open_channel(relid: int, handle: int, downstream: int) -> Step:
    return posted(struct.pack("<IIIIIII120x", 5, 0, relid, relid, handle, 0, downstream))


def named(kind: int, relid: int, second: int) -> Step:
    return posted(struct.pack("<IIII", kind, 0, relid, second))


def signalled(relid: int) -> Step:
    return lambda guest, _services: guest.bus.event(0x2000 + relid)


def rescinded(which: int) -> Step:
    return lambda guest, services: guest.bus.rescind(services[which])


def offered(which: int) -> Step:
    def offer_again(guest: FakeGuest, services: list[Diary]) -> None:
        states = [
            view.state
            for view in guest.bus.inspect().channels
            if view.instance == str(services[which].offer.instance)
        ]
        if all(state == "rescinded" for state in states):
            guest.bus.offer(services[which])

    return offer_again


def reset(guest: FakeGuest, _services: list[Diary]) -> None:
    guest.bus.reset()


steps = st.one_of(
    st.builds(
        contact,
        st.sampled_from([0x50003, 0x50003, 0x40001, 0x10001, 0x60000]),
        st.sampled_from([2, 2, 2, 3]),
        st.sampled_from([(0, 0), (4096, 8192), (0, 4096)]),
    ),
    st.builds(posted, st.just(struct.pack("<II", 3, 0))),
    st.builds(posted, st.just(struct.pack("<II", 16, 0))),
    st.builds(share, relids, handles, st.integers(0, 24), st.integers(0, 40), st.integers(0, 2)),
    st.builds(share, relids, handles, st.integers(4, 24), st.just(0), st.just(1)),
    st.builds(share, relids, handles, st.integers(4, 8000), st.just(0), st.just(1)),
    st.builds(more, handles, st.integers(0, 28), st.integers(0, 9)),
    st.builds(open_channel, relids, handles, words),
    st.builds(open_channel, relids, handles, st.just(2)),
    st.builds(named, st.sampled_from([7, 11, 13, 22]), relids, handles),
    st.builds(posted, st.binary(max_size=260)),
    st.builds(
        lambda kind, rest: posted(struct.pack("<II", kind, 0) + rest),
        st.integers(0, 30),
        st.binary(max_size=240),
    ),
    st.builds(signalled, relids),
    st.builds(rescinded, st.integers(0, SERVICES - 1)),
    st.builds(offered, st.integers(0, SERVICES - 1)),
    st.just(reset),
)


def start() -> tuple[FakeGuest, list[Diary]]:
    """Three services: one quiet, one that talks, one that gives up."""
    services = [Diary(offer(number)) for number in range(1, SERVICES + 1)]

    def talk(channel: Channel) -> None:
        while packet := channel.receive(16):
            channel.complete(packet.transaction_id, b"answer")
        channel.send(b"talk")

    services[1].on_open = services[1].on_ready = talk
    services[2].on_ready = lambda channel: channel.fail("gave up")
    return power_on(*services, memory=FakeMemory(1 << 20)), services


def check(guest: FakeGuest, services: list[Diary]) -> None:
    """What must hold whatever was said."""
    view = guest.bus.inspect()
    assert view.gpadl_pages <= MOST_PAGES
    out = [one.relid for one in view.channels if one.relid]
    assert len(out) == len(set(out))
    assert set(out) <= set(range(1, 2 * SERVICES + 1))
    if view.version is None:
        assert not out
        assert view.gpadl_pages == 0
        assert {one.state for one in view.channels} <= {"unoffered"}
    for service in services:
        open_now = [
            one
            for one in view.channels
            if one.instance == str(service.offer.instance) and one.state == "open"
        ]
        assert len(open_now) == (service.channel is not None)
        brackets = [event for event in service.events if event != "ready"]
        assert all(event == ("open", "close")[number % 2] for number, event in enumerate(brackets))
        if service.channel is None:
            assert service.events[-1:] in ([], ["close"])


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, min_size=10, max_size=60))
def test_any_sequence_of_messages(sequence: list[Step]) -> None:
    guest, services = start()
    posted(struct.pack("<IIIIQQQ", 14, 0, 0x50003, 0, 2, 0, 0))(guest, services)
    posted(struct.pack("<II", 3, 0))(guest, services)
    for step in sequence:
        before = len([one for one in guest.synic.log if one[0] == "message"])
        step(guest, services)
        after = len([one for one in guest.synic.log if one[0] == "message"])
        assert after - before <= 2 * SERVICES + 1
        check(guest, services)
    # However it went, a guest that starts over finds a working bus.
    for service in services:
        offered(services.index(service))(guest, services)
    guest.synic.messages.clear()
    assert guest.connect()
    assert len(guest.request_offers()) == SERVICES
    guest.open(guest.offers[0])
    check(guest, services)


@settings(max_examples=50, deadline=None)
@given(st.lists(steps, min_size=10, max_size=40))
def test_the_same_messages_give_the_same_answers(sequence: list[Step]) -> None:
    runs = []
    for _ in range(2):
        guest, services = start()
        for step in sequence:
            step(guest, services)
        runs.append((guest.synic.log, guest.bus.inspect(), bytes(guest.memory.bytes)))
    assert runs[0] == runs[1]
