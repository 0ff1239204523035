"""The firmware tests' guests: what each is booted from, and what it must say over COM1.

A guest reports what it saw of the BIOS; the text it must report is in ``expected/``, by its name.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hv.asm import assemble_file
from hv.types import SECTOR_SIZE

HERE = Path(__file__).parent
GUEST_BYTES = 16 * SECTOR_SIZE
MARKED_FROM = 32
"""Sectors from here on begin with their number and its complement, 16 bits each."""

SECTORS = {"disk": 16384, "floppy": 2880}


@dataclass(frozen=True)
class Case:
    """A guest, and the machine it expects."""

    name: str
    medium: Literal["disk", "floppy"] = "disk"
    memory: int = 16 << 20

    @property
    def source(self) -> Path:
        return HERE / "guests" / f"{self.name}.asm"

    @property
    def expected(self) -> str:
        return (HERE / "expected" / f"{self.name}.txt").read_text()

    def image(self) -> bytes:
        """The boot medium."""
        return boot_medium(self.source, SECTORS[self.medium])


CASES = (
    Case("boot"),
    Case("clock"),
    Case("disk"),
    Case("floppy", medium="floppy"),
    Case("keyboard"),
    Case("mouse"),
    Case("pci"),
    Case("reset"),
    Case("serial"),
    Case("system"),
    Case("video"),
)


def boot_medium(source: Path, sectors: int) -> bytes:
    """A guest in the first sectors, marked sectors behind it."""
    code = assemble_file(source).code
    if len(code) > GUEST_BYTES:
        raise ValueError(f"{source.name} has {len(code)} bytes, its loader reads {GUEST_BYTES}")
    image = bytearray(code.ljust(sectors * SECTOR_SIZE, b"\0"))
    for sector in range(MARKED_FROM, sectors):
        mark = sector.to_bytes(2, "little") + (sector ^ 0xFFFF).to_bytes(2, "little")
        image[sector * SECTOR_SIZE : sector * SECTOR_SIZE + 4] = mark
    return bytes(image)
