"""A live machine at one moment, as the start of others."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hv.live.program import Program
from hv.root import checkpoint
from hv.root.checkpoint import Notes
from hv.root.machine import Machine, Outputs
from hv.root.schedule import Report

if TYPE_CHECKING:
    from hv.live.machine import LiveMachine


class Start(Protocol):
    """Where a machine begins: the power-on of a program, or a snapshot. The same machine each time."""

    def begin(self, outputs: Outputs, report: Report) -> Machine:
        """A new machine that stands there; ``report`` hears of what planned deeds bring."""


class Snapshot:
    """A machine as it was at one moment, whatever becomes of it later. The machines that start from it
    share its memory until they write.
    """

    def __init__(
        self,
        content: checkpoint.Snapshot,
        program: Program | None,
        start: "Callable[[Snapshot], LiveMachine]",
    ) -> None:
        self._content = content
        self._start = start
        self.program = program
        """What the machine was powered on with; None when it came from a file."""

    @classmethod
    def open(cls, path: Path, start: "Callable[[Snapshot], LiveMachine]") -> "Snapshot":
        """What a checkpoint's file holds. ConfigError, one line, for a file that is none."""
        return cls(checkpoint.open_checkpoint(path), None, start)

    def started_by(self, start: "Callable[[Snapshot], LiveMachine]") -> "Snapshot":
        """The same moment; ``start`` makes the machines."""
        return Snapshot(self._content, self.program, start)

    @property
    def notes(self) -> Notes:
        """How far whoever ran the machine has looked."""
        return self._content.notes

    def begin(self, outputs: Outputs, report: Report) -> Machine:
        """The machine underneath, once more."""
        return self._content.machine(outputs, report)

    def machine(self) -> "LiveMachine":
        """A machine that goes on from here, to be closed by itself."""
        return self._start(self)
