"""Overlay pages: pages of the hypervisor's that appear in guest physical memory while a register says so.

Follows the TLFS 6.0b: such a page hides what is mapped at its address and keeps its own content wherever it
is, and when it is taken away it is not seen at all. Where two are placed at one address the last one is
seen: the TLFS leaves that open. A page beyond the physical address space is nowhere, but is still there
for the hypervisor.
"""

from dataclasses import dataclass

from hv.tlfs.doors import MappedPage, Overlays
from hv.types import PAGE_SIZE

ENABLE = 1
"""Bit 0 of every register that places a page; bits 63-12 are the frame, the rest is preserved."""

_FRAME = ~(PAGE_SIZE - 1)


@dataclass(frozen=True, slots=True)
class SavedPage:
    """``gpa``: where it was placed; ``shown_at``: where it is seen."""

    hidden: bytes
    gpa: int | None
    shown: bool
    shown_at: int


@dataclass(frozen=True, slots=True)
class SavedOverlays:
    """Pages in the order in which they were made; by address, those placed there, the seen one last."""

    pages: list[SavedPage]
    stacks: dict[int, list[int]]


class OverlaySpace:
    """All overlay pages of a partition, by address."""

    SAVED_AS = SavedOverlays

    def __init__(self, door: Overlays, physical_bits: int) -> None:
        self._door = door
        self._limit = 1 << physical_bits
        self._at: dict[int, list[OverlayPage]] = {}
        self._pages: list[OverlayPage] = []

    def contains(self, gpa: int) -> bool:
        """The address is inside the guest's physical address space."""
        return gpa < self._limit

    def page(self, *, writable: bool, executable: bool) -> "OverlayPage":
        """A new page of zeroes, seen nowhere."""
        page = OverlayPage(self, self._door, writable=writable, executable=executable)
        self._pages.append(page)
        return page

    def save(self) -> SavedOverlays:
        """The pages; what of them is in RAM is saved with it."""
        stacks = {
            gpa: [self._pages.index(page) for page in stack] for gpa, stack in self._at.items()
        }
        return SavedOverlays([page.save() for page in self._pages], stacks)

    def load(self, saved: SavedOverlays) -> None:
        """The pages as they were; RAM and what they cover were loaded before."""
        for page, one in zip(self._pages, saved.pages, strict=True):
            page.load(one)
        self._at = {
            gpa: [self._pages[index] for index in stack] for gpa, stack in saved.stacks.items()
        }

    def push(self, gpa: int, page: "OverlayPage") -> None:
        stack = self._at.setdefault(gpa, [])
        if stack:
            stack[-1].hide()
        stack.append(page)
        page.show(gpa)

    def drop(self, gpa: int, page: "OverlayPage") -> None:
        stack = self._at[gpa]
        seen = stack[-1] is page
        stack.remove(page)
        if seen:
            page.hide()
            if stack:
                stack[-1].show(gpa)
        if not stack:
            del self._at[gpa]


class OverlayPage:
    """One page. ``place`` and ``remove`` say where it is seen, ``read`` and ``write`` work in any case."""

    def __init__(
        self, space: OverlaySpace, door: Overlays, *, writable: bool, executable: bool
    ) -> None:
        self._space = space
        self._door = door
        self._writable = writable
        self._executable = executable
        self._hidden = bytearray(PAGE_SIZE)  # the content, while nobody sees it
        self._shown: MappedPage | None = None
        self._shown_at = 0
        self.gpa: int | None = None

    def place(self, gpa: int) -> None:
        """Be seen at ``gpa`` and nowhere else."""
        if gpa == self.gpa:
            return
        self.remove()
        if self._space.contains(gpa):
            self.gpa = gpa
            self._space.push(gpa, self)

    def remove(self) -> None:
        """Be seen nowhere; the content stays."""
        if self.gpa is not None:
            gpa, self.gpa = self.gpa, None
            self._space.drop(gpa, self)

    def read(self, offset: int, size: int) -> bytes:
        if self._shown is not None:
            return self._shown.read(offset, size)
        return bytes(self._hidden[offset : offset + size])

    def write(self, offset: int, data: bytes) -> None:
        if self._shown is not None:
            self._shown.write(offset, data)
        else:
            self._hidden[offset : offset + len(data)] = data

    def save(self) -> SavedPage:
        return SavedPage(bytes(self._hidden), self.gpa, self._shown is not None, self._shown_at)

    def load(self, saved: SavedPage) -> None:
        """ValueError: what was seen is not there."""
        if len(saved.hidden) != PAGE_SIZE:
            raise ValueError(f"an overlay page of {len(saved.hidden)} bytes")
        self._hidden[:] = saved.hidden
        self.gpa = saved.gpa
        self._shown_at = saved.shown_at
        self._shown = self._door.mapped(saved.shown_at) if saved.shown else None

    def show(self, gpa: int) -> None:
        """For the space: this page is the uppermost at ``gpa``."""
        self._shown_at = gpa
        self._shown = self._door.map(
            gpa, bytes(self._hidden), writable=self._writable, executable=self._executable
        )

    def hide(self) -> None:
        """For the space: this page is no longer the uppermost."""
        if self._shown is not None:
            self._hidden[:] = self._shown.read(0, PAGE_SIZE)
            self._shown = None
            self._door.unmap(self._shown_at)


class PageRegister:
    """A register that places a page: SIMP, SIEFP, VP_ASSIST_PAGE, REFERENCE_TSC, HYPERCALL."""

    SAVED = {"value": int}

    def __init__(self, page: OverlayPage) -> None:
        self.page = page
        self.value = 0

    @property
    def enabled(self) -> bool:
        return bool(self.value & ENABLE)

    def write(self, value: int) -> None:
        self.value = value
        if value & ENABLE:
            self.page.place(value & _FRAME)
        else:
            self.page.remove()

    def reset(self) -> None:
        """As at power-on: nowhere, and zero."""
        self.write(0)
        self.page.write(0, bytes(PAGE_SIZE))
