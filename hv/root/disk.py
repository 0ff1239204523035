"""Disks for chips: raw host images, a copy-on-write overlay over them, and memory.

An image is a flat file (or a host block device) of 512-byte sectors. Formats with a structure of
their own are recognised and refused. Nothing is ever read whole: a disk may be larger than the
host's memory.

Left out: locking against other users of the same image.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, get_args

from hv.errors import ConfigError
from hv.interfaces import BlockDevice
from hv.types import SECTOR_SIZE

Mode = Literal["overlay", "ro", "rw"]
"""How an image is opened: throw-away changes, none, or changes in the file itself."""

_COPY_SECTORS = 2048

_FOREIGN_FORMATS = (
    (b"QFI\xfb", "qcow2"),
    (b"KDMV", "VMDK"),
    (b"vhdxfile", "VHDX"),
    (b"conectix", "VHD"),
    (b"<<< Oracle VM VirtualBox Disk Image >>>", "VDI"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
"""How files begin that hold a disk, but are not one."""

_FLOPPIES = {
    160: (40, 1, 8),
    180: (40, 1, 9),
    320: (40, 2, 8),
    360: (40, 2, 9),
    720: (80, 2, 9),
    1200: (80, 2, 15),
    1440: (80, 2, 18),
    2880: (80, 2, 36),
}
"""KiB: cylinders, heads, sectors per track."""


def floppy_geometry(size: int) -> tuple[int, int, int] | None:
    """(cylinders, heads, sectors per track) when ``size`` bytes are a floppy disk the PC knew."""
    kib, rest = divmod(size, 1024)
    return None if rest else _FLOPPIES.get(kib)


class Disk(BlockDevice, Protocol):
    """A block device with something to give back."""

    def close(self) -> None:
        """Accesses after this are medium errors. Harmless when closed before."""


class MemoryDisk:
    """A disk that lives and dies with the run: empty of a given size, or with given contents."""

    def __init__(self, contents: int | bytes, *, read_only: bool = False) -> None:
        size = contents if isinstance(contents, int) else len(contents)
        self._sectors = _whole_sectors("memory disk", size)
        self._data = bytearray(contents)
        self._read_only = read_only

    @property
    def content(self) -> memoryview:
        """All of it, as it is now."""
        return memoryview(self._data)

    @property
    def sectors(self) -> int:
        return self._sectors

    @property
    def read_only(self) -> bool:
        return self._read_only

    def read(self, lba: int, count: int) -> bytes:
        return bytes(self._data[lba * SECTOR_SIZE : (lba + count) * SECTOR_SIZE])

    def write(self, lba: int, data: bytes) -> None:
        self._data[lba * SECTOR_SIZE : lba * SECTOR_SIZE + len(data)] = data

    def flush(self) -> None:
        """Memory keeps nothing."""

    def close(self) -> None:
        """There is nothing to give back."""


class FileDisk:
    """A host image. Writes go to the file at once; ``flush`` makes them durable."""

    def __init__(self, path: str | os.PathLike[str], *, read_only: bool) -> None:
        self.path = Path(path)
        self._read_only = read_only
        self._fd = _open(self.path, read_only=read_only)
        try:
            self._sectors = _inspect(self._fd, self.path)
        except BaseException:
            self.close()
            raise

    @property
    def sectors(self) -> int:
        return self._sectors

    @property
    def read_only(self) -> bool:
        return self._read_only

    def read(self, lba: int, count: int) -> bytes:
        size = count * SECTOR_SIZE
        data = os.pread(self._fd, size, lba * SECTOR_SIZE)
        while len(data) < size:
            more = os.pread(self._fd, size - len(data), lba * SECTOR_SIZE + len(data))
            if not more:
                raise OSError(f"{self.path}: ends before sector {lba + count}")
            data += more
        return data

    def write(self, lba: int, data: bytes) -> None:
        done = 0
        while done < len(data):
            done += os.pwrite(self._fd, data[done:], lba * SECTOR_SIZE + done)

    def flush(self) -> None:
        if not self._read_only:
            os.fdatasync(self._fd)

    def fileno(self) -> int:
        """The open file, for the host's kernel."""
        return self._fd

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class OverlayDisk:
    """Copy on write: written sectors stay in memory, over a base that is never touched."""

    def __init__(self, base: Disk) -> None:
        self.base = base
        self._sectors = base.sectors
        self._changed: dict[int, bytes] = {}

    @property
    def sectors(self) -> int:
        return self._sectors

    @property
    def read_only(self) -> bool:
        return False

    def read(self, lba: int, count: int) -> bytes:
        changed = self._changed
        if count == 1 and lba in changed:
            return changed[lba]
        data = self.base.read(lba, count)
        hits = [index for index in range(count) if lba + index in changed] if changed else []
        if not hits:
            return data
        merged = bytearray(data)
        for index in hits:
            merged[index * SECTOR_SIZE : (index + 1) * SECTOR_SIZE] = changed[lba + index]
        return bytes(merged)

    def write(self, lba: int, data: bytes) -> None:
        for start in range(0, len(data), SECTOR_SIZE):
            self._changed[lba + start // SECTOR_SIZE] = data[start : start + SECTOR_SIZE]

    def flush(self) -> None:
        """Memory keeps nothing."""

    def changes(self) -> Iterator[tuple[int, bytes]]:
        """What was written, in order of address: the first sector of each run, and the run."""
        first, run = 0, bytearray()
        for lba in sorted(self._changed):
            if run and lba != first + len(run) // SECTOR_SIZE:
                yield first, bytes(run)
                run.clear()
            if not run:
                first = lba
            run += self._changed[lba]
        if run:
            yield first, bytes(run)

    def discard(self) -> None:
        """Forget what was written."""
        self._changed.clear()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write base and changes together as a new image (which may replace the base)."""
        target = Path(path)
        partial = target.with_name(target.name + ".partial")
        try:
            with partial.open("wb") as file:
                self._copy_to(file)
            partial.replace(target)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            raise ConfigError(f"{target}: cannot save: {_reason(error)}") from None

    def _copy_to(self, file: BinaryIO) -> None:
        """Leaves holes for what is empty."""
        for lba in range(0, self._sectors, _COPY_SECTORS):
            data = self.read(lba, min(_COPY_SECTORS, self._sectors - lba))
            if data.count(0) == len(data):
                file.seek(len(data), os.SEEK_CUR)
            else:
                file.write(data)
        file.truncate(self._sectors * SECTOR_SIZE)

    def close(self) -> None:
        """Give the base back; the changes stay to be looked at."""
        self.base.close()


def open_disk(path: str | os.PathLike[str], mode: Mode = "overlay") -> FileDisk | OverlayDisk:
    """The image at ``path``. ConfigError, one line, when it cannot be a disk."""
    if mode not in get_args(Mode):
        raise ConfigError(f"{path}: disk mode {mode!r} is none of overlay, ro, rw", usage=True)
    disk = FileDisk(path, read_only=mode != "rw")
    return OverlayDisk(disk) if mode == "overlay" else disk


def _open(path: Path, *, read_only: bool) -> int:
    # Non-blocking: a FIFO must be refused, not waited for.
    flags = (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        return os.open(path, flags)
    except OSError as error:
        raise ConfigError(f"{path}: {_reason(error)}") from None
    except ValueError as error:
        raise ConfigError(f"{str(path)!r}: {error}") from None


def _inspect(fd: int, path: Path) -> int:
    """How many sectors the opened image has."""
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise ConfigError(f"{path}: is a directory, not a disk image")
        if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
            raise ConfigError(f"{path}: is neither a file nor a block device")
        size = os.lseek(fd, 0, os.SEEK_END)
        start = os.pread(fd, SECTOR_SIZE, 0)
    except OSError as error:
        raise ConfigError(f"{path}: {_reason(error)}") from None
    for magic, name in _FOREIGN_FORMATS:
        if start.startswith(magic):
            raise ConfigError(f"{path}: is a {name} file, not a raw disk image")
    return _whole_sectors(str(path), size)


def _whole_sectors(name: str, size: int) -> int:
    if size <= 0:
        raise ConfigError(f"{name}: is empty, not a disk image")
    sectors, rest = divmod(size, SECTOR_SIZE)
    if rest:
        raise ConfigError(
            f"{name}: {size} bytes are not whole {SECTOR_SIZE}-byte sectors (cut off?)"
        )
    return sectors


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
