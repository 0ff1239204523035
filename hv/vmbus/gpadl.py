"""GPADLs: guest memory that is shared with the host under a handle.

A header message announces how many bytes of range descriptions there will be; bodies bring what did not
fit. Bodies name only the handle, so a handle under assembly is unique on the whole bus. What a guest
announces is charged to it at once, whether it ever comes or not.
"""

from dataclasses import dataclass, field

from .gpa import parse_ranges
from .messages import STATUS_SUCCESS, STATUS_UNSUCCESSFUL, GpadlBody, GpadlCreated, GpadlHeader
from .service import GpaRange

MAX_PAGES = 0x10000
"""Page numbers that one guest may have shared at a time: 256 MiB."""

MAX_GPADLS = 1024

_PAGE_NUMBER = 8
_LEAST_BYTES = 16  # one range of one page


@dataclass(slots=True)
class _Assembly:
    """A GPADL whose last page number has not come."""

    relid: int
    range_count: int
    range_bytes: int
    data: bytearray = field(default_factory=bytearray)

    @property
    def pages(self) -> int:
        return self.range_bytes // _PAGE_NUMBER


@dataclass(frozen=True, slots=True)
class Gpadl:
    """A shared buffer: its ranges, and what it counts against the guest's limit."""

    ranges: tuple[GpaRange, ...]
    pages: int


@dataclass(frozen=True, slots=True)
class SavedGpadls:
    """By channel and handle those that are complete, by handle those under assembly."""

    complete: dict[int, dict[int, Gpadl]]
    assembling: dict[int, _Assembly]
    count: int
    pages: int


class GpadlTable:
    """Every GPADL of one connection, by channel and handle."""

    def __init__(self) -> None:
        self._channels: dict[int, dict[int, Gpadl]] = {}
        self._assembling: dict[int, _Assembly] = {}
        self._count = 0
        self._pages = 0

    def save(self) -> SavedGpadls:
        return SavedGpadls(self._channels, self._assembling, self._count, self._pages)

    def load(self, saved: SavedGpadls) -> None:
        self._channels, self._assembling = saved.complete, saved.assembling
        self._count, self._pages = saved.count, saved.pages

    @property
    def pages(self) -> int:
        """Page numbers charged to the guest."""
        return self._pages

    def begin(self, message: GpadlHeader) -> GpadlCreated | None:
        """Take a header. The answer, or None: bodies must follow."""
        handle, relid = message.gpadl, message.relid
        assembly = _Assembly(relid, message.range_count, message.range_bytes)
        if not self._admits(assembly, handle):
            return GpadlCreated(relid, handle, STATUS_UNSUCCESSFUL)
        self._assembling[handle] = assembly
        self._charge(assembly.pages)
        return self._take(handle, assembly, message.tail)

    def extend(self, message: GpadlBody) -> GpadlCreated | None:
        """Take a body. None: more must follow, or nobody asked for this one."""
        assembly = self._assembling.get(message.gpadl)
        if assembly is None:
            return None
        return self._take(message.gpadl, assembly, message.tail)

    def find(self, relid: int, handle: int) -> Gpadl | None:
        """A complete GPADL of this channel."""
        return self._channels.get(relid, {}).get(handle)

    def handles(self, relid: int) -> tuple[int, ...]:
        """Complete GPADLs of a channel, in the order of their completion."""
        return tuple(self._channels.get(relid, {}))

    def tear_down(self, relid: int, handle: int) -> bool:
        """Forget one, complete or not. False: the channel has none of that handle."""
        assembly = self._assembling.get(handle)
        if assembly is not None and assembly.relid == relid:
            self._abandon(handle)
            return True
        gpadl = self._channels.get(relid, {}).pop(handle, None)
        if gpadl is None:
            return False
        self._release(gpadl.pages)
        return True

    def drop_channel(self, relid: int) -> None:
        """Forget all that a channel has."""
        for handle in [at for at, one in self._assembling.items() if one.relid == relid]:
            self._abandon(handle)
        for gpadl in self._channels.pop(relid, {}).values():
            self._release(gpadl.pages)

    def _admits(self, assembly: _Assembly, handle: int) -> bool:
        return (
            assembly.range_bytes >= _LEAST_BYTES
            and assembly.range_bytes % _PAGE_NUMBER == 0
            and 1 <= assembly.range_count <= assembly.range_bytes // _LEAST_BYTES
            and handle not in self._assembling
            and handle not in self._channels.get(assembly.relid, {})
            and self._count < MAX_GPADLS
            and self._pages + assembly.pages <= MAX_PAGES
        )

    def _take(self, handle: int, assembly: _Assembly, tail: bytes) -> GpadlCreated | None:
        relid = assembly.relid
        assembly.data += tail
        if len(assembly.data) < assembly.range_bytes:
            return None
        # More than was announced does not add up either.
        ranges = parse_ranges(bytes(assembly.data), assembly.range_count)
        if ranges is None:
            self._abandon(handle)
            return GpadlCreated(relid, handle, STATUS_UNSUCCESSFUL)
        del self._assembling[handle]
        self._channels.setdefault(relid, {})[handle] = Gpadl(ranges, assembly.pages)
        return GpadlCreated(relid, handle, STATUS_SUCCESS)

    def _abandon(self, handle: int) -> None:
        self._release(self._assembling.pop(handle).pages)

    def _charge(self, pages: int) -> None:
        self._count += 1
        self._pages += pages

    def _release(self, pages: int) -> None:
        self._count -= 1
        self._pages -= pages
