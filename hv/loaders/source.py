"""The file behind an image, read with care: it may be cut short, absurd, or no file at all."""

import stat
from functools import cached_property
from pathlib import Path
from struct import Struct
from typing import Any

from hv.errors import ConfigError
from hv.loaders.image import ImageError

_HEAD_SIZE = 64 << 10
_LARGEST_FILE = 2 << 30


class Source:
    """The file: its first bytes for those who recognise it, all of it for those who load it."""

    def __init__(self, name: str, content: Path | bytes) -> None:
        self.name = name
        self.content = content
        if isinstance(content, bytes):
            self.size = len(content)
            self.head = content[:_HEAD_SIZE]
        else:
            self.size = _size(content)
            self.head = _read(content, _HEAD_SIZE)

    @cached_property
    def data(self) -> memoryview:
        """The whole file. Slices of it share the memory."""
        if isinstance(self.content, bytes):
            return memoryview(self.content)
        return memoryview(read_file(self.content))


def read_file(path: Path) -> bytes:
    """All of ``path``. What is wrong is told with this file's name, not the image's."""
    size = _size(path)
    if size > _LARGEST_FILE:
        raise ConfigError(f"{path} is larger than {_LARGEST_FILE >> 30} GiB")
    return _read(path, size)


def _size(path: Path) -> int:
    """Of a regular file: anything else may have no end, or no beginning."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{path} is not a regular file")
    return status.st_size


def _read(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError | ValueError) -> ConfigError:
    reason = error.strerror if isinstance(error, OSError) else "no file can have this name"
    return ConfigError(f"cannot read {path}: {reason}")


def unpack(layout: Struct, data: memoryview, offset: int, what: str) -> tuple[Any, ...]:
    """The fields of ``layout`` at ``offset``, or an ImageError that names ``what``."""
    if not 0 <= offset <= len(data) - layout.size:
        raise ImageError(f"truncated: {what} at 0x{offset:X} lies outside the file")
    return layout.unpack_from(data, offset)


def c_string(text: str, what: str) -> bytes:
    """``text`` with a closing NUL, byte for byte what the user's shell passed."""
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ImageError(f"the {what} is not text", usage=True) from None
    if b"\0" in data:
        raise ImageError(f"the {what} holds a NUL", usage=True)
    return data + b"\0"
