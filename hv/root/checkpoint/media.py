"""Disks in a checkpoint: what lives in memory as its bytes, a file by its path and the checksum of its
content, an overlay as its base and what was written over it. They are those that are in the machine's drives
now, whatever it was powered on with.

A file that is no longer where it was, or no longer what it was, is looked for beside the checkpoint.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from hv.errors import ConfigError
from hv.interfaces import BlockDevice
from hv.root.checkpoint.contents import content_checksum
from hv.root.checkpoint.pages import PageTable
from hv.root.disk import Disk, FileDisk, MemoryDisk, OverlayDisk
from hv.root.media import Media
from hv.types import SECTOR_SIZE
from hv_devices.emulated.firmware_disk import Drive, DriveType
from hv_devices.synthetic.scsi_device import ScsiDevice
from hv_devices.synthetic.scsi_disk import ScsiDisk
from hv_devices.synthetic.scsi_dvd import ImageBytes, ScsiDvd
from hv_devices.synthetic.scsi_inquiry import Identity


class SavedMemory(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="memory"):
    """A disk that lives in memory."""

    sectors: int
    read_only: bool
    pages: PageTable


class SavedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="file"):
    """A host image."""

    path: str
    read_only: bool
    sectors: int
    checksum: bytes


class SavedOverlay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="overlay"):
    """Changes over an image: the first sector of each run, and the run."""

    base: SavedFile | SavedMemory
    changes: list[tuple[int, bytes]]


SavedDisk = SavedMemory | SavedFile | SavedOverlay


class SavedDrive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A floppy drive. ``medium``: which of the disks is in it."""

    type: DriveType
    medium: int | None


class SavedUnit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A unit on the SCSI bus."""

    lun: int
    kind: Literal["disk", "dvd"]
    identity: Identity
    medium: int | None


class SavedMedia(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each disk once, and by bus where they are."""

    disks: list[SavedDisk]
    ata: list[int]
    scsi: list[int]
    drives: list[SavedDrive]
    units: list[SavedUnit]


@dataclass(frozen=True, slots=True)
class Kept:
    """Where what was kept is found. ``content(pages, size)``: bytes; ``beside``: the checkpoint's folder."""

    content: Callable[[PageTable, int], bytes]
    beside: Path | None


def save_media(
    media: Media, units: Mapping[int, ScsiDevice], put: Callable[[memoryview], PageTable]
) -> SavedMedia:
    """The disks as data; ``units`` are on the SCSI bus now, ``put`` keeps bytes.

    ConfigError for a disk or a unit of a kind that nobody knows.
    """
    disks: list[BlockDevice] = []

    def number(disk: BlockDevice | None) -> int | None:
        return None if disk is None else known(disk)

    def known(disk: BlockDevice) -> int:
        if disk not in disks:
            disks.append(disk)
        return disks.index(disk)

    ata, scsi = [known(disk) for disk in media.ata], [known(disk) for disk in media.scsi]
    drives = [SavedDrive(drive.type, number(drive.medium)) for drive in media.drives]
    saved = [
        SavedUnit(lun, _kind(unit), unit.identity, number(unit.medium))
        for lun, unit in units.items()
    ]
    return SavedMedia([_save(disk, put) for disk in disks], ata, scsi, drives, saved)


def _kind(unit: ScsiDevice) -> Literal["disk", "dvd"]:
    if isinstance(unit, ScsiDvd):
        return "dvd"
    if isinstance(unit, ScsiDisk):
        return "disk"
    raise ConfigError(f"a {type(unit).__name__} cannot be saved: only disks and DVD drives")


def _save(disk: BlockDevice, put: Callable[[memoryview], PageTable]) -> SavedDisk:
    if isinstance(disk, OverlayDisk):
        base = _save(disk.base, put)
        if isinstance(base, SavedOverlay):
            raise ConfigError("an overlay over an overlay cannot be saved")
        return SavedOverlay(base, list(disk.changes()))
    if isinstance(disk, MemoryDisk):
        return SavedMemory(disk.sectors, disk.read_only, put(disk.content))
    if isinstance(disk, ImageBytes):
        content = memoryview(disk.read(0, disk.sectors))
        return SavedMemory(disk.sectors, disk.read_only, put(content))
    if isinstance(disk, FileDisk):
        path = str(disk.path.absolute())
        return SavedFile(path, disk.read_only, disk.sectors, content_checksum(disk))
    raise ConfigError(f"a {type(disk).__name__} cannot be saved: only images, overlays and memory")


def load_media(saved: SavedMedia, kept: Kept) -> Media:
    """The disks, files opened. ConfigError where a file is not there or not what it was."""
    disks: list[Disk] = []
    with ExitStack() as undo:
        for one in saved.disks:
            disks.append(_load(one, kept))
            undo.callback(disks[-1].close)
        media = _wired(saved, disks)
        undo.pop_all()
    return media


def _wired(saved: SavedMedia, disks: list[Disk]) -> Media:
    """Each disk where it was."""

    def at(number: int) -> Disk:
        if not 0 <= number < len(disks):
            raise ValueError(f"there are {len(disks)} disks: none has the number {number}")
        return disks[number]

    if len({unit.lun for unit in saved.units}) < len(saved.units):
        raise ValueError("two units have one LUN")
    return Media(
        ata=[at(number) for number in saved.ata],
        scsi=[at(number) for number in saved.scsi],
        drives=[
            Drive(None if drive.medium is None else at(drive.medium), drive.type)
            for drive in saved.drives
        ],
        units={
            unit.lun: _unit(unit, None if unit.medium is None else at(unit.medium))
            for unit in saved.units
        },
        opened=disks,
    )


def _unit(saved: SavedUnit, medium: Disk | None) -> ScsiDevice:
    if saved.kind == "dvd":
        return ScsiDvd(medium, saved.identity)
    if medium is None:
        raise ValueError(f"unit {saved.lun} is a disk without a medium")
    return ScsiDisk(medium, saved.identity)


def _load(saved: SavedDisk, kept: Kept) -> Disk:
    if isinstance(saved, SavedOverlay):
        overlay = OverlayDisk(_load(saved.base, kept))
        for lba, run in saved.changes:
            if lba < 0 or len(run) % SECTOR_SIZE or lba + len(run) // SECTOR_SIZE > overlay.sectors:
                raise ValueError(f"{len(run)} bytes over sector {lba} of {overlay.sectors}")
            overlay.write(lba, run)
        return overlay
    if isinstance(saved, SavedMemory):
        if saved.sectors <= 0:
            raise ValueError(f"a disk of {saved.sectors} sectors")
        content = kept.content(saved.pages, saved.sectors * SECTOR_SIZE)
        return MemoryDisk(content, read_only=saved.read_only)
    return _find(saved, kept.beside)


def _find(saved: SavedFile, beside: Path | None) -> FileDisk:
    try:
        return _open(saved, Path(saved.path))
    except ConfigError:
        if beside is None or not (beside / Path(saved.path).name).is_file():
            raise
    return _open(saved, beside / Path(saved.path).name)


def _open(saved: SavedFile, path: Path) -> FileDisk:
    disk = FileDisk(path, read_only=saved.read_only)
    if content_checksum(disk) != saved.checksum:
        disk.close()
        raise ConfigError(f"{path}: is not as it was when the checkpoint was taken")
    return disk
