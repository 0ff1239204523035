"""Guest physical memory: one buffer for RAM, ROM and video memory, and what a bus master sees of it.

The buffer is a picture of the address space from 0 to the top of RAM. What the guest sees at an address is
decided by how the region is mapped into the processor: RAM, ROM (its writes are lost) or a hole, whose bytes
in the buffer are all ones so that a reader of the buffer sees an open bus.
"""

import contextlib
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from hv.errors import ConfigError

LOW_RAM_END = 0xA0000
VIDEO_TEXT = 0xB8000
VIDEO_TEXT_SIZE = 0x8000
TABLES_ROM = 0xE0000
TABLES_ROM_SIZE = 0x10000
"""Read-only tables that the machine brings (ACPI); the firmware's own ROM follows."""
FIRMWARE_ROM = TABLES_ROM + TABLES_ROM_SIZE
FIRMWARE_ROM_SIZE = 0x10000
HIGH_RAM = 0x100000
MMIO_HOLE = 0xE0000000
"""RAM ends below here at the latest: room for chips that are reached through memory."""

MIN_RAM = 1 << 20
MAX_RAM = MMIO_HOLE


def buffer_size(memory: int) -> int:
    """Bytes of the buffer behind ``memory`` bytes: the first MiB is always there."""
    return max(memory, HIGH_RAM)


def empty_buffer(memory: int) -> mmap.mmap:
    """A buffer of zeroes for ``memory`` bytes."""
    # Private: a page that is only looked at, as by a hash of all memory, costs nothing.
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    buffer = mmap.mmap(-1, buffer_size(memory), flags=private)
    with contextlib.suppress(AttributeError, OSError):  # not every host has them
        buffer.madvise(mmap.MADV_HUGEPAGE)
    return buffer


class RegionKind(Enum):
    RAM = "ram"
    ROM = "rom"


@dataclass(frozen=True, slots=True)
class Region:
    """``size`` bytes from ``gpa``, at the same offset of the buffer."""

    gpa: int
    size: int
    kind: RegionKind

    @property
    def end(self) -> int:
        return self.gpa + self.size


class SystemMemory:
    """RAM of one partition (hv.interfaces.GuestMemory for bus masters).

    ``content`` is the whole buffer of a machine that ran before. ``on_write(gpa, size)`` is told of every
    write that is not the processor's own, so that stale translations are dropped.
    """

    def __init__(self, size: int, content: mmap.mmap | None = None) -> None:
        if size < MIN_RAM or size > MAX_RAM or size % mmap.PAGESIZE:
            raise ConfigError(
                f"memory size {size} is not a multiple of 4 KiB between 1 MiB and {MAX_RAM >> 20} MiB"
            )
        self.size = size
        if content is not None:
            self.buffer, self.view = content, memoryview(content)
        else:
            self._power_on()
        regions = [
            Region(0, LOW_RAM_END, RegionKind.RAM),
            Region(VIDEO_TEXT, VIDEO_TEXT_SIZE, RegionKind.RAM),
            Region(TABLES_ROM, TABLES_ROM_SIZE + FIRMWARE_ROM_SIZE, RegionKind.ROM),
        ]
        if size > HIGH_RAM:
            regions.append(Region(HIGH_RAM, size - HIGH_RAM, RegionKind.RAM))
        self.regions = tuple(regions)
        self.on_write: Callable[[int, int], None] = lambda _gpa, _size: None

    def _power_on(self) -> None:
        self.buffer = empty_buffer(self.size)
        self.view = memoryview(self.buffer)
        self.view[LOW_RAM_END:HIGH_RAM] = b"\xff" * (HIGH_RAM - LOW_RAM_END)
        self.view[VIDEO_TEXT : VIDEO_TEXT + VIDEO_TEXT_SIZE] = bytes(VIDEO_TEXT_SIZE)

    def load_rom(self, image: bytes) -> None:
        """Put ``image`` at the top of the firmware ROM, below 1 MiB."""
        if len(image) > FIRMWARE_ROM_SIZE:
            raise ConfigError(f"firmware of {len(image)} bytes does not fit {FIRMWARE_ROM_SIZE}")
        self.view[HIGH_RAM - len(image) : HIGH_RAM] = image

    def load_tables(self, gpa: int, data: bytes) -> None:
        """Put a table into its ROM."""
        if gpa < TABLES_ROM or gpa + len(data) > FIRMWARE_ROM:
            raise ConfigError(f"table of {len(data)} bytes at {gpa:#x} does not fit its ROM")
        self.view[gpa : gpa + len(data)] = data

    def place(self, gpa: int, data: bytes | memoryview, size: int) -> None:
        """Put a loader's bytes into RAM, zero-filled up to ``size``. ConfigError when they do not fit."""
        if gpa < 0 or gpa + size > len(self.view) or len(data) > size:
            raise ConfigError(
                f"image wants memory up to {gpa + size:#x}, the machine has {len(self.view):#x}"
            )
        self.view[gpa : gpa + len(data)] = data
        self.view[gpa + len(data) : gpa + size] = bytes(size - len(data))

    def holes(self, limit: int) -> list[tuple[int, int]]:
        """(gpa, size) of everything below ``limit`` that is neither RAM nor ROM."""
        gaps = []
        at = 0
        for region in self.regions:
            if region.gpa > at:
                gaps.append((at, region.gpa - at))
            at = region.end
        gaps.append((at, limit - at))
        return gaps

    def read_video(self, offset: int, size: int) -> bytes:
        """Text memory as the video chip scans it out."""
        at = VIDEO_TEXT + offset
        return bytes(self.view[at : min(at + size, VIDEO_TEXT + VIDEO_TEXT_SIZE)])

    def _region(self, gpa: int) -> Region | None:
        for region in self.regions:
            if region.gpa <= gpa < region.end:
                return region
        return None

    def contains(self, gpa: int, size: int) -> bool:
        """All of [gpa, gpa+size) is RAM of one region."""
        region = self._region(gpa)
        return region is not None and region.kind is RegionKind.RAM and gpa + size <= region.end

    def read(self, gpa: int, size: int) -> bytes:
        """``size`` bytes; whatever is not RAM or ROM reads as 0xFF."""
        end = gpa + size
        if gpa >= 0 and end <= len(self.view):
            return bytes(self.view[gpa:end])
        inside = bytes(self.view[min(gpa, len(self.view)) :]) if gpa >= 0 else b""
        return inside + b"\xff" * (size - len(inside))

    def write(self, gpa: int, data: bytes) -> None:
        """Store bytes where there is RAM; the rest is lost."""
        at = gpa
        end = gpa + len(data)
        for region in self.regions:
            if region.kind is RegionKind.RAM and at < region.end and end > region.gpa:
                first, last = max(at, region.gpa), min(end, region.end)
                self.view[first:last] = data[first - gpa : last - gpa]
                self.on_write(first, last - first)
