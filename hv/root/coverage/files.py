"""Coverage of one run into files, and several files into one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hv.cpu.engine.coverage import RunBlock
from hv.errors import ConfigError
from hv.loaders import BootImage
from hv.loaders.source import read_file
from hv.root.coverage import drcov, lcov
from hv.root.coverage.collect import Coverage
from hv.root.coverage.lines import LineTable, line_table
from hv.root.coverage.modules import find_module
from hv.root.machine import Machine

LCOV_SUFFIX = ".info"
"""Files that are named so become lcov tracefiles, all others drcov."""


class Covered:
    """One image, of which files are to tell what ran."""

    def __init__(self, image: BootImage, name: str | None, label: str = "") -> None:
        """``name`` is the image as ``hv run`` takes it, if it has one; ``label`` is what drcov calls it.
        ConfigError: it has no code.
        """
        file = None if name is None or name.startswith("@") else Path(name)
        self._name = name
        module = find_module(image, file)
        self._module = replace(module, name=label) if label else module
        self._table: LineTable | None = None

    def find_lines(
        self, include: Sequence[str | Path] = (), defines: Mapping[str, int] | None = None
    ) -> None:
        """Learn where its lines are, which lcov needs; ``include`` and ``defines`` made it of its source.
        ConfigError: nothing is known of them.
        """
        if self._name is None:
            raise ConfigError(f"{self._module.name}: an image in memory has no lines")
        self._table = line_table(self._name, include, defines)

    def drcov(self, ran: Iterable[RunBlock]) -> drcov.Blocks:
        """Its blocks that ran."""
        return drcov.blocks_of(self._module, ran)

    def lcov(self, ran: Iterable[RunBlock]) -> lcov.Lines:
        """Its lines, and which of them ran."""
        assert self._table is not None
        return lcov.lines_of(self._module, ran, self._table)


class CoverageRun:
    """Watches one machine and writes what ran of its image. Before the first instruction, please."""

    def __init__(
        self, machine: Machine, image: BootImage, name: str, paths: Sequence[Path]
    ) -> None:
        """``name`` is the image as ``hv run`` takes it. ConfigError: what is wanted cannot be told of it."""
        self._paths = paths
        self._covered = Covered(image, name)
        if any(path.suffix == LCOV_SUFFIX for path in paths):
            self._covered.find_lines()
        self._coverage = Coverage(machine)

    def write(self) -> None:
        """Write the files; the run may go on afterwards."""
        ran = self._coverage.blocks()
        for path in self._paths:
            if path.suffix == LCOV_SUFFIX:
                content = lcov.dump(self._covered.lcov(ran))
            else:
                content = drcov.dump(self._covered.drcov(ran))
            _write(path, content)


def merge(paths: Sequence[Path], output: Path) -> None:
    """Merge files of one kind: what ran in any (drcov), how often in all (lcov)."""
    contents = [(str(path), read_file(path)) for path in paths]
    kinds = {content.startswith(drcov.MAGIC) for _, content in contents}
    if len(kinds) > 1:
        raise ConfigError("drcov and lcov files do not merge with each other")
    if kinds == {True}:
        merged = drcov.dump(drcov.merge(drcov.parse(content, name) for name, content in contents))
    else:
        merged = lcov.dump(lcov.merge(lcov.parse(content, name) for name, content in contents))
    _write(output, merged)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
