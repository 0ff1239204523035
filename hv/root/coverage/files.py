"""Coverage of one run into files, and several files into one."""

from collections.abc import Sequence
from pathlib import Path

from hv.errors import ConfigError
from hv.loaders import BootImage
from hv.loaders.source import read_file
from hv.root.coverage import drcov, lcov
from hv.root.coverage.collect import Coverage
from hv.root.coverage.lines import line_table
from hv.root.coverage.modules import find_module
from hv.root.machine import Machine

LCOV_SUFFIX = ".info"
"""Files that are named so become lcov tracefiles, all others drcov."""


class CoverageRun:
    """Watches one machine and writes what ran of its image. Before the first instruction, please."""

    def __init__(
        self, machine: Machine, image: BootImage, name: str, paths: Sequence[Path]
    ) -> None:
        """``name`` is the image as ``hv run`` takes it. ConfigError: what is wanted cannot be told of it."""
        self._paths = paths
        file = None if name.startswith("@") else Path(name)
        self._module = find_module(image, file)
        wants_lines = any(path.suffix == LCOV_SUFFIX for path in paths)
        self._table = line_table(name) if wants_lines else None
        self._coverage = Coverage(machine)

    def write(self) -> None:
        """Write the files; the run may go on afterwards."""
        ran = self._coverage.blocks()
        for path in self._paths:
            if path.suffix == LCOV_SUFFIX and self._table is not None:
                content = lcov.dump(lcov.lines_of(self._module, ran, self._table))
            else:
                content = drcov.dump(drcov.blocks_of(self._module, ran))
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
