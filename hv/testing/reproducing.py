"""A failed run into files that make it again: where it began, a journal of it, its end, its last events."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hv.live import LiveMachine

JOURNAL = "run.journal"
_TRACE = "trace.json"
_TRACED_EVENTS = 4096
_MOST_TRACED = 200_000_000
"""Instructions: a longer run is not made once more for its last events."""


@dataclass(frozen=True, slots=True)
class Reproduced:
    """What came of it."""

    journal: bool
    """There is one, and the run that it was made of was equal to the one that failed."""
    problem: str = ""
    """What is wrong, as a sentence."""


def reproduce(machine: "LiveMachine", folder: Path) -> Reproduced:
    """Make the run again from its beginning, and write it down on the way."""
    return Reproduced(False)
