"""Which pages hold translated code, and dropping translations by physical address.

Unicorn's public call to drop them takes a linear address, which means nothing in another address space; the
one behind it takes Unicorn's own numbering of RAM, where each mapped region has its place.
"""

from typing import Any

from hv.cpu.engine.binding import U64T, VOID_P, exported
from hv.cpu.engine.watch import MAPPING, PAGE_SHIFT
from hv.cpu.pace import PAGE_CODE, PAGE_DATA, PAGE_LEAVING
from hv.errors import InternalError
from hv.types import PAGE_SIZE

_REGION_ADDRESS = "memory_region_get_ram_addr_x86_64"
_DROP = "tb_invalidate_phys_range_x86_64"
_TRACKED_PAGES = 1 << 32 - PAGE_SHIFT  # of the first 4 GiB: all RAM there is


class CodePages:
    """The pages of one engine. ``marks`` holds a byte for each, shared with whoever watches them."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self.marks = bytearray(_TRACKED_PAGES)
        self._regions: list[tuple[int, int, int]] = []
        self._mapping = exported(MAPPING, VOID_P, VOID_P, U64T)
        self._region_address = exported(_REGION_ADDRESS, U64T, VOID_P)
        self._drop = exported(_DROP, None, VOID_P, U64T, U64T)

    def add_region(self, gpa: int, size: int) -> None:
        """RAM or ROM was mapped."""
        address = self._region_address(self._mapping(self._handle, gpa))
        for start, end, other in self._regions:
            if address < other + end - start and other < address + size:
                raise InternalError(f"Unicorn numbers RAM at {start:#x} and {gpa:#x} alike")
        self._regions.append((gpa, gpa + size, address))

    def mark(self, gpa: int) -> bool:
        """Translated code lies at ``gpa``. True when its page held none before."""
        page = gpa >> PAGE_SHIFT
        if page >= _TRACKED_PAGES or self.marks[page]:
            return False
        self.marks[page] = PAGE_CODE
        return True

    def invalidate(self, gpa: int, size: int) -> None:
        """Drop the translations of [gpa, gpa+size), if there are any."""
        first, last = gpa >> PAGE_SHIFT, (gpa + size - 1) >> PAGE_SHIFT
        if self.marks.count(PAGE_DATA, first, last + 1) > last - first:
            return
        for start, end, address in self._regions:
            low, high = max(gpa, start), min(gpa + size, end)
            if low < high:
                self._drop(self._handle, address + low - start, address + high - start)

    def release(self) -> None:
        """Drop what the pages hold that are to be released, and watch them no longer."""
        page = self.marks.find(PAGE_LEAVING)
        while page >= 0:
            self.invalidate(page << PAGE_SHIFT, PAGE_SIZE)
            self.marks[page] = PAGE_DATA
            page = self.marks.find(PAGE_LEAVING, page)
