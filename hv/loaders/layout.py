"""Where the parts of one image go in guest memory: in RAM below 4 GiB, none over another."""

from bisect import bisect_left, insort

from hv.loaders.image import ImageError, Segment
from hv.loaders.memory_map import CONVENTIONAL_TOP, FOUR_GIB, HIGH_MEMORY, RangeKind, pc_memory_map
from hv.types import PAGE_SIZE, Gpa

_FIRST_FREE = 0x1000
"""Found places start above the real-mode vectors and the BIOS data area."""


class Layout:
    """The memory of a machine that is about to start, filled part by part."""

    def __init__(self, memory: int) -> None:
        if memory < HIGH_MEMORY:
            raise ImageError("the machine needs at least 1 MiB of memory: use --memory", usage=True)
        self.memory = memory
        self.map = pc_memory_map(memory)
        self._ram = [r for r in self.map if r.kind is RangeKind.RAM and r.base < FOUR_GIB]
        self._taken: list[tuple[int, int, str]] = []
        self._segments: list[Segment] = []

    @property
    def segments(self) -> tuple[Segment, ...]:
        return tuple(self._segments)

    @property
    def low_top(self) -> int:
        """End of the RAM below 4 GiB."""
        return self._ram[-1].end

    def is_ram(self, gpa: int, size: int) -> bool:
        """All of it, in one piece and below 4 GiB."""
        return any(ram.base <= gpa and gpa + size <= ram.end for ram in self._ram)

    def put(self, gpa: int, data: bytes | memoryview, what: str, *, size: int = 0) -> Gpa:
        """Place ``data`` at ``gpa``, then zeros up to ``size``; ``what`` names it in complaints."""
        size = max(size, len(data))
        if size:
            self.reserve(gpa, size, what)
            self._segments.append(Segment(Gpa(gpa), data, size))
        return Gpa(gpa)

    def reserve(self, gpa: int, size: int, what: str) -> None:
        """Claim a range without saying what is in it."""
        end = gpa + size
        where = f"{what} at 0x{gpa:X}..0x{end:X}"
        if end > FOUR_GIB:
            raise ImageError(f"{where} lies above 4 GiB")
        if not self.is_ram(gpa, size):
            if end > self.low_top:
                raise ImageError(f"{where} needs {_mib(end)} MiB, has {self._size()}: use --memory")
            raise ImageError(f"{where} touches the area below 1 MiB that is no RAM")
        index = bisect_left(self._taken, (gpa, end, what))
        for start, stop, other in self._taken[max(index - 1, 0) : index + 1]:
            if gpa < stop and start < end:
                raise ImageError(f"{where} overlaps {other} at 0x{start:X}..0x{stop:X}")
        insort(self._taken, (gpa, end, what))

    def add(self, data: bytes | memoryview, what: str) -> Gpa:
        """Place ``data`` high in the conventional memory, where few guests put things of theirs."""
        return self.put(self.find_high(len(data), what, top=CONVENTIONAL_TOP), data, what)

    def find_low(self, size: int, what: str, *, start: int) -> Gpa:
        """The lowest free place of whole pages from ``start``."""
        for low, high in self._gaps(start, FOUR_GIB):
            place = -(-low // PAGE_SIZE) * PAGE_SIZE
            if place + size <= high:
                return Gpa(place)
        raise self._no_room(size, what)

    def find_high(self, size: int, what: str, *, top: int) -> Gpa:
        """The highest free place of whole pages that ends by ``top``."""
        for low, high in reversed(self._gaps(_FIRST_FREE, top)):
            place = (high - size) // PAGE_SIZE * PAGE_SIZE
            if place >= low:
                return Gpa(place)
        raise self._no_room(size, what)

    def _gaps(self, start: int, top: int) -> list[tuple[int, int]]:
        """Free ranges of RAM within ``start``..``top``, ascending."""
        gaps = []
        for ram in self._ram:
            low, high = max(ram.base, start), min(ram.end, top)
            for taken_low, taken_high, _ in self._taken:
                if taken_low >= high:
                    break
                if taken_low > low:
                    gaps.append((low, taken_low))
                low = max(low, taken_high)
            if low < high:
                gaps.append((low, high))
        return gaps

    def _no_room(self, size: int, what: str) -> ImageError:
        return ImageError(
            f"no room for the {what} ({_kib(size)} KiB) in {self._size()}: use --memory"
        )

    def _size(self) -> str:
        return f"{self.memory >> 20} MiB"


def _mib(size: int) -> int:
    return -(-size >> 20)


def _kib(size: int) -> int:
    return -(-size >> 10)
