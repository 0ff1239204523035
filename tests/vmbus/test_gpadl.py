"""GPADLs over header and bodies: complete, abandoned, doubled, too long, too many."""

import struct

import pytest

from hv.vmbus.service import GpaRange
from tests.vmbus.fake_guest import FakeGuest, boot
from tests.vmbus.fakes import Diary, offer

PAGE = 0x1000
FAILURE = 0xC0000001
HANDLE = 0xE1E10

MOST_PAGES = 0x10000
MOST_GPADLS = 1024


@pytest.fixture
def guest() -> FakeGuest:
    return boot(Diary(offer(1)), Diary(offer(2)))


def pages_of(count: int) -> bytes:
    """A range of ``count`` pages."""
    return struct.pack(f"<II{count}Q", count * PAGE, 0, *range(count))


def header(guest: FakeGuest, ranges: bytes, *, size: int, count: int = 1, relid: int = 1) -> None:
    guest.post(8, struct.pack("<IIHH", relid, HANDLE, size, count) + ranges)


def body(guest: FakeGuest, pages: bytes, *, number: int = 0, handle: int = HANDLE) -> None:
    guest.post(9, struct.pack("<II", number, handle) + pages)


def created(guest: FakeGuest) -> list[tuple[int, int, int]]:
    """(relid, handle, status) of each GPADL_CREATED since the last time."""
    return [struct.unpack_from("<III", one, 8) for one in guest.poll() if one[0] == 10]


@pytest.mark.parametrize("pages", [1, 26, 27, 54, 55, 4096, 8190])
def test_any_number_of_pages_is_answered_once(guest: FakeGuest, pages: int) -> None:
    guest.poll()
    assert guest.try_share(1, HANDLE, pages_of(pages)) == 0
    assert not guest.poll()


def test_the_service_sees_the_ranges_as_they_were_shared() -> None:
    service = Diary(offer())
    guest = boot(service)
    guest.open(guest.offers[0])
    ranges = struct.pack("<IIQQ", 0x1100, 0x800, 7, 3) + struct.pack("<IIQ", 8, 0xFF8, 5)
    assert guest.try_share(1, 0x55, ranges, count=2) == 0
    assert service.channel is not None
    assert service.channel.buffer(0x55) == (
        GpaRange(0x1100, 0x800, (7, 3)),
        GpaRange(8, 0xFF8, (5,)),
    )
    guest.tear_down(1, 0x55)
    assert service.channel.buffer(0x55) == ()


def test_buffers_belong_to_their_channel() -> None:
    first, second = Diary(offer(1)), Diary(offer(2))
    guest = boot(first, second)
    guest.open(guest.offers[0])
    guest.open(guest.offers[1])
    handle = guest.share(1, guest.buffer(PAGE))
    assert first.channel is not None
    assert second.channel is not None
    assert first.channel.buffer(handle)
    assert not second.channel.buffer(handle)


def test_bodies_may_come_in_pieces_of_any_size_with_any_number(guest: FakeGuest) -> None:
    ranges = pages_of(10)
    header(guest, ranges[:4], size=len(ranges))
    for at in range(4, len(ranges), 12):
        body(guest, ranges[at : at + 12], number=at)
    assert created(guest) == [(1, HANDLE, 0)]


def test_two_gpadls_may_grow_side_by_side(guest: FakeGuest) -> None:
    ranges = pages_of(4)
    header(guest, ranges[:16], size=len(ranges))
    guest.post(8, struct.pack("<IIHH", 2, 0x77, len(ranges), 1) + ranges[:16])
    body(guest, ranges[16:])
    body(guest, ranges[16:], handle=0x77)
    assert created(guest) == [(1, HANDLE, 0), (2, 0x77, 0)]


@pytest.mark.parametrize(
    ("ranges", "count"),
    [
        (b"", 0),
        (b"", 1),
        (struct.pack("<II", 0x1000, 0), 1),
        (struct.pack("<IIQ", 0x1000, 0, 1), 0),
        (struct.pack("<IIQ", 0x1000, 0, 1), 2),
        (struct.pack("<IIQ", 0x1000, 0, 1), 0xFFFF),
        (struct.pack("<IIQ", 0, 0, 1), 1),
        (struct.pack("<IIQ", 0x1000, 0x1000, 1), 1),
        (struct.pack("<IIQ", 0x1000, 1, 1), 1),
        (struct.pack("<IIQQ", 0x1000, 0x1000, 1, 2), 1),
        (struct.pack("<IIQ", 0x1001, 0, 1), 1),
        (struct.pack("<IIQQ", 0x1000, 0, 1, 2), 1),
        (struct.pack("<IIQ", 0xFFFFFFFF, 0xFFF, 1), 1),
        (struct.pack("<IIQ", 0x1000, 0xFFFFFFFF, 1), 1),
        (struct.pack("<IIQI", 0x1000, 0, 1, 2), 1),
        (pages_of(1) + struct.pack("<II", 0x1000, 0), 2),
    ],
)
def test_ranges_that_do_not_add_up_are_refused(guest: FakeGuest, ranges: bytes, count: int) -> None:
    assert guest.try_share(1, HANDLE, ranges, count) == FAILURE
    assert guest.bus.inspect().gpadl_pages == 0
    assert guest.try_share(1, HANDLE, pages_of(1)) == 0


def test_more_than_was_announced_is_refused_and_forgotten(guest: FakeGuest) -> None:
    ranges = pages_of(4)
    header(guest, ranges + bytes(8), size=len(ranges))
    assert created(guest) == [(1, HANDLE, FAILURE)]
    header(guest, ranges[:16], size=len(ranges))
    body(guest, ranges[16:] + bytes(8))
    assert created(guest) == [(1, HANDLE, FAILURE)]
    body(guest, bytes(8))
    assert created(guest) == []
    assert guest.bus.inspect().gpadl_pages == 0


def test_a_body_that_nobody_announced_is_ignored(guest: FakeGuest) -> None:
    guest.poll()
    body(guest, bytes(8))
    assert not guest.poll()


def test_a_handle_in_use_is_refused_and_keeps_what_it_was(guest: FakeGuest) -> None:
    assert guest.try_share(1, HANDLE, pages_of(3)) == 0
    assert guest.try_share(1, HANDLE, pages_of(1)) == FAILURE
    guest.tear_down(1, HANDLE)
    assert guest.bus.inspect().gpadl_pages == 0


def test_a_handle_under_assembly_is_refused_to_all_and_goes_on(guest: FakeGuest) -> None:
    ranges = pages_of(3)
    header(guest, ranges[:8], size=len(ranges))
    header(guest, ranges[:8], size=len(ranges), relid=2)
    header(guest, ranges[:8], size=len(ranges))
    body(guest, ranges[8:])
    assert created(guest) == [(2, HANDLE, FAILURE), (1, HANDLE, FAILURE), (1, HANDLE, 0)]


def test_channels_may_use_the_same_handle(guest: FakeGuest) -> None:
    assert guest.try_share(1, HANDLE, pages_of(1)) == 0
    assert guest.try_share(2, HANDLE, pages_of(2)) == 0
    guest.tear_down(1, HANDLE)
    guest.tear_down(2, HANDLE)


def test_what_is_not_there_cannot_be_torn_down(guest: FakeGuest) -> None:
    guest.poll()
    assert guest.try_share(1, HANDLE, pages_of(1)) == 0
    guest.post(11, struct.pack("<II", 2, HANDLE))
    guest.post(11, struct.pack("<II", 1, HANDLE + 1))
    assert not guest.poll()
    assert guest.bus.inspect().refused == 2


def test_another_channel_cannot_tear_down_what_is_under_assembly(guest: FakeGuest) -> None:
    header(guest, b"", size=16)
    guest.post(11, struct.pack("<II", 2, HANDLE))
    body(guest, pages_of(1))
    assert created(guest) == [(1, HANDLE, 0)]


def test_an_abandoned_one_can_be_torn_down(guest: FakeGuest) -> None:
    header(guest, b"", size=0x808)
    assert guest.bus.inspect().gpadl_pages == 0x101
    guest.tear_down(1, HANDLE)
    assert guest.bus.inspect().gpadl_pages == 0
    body(guest, bytes(8))
    assert not created(guest)


@pytest.mark.parametrize("whole", [True, False])
def test_a_released_channel_takes_its_gpadls_along(whole: bool) -> None:
    service = Diary(offer())
    guest = boot(service)
    header(guest, pages_of(20) if whole else b"", size=168)
    assert guest.bus.inspect().gpadl_pages > 0
    guest.bus.rescind(service)
    guest.release(1)
    assert guest.bus.inspect().gpadl_pages == 0


def test_what_is_announced_counts_against_the_guests_limit(guest: FakeGuest) -> None:
    announced = 0xFFF8
    for handle in range(8):
        guest.post(8, struct.pack("<IIHH", 1, handle, announced, 1))
    assert created(guest) == []
    used = guest.bus.inspect().gpadl_pages
    assert used == 8 * announced // 8
    left = MOST_PAGES - used
    guest.post(8, struct.pack("<IIHH", 1, 99, (left + 1) * 8, 1))
    assert created(guest) == [(1, 99, FAILURE)]
    guest.post(8, struct.pack("<IIHH", 1, 99, left * 8, 1))
    assert created(guest) == []
    assert guest.bus.inspect().gpadl_pages == MOST_PAGES


def test_the_number_of_gpadls_is_limited(guest: FakeGuest) -> None:
    for handle in range(MOST_GPADLS):
        assert guest.try_share(1, handle, pages_of(1)) == 0
    assert guest.try_share(2, 5000, pages_of(1)) == FAILURE
    guest.tear_down(1, 5)
    assert guest.try_share(2, 5000, pages_of(1)) == 0
