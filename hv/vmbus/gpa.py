"""Guest buffers given as page lists: parsing them, and moving bytes through them.

A range list is back to back {u32 byte count, u32 byte offset, u64 page number for each page touched}: the
form that both GPADL messages and GPA-direct packets carry.
"""

from collections.abc import Iterator, Sequence
from struct import Struct

from hv.interfaces import GuestMemory
from hv.types import PAGE_SIZE

from .service import GpaRange

_RANGE = Struct("<II")
_PAGE_NUMBER = 8
_PAGE_SHIFT = 12


def parse_ranges(data: bytes, count: int, *, slack: bool = False) -> tuple[GpaRange, ...] | None:
    """Exactly ``count`` ranges that fill ``data`` to its last byte (unless ``slack``), or None."""
    if count < 1 or count * (_RANGE.size + _PAGE_NUMBER) > len(data):
        return None
    ranges = []
    at = 0
    for _ in range(count):
        if at + _RANGE.size > len(data):
            return None
        byte_count, byte_offset = _RANGE.unpack_from(data, at)
        at += _RANGE.size
        pages = -(-(byte_offset + byte_count) // PAGE_SIZE)
        if byte_count == 0 or byte_offset >= PAGE_SIZE or at + pages * _PAGE_NUMBER > len(data):
            return None
        numbers = Struct(f"<{pages}Q").unpack_from(data, at)
        at += pages * _PAGE_NUMBER
        ranges.append(GpaRange(byte_count, byte_offset, numbers))
    return tuple(ranges) if slack or at == len(data) else None


def part(ranges: Sequence[GpaRange], offset: int, size: int) -> tuple[GpaRange, ...]:
    """The buffer of ``size`` bytes that begins ``offset`` bytes into ``ranges`` (shorter at their end)."""
    parts = []
    for one in ranges:
        if size <= 0:
            break
        if offset >= one.byte_count:
            offset -= one.byte_count
            continue
        take = min(size, one.byte_count - offset)
        first, within = divmod(one.byte_offset + offset, PAGE_SIZE)
        last = -(-(one.byte_offset + offset + take) // PAGE_SIZE)
        parts.append(GpaRange(take, within, one.pages[first:last]))
        offset, size = 0, size - take
    return tuple(parts)


def _runs(ranges: Sequence[GpaRange], size: int) -> Iterator[tuple[int, int]]:
    """(address, length) of the pieces that make up the first ``size`` bytes; neighbouring pages are one."""
    for one in ranges:
        left = min(size, one.byte_count)
        size -= left
        start = length = 0
        within = one.byte_offset
        for page in one.pages:
            take = min(left, PAGE_SIZE - within)
            if take <= 0:
                break
            gpa = (page << _PAGE_SHIFT) + within
            if length and gpa == start + length:
                length += take
            else:
                if length:
                    yield start, length
                start, length = gpa, take
            left -= take
            within = 0
        if length:
            yield start, length
        if size <= 0:
            return


def gather(memory: GuestMemory, ranges: Sequence[GpaRange], size: int) -> bytes:
    """Up to ``size`` bytes out of ``ranges``."""
    return b"".join(memory.read(gpa, length) for gpa, length in _runs(ranges, size))


def scatter(memory: GuestMemory, ranges: Sequence[GpaRange], data: bytes) -> int:
    """Fill ``ranges`` with ``data`` from their start; how many bytes found room."""
    at = 0
    for gpa, length in _runs(ranges, len(data)):
        memory.write(gpa, data[at : at + length])
        at += length
    return at
