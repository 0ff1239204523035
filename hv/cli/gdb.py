"""``--gdb``: a machine of the command line in a debugger's hands."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hv.cli.request import RunRequest
from hv.debug.server import Surroundings, debug, parse_door
from hv.debug.timeline import Timeline
from hv.root.journal.recorder import Recorder
from hv.root.journal.records import Serial
from hv.root.machine import Machine, Outputs
from hv.vp import End


class Debugged:
    """A machine that a debugger may take to its past, and make another of."""

    def __init__(self, timeline: Timeline, address: str) -> None:
        self._timeline = timeline
        self._door = parse_door(address)

    @property
    def machine(self) -> Machine:
        """The machine as it is now."""
        return self._timeline.machine

    def serial(self, data: bytes) -> int:
        """Send bytes to COM1; how many it took."""
        return self._timeline.give(Serial("com1", data))

    def run(
        self, budget: int, between: Callable[[], bool], tell: Callable[[str], None]
    ) -> End | None:
        """Run as the debugger wants; None when it has left before the end."""
        surroundings = Surroundings(budget, between, tell)
        return debug(self.machine, self._door, surroundings, self._timeline)


@contextmanager
def debugged(
    machine: Machine, outputs: Outputs, request: RunRequest, recorder: Recorder | None
) -> Iterator[Debugged]:
    """``machine`` under the debugger behind ``--gdb``.

    The past can be changed, unless something is told of the run while it goes on.
    """
    assert request.gdb is not None
    told = (request.trace, request.cov, request.by_symbol, request.record, request.host_time)
    timeline = Timeline(machine, outputs=outputs, hand=recorder, past_changes=not any(told))
    try:
        yield Debugged(timeline, request.gdb)
    finally:
        if timeline.machine is not machine:
            timeline.machine.close()
