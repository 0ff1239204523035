"""Boot sectors and disk images: what the firmware starts, by the signature 55 AA at the end of
sector 0.

Left out: image formats with a header of their own (qcow2, VHD and the like) and CD-ROM images.
"""

from hv.loaders.image import BootDisk, BootImage, ImageError, LoadOptions
from hv.loaders.source import Source
from hv.types import SECTOR_SIZE

SIGNATURE = b"\x55\xaa"

_KIB = 1 << 10
FLOPPY_SIZES = frozenset(size * _KIB for size in (160, 180, 320, 360, 720, 1200, 1440, 2880))
"""Capacities of the PC's floppy disks; an image of exactly this size is one."""


def is_bootable(source: Source) -> bool:
    """By the signature; an ELF file may hold these two bytes by chance."""
    signed = source.head[510:512] == SIGNATURE and not source.head.startswith(b"\x7fELF")
    return signed and source.size % SECTOR_SIZE == 0


def is_boot_sector(source: Source) -> bool:
    return source.size == SECTOR_SIZE and is_bootable(source)


def load_disk(source: Source, options: LoadOptions) -> BootImage:
    """A disk: its first sector is read by the firmware, nothing of it by us."""
    if source.size == 0 or source.size % SECTOR_SIZE:
        raise ImageError(f"{source.size} bytes are no whole number of {SECTOR_SIZE}-byte sectors")
    floppy = source.size in FLOPPY_SIZES
    if source.size == SECTOR_SIZE:
        kind, what = "boot-sector", "boot sector, a hard disk of its own"
    else:
        size = f"{source.size >> 20} MiB" if source.size >> 20 else f"{source.size} bytes"
        kind, what = "disk", f"{'floppy' if floppy else 'hard disk'} image of {size}"
    lines = [f"{what}, started by the firmware"]
    if source.head[510:512] != SIGNATURE:
        lines.append("no signature 55 AA in sector 0: the firmware will not start it")
    disk = BootDisk(source.content, floppy)
    return BootImage(kind=kind, name=source.name, summary=tuple(lines), disk=disk)
