"""Disks for the boot tests: a partition table, an ext4 file system, a DVD; each a file in a folder.

The partition table is what PCs have had since DOS 2: four entries at 0x1BE, 55 AA at the end. The file system
is made, checked and read by e2fsprogs; its files bear the date of the day.
"""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from struct import pack

from hv.types import SECTOR_SIZE
from tests.linux import iso9660

FILES_AT, FILES_SECTORS = 2048, 16 << 11
DATA_AT, DATA_SECTORS = FILES_AT + FILES_SECTORS, 2048
_LINUX, _NO_CHS = 0x83, b"\xfe\xff\xff"

BIG_FILE = b"".join(line.to_bytes(4, "big") * 16 for line in range(10_000))
"""640,000 bytes that do not repeat."""
GREETING = b"hello from the disc"


def numbered(sectors: int, salt: int = 0) -> bytes:
    """Contents in which every sector says which it is."""
    return b"".join((lba ^ salt).to_bytes(4, "little") * 128 for lba in range(sectors))


def digest(data: bytes) -> str:
    """As sha256sum prints it."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Media:
    """What goes into the machine."""

    plain: Path
    read_only: Path
    partitioned: Path
    dvd: Path


PLAIN, READ_ONLY, DATA = numbered(8192), numbered(2048, 0xFFFF), numbered(DATA_SECTORS, 0xABCD0000)


def found(folder: Path) -> Media:
    """The media that were made in ``folder``."""
    return Media(*(folder / name for name in ("plain", "read-only", "partitioned", "dvd")))


def make(folder: Path) -> Media:
    """All media, as files in ``folder``."""
    media = found(folder)
    media.plain.write_bytes(PLAIN)
    media.read_only.write_bytes(READ_ONLY)
    media.partitioned.write_bytes(_partitioned(_file_system(folder)))
    media.dvd.write_bytes(iso9660.image({"HELLO.TXT": GREETING, "FOLDER/BIG.BIN": BIG_FILE}))
    return media


def _partitioned(file_system: bytes) -> bytes:
    entries = ((FILES_AT, FILES_SECTORS), (DATA_AT, DATA_SECTORS))
    table = b"".join(
        pack("<B3sB3sII", 0, _NO_CHS, _LINUX, _NO_CHS, first, count) for first, count in entries
    )
    boot_sector = bytes(0x1BE) + table.ljust(64, b"\0") + b"\x55\xaa"
    return boot_sector.ljust(FILES_AT * SECTOR_SIZE, b"\0") + file_system + DATA


def _file_system(folder: Path) -> bytes:
    """An ext4 file system with "read/me" and "removed/file"."""
    tree, image = folder / "tree", folder / "ext4"
    for name, contents in (("read/me", BIG_FILE), ("removed/file", b"x" * 5000)):
        (tree / name).parent.mkdir(parents=True)
        (tree / name).write_bytes(contents)
    _e2fsprogs("mke2fs", "-q", "-t", "ext4", "-d", tree, image, f"{FILES_SECTORS // 2}k")
    return image.read_bytes()


def check_file_system(image: Path) -> str:
    """What e2fsck has to say about an ext4 image; RuntimeError when it finds a mistake."""
    return _e2fsprogs("e2fsck", "-f", "-n", image)


def read_file(image: Path, name: str) -> bytes:
    """A file in an ext4 image."""
    target = image.with_name("extracted")
    _e2fsprogs("debugfs", "-R", f"dump {name} {target}", image)
    return target.read_bytes()


def _e2fsprogs(tool: str, *arguments: str | Path) -> str:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    found = shutil.which(tool, path=path)
    if found is None:
        raise RuntimeError(f"no {tool} here: install e2fsprogs")
    environment = {"PATH": path, "LC_ALL": "C"}
    done = subprocess.run(
        [found, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise RuntimeError(f"{tool} failed ({done.returncode}): {done.stdout}{done.stderr}")
    return done.stdout
