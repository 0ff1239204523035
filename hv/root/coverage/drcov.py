"""drcov files, version 2: basic blocks by module, as DynamoRIO's tool writes them and Lighthouse reads them.

A text header, a table of modules, then eight bytes a block: offset from the module's base, size, module.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from hv.cpu.engine.coverage import RunBlock
from hv.errors import ConfigError
from hv.root.coverage.modules import Module

MAGIC = b"DRCOV VERSION: 2\n"
_FLAVOR = "DRCOV FLAVOR: drcov\n"
_COLUMNS = "Columns: id, base, end, entry, path"
_ENTRY = struct.Struct("<IHH")
_LARGEST_BLOCK, _MOST_MODULES, _LARGEST_OFFSET = 0xFFFF, 1 << 12, 0xFFFFFFFF


@dataclass(frozen=True, slots=True, order=True)
class ModuleRow:
    """One line of the module table."""

    path: str
    base: int
    end: int


Blocks = dict[ModuleRow, set[tuple[int, int]]]
"""By module: (offset, size) of what ran."""


def blocks_of(module: Module, ran: Iterable[RunBlock]) -> Blocks:
    """The blocks that are the module's, as far as they ran."""
    found: set[tuple[int, int]] = set()
    for block in ran:
        for start, size in _stretches(module, block):
            offset = start - module.base
            if 0 <= offset <= _LARGEST_OFFSET:
                found.add((offset, min(size, _LARGEST_BLOCK)))
    return {ModuleRow(module.name, module.base, module.end): found}


def _stretches(module: Module, block: RunBlock) -> list[tuple[int, int]]:
    """A block's code in one piece, unless its pages are not neighbours."""
    stretches: list[tuple[int, int]] = []
    for address, size in module.instructions(block):
        if stretches and sum(stretches[-1]) == address:
            stretches[-1] = (stretches[-1][0], stretches[-1][1] + size)
        else:
            stretches.append((address, size))
    return stretches


def dump(blocks: Blocks) -> bytes:
    """A drcov file: modules by path, blocks by address."""
    modules = sorted(blocks)
    lines = [
        f"{number:3}, {row.base:#018x}, {row.end:#018x}, {0:#018x}, {row.path}"
        for number, row in enumerate(modules)
    ]
    entries = [
        _ENTRY.pack(offset, size, number)
        for number, row in enumerate(modules)
        for offset, size in sorted(blocks[row])
    ]
    table = f"Module Table: version 2, count {len(modules)}\n{_COLUMNS}\n" + "".join(
        f"{line}\n" for line in lines
    )
    head = f"{_FLAVOR}{table}BB Table: {len(entries)} bbs\n".encode("utf-8", "surrogateescape")
    return MAGIC + head + b"".join(entries)


def parse(content: bytes, name: str) -> Blocks:
    """Read what ``dump`` writes. ConfigError, one line, for what is wrong."""
    modules: list[ModuleRow] = []
    try:
        flavor, at = _line(content, len(MAGIC))
        table, at = _line(content, at)
        columns, at = _line(content, at)
        if (flavor + "\n", columns) != (_FLAVOR, _COLUMNS):
            raise ValueError("the header is of another kind")
        count = _number(table, "Module Table: version 2, count ", "")
        if count > _MOST_MODULES:
            raise ValueError(f"{count} modules are too many")
        for number in range(count):
            row, at = _line(content, at)
            modules.append(_module(row, number))
        line, at = _line(content, at)
        size = _number(line, "BB Table: ", " bbs") * _ENTRY.size
        if len(content) - at != size:
            raise ValueError(f"{len(content) - at} bytes of blocks, not {size}")
        blocks: Blocks = {module: set() for module in modules}
        for offset, length, number in _ENTRY.iter_unpack(content[at:]):
            if number >= len(modules):
                raise ValueError(f"a block of module {number}, of {len(modules)}")
            blocks[modules[number]].add((offset, length))
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: damaged drcov file: {error}") from None
    return blocks


def _line(content: bytes, at: int) -> tuple[str, int]:
    end = content.find(b"\n", at)
    if end < 0:
        raise ValueError("cut off in its header")
    return content[at:end].decode("utf-8", "surrogateescape"), end + 1


def _number(line: str, before: str, behind: str) -> int:
    text = line.removeprefix(before).removesuffix(behind)
    if line != before + text + behind or not text.isascii() or not text.isdecimal():
        raise ValueError(f"{line[:60]!r} is not what belongs there")
    return int(text)


def _module(line: str, number: int) -> ModuleRow:
    fields = line.split(", ", 4)
    if len(fields) != 5 or fields[0].strip() != str(number):
        raise ValueError(f"{line[:60]!r} is no line of the module table")
    return ModuleRow(fields[4], int(fields[1], 16), int(fields[2], 16))


def merge(files: Iterable[Blocks]) -> Blocks:
    """What ran in any of them."""
    merged: Blocks = {}
    for blocks in files:
        for row, found in blocks.items():
            merged.setdefault(row, set()).update(found)
    return merged
