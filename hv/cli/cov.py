"""``hv run --cov`` and ``hv cov``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hv.errors import ConfigError
from hv.loaders import BootImage
from hv.root.machine import Machine


@contextmanager
def covering(
    machine: Machine, image: BootImage | None, name: str | None, paths: Sequence[Path]
) -> Iterator[None]:
    """Write the coverage of what runs inside to ``paths``; nothing is watched when there are none."""
    if not paths:
        yield
        return
    from hv.root.coverage.files import CoverageRun

    if image is None or name is None:
        raise ConfigError("--cov needs an image: name the disk as IMAGE", usage=True)
    run = CoverageRun(machine, image, name, paths)
    yield
    run.write()


def merge(files: list[Path], output: Path) -> int:
    """Merge coverage files."""
    from hv.root.coverage.files import merge as merge_files

    merge_files(files, output)
    return 0
