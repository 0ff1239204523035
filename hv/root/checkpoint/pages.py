"""Pages by content: equal ones are kept once, compressed, under their checksum; empty ones not at all.

A page of a checkpoint is 16 KiB: small enough that two checkpoints of one boot share most of them, large
enough that restoring 64 MiB is a matter of tens of milliseconds. Pages are inside the checkpoint's file or,
where many of them are to share, in a folder beside it.
"""

import mmap
import os
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import msgspec
import zstandard

from hv.errors import ConfigError
from hv.root.checkpoint.format import checksum

PAGE = 1 << 14
LEVEL = 1
"""Of zstd: the fastest; higher ones save a tenth and take several times as long."""

SHARED_FOLDER = "pages"
_EMPTY = bytes(PAGE)

PageTable = list[int]
"""Page numbers of a stretch of bytes, in order: 0 is an empty page, n the pool's page n - 1."""


class PageIndex(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is in a pool: checksum of each page's content and its size compressed."""

    checksums: list[bytes]
    sizes: list[int]


class PagePool:
    """Pages under collection."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._frames: list[bytes] = []
        self._compress = zstandard.ZstdCompressor(level=LEVEL).compress

    def put(self, content: memoryview) -> PageTable:
        """Keep ``content``; where its pages are."""
        return [self._number(content[at : at + PAGE]) for at in range(0, len(content), PAGE)]

    def _number(self, page: memoryview) -> int:
        if page == _EMPTY[: len(page)]:
            return 0
        known = checksum(page)
        number = self._numbers.get(known)
        if number is None:
            self._frames.append(self._compress(page))
            number = self._numbers[known] = len(self._frames)
        return number

    def index(self) -> PageIndex:
        """What is in it."""
        return PageIndex(list(self._numbers), [len(frame) for frame in self._frames])

    def frames(self) -> bytes:
        """All pages, compressed, back to back."""
        return b"".join(self._frames)

    def share(self, folder: Path) -> None:
        """Put into ``folder`` what is not there yet. ConfigError when that fails."""
        try:
            folder.mkdir(exist_ok=True)
            for known, frame in zip(self._numbers, self._frames, strict=True):
                target = folder / known.hex()
                if not target.exists():
                    partial = target.with_suffix(".partial")
                    partial.write_bytes(frame)
                    partial.replace(target)
        except OSError as error:
            raise ConfigError(f"{folder}: {error.strerror}") from None


class PageSource:
    """The pages of a checkpoint that is being read. ConfigError or zstandard.ZstdError for a bad one."""

    def __init__(self, index: PageIndex, frames: memoryview | Path) -> None:
        self._frames = list(_cut(index, frames) if isinstance(frames, memoryview) else ())
        self._shared = frames if isinstance(frames, Path) else None
        self._checksums = index.checksums
        self._decompress = zstandard.ZstdDecompressor().decompress

    def fill(self, target: memoryview, table: PageTable) -> None:
        """Put a stretch of bytes into ``target``, which is all zeroes."""
        if len(table) != -(-len(target) // PAGE):
            raise ValueError(f"{len(table)} pages for {len(target)} bytes")
        for at, number in zip(range(0, len(target), PAGE), table, strict=True):
            if number:
                size = min(PAGE, len(target) - at)
                target[at : at + size] = self._page(number - 1, size)

    def _page(self, number: int, size: int) -> bytes:
        if not 0 <= number < len(self._checksums):
            raise ValueError(f"there is no page {number}")
        if self._shared is None:
            return self._decompress(self._frames[number], max_output_size=size)
        known = self._checksums[number]
        file = self._shared / known.hex()
        try:
            page = self._decompress(file.read_bytes(), max_output_size=size)
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from None
        if checksum(page) != known:
            raise ConfigError(f"{file}: the page does not match its checksum")
        return page


def _cut(index: PageIndex, frames: memoryview) -> Iterator[memoryview]:
    if len(index.sizes) != len(index.checksums) or sum(index.sizes) != len(frames):
        raise ValueError(f"its pages are not the {len(index.sizes)} of its index")
    for end, size in zip(accumulate(index.sizes), index.sizes, strict=True):
        yield frames[end - size : end]


class MemoryImage:
    """Memory that any number of machines start from: each gets its own, copied where it writes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._file = os.memfd_create("hv checkpoint", os.MFD_CLOEXEC)
        os.ftruncate(self._file, size)
        self._whole = mmap.mmap(self._file, size)
        self.view = memoryview(self._whole)

    def mapped(self) -> mmap.mmap:
        """A new copy-on-write view."""
        return mmap.mmap(self._file, self._size, flags=mmap.MAP_PRIVATE)

    def __del__(self) -> None:
        os.close(self._file)
