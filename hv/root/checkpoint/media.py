"""Disks in a checkpoint: what lives in memory as its bytes, a file by its path and the checksum of its
content, an overlay as its base and what was written over it.
"""

import hashlib
from collections.abc import Callable

import msgspec

from hv.errors import ConfigError
from hv.root.checkpoint.format import CHECKSUM
from hv.root.checkpoint.pages import PageTable
from hv.root.disk import Disk, FileDisk, MemoryDisk, OverlayDisk
from hv.root.media import Media
from hv.types import SECTOR_SIZE

_CHUNK = 2048


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


Content = Callable[[PageTable, int], bytes]
"""``content(pages, size)``: the bytes that were kept."""

SavedDisk = SavedMemory | SavedFile | SavedOverlay


class SavedMedia(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each disk once, and by bus which of them are there."""

    disks: list[SavedDisk]
    ata: list[int]
    scsi: list[int]
    floppies: list[int]
    discs: list[int]


def save_media(media: Media, put: Callable[[memoryview], PageTable]) -> SavedMedia:
    """The disks as data; ``put`` keeps bytes. ConfigError for a disk of a kind that nobody knows."""
    disks = media.all()

    def numbers(of: list[Disk]) -> list[int]:
        return [disks.index(disk) for disk in of]

    return SavedMedia(
        [_save(disk, put) for disk in disks],
        *(numbers(media.ata), numbers(media.scsi)),
        *(numbers(media.floppies), numbers(media.discs)),
    )


def _save(disk: Disk, put: Callable[[memoryview], PageTable]) -> SavedDisk:
    if isinstance(disk, OverlayDisk):
        base = _save(disk.base, put)
        if isinstance(base, SavedOverlay):
            raise ConfigError("an overlay over an overlay cannot be saved")
        return SavedOverlay(base, list(disk.changes()))
    if isinstance(disk, MemoryDisk):
        return SavedMemory(disk.sectors, disk.read_only, put(disk.content))
    if isinstance(disk, FileDisk):
        path = str(disk.path.absolute())
        return SavedFile(path, disk.read_only, disk.sectors, _content_checksum(disk))
    raise ConfigError(f"a {type(disk).__name__} cannot be saved: only images, overlays and memory")


def _content_checksum(disk: FileDisk) -> bytes:
    digest = hashlib.blake2b(digest_size=CHECKSUM)
    try:
        for lba in range(0, disk.sectors, _CHUNK):
            digest.update(disk.read(lba, min(_CHUNK, disk.sectors - lba)))
    except OSError as error:
        raise ConfigError(f"{disk.path}: {error.strerror or error}") from None
    return digest.digest()


def load_media(saved: SavedMedia, read: Content) -> Media:
    """The disks, files opened. ConfigError where a file is not there or not what it was."""
    disks: list[Disk] = []
    try:
        for one in saved.disks:
            disks.append(_load(one, read))

        def chosen(numbers: list[int]) -> list[Disk]:
            if not all(0 <= number < len(disks) for number in numbers):
                raise ValueError(f"there are {len(disks)} disks, not {numbers}")
            return [disks[number] for number in numbers]

        return Media(
            *(chosen(saved.ata), chosen(saved.scsi)),
            *(chosen(saved.floppies), chosen(saved.discs)),
        )
    except BaseException:
        for disk in disks:
            disk.close()
        raise


def _load(saved: SavedDisk, read: Content) -> Disk:
    if isinstance(saved, SavedOverlay):
        overlay = OverlayDisk(_load(saved.base, read))
        for lba, run in saved.changes:
            if lba < 0 or len(run) % SECTOR_SIZE or lba + len(run) // SECTOR_SIZE > overlay.sectors:
                raise ValueError(f"{len(run)} bytes over sector {lba} of {overlay.sectors}")
            overlay.write(lba, run)
        return overlay
    if isinstance(saved, SavedMemory):
        if saved.sectors <= 0:
            raise ValueError(f"a disk of {saved.sectors} sectors")
        content = read(saved.pages, saved.sectors * SECTOR_SIZE)
        return MemoryDisk(content, read_only=saved.read_only)
    return _open(saved)


def _open(saved: SavedFile) -> FileDisk:
    disk = FileDisk(saved.path, read_only=saved.read_only)
    if _content_checksum(disk) != saved.checksum:
        disk.close()
        raise ConfigError(f"{saved.path}: is not as it was when the checkpoint was taken")
    return disk
