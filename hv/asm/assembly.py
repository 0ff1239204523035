"""The result of assembling, and the way to it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hv.asm.encoder import Encoder
from hv.asm.expand import Expander
from hv.asm.items import Item, is_code
from hv.asm.layout import Program
from hv.asm.source import Line, split_lines
from hv.asm.statements import StatementParser

_BYTES_PER_ROW = 8


class Row(NamedTuple):
    """One statement of the listing."""

    address: int
    data: bytes
    file: str
    line: int
    source: str
    in_macro: bool
    is_code: bool


@dataclass(frozen=True)
class Assembly:
    """A flat binary with its symbols. ``entry_bits`` is the mode of its first instruction."""

    code: bytes
    origin: int
    symbols: dict[str, int]
    entry_bits: int
    rows: tuple[Row, ...]
    labels: tuple[str, ...]
    """The symbols that name a place, in the order of the source; the others are constants."""

    def listing(self) -> str:
        """Address, bytes and source of every line; lines from macros are marked with ``+``."""
        return "\n".join(self._listing_lines()) + "\n"

    def _listing_lines(self) -> Iterator[str]:
        file = ""
        for row in self.rows:
            if row.file != file:
                file = row.file
                yield f"; {file}"
            chunks = [
                row.data[i : i + _BYTES_PER_ROW] for i in range(0, len(row.data), _BYTES_PER_ROW)
            ]
            mark = "+" if row.in_macro else " "
            if not chunks:
                yield f"{row.line:5}{mark} {'':8}  {'':{2 * _BYTES_PER_ROW}}  {row.source}".rstrip()
                continue
            first = f"{row.line:5}{mark} {row.address:08X}  {chunks[0].hex().upper():16}"
            yield f"{first}  {row.source}".rstrip()
            alike = len(set(row.data)) == 1 and len(chunks) > 4
            for number, chunk in enumerate(chunks[1:2] if alike else chunks[1:], 1):
                yield f"{'':7}{row.address + number * _BYTES_PER_ROW:08X}  {chunk.hex().upper()}"
            if alike:
                yield f"{'':7}*  to {row.address + len(row.data):08X}"


def assemble_file(
    path: str | Path,
    *,
    origin: int | None = None,
    include_dirs: Sequence[str | Path] = (),
    defines: Mapping[str, int | str] | None = None,
    time_limit_s: float = 20,
) -> Assembly:
    """Assemble a source file.

    ``origin`` is the load address of a source that does not name one itself, 0 when neither does.
    ``defines`` are definitions made before the first line. ``time_limit_s`` bounds Keystone's
    work on one instruction. Raises ConfigError: one line with file and line number.
    """
    folders = tuple(Path(folder) for folder in include_dirs)
    expander = _expander(folders, defines)
    return _assemble(expander, expander.file(Path(path)), folders, origin, time_limit_s)


def assemble_text(
    text: str,
    *,
    name: str = "<text>",
    origin: int | None = None,
    include_dirs: Sequence[str | Path] = (),
    defines: Mapping[str, int | str] | None = None,
    time_limit_s: float = 20,
) -> Assembly:
    """Assemble source text; ``name`` stands for the file in messages."""
    folders = tuple(Path(folder) for folder in include_dirs)
    expander = _expander(folders, defines)
    lines = expander.run(split_lines(text, name))
    return _assemble(expander, lines, folders, origin, time_limit_s)


def _expander(folders: tuple[Path, ...], defines: Mapping[str, int | str] | None) -> Expander:
    return Expander(folders, {name: str(value) for name, value in (defines or {}).items()})


def _assemble(
    expander: Expander,
    lines: Iterator[Line],
    folders: tuple[Path, ...],
    origin: int | None,
    time_limit_s: float,
) -> Assembly:
    with Encoder(time_limit_s) as encoder:  # first, so that it starts up while we parse
        parser = StatementParser(folders)
        parser.parse(lines)
        base = parser.origin if parser.origin is not None else origin or 0
        program = Program(parser.sections, base, encoder)
        code = program.run()
    rows = tuple(_rows(item for section in parser.sections for item in section.items))
    symbols = {name: value for name, value in program.symbols.items() if "#" not in name}
    labels = tuple(name for name in program.labels if "#" not in name)
    return Assembly(code, base, symbols, parser.entry_bits, rows, labels)


def _rows(items: Iterator[Item]) -> Iterator[Row]:
    """Listing rows; a statement with a label in front of it on its line is one row."""
    pending: Row | None = None
    for item in items:
        where = item.where
        row = Row(
            *(item.address, item.data, where.file, where.line, item.source),
            in_macro=where.via is not None,
            is_code=bool(item.data) and is_code(item),
        )
        if pending is not None and pending.line == row.line and pending.source == row.source:
            row = row._replace(address=pending.address, data=pending.data + row.data)
            row = row._replace(is_code=row.is_code or pending.is_code)
        elif pending is not None:
            yield pending
        pending = row
    if pending is not None:
        yield pending
