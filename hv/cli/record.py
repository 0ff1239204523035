"""``hv run --record``: what the flags said, as a recipe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, cast

from hv.cli.request import RunRequest, parse_count
from hv.errors import ConfigError
from hv.loaders import BootImage
from hv.root.journal.builders import power_on, resumed
from hv.root.journal.recorder import EVERY, Recorder
from hv.root.journal.records import PowerOn, Recipe, Resumed
from hv.root.machine import Machine
from hv.root.pairs import find_guest
from hv.root.schedule import Report

Start = Callable[[], PowerOn | Resumed]


def at_power_on(request: RunRequest, machine: Machine, image: BootImage | None) -> Start:
    """The start of a machine that was just built as ``request`` says."""
    return lambda: power_on(_recipe(request, machine), image)


def at_checkpoint(path: Path) -> Start:
    """The start of a machine that was just taken from a checkpoint."""
    return lambda: resumed(path)


@contextmanager
def recording(
    request: RunRequest, machine: Machine, start: Start, report: Report
) -> Iterator[Recorder | None]:
    """A recorder for a machine that stands at its start; None when none is wanted."""
    if request.record is None:
        yield None
        return
    every = EVERY if request.record_every is None else parse_count(request.record_every)
    if every < 1:
        raise ConfigError("--record-every takes a number from 1", usage=True)
    with Recorder.to(request.record, machine, start(), every, report) as recorder:
        yield recorder


def _recipe(request: RunRequest, machine: Machine) -> Recipe:
    name = request.kernel or request.image
    sample = find_guest(name[1:]) if name is not None and name.startswith("@") else None
    return Recipe(
        config=machine.config,
        image=name,
        format=request.format,
        origin=None if request.origin is None else parse_count(request.origin),
        mode=cast(Literal[16, 32, 64] | None, request.mode),
        command_line=request.append or "",
        initrd=tuple(map(str, request.initrd)),
        keys=request.keys or (sample.keys if sample else ""),
        mouse=sample.mouse if sample else (),
        at=tuple(request.at) or (sample.at if sample else ()),
    )
