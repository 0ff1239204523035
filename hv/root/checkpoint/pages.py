"""Pages by content: equal ones are kept once, compressed, under their checksum; empty ones not at all.

A page of a checkpoint is 32 KiB: small enough that two checkpoints of one boot share most of them, large
enough that restoring 64 MiB is a matter of tens of milliseconds. Pages are inside the checkpoint's file or,
where many of them are to share, in a folder beside it.
"""

import mmap
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from weakref import WeakValueDictionary

import msgspec
import zstandard

from hv.errors import ConfigError
from hv.root.checkpoint.format import checksum, write_whole

PAGE = 1 << 15
LEVEL = 1
"""Of zstd: the fastest; higher ones save a tenth and take several times as long."""

SHARED_FOLDER = "pages"
_EMPTY = bytes(PAGE)
_WRITTEN_AT_ONCE = 64  # pages

PageTable = list[int]
"""Page numbers of a stretch of bytes, in order: 0 is an empty page, n the pool's page n - 1."""


class PageIndex(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is in a pool: checksum of each page's content and its size compressed."""

    checksums: list[bytes]
    sizes: list[int]


class Frame:
    """A compressed page."""

    __slots__ = ("__weakref__", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data


Frames = WeakValueDictionary[bytes, Frame]
"""Pages by checksum, for as long as some pool holds them."""


class PagePool:
    """Pages under collection. Pools that are given the same ``known`` hold equal pages in common."""

    def __init__(self, known: Frames | None = None) -> None:
        self._known = Frames() if known is None else known
        self._numbers: dict[bytes, int] = {}
        self._frames: list[Frame] = []
        self._compress = zstandard.ZstdCompressor(level=LEVEL).compress

    def put(self, content: memoryview) -> PageTable:
        """Keep ``content``; where its pages are."""
        return [self._number(bytes(content[at : at + PAGE])) for at in range(0, len(content), PAGE)]

    def _number(self, page: bytes) -> int:
        """Of bytes, which are compared at once; views of them are item by item."""
        if page == _EMPTY[: len(page)]:
            return 0
        known = checksum(page)
        number = self._numbers.get(known)
        if number is None:
            frame = self._known.get(known)
            if frame is None:
                frame = self._known[known] = Frame(self._compress(page))
            self._frames.append(frame)
            number = self._numbers[known] = len(self._frames)
        return number

    def __len__(self) -> int:
        return len(self._frames)

    def index(self) -> PageIndex:
        """What is in it."""
        return PageIndex(list(self._numbers), [len(frame.data) for frame in self._frames])

    def frames(self) -> bytes:
        """All pages, compressed, back to back."""
        return b"".join(frame.data for frame in self._frames)

    def share(self, folder: Path) -> None:
        """Put into ``folder`` what is not there yet. ConfigError when that fails."""
        try:
            folder.mkdir(exist_ok=True)
            for known, frame in zip(self._numbers, self._frames, strict=True):
                target = folder / known.hex()
                if not target.exists():
                    write_whole(target, (frame.data,))
        except OSError as error:
            raise ConfigError(f"{folder}: {error.strerror}") from None


class PageSource:
    """The pages of a checkpoint that is being read. ConfigError or zstandard.ZstdError for a bad one."""

    def __init__(self, index: PageIndex, frames: memoryview | Path) -> None:
        self._index = index
        self._frames = frames
        self._ends = list(accumulate(index.sizes))
        self._decompress = zstandard.ZstdDecompressor().decompress
        whole = isinstance(frames, Path) or sum(index.sizes) == len(frames)
        if len(index.sizes) != len(index.checksums) or min(index.sizes, default=1) < 1 or not whole:
            raise ValueError(f"its pages are not the {len(index.sizes)} of its index")

    def pages(self, table: PageTable, size: int) -> Iterator[bytes | None]:
        """The pages of a stretch of ``size`` bytes, the last one cut; None for an empty one."""
        if len(table) != -(-size // PAGE):
            raise ValueError(f"{len(table)} pages for {size} bytes")
        if not 0 <= min(table, default=0) <= max(table, default=0) <= len(self._ends):
            raise ValueError(f"there are {len(self._ends)} pages")
        for at, number in zip(range(0, size, PAGE), table, strict=True):
            yield self._page(number - 1, min(PAGE, size - at)) if number else None

    def content(self, table: PageTable, size: int) -> bytes:
        """A stretch of ``size`` bytes."""
        return b"".join(page or _EMPTY for page in self.pages(table, size))[:size]

    def _page(self, number: int, size: int) -> bytes:
        frames = self._frames
        if isinstance(frames, Path):
            return self._shared(frames / self._index.checksums[number].hex(), number, size)
        end = self._ends[number]
        return self._unpacked(frames[end - self._index.sizes[number] : end], size)

    def _unpacked(self, frame: memoryview, size: int) -> bytes:
        if zstandard.frame_content_size(frame) != size:
            raise ValueError(f"a page is not {size} bytes long")
        return self._decompress(frame, allow_extra_data=False)

    def _shared(self, file: Path, number: int, size: int) -> bytes:
        try:
            page = self._unpacked(memoryview(file.read_bytes()), size)
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from None
        if checksum(page) != self._index.checksums[number]:
            raise ConfigError(f"{file}: the page does not match its checksum")
        return page


class OwnMemory:
    """Memory that one machine starts from, in large pages: cheaper than a ``MemoryImage``."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with suppress(OSError):  # a host without such pages
            self._memory.madvise(mmap.MADV_HUGEPAGE)

    def fill(self, pages: Iterable[bytes | None]) -> None:
        """Put in what is not empty."""
        for number, page in enumerate(pages):
            if page is not None:
                self._memory[number * PAGE : number * PAGE + len(page)] = page

    def mapped(self) -> mmap.mmap:
        """The memory itself."""
        return self._memory


class MemoryImage:
    """Memory that any number of machines start from: each gets its own, copied where it writes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._file = os.memfd_create("hv checkpoint", os.MFD_CLOEXEC)
        os.ftruncate(self._file, size)

    def fill(self, pages: Iterable[bytes | None]) -> None:
        """Put in what is not empty."""
        run: list[bytes] = []
        at = 0
        for number, page in enumerate(pages):
            if page is None or len(run) == _WRITTEN_AT_ONCE:
                os.pwritev(self._file, run, at)
                run = []
            if page is not None:
                at = at if run else number * PAGE
                run.append(page)
        os.pwritev(self._file, run, at)

    def mapped(self) -> mmap.mmap:
        """A new copy-on-write view."""
        return mmap.mmap(self._file, self.size, flags=mmap.MAP_PRIVATE)

    def __del__(self) -> None:
        os.close(self._file)
