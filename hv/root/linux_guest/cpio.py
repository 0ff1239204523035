"""A "newc" cpio archive, the kernel's initramfs (Documentation/driver-api/early-userspace/buffer-format.rst).

Uncompressed. The same entries give the same bytes: in order of their names, times zero, everything owned by
root. Left out: hard links and checksums.
"""

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """A file of any kind in the archive. ``mode`` holds type and permissions, as st_mode does."""

    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(name: str) -> Entry:
    return Entry(name, stat.S_IFDIR | 0o755)


def file(name: str, data: bytes, mode: int = 0o644) -> Entry:
    return Entry(name, stat.S_IFREG | mode, data)


def link(name: str, target: str) -> Entry:
    return Entry(name, stat.S_IFLNK | 0o777, target.encode())


def character_device(name: str, major: int, minor: int) -> Entry:
    return Entry(name, stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: Iterable[Entry]) -> bytes:
    """The cpio archive. Folders that the names imply are added."""
    by_name = {entry.name: entry for entry in entries}
    parents = {str(parent) for name in by_name for parent in Path(name).parents} - {"."}
    by_name = {name: directory(name) for name in parents} | by_name
    records = [_record(number, by_name[name]) for number, name in enumerate(sorted(by_name), 1)]
    return b"".join([*records, _record(0, Entry("TRAILER!!!", 0))])


def _record(inode: int, entry: Entry) -> bytes:
    """A newc record: 13 fields of eight hex digits, name and data, each padded to 4 bytes."""
    name = entry.name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (
        *(inode, entry.mode, 0, 0, links, 0, len(entry.data)),
        *(0, 0, *entry.device, len(name), 0),
    )
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return _padded(head) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
