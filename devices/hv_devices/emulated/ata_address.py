"""How the registers of an ATA disk name a sector: by cylinder, head and sector, or by LBA.

After INCITS 361-2002 (ATA/ATAPI-6), 6.2 (sector addressing), and ATA/ATAPI-5 for what cylinders
may reach. The form is the command's (``extended``: 48 bits) and the Device register's (LBA or
CHS).
"""

from typing import NamedTuple

from .ata_registers import Device
from .ata_state import DriveState

_LBA = Device.LBA.value
_ADDRESS = Device.ADDRESS.value

LBA28_SECTORS = 0x0FFFFFFF
"""Most sectors a 28-bit command may reach, and most that IDENTIFY words 60-61 may name."""

CHS_SECTORS = 16383 * 16 * 63
"""Most sectors that cylinders, heads and sectors may reach: 16 514 064, about 8 GB."""


class Geometry(NamedTuple):
    """A disk as cylinders, heads and sectors per track (counted from 1)."""

    cylinders: int
    heads: int
    sectors: int

    @property
    def total(self) -> int:
        return self.cylinders * self.heads * self.sectors


def default_geometry(sectors: int) -> Geometry:
    """What a disk of ``sectors`` is at power-on: 16 heads of 63 sectors, or one head if tiny."""
    if sectors >= 16 * 63:
        return translated_geometry(sectors, 16, 63)
    return translated_geometry(sectors, 1, max(1, min(sectors, 63)))


def translated_geometry(sectors: int, heads: int, per_track: int) -> Geometry:
    """The same disk seen with other tracks; 0 cylinders when it is smaller than one of them."""
    return Geometry(min(min(sectors, CHS_SECTORS) // (heads * per_track), 0xFFFF), heads, per_track)


def current_geometry(state: DriveState, sectors: int) -> Geometry:
    return translated_geometry(sectors, state.heads, state.sectors_per_track)


def reach(state: DriveState, sectors: int) -> int:
    """Sectors, counted from 0, that the present command's form of address can name."""
    if state.extended:
        return sectors
    if state.device & _LBA:
        return min(sectors, LBA28_SECTORS)
    return current_geometry(state, sectors).total


def decode(state: DriveState) -> int | None:
    """The sector that the registers name, on the disk or not; None when no track has it."""
    low, mid, high = state.lba_low, state.lba_mid, state.lba_high
    lba = low & 0xFF | (mid & 0xFF) << 8 | (high & 0xFF) << 16
    if state.extended:
        return lba | (low >> 8) << 24 | (mid >> 8) << 32 | (high >> 8) << 40
    head = state.device & _ADDRESS
    if state.device & _LBA:
        return lba | head << 24
    cylinder, sector = lba >> 8, lba & 0xFF
    if head >= state.heads or not 1 <= sector <= state.sectors_per_track:
        return None
    return (cylinder * state.heads + head) * state.sectors_per_track + sector - 1


def encode(state: DriveState, lba: int) -> None:
    """Put ``lba`` into the registers; what the form has no room for is cut off."""
    if state.extended:
        state.lba_low = (lba >> 24 & 0xFF) << 8 | lba & 0xFF
        state.lba_mid = (lba >> 32 & 0xFF) << 8 | lba >> 8 & 0xFF
        state.lba_high = (lba >> 40 & 0xFF) << 8 | lba >> 16 & 0xFF
        return
    if not state.device & _LBA:
        track, sector = divmod(lba, state.sectors_per_track)
        cylinder, head = divmod(track, state.heads)
        lba = head << 24 | cylinder << 8 | sector + 1
    state.lba_low = lba & 0xFF
    state.lba_mid = lba >> 8 & 0xFF
    state.lba_high = lba >> 16 & 0xFF
    state.device = state.device & ~_ADDRESS | lba >> 24 & _ADDRESS
