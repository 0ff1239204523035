"""Opening, closing, moving, taking back: a channel's life between a guest and its service."""

import struct

import pytest

from hv.vmbus.service import Channel
from tests.vmbus.fake_guest import FakeGuest, boot
from tests.vmbus.fakes import Diary, offer

PAGE = 0x1000
FAILURE = 0xC0000001


@pytest.fixture
def service() -> Diary:
    return Diary(offer())


@pytest.fixture
def guest(service: Diary) -> FakeGuest:
    return boot(service)


def test_the_result_is_posted_before_the_service_says_anything(
    guest: FakeGuest, service: Diary
) -> None:
    service.on_open = lambda channel: channel.send(b"first words")
    guest.poll()
    guest.synic.log.clear()
    channel = guest.open(guest.offers[0])
    kinds = [
        (kind, what[0] if isinstance(what, bytes) else what) for kind, _, what in guest.synic.log
    ]
    assert kinds == [("message", 10), ("message", 6), ("event", 1)]
    packet = channel.receive()
    assert packet is not None
    assert packet.payload.startswith(b"first words")


def test_rings_are_fresh_at_every_opening(guest: FakeGuest, service: Diary) -> None:
    for _ in range(3):
        channel = guest.open(guest.offers[0])
        channel.send(b"in")
        assert service.channel is not None
        service.channel.send(b"out")
        assert channel.receive() is not None
        channel.close()
    assert service.events == ["open", "ready", "close"] * 3
    assert guest.bus.inspect().gpadl_pages == 0


def test_the_same_gpadl_can_be_opened_again(guest: FakeGuest, service: Diary) -> None:
    ring = guest.share(1, guest.buffer(8 * PAGE))
    assert guest.try_open(1, ring, 4) == 0
    guest.post(7, struct.pack("<I", 1))
    assert guest.try_open(1, ring, 4) == 0
    assert service.events == ["open", "close", "open"]


@pytest.mark.parametrize("downstream", [0, 1, 7, 8, 9, 0xFFFFFFFF])
def test_each_ring_needs_a_control_page_and_data(guest: FakeGuest, downstream: int) -> None:
    ring = guest.share(1, guest.buffer(8 * PAGE))
    assert guest.try_open(1, ring, downstream) == FAILURE
    assert guest.try_open(1, ring, 2) == 0


def test_rings_of_different_sizes(guest: FakeGuest) -> None:
    guest.open(guest.offers[0], upstream_pages=3, pages=17)
    view = guest.bus.inspect().channels[0]
    assert view.guest_to_host is not None
    assert view.host_to_guest is not None
    assert view.guest_to_host.size == 2 * PAGE
    assert view.host_to_guest.size == 16 * PAGE


def test_a_ring_has_at_most_1024_pages(guest: FakeGuest) -> None:
    buffer = guest.buffer(2 * PAGE)
    pages = [buffer.pages[i % 2] for i in range(1027)]
    ranges = struct.pack(f"<II{len(pages)}Q", len(pages) * PAGE, 0, *pages)
    assert guest.try_share(1, 5, ranges) == 0
    assert guest.try_open(1, 5, 1025) == FAILURE
    assert guest.try_open(1, 5, 2) == FAILURE
    assert guest.try_open(1, 5, 3) == 0


def test_a_ring_is_whole_pages_of_one_range_of_its_own_channel() -> None:
    guest = boot(Diary(offer(1)), Diary(offer(2)))
    crooked = guest.share(1, guest.buffer(8 * PAGE, offset=8))
    short = guest.share(1, guest.buffer(8 * PAGE - 8))
    two = guest.buffer(4 * PAGE).range() + guest.buffer(4 * PAGE).range()
    assert guest.try_share(1, 0x55, two, count=2) == 0
    good = guest.share(1, guest.buffer(8 * PAGE))
    for handle in (crooked, short, 0x55, 0x1234):
        assert guest.try_open(1, handle, 4) == FAILURE
    assert guest.try_open(2, good, 4) == FAILURE
    assert guest.try_open(1, good, 4) == 0


def test_the_open_id_is_the_guests(guest: FakeGuest) -> None:
    ring = guest.share(1, guest.buffer(8 * PAGE))
    guest.post(5, struct.pack("<IIIII120x", 1, 0xABCD, ring, 0, 4))
    assert guest.expect(6) == struct.pack("<IIIII", 6, 0, 1, 0xABCD, 0)


def test_events_go_to_the_processor_of_the_channel(guest: FakeGuest, service: Diary) -> None:
    channel = guest.open(guest.offers[0], vp=2)
    assert service.channel is not None
    service.channel.send(b"x")
    assert guest.synic.flags == {2: {1}}
    assert channel.interrupted()


def test_modify_moves_the_interrupt(guest: FakeGuest, service: Diary) -> None:
    guest.open(guest.offers[0], vp=2)
    guest.post(22, struct.pack("<II", 1, 5))
    assert guest.expect(24) == struct.pack("<IIII", 24, 0, 1, 0)
    assert service.channel is not None
    service.channel.send(b"x")
    assert guest.synic.flags == {5: {1}}
    assert guest.bus.inspect().channels[0].target_vp == 5


@pytest.mark.parametrize("version", [0x40001, 0x50002])
def test_modify_is_not_answered_before_5_3(service: Diary, version: int) -> None:
    guest = boot(service, version=version)
    guest.open(guest.offers[0])
    guest.post(22, struct.pack("<II", 1, 5))
    assert not guest.poll()
    assert guest.bus.inspect().channels[0].target_vp == 5


def test_tearing_the_ring_down_while_open_breaks_the_channel(
    guest: FakeGuest, service: Diary
) -> None:
    channel = guest.open(guest.offers[0])
    held = service.channel
    guest.tear_down(1, channel.gpadl)
    assert service.events == ["open", "close"]
    view = guest.bus.inspect().channels[0]
    assert (view.state, view.gpadls) == ("broken", 0)
    assert "torn down" in view.failure
    assert held is not None
    before = bytes(guest.memory.bytes)
    assert not held.send(b"nobody there")
    assert bytes(guest.memory.bytes) == before
    guest.post(7, struct.pack("<I", 1))
    guest.open(guest.offers[0])


def test_rescind_tells_guest_and_service(guest: FakeGuest, service: Diary) -> None:
    channel = guest.open(guest.offers[0])
    guest.bus.rescind(service)
    assert guest.expect(2) == struct.pack("<III", 2, 0, 1)
    assert service.events == ["open", "close"]
    channel.close()
    guest.release(1)
    assert guest.bus.inspect().channels == ()
    assert guest.bus.inspect().gpadl_pages == 0


def test_rescind_of_what_is_not_there_is_harmless(guest: FakeGuest, service: Diary) -> None:
    guest.bus.rescind(Diary(offer(9)))
    guest.bus.rescind(service)
    guest.bus.rescind(service)
    assert [one[0] for one in guest.poll()] == [2]


def test_rescind_before_the_guest_knew_leaves_no_trace() -> None:
    service = Diary(offer())
    guest = boot()
    guest.unload()
    guest.bus.offer(service)
    guest.bus.rescind(service)
    assert guest.bus.inspect().channels == ()
    assert guest.connect()
    assert guest.request_offers() == []


def test_a_relid_is_not_used_again_before_its_release() -> None:
    first, second, third = (Diary(offer(number)) for number in (1, 2, 3))
    guest = boot(first, second)
    guest.bus.rescind(first)
    guest.bus.offer(third)
    guest.poll()
    assert [one.relid for one in guest.offers] == [2, 3]
    guest.release(1)
    guest.bus.offer(Diary(offer(4)))
    guest.poll()
    assert [one.relid for one in guest.offers] == [2, 3, 1]


def test_a_successor_waits_until_the_guest_let_go_of_the_same_device(
    guest: FakeGuest, service: Diary
) -> None:
    guest.open(guest.offers[0])
    guest.bus.rescind(service)
    guest.bus.offer(service)
    assert [one[0] for one in guest.poll()][-1] == 2
    guest.release(1)
    assert [one[0] for one in guest.poll()] == [1]
    assert [one.relid for one in guest.offers] == [1]
    guest.open(guest.offers[0])
    assert service.events == ["open", "close", "open"]


def test_a_rescinded_channels_signal_is_known_and_ignored(guest: FakeGuest, service: Diary) -> None:
    channel = guest.open(guest.offers[0])
    guest.bus.rescind(service)
    service.events.clear()
    channel.signal()
    assert service.events == []
    guest.release(1)
    assert not guest.bus.event(0x2001)


def test_a_release_of_what_was_not_rescinded_is_refused(guest: FakeGuest) -> None:
    guest.release(1)
    assert guest.bus.inspect().channels[0].state == "closed"
    assert guest.bus.inspect().refused == 1


def test_an_old_channel_object_is_dead_after_reopening(guest: FakeGuest, service: Diary) -> None:
    channel = guest.open(guest.offers[0])
    old = service.channel
    channel.close()
    channel = guest.open(guest.offers[0])
    channel.autosignal = False
    channel.send(b"for the new one")
    assert old is not None
    assert old.receive() is None
    assert not old.send(b"x")
    assert old.buffer(channel.gpadl) == ()
    old.complete(1, b"")
    old.fail("too late")
    assert channel.receive() is None
    assert guest.bus.inspect().channels[0].state == "open"


def test_inspect_shows_what_crossed(guest: FakeGuest, service: Diary) -> None:
    channel = guest.open(guest.offers[0])
    channel.autosignal = False
    channel.send(bytes(8))
    assert service.channel is not None
    service.channel.send(bytes(100))
    view = guest.bus.inspect().channels[0]
    assert (view.name, view.instance) == ("diary", "00000000-0000-0000-0000-000000000001")
    assert view.interface == "11111111-2222-3333-4455-66778899aabb"
    assert (view.relid, view.connection_id, view.gpadls) == (1, 0x2001, 1)
    assert view.guest_to_host is not None
    assert view.host_to_guest is not None
    assert (view.guest_to_host.size, view.guest_to_host.waiting) == (0x8000, 0x20)
    assert (view.host_to_guest.size, view.host_to_guest.waiting) == (0x8000, 0x80)
    channel.signal()
    counters = guest.bus.inspect().channels[0].counters
    assert (counters.opens, counters.messages) == (1, 2)
    assert (counters.packets_in, counters.bytes_in, counters.signals_in) == (1, 0x20, 1)
    assert (counters.packets_out, counters.bytes_out, counters.signals_out) == (1, 0x80, 1)


def test_inspect_is_a_copy_and_survives_a_corrupt_ring(guest: FakeGuest, service: Diary) -> None:
    channel = guest.open(guest.offers[0])
    before = guest.bus.inspect().channels[0].counters
    channel.outgoing.store(0, 0xFFFFFFFF)
    view = guest.bus.inspect().channels[0]
    assert view.guest_to_host is not None
    assert view.guest_to_host.waiting is None
    assert view.state == "open"
    channel.signal()
    assert before.signals_in == 0


# A service may use the bus from within its own calls.


def test_a_service_may_take_itself_off_the_bus(guest: FakeGuest, service: Diary) -> None:
    def leave(channel: Channel) -> None:
        guest.bus.rescind(service)
        guest.bus.rescind(service)
        assert channel.receive() is None
        assert service.events[-1] == "ready", "closed while at work"

    service.on_ready = leave
    channel = guest.open(guest.offers[0])
    channel.send(b"x")
    assert service.events == ["open", "ready", "close"]


def test_a_service_may_be_replaced_by_its_own_hand(guest: FakeGuest, service: Diary) -> None:
    successor = Diary(offer())

    def replace(_channel: Channel) -> None:
        guest.bus.rescind(service)
        guest.bus.offer(successor)

    service.on_ready = replace
    channel = guest.open(guest.offers[0])
    channel.send(b"x")
    guest.poll()
    guest.release(1)
    guest.poll()
    guest.open(guest.offers[0])
    assert successor.events == ["open"]


def test_a_service_that_fails_while_opening_is_closed_afterwards(
    guest: FakeGuest, service: Diary
) -> None:
    service.on_open = lambda channel: channel.fail("not today")
    channel = guest.open(guest.offers[0])
    assert service.events == ["open", "close"]
    channel.send(b"x")
    assert service.events == ["open", "close"]
    assert guest.bus.inspect().channels[0].failure == "not today"
    assert guest.bus.inspect().last_failure == "channel 1 (diary): not today"


def test_a_service_that_fails_on_its_own_time_is_closed_with_the_next_event(
    guest: FakeGuest, service: Diary
) -> None:
    channel = guest.open(guest.offers[0])
    assert service.channel is not None
    service.channel.fail("a timer found out")
    assert service.events == ["open"]
    assert guest.bus.inspect().channels[0].state == "broken"
    channel.signal()
    assert service.events == ["open", "close"]


def test_a_message_that_arrives_while_a_service_works_waits(
    guest: FakeGuest, service: Diary
) -> None:
    def close_behind_its_back(channel: Channel) -> None:
        assert guest.post(7, struct.pack("<I", 1))
        assert guest.bus.event(0x2001)
        assert channel.receive() is not None
        assert service.events == ["open", "ready"]

    service.on_ready = close_behind_its_back
    channel = guest.open(guest.offers[0])
    channel.send(b"x")
    assert service.events == ["open", "ready", "close"]
    assert guest.bus.inspect().channels[0].state == "closed"


def test_two_buses_share_nothing() -> None:
    one, other = Diary(offer()), Diary(offer())
    first, second = boot(one), boot(other)
    first.open(first.offers[0])
    assert other.events == []
    assert second.bus.inspect().channels[0].state == "closed"
