"""A failed run into files that make it again: where it began, a journal of it, its end, its last events."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hv.errors import HvError

if TYPE_CHECKING:
    from hv.live import LiveMachine

JOURNAL = "run.journal"
TRACE = "trace.json"

_TRACED_EVENTS = 4096
_MOST_TRACED = 200_000_000
"""Instructions: a longer run is not made once more for its last events."""


@dataclass(frozen=True, slots=True)
class Reproduced:
    """What came of it."""

    journal: bool
    """There is one, and it makes the run that failed."""
    problem: str = ""
    """Why not, as a sentence."""
    ours: bool = False
    """A run that is another one the next time is our bug, and nobody else's."""


def reproduce(machine: "LiveMachine", folder: Path) -> Reproduced:
    """Make the run again from its beginning, and write it down on the way."""
    from hv.live.reproduction import save_reproduction

    try:
        made = save_reproduction(machine, machine.latest_end, folder)
    except HvError as error:
        return Reproduced(False, f"the run cannot be made again: {error}")
    # A guest may have changed a disk that is the user's own: it is not ours then.
    ours = all(disk.mode != "rw" for disk in machine.internal.config.disks)
    if not made.equal:
        return Reproduced(False, f"made again, the run is another one: {made.difference}", ours)
    try:
        difference = _trace(folder)
    except HvError as error:
        difference = str(error)
    if difference:
        return Reproduced(False, f"replayed, the run is another one: {difference}", ours)
    return Reproduced(True)


def _trace(folder: Path) -> str:
    """Replay the journal for the last of what ``hv run --trace`` writes; how that went otherwise, if so."""
    from hv.root.journal.file import load_journal
    from hv.root.journal.replay import Player, Replay, find_sources
    from hv.root.tracing import traced
    from hv.trace import TraceWriter

    sources = find_sources(load_journal(folder / JOURNAL), folder)
    if sources.journal.end.at.insns > _MOST_TRACED:
        return ""
    player = Player(sources.now, sources.journal.events)
    try:
        with (
            TraceWriter.to(folder / TRACE, last=_TRACED_EVENTS) as writer,
            traced(player.machine, writer),
        ):
            divergence = Replay(sources.journal, player).run()
    finally:
        player.close()
    return "" if divergence is None else divergence.detail
