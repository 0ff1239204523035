"""A run kept in a folder, so that it can be made again elsewhere: ``hv replay FOLDER/run.journal``.

What a machine started from and what was given to it is known at any time; the rest is had by making the run
once more, with a recorder. A run that nobody wants to see again costs nothing.
"""

from dataclasses import dataclass
from pathlib import Path

from hv.errors import ConfigError
from hv.live.machine import LiveMachine
from hv.root.checkpoint import open_checkpoint, save_checkpoint
from hv.root.journal.media import as_files, file_digest
from hv.root.journal.moment import come_to, differs, stamp
from hv.root.journal.recorder import Recorder
from hv.root.journal.records import FileDigest, Resumed
from hv.root.machine import Outputs
from hv.root.result import outcome_of
from hv.vp import End, Ending

START, JOURNAL, END = "start.checkpoint", "run.journal", "end.checkpoint"

_BY_HOST = (Ending.BUDGET, Ending.STOPPED)


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A folder with a run in it. It can be moved; disk images that are files of the host's stay outside."""

    journal: Path
    """For ``hv replay``."""
    end: Path | None
    """The machine at the end of the run, for ``hv run``; None when it could not be saved."""
    difference: str
    """How the run that was made once more was another one, which is a fault of ours; empty when it was the
    same.
    """

    @property
    def equal(self) -> bool:
        """The run was made once more, to the last bit."""
        return not self.difference


def save_reproduction(machine: LiveMachine, end: End, folder: Path) -> Reproduction:
    """Keep the run of ``machine``, which came to ``end``, in ``folder``. ConfigError: it cannot be kept.

    ``machine`` stays as it is; it may have run on behind its end (``hang``), and may be closed.
    """
    start = folder / START
    _save_start(machine, start)
    again = open_checkpoint(start).harmless().machine()
    try:
        known = Resumed(FileDigest(START, file_digest(str(start)).sha256))
        with Recorder.to(folder / JOURNAL, again, known) as recorder:
            difference = _make_again(recorder, machine, end, folder)
        kept = _save_end(recorder, folder / END)
        difference = difference or _compare(recorder, machine)
    finally:
        again.close()
    return Reproduction(folder / JOURNAL, kept, difference)


def _save_start(machine: LiveMachine, path: Path) -> None:
    fresh = machine.start.begin(Outputs(), lambda _text: None)
    try:
        save_checkpoint(fresh, path)
    finally:
        fresh.close()


def _make_again(recorder: Recorder, machine: LiveMachine, end: End, folder: Path) -> str:
    """Record the run; how it becomes another one, if it does."""
    difference = _give_again(recorder, machine, folder)
    came_to = None
    if not difference:
        came_to = recorder.come_to(machine.history.end)
        difference = differs(recorder.machine, machine.history.end)
    if came_to is None and end.ending not in _BY_HOST:
        difference = difference or f"it does not come to {_told(end)}"
        end = End(Ending.STOPPED, detail=difference)
    elif came_to is not None and (end.ending in _BY_HOST or _told(came_to) != _told(end)):
        difference = f"it comes to {_told(came_to)} instead of {_told(end)}"
        end = came_to
    recorder.finish(end)
    return difference


def _give_again(recorder: Recorder, machine: LiveMachine, folder: Path) -> str:
    for given in machine.history.inputs:
        recorder.come_to(given.at)
        wrong = differs(recorder.machine, given.at)
        if wrong:
            return wrong
        try:
            answer = recorder.give(as_files(given.what, folder))
        except ConfigError as error:
            return f"what was given to it cannot be given again: {error}"
        if answer != given.answer:
            return f"{type(given.what).__name__} is answered by {answer}, not {given.answer}"
    return ""


def _told(end: End) -> str:
    outcome, _ = outcome_of(end)
    return f"{outcome} {end.code or ''} {end.detail}".strip()


def _save_end(recorder: Recorder, path: Path) -> Path | None:
    try:
        save_checkpoint(recorder.machine, path)
    except ConfigError:
        return None
    return path


def _compare(recorder: Recorder, machine: LiveMachine) -> str:
    """How the two machines differ where the live one stands now."""
    again, now = recorder.machine, stamp(machine.internal)
    come_to(again, now)
    wrong = differs(again, now)
    if not wrong and again.state_hash() != machine.state_hash():
        wrong = f"the state after {again.insns} instructions is another one"
    return wrong
