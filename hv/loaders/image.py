"""What a loader makes of a file: bytes for guest memory, and the state in which the processor
starts.

Nothing here knows a file format, nor the processor that runs the result.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from hv.errors import ConfigError
from hv.loaders.symbols import NO_SYMBOLS, SymbolTable
from hv.types import Gpa

DEFAULT_SEED = b"deterministic by design: seed 01"
"""32 bytes for the guest's entropy pool: fixed, because a run is reproducible."""


class ImageError(ConfigError):
    """What is wrong with the image; ``hv.loaders.load`` puts its name in front."""


class Mode(IntEnum):
    """How the processor starts, by the width of its code."""

    REAL16 = 16
    PROTECTED32 = 32
    LONG64 = 64


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes to place at ``gpa``; what ``size`` has beyond ``data`` is zero."""

    gpa: Gpa
    data: bytes | memoryview
    size: int

    @property
    def end(self) -> int:
        return self.gpa + self.size


@dataclass(frozen=True, slots=True)
class EntryState:
    """The processor's state at the first instruction. What is not named here is as after a reset.

    Registers go by their 64-bit names (``RSI``); those not listed are zero. Segments are flat (base
    0, limit 4 GiB) but in real mode, where the base is sixteen times the selector. ``ds`` is also
    for ES, FS and GS. The descriptors behind the selectors lie in guest memory at ``gdt``, which is
    None in real mode.
    """

    mode: Mode
    rip: int
    cs: int
    ds: int
    ss: int
    cr0: int
    cr3: int = 0
    cr4: int = 0
    efer: int = 0
    rflags: int = 2
    gdt: Gpa | None = None
    gdt_limit: int = 0
    registers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BootDisk:
    """The image is a disk: the firmware boots it, as drive A when ``floppy``."""

    source: Path | bytes
    floppy: bool


@dataclass(frozen=True, slots=True)
class BootImage:
    """A recognised image: with ``entry`` it starts there, with ``disk`` in the firmware."""

    kind: str
    name: str
    summary: tuple[str, ...]
    """What it is, one fact a line; the first fits behind "recognised as"."""
    segments: tuple[Segment, ...] = ()
    entry: EntryState | None = None
    disk: BootDisk | None = None
    symbols: SymbolTable = NO_SYMBOLS

    @property
    def banner(self) -> str:
        return f"{self.name}: recognised as {self.summary[0]} (--format overrides)"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """What the user may say about an image. A kind refuses the options that mean nothing to it."""

    memory: int
    """Bytes of RAM."""
    format: str | None = None
    """Name of a kind, instead of recognising one."""
    origin: int | None = None
    """flat: where the file goes and where it is entered."""
    mode: Mode | None = None
    """flat: how it is entered."""
    command_line: str = ""
    initrd: tuple[Path, ...] = ()
    """linux: joined into one initial RAM disk. multiboot: a module each."""
    unpack: bool = True
    """linux: unpack a bzImage's kernel here; otherwise its own decompressor does, in the guest."""
    rsdp: Gpa | None = None
    """linux: where the ACPI tables start, when the machine has some."""
    text_screen: bool = True
    """linux, multiboot: the machine has a VGA in 80x25 text mode."""
    seed: bytes = DEFAULT_SEED
    """linux: 32 bytes for the entropy pool."""
