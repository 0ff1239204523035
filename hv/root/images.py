"""From what the user names to what a machine runs: assembly source, an image file, a sample's name."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hv.errors import ConfigError
from hv.loaders import (
    BootImage,
    LoadOptions,
    Mode,
    Symbols,
    SymbolTable,
    load,
    load_bytes,
)
from hv.root.resources import source_folder

if TYPE_CHECKING:
    from hv.asm import Assembly

ASSEMBLY_SUFFIXES = frozenset({".asm", ".s", ".S", ".nasm"})
_SECTOR = 512
_SIGNATURE = b"\x55\xaa"
_MODES = {16: Mode.REAL16, 32: Mode.PROTECTED32, 64: Mode.LONG64}


def is_assembly(path: Path) -> bool:
    """Whether the name says that this is source text."""
    return path.suffix in ASSEMBLY_SUFFIXES


def is_boot_code(assembly: "Assembly") -> bool:
    """Whether the assembled bytes begin with a boot sector."""
    return assembly.code[_SECTOR - 2 : _SECTOR] == _SIGNATURE


def whole_sectors(code: bytes) -> bytes:
    """``code`` as a disk's contents."""
    return code + bytes(-len(code) % _SECTOR)


def load_image(path: Path, options: LoadOptions) -> BootImage:
    """Recognise and load ``path``. ConfigError in one line for whatever is wrong with it."""
    if not is_assembly(path) or options.format not in (None, "flat", "disk", "boot-sector"):
        return load(path, options)
    if not path.is_file():
        raise ConfigError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    from hv.asm import assemble_file  # not cheap to import, and most images are no source

    assembly = assemble_file(path, include_dirs=(source_folder("guests"),))
    if options.format is None and is_boot_code(assembly):
        image = load_bytes(whole_sectors(assembly.code), options, name=str(path))
    else:
        image = load_bytes(assembly.code, flat_options(assembly, options), name=str(path))
    return replace(image, symbols=SymbolTable(lambda: symbols_of(assembly)))


def symbols_of(assembly: "Assembly") -> Symbols:
    """Its labels, by the addresses that it was assembled for; of several at one the first is its name."""
    names: dict[int, str] = {}
    aliases: dict[str, int] = {}
    for label in assembly.labels:
        at = assembly.symbols[label]
        if names.setdefault(at, label) != label:
            aliases[label] = at
    return Symbols(names, assembly.origin + len(assembly.code), aliases)


def flat_options(assembly: "Assembly", options: LoadOptions) -> LoadOptions:
    """Options that load ``assembly`` where it says it belongs."""
    return LoadOptions(
        memory=options.memory,
        format=options.format or "flat",
        origin=assembly.origin if options.origin is None else options.origin,
        mode=_MODES[assembly.entry_bits] if options.mode is None else options.mode,
    )
