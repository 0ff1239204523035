"""Which guest physical addresses are RAM: the PC's usual map.

0 .. 0x9FC00             RAM (640 KiB less the extended BIOS data area)
0x9FC00 .. 1 MiB         reserved: EBDA, video memory, ROM
1 MiB .. 3.5 GiB         RAM
3.5 GiB .. 4 GiB         devices
4 GiB ..                 the rest of the RAM
"""

from enum import IntEnum
from typing import NamedTuple

from hv.types import Gpa

CONVENTIONAL_TOP = 0x9FC00
HIGH_MEMORY = 1 << 20
LOW_TOP = 0xE0000000
FOUR_GIB = 1 << 32


class RangeKind(IntEnum):
    """As the BIOS reports them (INT 15h, AX=E820h; ACPI specification 6.5, table 15.6)."""

    RAM = 1
    RESERVED = 2


class MemoryRange(NamedTuple):
    base: Gpa
    size: int
    kind: RangeKind

    @property
    def end(self) -> int:
        return self.base + self.size


def pc_memory_map(memory: int) -> tuple[MemoryRange, ...]:
    """The map of a PC with ``memory`` bytes of RAM, in ascending order."""
    low = min(memory, LOW_TOP)
    ranges = (
        MemoryRange(Gpa(0), min(memory, CONVENTIONAL_TOP), RangeKind.RAM),
        MemoryRange(Gpa(CONVENTIONAL_TOP), HIGH_MEMORY - CONVENTIONAL_TOP, RangeKind.RESERVED),
        MemoryRange(Gpa(HIGH_MEMORY), low - HIGH_MEMORY, RangeKind.RAM),
        MemoryRange(Gpa(FOUR_GIB), memory - LOW_TOP, RangeKind.RAM),
    )
    return tuple(item for item in ranges if item.size > 0)
