"""Overlay pages in RAM: the page's bytes take the place of what was there, which comes back when it goes.

Such a page is RAM to the processor: the guest sees it, runs it and, unlike on hardware, can also write the
pages that are read-only to it. It only harms itself: what it wrote is gone at the next placing, and the
hypervisor never reads a page back that it does not let the guest write.
"""

from hv.memory import SystemMemory
from hv.tlfs.doors import MappedPage
from hv.types import PAGE_SIZE


class _RamPage:
    """A page that the guest sees at ``gpa``."""

    def __init__(self, memory: SystemMemory, gpa: int) -> None:
        self._memory = memory
        self._gpa = gpa

    def read(self, offset: int, size: int) -> bytes:
        return self._memory.read(self._gpa + offset, size)

    def write(self, offset: int, data: bytes) -> None:
        self._memory.write(self._gpa + offset, data)


class RamOverlays:
    """hv.tlfs.doors.Overlays over one partition's RAM."""

    SAVED = {"_covered": dict[int, bytes]}

    def __init__(self, memory: SystemMemory) -> None:
        self._memory = memory
        self._covered: dict[int, bytes] = {}

    def map(
        self, gpa: int, content: bytes, *, writable: bool, executable: bool
    ) -> MappedPage | None:
        """Show ``content`` at ``gpa``; None where there is no RAM."""
        memory = self._memory
        if not memory.contains(gpa, PAGE_SIZE):
            return None
        self._covered[gpa] = memory.read(gpa, PAGE_SIZE)
        memory.write(gpa, content)
        return _RamPage(memory, gpa)

    def mapped(self, gpa: int) -> MappedPage:
        """The page that was restored with RAM. ValueError: none lies there."""
        if gpa not in self._covered or not self._memory.contains(gpa, PAGE_SIZE):
            raise ValueError(f"no page covers {gpa:#x}")
        return _RamPage(self._memory, gpa)

    def unmap(self, gpa: int) -> None:
        """Show what was covered."""
        self._memory.write(gpa, self._covered.pop(gpa))
