"""The guest's binary as a coverage tool sees it: which place of the file's own address space ran.

Where the loader put something is known by physical address, so that real mode, paging and a kernel's high
addresses make no difference. Left out: code that copied itself elsewhere before it ran.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hv.cpu.engine.coverage import RunBlock
from hv.errors import ConfigError
from hv.loaders import BootImage, Mode
from hv.loaders.elf import MAGIC, ElfFile
from hv.loaders.source import read_file
from hv.root.coverage.collect import instructions

_BOOT_SECTOR_AT = 0x7C00
_CONVENTIONAL_END = 0x9FC00
_MOST_OF_A_DISK = _CONVENTIONAL_END - _BOOT_SECTOR_AT
_PAGE = 4096
_FLAT = "flat"


class Span(NamedTuple):
    """``size`` bytes at guest physical ``gpa``, which the binary calls ``address``."""

    gpa: int
    address: int
    size: int


class Ran(NamedTuple):
    """Code of the module that ran: an address of its own, and how many bytes."""

    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Module:
    """One binary. ``content`` is compared where code is only known to be its own by its bytes."""

    name: str
    base: int
    """The address that offsets count from."""
    spans: tuple[Span, ...]
    content: bytes | None = None

    @property
    def end(self) -> int:
        return max(span.address + span.size for span in self.spans)

    def address(self, gpa: int) -> int | None:
        """What the binary calls the byte at ``gpa``; None when it is not the binary's."""
        for span in self.spans:
            if span.gpa <= gpa < span.gpa + span.size:
                return gpa - span.gpa + span.address
        return None

    def instructions(self, block: RunBlock) -> Iterator[Ran]:
        """The instructions of a block that ran and are this module's."""
        for offset, size in instructions(block):
            address = self.address(block.gpa(offset))
            if address is not None and self._is_own(address, block.code[offset : offset + size]):
                yield Ran(address, size)

    def _is_own(self, address: int, code: bytes) -> bool:
        if self.content is None:
            return True
        start = address - self.base
        return self.content[start : start + len(code)] == code


def find_module(image: BootImage, path: Path | None) -> Module:
    """The module that ``image`` is; ``path`` is its file where it has one. ConfigError: it has no code."""
    if image.disk is not None:
        content = _start_of_disk(image.disk.source)
        span = Span(_BOOT_SECTOR_AT, _BOOT_SECTOR_AT, len(content))
        return Module(image.name, _BOOT_SECTOR_AT, (span,), content)
    elf = None if path is None else _elf(path)
    if elf is not None:
        spans = tuple(Span(load.paddr, load.vaddr, load.memsz) for load in elf.loads)
        base = min(span.address for span in spans) & -_PAGE
        return Module(image.name, base, spans)
    if image.entry is None or not image.segments:
        raise ConfigError(f"{image.name}: has no code of its own to cover")
    start = image.entry.rip + (image.entry.cs << 4 if image.entry.mode is Mode.REAL16 else 0)
    base = max((part.gpa for part in image.segments if part.gpa <= start), default=start)
    loaded = [part for part in image.segments if part.gpa >= base]
    if image.kind == _FLAT:
        loaded = [part for part in loaded if part.gpa == base]  # the others are stack and tables
    return Module(image.name, base, tuple(Span(s.gpa, s.gpa, s.size) for s in loaded))


def _start_of_disk(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:_MOST_OF_A_DISK]
    try:
        with source.open("rb") as file:
            return file.read(_MOST_OF_A_DISK)
    except OSError as error:
        raise ConfigError(f"{source}: {error.strerror}") from None


def _elf(path: Path) -> ElfFile | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return None
    elf = ElfFile(memoryview(read_file(path)))
    return elf if elf.loads else None
