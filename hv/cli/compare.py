"""``hv compare``: the same work over several drivers side by side, as a table, files, a picture, a page."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import hv
from hv.cpu.engine import UNICORN_VERSION
from hv.errors import ConfigError
from hv.root.compare.files import to_csv, to_json
from hv.root.compare.page import to_html
from hv.root.compare.plot import check_plot, to_picture
from hv.root.compare.pool import processors, run_all
from hv.root.compare.works import Work, check_work, find_works, list_works, run_work
from hv.root.comparison import SCHEMA, Comparison
from hv.root.pair_run import model_name

_STDOUT = Path("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """The flags as given."""

    patterns: list[str]
    show_list: bool
    jobs: int | None
    json: Path | None
    csv: Path | None
    plot: Path | None
    html: Path | None
    cost_model: str | None
    linux: Path | None
    quiet: bool

    @property
    def files(self) -> list[Path]:
        return [path for path in (self.json, self.csv, self.plot, self.html) if path is not None]


def compare(request: CompareRequest) -> int:
    """Run the works that match and say what they cost."""
    if request.show_list:
        return _list(list_works(request.patterns))
    works = find_works(request.patterns, request.linux)
    _check(request, works)
    comparison = _compare(works, request)
    if _STDOUT not in request.files:
        from hv.cli.compare_table import print_comparison

        print_comparison(comparison)
    _write_files(comparison, request)
    return 0


def _list(works: list[Work]) -> int:
    width = max((len(work.name) for work in works), default=0)
    for work in works:
        print(f"@{work.name:{width}}  {work.title} ({', '.join(work.path_names)})")
    return 0


def _check(request: CompareRequest, works: list[Work]) -> None:
    """What can be found wrong at once is not found at the end of a long run."""
    if request.jobs is not None and request.jobs < 1:
        raise ConfigError("--jobs takes a number from 1", usage=True)
    if request.files.count(_STDOUT) > 1:
        raise ConfigError("only one file can be '-'", usage=True)
    if request.plot is not None:
        check_plot(request.plot)
    for path in request.files:
        if path != _STDOUT and not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            raise ConfigError(f"{path}: no folder to write to")
    for work in works:
        check_work(work)


def _compare(works: list[Work], request: CompareRequest) -> Comparison:
    model = model_name(request.cost_model)
    with _progress(len(works), enabled=not request.quiet) as done:
        reports = run_all(
            works, request.cost_model, jobs=request.jobs or processors(), run=run_work, done=done
        )
    versions = {"hv": hv.__version__, "unicorn": UNICORN_VERSION}
    return Comparison(SCHEMA, versions, model, reports)


@contextmanager
def _progress(total: int, *, enabled: bool) -> Iterator[Callable[[], None]]:
    """A bar on stderr that goes away at the end; only on a terminal."""
    if not enabled or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = ("comparing", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _write_files(comparison: Comparison, request: CompareRequest) -> None:
    renderings: list[tuple[Path | None, Callable[[], bytes]]] = [
        (request.json, lambda: to_json(comparison)),
        (request.csv, lambda: to_csv(comparison)),
        (request.html, lambda: to_html(comparison)),
    ]
    if request.plot is not None:
        kind = request.plot.suffix
        renderings.append((request.plot, lambda: to_picture(comparison, kind)))
    for path, render in renderings:
        if path is not None:
            _write(path, render())


def _write(path: Path, content: bytes) -> None:
    try:
        if path == _STDOUT:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        else:
            path.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
