"""Memory-mapped I/O: a table of regions that chips decode, and the open bus in between."""

from collections.abc import Callable
from dataclasses import dataclass

from hv.errors import ConfigError

MmioRead = Callable[[int, int], int]
"""``read(offset, width)`` -> value."""
MmioWrite = Callable[[int, int, int], None]
"""``write(offset, value, width)``."""

PAGE = 4096


@dataclass(frozen=True, slots=True)
class MmioRegion:
    """``size`` bytes from ``gpa`` that one device answers for."""

    device: str
    gpa: int
    size: int
    read: MmioRead
    write: MmioWrite
    grain: int = 1
    """Statistics tell accesses apart by so many bytes."""


def open_bus_read(_offset: int, width: int) -> int:
    """Nobody drives the bus: all ones."""
    return (1 << 8 * width) - 1


def open_bus_write(_offset: int, _value: int, _width: int) -> None:
    """Nobody listens."""


class MmioBus:
    """Regions of one partition; whole pages, no overlap."""

    def __init__(self) -> None:
        self._regions: list[MmioRegion] = []

    def attach(self, device: str, gpa: int, size: int, read: MmioRead, write: MmioWrite) -> None:
        """Let ``device`` decode [gpa, gpa+size). ConfigError for an overlap or a broken page."""
        if gpa % PAGE or size % PAGE or size <= 0:
            raise ConfigError(f"MMIO of {device} at {gpa:#x}+{size:#x} is not whole pages")
        for other in self._regions:
            if gpa < other.gpa + other.size and other.gpa < gpa + size:
                raise ConfigError(f"MMIO at {gpa:#x}: claimed by {other.device} and by {device}")
        self._regions.append(MmioRegion(device, gpa, size, read, write))

    def device_at(self, gpa: int) -> str:
        """The name statistics use for ``gpa``."""
        for region in self._regions:
            if region.gpa <= gpa < region.gpa + region.size:
                return region.device
        return "open bus"

    def fill(self, holes: list[tuple[int, int]]) -> list[MmioRegion]:
        """All regions plus open bus for what they leave of ``holes``, in address order."""
        regions = sorted(self._regions, key=lambda region: region.gpa)
        result: list[MmioRegion] = []
        for hole, size in holes:
            at = hole
            for region in regions:
                if hole <= region.gpa < hole + size:
                    self._gap(result, at, region.gpa)
                    result.append(region)
                    at = region.gpa + region.size
            self._gap(result, at, hole + size)
        return result

    @staticmethod
    def _gap(result: list[MmioRegion], start: int, end: int) -> None:
        if end > start:
            # By page: a guest that looks for ROMs touches thousands of addresses.
            size = end - start
            result.append(
                MmioRegion("open bus", start, size, open_bus_read, open_bus_write, grain=PAGE)
            )
