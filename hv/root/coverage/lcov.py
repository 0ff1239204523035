"""lcov tracefiles: for each source line with code, in how many runs it ran."""

import re
from collections.abc import Iterable

from hv.cpu.engine.coverage import RunBlock
from hv.errors import ConfigError
from hv.root.coverage.lines import LineTable
from hv.root.coverage.modules import Module

_END = "end_of_record"
_LINE = re.compile(r"DA:(\d{1,9}),(\d{1,15})")
_TOTAL = re.compile(r"L[FH]:\d{1,9}")

Lines = dict[str, dict[int, int]]
"""By source file: line number -> runs in which it ran."""


def lines_of(module: Module, ran: Iterable[RunBlock], table: LineTable) -> Lines:
    """Every line of the table, and whether any instruction of it ran."""
    lines: Lines = {}
    for file, number in table.lines():
        lines.setdefault(file, {})[number] = 0
    for address in {ran.address for block in ran for ran in module.instructions(block)}:
        place = table.find(address)
        if place is not None:
            lines[place[0]][place[1]] = 1
    return lines


def dump(lines: Lines) -> bytes:
    """A tracefile: files by name, lines by number."""
    out = []
    for file in sorted(lines):
        counts = sorted(lines[file].items())
        hit = sum(count > 0 for _, count in counts)
        out += ["TN:", f"SF:{file}", *(f"DA:{number},{count}" for number, count in counts)]
        out += [f"LF:{len(counts)}", f"LH:{hit}", _END]
    return "".join(f"{line}\n" for line in out).encode("utf-8", "surrogateescape")


def parse(content: bytes, name: str) -> Lines:
    """Read line coverage. ConfigError, with the line, for anything else."""
    lines: Lines = {}
    file: str | None = None
    for number, line in enumerate(content.decode("utf-8", "surrogateescape").split("\n"), 1):
        found = _LINE.fullmatch(line) if file is not None else None
        if found is not None and file is not None:
            counts = lines[file]
            counts[int(found[1])] = counts.get(int(found[1]), 0) + int(found[2])
        elif line.startswith("SF:") and len(line) > 3 and file is None:
            file = line[3:]
            lines.setdefault(file, {})
        elif line == _END and file is not None:
            file = None
        elif not (line in ("", "TN:") or (file is not None and _TOTAL.fullmatch(line))):
            raise ConfigError(f"{name}, line {number}: {line[:60]!r} is no line coverage of lcov")
    if file is not None:
        raise ConfigError(f"{name}: cut off: the last record does not end")
    return lines


def merge(files: Iterable[Lines]) -> Lines:
    """Counts added up."""
    merged: Lines = {}
    for lines in files:
        for file, counts in lines.items():
            into = merged.setdefault(file, {})
            for number, count in counts.items():
                into[number] = into.get(number, 0) + count
    return merged
