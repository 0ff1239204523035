"""``--gdb``: a machine of the command line in a debugger's hands, while it runs or when it has run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hv.cli.request import RunRequest
from hv.debug.places import Given, Place
from hv.debug.server import Surroundings, debug, parse_door
from hv.debug.timeline import Recorded, Timeline
from hv.root.journal.file import Journal
from hv.root.journal.recorder import Recorder
from hv.root.journal.records import Input, Serial
from hv.root.journal.replay import Sources
from hv.root.machine import UNLIMITED, Machine, Outputs
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


def debug_recorded(
    sources: Sources, address: str, tell: Callable[[str], None], *, at_end: bool
) -> None:
    """Serve a debugger on a recorded run, at its beginning or its end, until it leaves."""
    door = parse_door(address)
    machine = sources.now.build()
    timeline = Timeline(machine, recorded=_history(sources.journal))
    try:
        if at_end:
            timeline.last()
            tell(f"at the end of the recorded run: {timeline.machine.insns:,} instructions")
        debug(machine, door, Surroundings(UNLIMITED, lambda: True, tell), timeline)
    finally:
        timeline.close()
        if timeline.machine is not machine:
            timeline.machine.close()
        machine.close()


def _history(journal: Journal) -> Recorded:
    """What was given to the machine of a journal while it ran, and where the run ended."""
    inputs = [
        event for event in journal.events if isinstance(event, Input) and event.at.stands != "ended"
    ]
    given = [
        Given(Place(one.at.insns, one.at.exits, number), one.at, one.what)
        for number, one in enumerate(inputs)
    ]
    end = journal.end.at
    return Recorded(given, Place(end.insns, end.exits, len(given)))
