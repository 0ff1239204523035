"""What an image file holds, as a checksum.

Reading a disk of gigabytes takes seconds, and pulses and a debugger's snapshots ask again and again: a file
that nobody has touched for a while is read once a process.
"""

import hashlib
import os
import stat
from typing import NamedTuple

from hv.clock import host_wall_ns
from hv.errors import ConfigError
from hv.root.checkpoint.format import CHECKSUM
from hv.root.disk import FileDisk

_SECTORS = 2048
_MOST_KNOWN = 64
_SETTLED_NS = 2_000_000_000
"""No file system's times are coarser: what was changed longer ago shows every later change."""


class _Version(NamedTuple):
    """A file as it is now, for all that the host's kernel says."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


_known: dict[_Version, bytes] = {}


def content_checksum(disk: FileDisk) -> bytes:
    """BLAKE2b over all sectors. ConfigError: the file cannot be read."""
    try:
        return _checksum(disk)
    except OSError as error:
        raise ConfigError(f"{disk.path}: {error.strerror or error}") from None


def _checksum(disk: FileDisk) -> bytes:
    version = _version(disk)
    if version is None:
        return _read(disk)
    known = _known.get(version)
    if known is not None:
        return known
    checksum = _read(disk)
    if _version(disk) == version:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[version] = checksum
    return checksum


def _version(disk: FileDisk) -> _Version | None:
    """None where the next change might not show: a device, a file of the guest's or one just written."""
    status = os.fstat(disk.fileno())
    times = (status.st_mtime_ns, status.st_ctime_ns)
    settled = host_wall_ns() - max(times) > _SETTLED_NS
    if not (disk.read_only and stat.S_ISREG(status.st_mode) and settled):
        return None
    return _Version(status.st_dev, status.st_ino, status.st_size, *times)


def _read(disk: FileDisk) -> bytes:
    digest = hashlib.blake2b(digest_size=CHECKSUM)
    for lba in range(0, disk.sectors, _SECTORS):
        digest.update(disk.read(lba, min(_SECTORS, disk.sectors - lba)))
    return digest.digest()
