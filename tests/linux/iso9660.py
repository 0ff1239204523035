"""A small ISO 9660 image: a root directory, folders in it, files in both.

Follows ECMA-119 (4th edition), interchange level 1: upper-case 8.3 names with version 1. Numbers are stored
in both byte orders where the standard says so. Left out: Joliet, Rock Ridge, boot records, deeper folders,
directories of more than one sector, dates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import pack

SECTOR = 2048
_FIRST = 16
"""Sectors before are the system area."""
_DIRECTORY_FLAG = 2
_NO_DATE = bytes(7)
_NO_LONG_DATE = b"0" * 16 + b"\0"


@dataclass(frozen=True)
class _Extent:
    """Where a file or directory lies, and how many bytes it has."""

    sector: int
    size: int


def image(files: Mapping[str, bytes], volume: str = "HV TEST DISC") -> bytes:
    """An image with ``files``: "NAME.EXT" or "FOLDER/NAME.EXT" -> contents."""
    folders = sorted({"", *(name.rpartition("/")[0] for name in files)})
    fixed = _FIRST + 4  # two volume descriptors, two path tables
    at = fixed + len(folders)
    extents: dict[str, _Extent] = {}
    for name in sorted(files):
        extents[name] = _Extent(at, len(files[name]))
        at += -(-len(files[name]) // SECTOR)
    places = {name: _Extent(fixed + index, SECTOR) for index, name in enumerate(folders)}
    tables = [_path_table(places, order) for order in ("<", ">")]
    sectors = [
        *[bytes(SECTOR)] * _FIRST,
        _primary_descriptor(volume, at, len(tables[0]), places[""]),
        _padded(b"\xffCD001\x01"),
        *(_padded(table) for table in tables),
        *(_padded(_directory(name, places, extents)) for name in folders),
        *(_padded(files[name]) for name in sorted(files)),
    ]
    return b"".join(sectors)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % SECTOR)


def _both16(value: int) -> bytes:
    return pack("<H", value) + pack(">H", value)


def _both32(value: int) -> bytes:
    return pack("<I", value) + pack(">I", value)


def _record(identifier: bytes, extent: _Extent, flags: int) -> bytes:
    """A directory record (9.1); its length is even."""
    length = 33 + len(identifier) + (len(identifier) + 1) % 2
    body = pack("BB", length, 0) + _both32(extent.sector) + _both32(extent.size) + _NO_DATE
    body += pack("BBB", flags, 0, 0) + _both16(1) + pack("B", len(identifier)) + identifier
    return body.ljust(length, b"\0")


def _directory(name: str, places: dict[str, _Extent], files: dict[str, _Extent]) -> bytes:
    """The records of folder ``name``: itself, its parent, then what it holds by name."""
    folders = [one for one in places if one] if not name else []
    held = [(one.encode(), places[one], _DIRECTORY_FLAG) for one in folders]
    held += [
        (file.rpartition("/")[2].encode() + b";1", extent, 0)
        for file, extent in files.items()
        if file.rpartition("/")[0] == name
    ]
    own = [(b"\0", places[name], _DIRECTORY_FLAG), (b"\1", places[""], _DIRECTORY_FLAG)]
    return b"".join(_record(*one) for one in (*own, *sorted(held)))


def _path_table(places: dict[str, _Extent], order: str) -> bytes:
    """All directories (9.4), the root first; the root is everybody's parent."""
    table = b""
    for name, extent in places.items():
        identifier = name.encode() or b"\0"
        table += pack(f"{order}BBIH", len(identifier), 0, extent.sector, 1)
        table += identifier + bytes(len(identifier) % 2)
    return table


def _primary_descriptor(volume: str, sectors: int, table_size: int, root: _Extent) -> bytes:
    """The primary volume descriptor (8.4)."""
    descriptor = b"\x01CD001\x01\0" + b" " * 32 + volume.encode().ljust(32) + bytes(8)
    descriptor += _both32(sectors) + bytes(32) + _both16(1) + _both16(1) + _both16(SECTOR)
    descriptor += _both32(table_size) + pack("<II", _FIRST + 2, 0) + pack(">II", _FIRST + 3, 0)
    descriptor += _record(b"\0", root, _DIRECTORY_FLAG)
    descriptor += b" " * (4 * 128 + 3 * 37) + _NO_LONG_DATE * 4 + b"\x01\0"
    return descriptor.ljust(SECTOR, b"\0")
