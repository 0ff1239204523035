"""Turn an image file into memory contents and an entry state.

``load`` recognises what a file is, by a table, and hands it to the loader of its kind. Whatever is
wrong with the file ends in a ConfigError of one line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hv.errors import ConfigError
from hv.loaders.disk import is_boot_sector, is_bootable, load_disk
from hv.loaders.elf import is_elf, load_elf
from hv.loaders.flat import FLAT_USAGE, load_flat
from hv.loaders.image import (
    DEFAULT_SEED,
    BootDisk,
    BootImage,
    EntryState,
    ImageError,
    LoadOptions,
    Mode,
    Segment,
)
from hv.loaders.linux import is_linux, load_linux
from hv.loaders.multiboot import is_multiboot, load_multiboot
from hv.loaders.source import Source
from hv.loaders.symbols import NO_SYMBOLS, Symbols, SymbolTable

__all__ = [
    "DEFAULT_SEED",
    "KINDS",
    "NO_SYMBOLS",
    "BootDisk",
    "BootImage",
    "EntryState",
    "LoadOptions",
    "Mode",
    "Segment",
    "SymbolTable",
    "Symbols",
    "load",
    "load_bytes",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table: how to know an image and how to load it."""

    name: str
    recognise: Callable[[Source], bool]
    load: Callable[[Source, LoadOptions], BootImage]
    takes: frozenset[str] = frozenset()
    """Options that mean something to this kind."""


KINDS = (
    Kind("linux", is_linux, load_linux, frozenset({"command_line", "initrd"})),
    Kind("boot-sector", is_boot_sector, load_disk),
    Kind("disk", is_bootable, load_disk),
    Kind("multiboot", is_multiboot, load_multiboot, frozenset({"command_line", "initrd"})),
    Kind("elf", is_elf, load_elf),
    Kind("flat", lambda _: False, load_flat, frozenset({"origin", "mode"})),
)
"""In the order in which they are tried. Disks come before Multiboot: a disk with GRUB on it has a
Multiboot header behind its first sector. A flat binary has nothing to be recognised by."""

_FLAGS = {
    "command_line": "--append",
    "initrd": "--initrd",
    "origin": "--origin",
    "mode": "--mode",
}

_HINTS = (
    (0, b"\x1f\x8b", "gzip-compressed: unpack it first"),
    (0, b"\xfd7zXZ\0", "xz-compressed: unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "zstd-compressed: unpack it first"),
    (0, b"QFI\xfb", "a qcow2 disk: convert it to a raw image"),
    (0, b"vhdxfile", "a VHDX disk: convert it to a raw image"),
    (0, b"conectix", "a VHD disk: convert it to a raw image"),
    (0, b"KDMV", "a VMDK disk: convert it to a raw image"),
    (0, b"MZ", "a DOS, Windows or EFI program"),
    (0x8001, b"CD001", "a CD-ROM image: use --cdrom"),
)
"""Offset, bytes and advice for files that people try but that nothing here boots."""


def load(path: Path | str, options: LoadOptions) -> BootImage:
    """Recognise and load a file. ConfigError names the file and what is wrong with it."""
    path = Path(path)
    return _load(str(path), path, options)


def load_bytes(data: bytes, options: LoadOptions, *, name: str) -> BootImage:
    """As ``load``, for an image that is in memory already, such as an assembler's output."""
    return _load(name, data, options)


def _load(name: str, content: Path | bytes, options: LoadOptions) -> BootImage:
    try:
        source = Source(name, content)
        kind = _kind_by_name(options.format) if options.format else _recognise(source, options)
        _check_options(kind, options)
        return kind.load(source, options)
    except ImageError as error:
        raise ConfigError(f"{name}: {error}", usage=error.usage) from None


def _kind_by_name(name: str) -> Kind:
    for kind in KINDS:
        if kind.name == name:
            return kind
    known = ", ".join(kind.name for kind in KINDS)
    raise ImageError(f"no format is called {name}: choose from {known}", usage=True)


def _recognise(source: Source, options: LoadOptions) -> Kind:
    if options.origin is not None and source.name.endswith(".bin"):
        return _kind_by_name("flat")
    if not source.size:
        raise ImageError("is empty")
    for kind in KINDS:
        if kind.recognise(source):
            return kind
    for offset, magic, hint in _HINTS:
        if source.head.startswith(magic, offset):
            raise ImageError(hint)
    raise ImageError(f"neither a kernel nor a bootable disk; {FLAT_USAGE}")


def _check_options(kind: Kind, options: LoadOptions) -> None:
    """A flag that a kind would ignore is a mistake worth a word."""
    plain = LoadOptions(memory=options.memory)
    for field, flag in _FLAGS.items():
        if field not in kind.takes and getattr(options, field) != getattr(plain, field):
            raise ImageError(f"{flag} means nothing to an image of kind {kind.name}", usage=True)
