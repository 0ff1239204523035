"""Line numbers out of an ELF's DWARF (.debug_line, versions 2 to 5), read by pyelftools."""

import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from elftools.common.exceptions import DWARFError, ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile

from hv.errors import ConfigError
from hv.loaders.source import read_file

_BROKEN = (
    *(ELFError, DWARFError, ConstructError, struct.error, UnicodeDecodeError, RecursionError),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError),
    *(NotImplementedError, OSError, TypeError, ValueError),
)
"""What pyelftools raises for a file that lies."""

_FIRST_WITH_DIRECTORY_0 = 5


def dwarf_lines(path: Path) -> list[tuple[int, int, str, int]]:
    """(start, end, file, line) of all code. ConfigError when the file is broken; empty without DWARF."""
    content = read_file(path)
    try:
        elf = ELFFile(BytesIO(content))
        if not elf.has_dwarf_info():
            return []
        dwarf = elf.get_dwarf_info()
        return [row for unit in dwarf.iter_CUs() for row in _unit(dwarf, unit)]
    except _BROKEN as error:
        raise ConfigError(f"{path}: its line information cannot be read: {error!r:.100}") from None


def _unit(dwarf: Any, unit: Any) -> Iterator[tuple[int, int, str, int]]:
    program = dwarf.line_program_for_CU(unit)
    if program is None:
        return
    folder = unit.get_top_DIE().attributes.get("DW_AT_comp_dir")
    base = "" if folder is None else folder.value.decode("utf-8", "replace")
    before = None
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if before is not None and before.address < state.address and before.line:
            file = _file(program, before.file, base)
            yield before.address, state.address, file, before.line
        before = None if state.end_sequence else state


def _file(program: Any, number: int, base: str) -> str:
    """The path of a file of the table, from its directory and the unit's."""
    header = program.header
    modern = header.version >= _FIRST_WITH_DIRECTORY_0
    entry = header.file_entry[number if modern else number - 1]
    folders = header.include_directory
    index = entry.dir_index if modern else entry.dir_index - 1
    folder = folders[index].decode("utf-8", "replace") if index >= 0 else ""
    return str(Path(base, folder, entry.name.decode("utf-8", "replace")))
