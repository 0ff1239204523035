"""A checkpoint's file: named sections of bytes, each with a checksum, behind a directory with its own.

Magic, length of the directory (u32, little-endian), the directory (MessagePack: name, length and checksum of
each section), its checksum, the sections in that order, and nothing behind them. Checksums are BLAKE2b of 16
bytes.
"""

import hashlib
import os
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from hv.errors import ConfigError

_NAME = "hv.checkpoint/"
SCHEMA = f"{_NAME}2"
MAGIC = f"{SCHEMA}\n".encode()
CHECKSUM = 16
_LENGTH = struct.Struct("<I")


class Section(NamedTuple):
    """One entry of the directory."""

    name: str
    size: int
    checksum: bytes


def checksum(data: bytes | memoryview) -> bytes:
    """What a section or a page is known by."""
    return hashlib.blake2b(data, digest_size=CHECKSUM).digest()


def is_checkpoint(path: Path) -> bool:
    """Whether a file begins as a checkpoint of any version does; False for one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(_NAME)) == _NAME.encode()
    except OSError:
        return False


def encode(sections: Mapping[str, bytes]) -> list[bytes]:
    """A checkpoint's file, in pieces."""
    directory = msgspec.msgpack.encode(
        [Section(name, len(data), checksum(data)) for name, data in sections.items()]
    )
    head = MAGIC + _LENGTH.pack(len(directory)) + directory + checksum(directory)
    return [head, *sections.values()]


def write_sections(path: Path, sections: Mapping[str, bytes]) -> None:
    """Put a checkpoint on disk, whole or not at all. ConfigError when that fails."""
    try:
        write_whole(path, encode(sections))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def write_whole(path: Path, pieces: Iterable[bytes]) -> None:
    """Put a file in place at once, whoever else is writing the same. OSError: nothing has changed."""
    writer = f"{os.getpid()}-{threading.get_ident()}"
    partial = path.with_name(f"{path.name}.{writer}.partial")
    try:
        with partial.open("wb") as file:
            file.writelines(pieces)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def read_sections(path: Path) -> dict[str, memoryview]:
    """The sections of a checkpoint. ConfigError when it is none, or not as it was written."""
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    if data[: len(MAGIC)] != MAGIC:
        raise ConfigError(f"{path}: is no checkpoint of this version ({SCHEMA})")
    try:
        return decode(data)
    except (ValueError, struct.error, msgspec.MsgspecError) as error:
        raise ConfigError(f"{path}: the checkpoint is damaged: {error}") from None


def decode(data: memoryview) -> dict[str, memoryview]:
    """The sections of a file that begins as it should. ValueError and others when it is damaged."""
    return dict(_checked(data))


def _checked(data: memoryview) -> Iterator[tuple[str, memoryview]]:
    at = len(MAGIC) + _LENGTH.size
    (length,) = _LENGTH.unpack_from(data, len(MAGIC))
    directory, seal = data[at : at + length], data[at + length : at + length + CHECKSUM]
    if checksum(directory) != seal:
        raise ValueError("its directory does not match its checksum")
    at += length + CHECKSUM
    for section in msgspec.msgpack.decode(directory, type=list[Section]):
        content = data[at : at + section.size]
        if len(content) != section.size or checksum(content) != section.checksum:
            raise ValueError(f"section {section.name!r} does not match its checksum")
        yield section.name, content
        at += section.size
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes stand behind its end")
