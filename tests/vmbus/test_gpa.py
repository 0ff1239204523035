"""Page lists: what they must add up to, and how bytes move through them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hv.vmbus.gpa import gather, parse_ranges, part, scatter
from hv.vmbus.service import GpaRange
from tests.vmbus.fakes import FakeMemory

PAGE = 0x1000
MEMORY = 16 * PAGE


class Recorder(FakeMemory):
    """Remembers the size of each access."""

    def __init__(self) -> None:
        super().__init__(MEMORY)
        self.accesses: list[tuple[int, int]] = []

    def read(self, gpa: int, size: int) -> bytes:
        self.accesses.append((gpa, size))
        return super().read(gpa, size)


def test_neighbouring_pages_are_one_access() -> None:
    memory = Recorder()
    gather(memory, [GpaRange(0x3000, 0x800, (2, 3, 4, 8))], 0x3000)
    assert memory.accesses == [(0x2800, 0x2800), (0x8000, 0x800)]


def test_a_range_never_reaches_beyond_its_pages() -> None:
    """What a service might put together by mistake."""
    memory = Recorder()
    assert len(gather(memory, [GpaRange(0x5000, 0, (1,))], 0x5000)) == PAGE
    assert scatter(memory, [GpaRange(0x5000, 0xFF8, (1,))], bytes(100)) == 8


@pytest.mark.parametrize("page", [1 << 40, (1 << 64) - 1])
def test_pages_that_no_machine_has_read_as_open_bus(page: int) -> None:
    memory = FakeMemory(MEMORY)
    where = [GpaRange(16, 0, (page,))]
    assert gather(memory, where, 16) == b"\xff" * 16
    assert scatter(memory, where, bytes(16)) == 16


def test_slack_is_allowed_where_a_driver_leaves_it() -> None:
    data = struct.pack("<IIQQQ", 0x1000, 0, 5, 0, 0)
    assert parse_ranges(data, 1) is None
    assert parse_ranges(data, 1, slack=True) == (GpaRange(0x1000, 0, (5,)),)


@st.composite
def buffers(draw: st.DrawFn) -> list[GpaRange]:
    """Ranges over distinct pages."""
    free: list[int] = draw(st.permutations(range(16)))
    ranges = []
    for _ in range(draw(st.integers(0, 4))):
        if not free:
            break
        count = draw(st.integers(1, len(free)))
        pages, free = tuple(free[:count]), free[count:]
        offset = draw(st.integers(0, PAGE - 1))
        most = count * PAGE - offset
        ranges.append(GpaRange(draw(st.integers(max(1, most - PAGE + 1), most)), offset, pages))
    return ranges


@given(buffers(), st.integers(0, 20 * PAGE))
def test_what_is_scattered_is_gathered(ranges: list[GpaRange], size: int) -> None:
    memory = FakeMemory(MEMORY)
    data = bytes(i * 7 % 251 for i in range(size))
    room = sum(one.byte_count for one in ranges)
    assert scatter(memory, ranges, data) == min(size, room)
    assert gather(memory, ranges, size) == data[:room]
    outside = len(memory.bytes) - room
    assert memory.bytes.count(0) >= outside


@given(buffers(), st.integers(0, 17 * PAGE), st.integers(0, 17 * PAGE))
def test_a_part_is_a_slice(ranges: list[GpaRange], offset: int, size: int) -> None:
    memory = FakeMemory(MEMORY)
    memory.bytes[:] = bytes(i * 7 % 251 for i in range(MEMORY))
    whole = gather(memory, ranges, MEMORY)
    piece = part(ranges, offset, size)
    assert gather(memory, piece, MEMORY) == whole[offset : offset + size]
    for one in piece:
        assert len(one.pages) == -(-(one.byte_offset + one.byte_count) // PAGE)


@given(st.binary(max_size=200), st.integers(0, 1 << 32))
def test_any_bytes_are_ranges_or_refused(data: bytes, count: int) -> None:
    for slack in (False, True):
        ranges = parse_ranges(data, count, slack=slack)
        if ranges is not None:
            assert len(ranges) == count
            for one in ranges:
                assert 0 <= one.byte_offset < PAGE
                assert len(one.pages) == -(-(one.byte_offset + one.byte_count) // PAGE)
            used = sum(8 + 8 * len(one.pages) for one in ranges)
            assert used == len(data) or (slack and used < len(data))


@given(buffers().filter(bool))
def test_what_a_guest_describes_is_what_is_parsed(ranges: list[GpaRange]) -> None:
    data = b"".join(
        struct.pack(f"<II{len(one.pages)}Q", one.byte_count, one.byte_offset, *one.pages)
        for one in ranges
    )
    full = all(len(r.pages) == -(-(r.byte_offset + r.byte_count) // PAGE) for r in ranges)
    parsed = parse_ranges(data, len(ranges))
    assert parsed == (tuple(ranges) if full else None) or not full
