"""Which source line an address of a binary belongs to: from the assembler's listing or an ELF's DWARF."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hv.asm import Assembly
from hv.errors import ConfigError
from hv.loaders.elf import MAGIC
from hv.root.coverage.dwarf import dwarf_lines
from hv.root.images import is_assembly
from hv.root.resources import source_folder
from hv.root.samples import find_sample


class LineRange(NamedTuple):
    """Addresses from ``start`` to before ``end`` are code of one line."""

    start: int
    end: int
    file: str
    line: int


class LineTable:
    """Code ranges by address."""

    def __init__(self, ranges: Iterable[LineRange]) -> None:
        self._ranges = sorted(ranges)
        self._starts = [each.start for each in self._ranges]

    def lines(self) -> Iterator[tuple[str, int]]:
        """Every line that has code; some more than once."""
        return ((each.file, each.line) for each in self._ranges)

    def find(self, address: int) -> tuple[str, int] | None:
        """The line of the code at ``address``."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._ranges[index].end:
            return None
        return self._ranges[index].file, self._ranges[index].line


def line_table(
    image: str, include: Sequence[str | Path] = (), defines: Mapping[str, int] | None = None
) -> LineTable:
    """Lines of an image as ``hv run`` takes it. ConfigError: nothing is known of its lines."""
    if image.startswith("@"):
        sample = find_sample(image[1:])
        return _listing(sample.path, (), sample.defines)
    path = Path(image)
    if is_assembly(path):
        return _listing(path, include, defines or {})
    if _is_elf(path):
        table = LineTable(LineRange(*row) for row in dwarf_lines(path))
        if any(True for _ in table.lines()):
            return table
        raise ConfigError(f"{path}: has no line information: build it with -g")
    raise ConfigError(f"{path}: lines are known of .asm sources and of ELF files built with -g")


def _is_elf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def _listing(path: Path, include: Sequence[str | Path], defines: Mapping[str, int]) -> LineTable:
    from hv.asm import assemble_file  # not cheap to import

    folders = (*include, source_folder("guests"))
    assembly = assemble_file(path, include_dirs=folders, defines=defines)
    return listing_lines(assembly)


def listing_lines(assembly: Assembly) -> LineTable:
    """The statements of a listing that are instructions."""
    return LineTable(
        LineRange(row.address, row.address + len(row.data), row.file, row.line)
        for row in assembly.rows
        if row.is_code
    )
