"""A machine in time: forward as it runs, backward to where it was, and forward again.

The machine that the debugger was given runs on alone at the end of history, the front, and never goes back.
The past is looked at in copies that start from waypoints and are given what the first one was given; where a
copy arrives at the front, it makes way for the original. So a run ends as it would have, however it was
looked at. Only when the debugger changes something in the past, a copy becomes the front, and what was known
of the time behind it is forgotten.

A journal is a history that is known from its beginning to its end: it has no front until somebody changes
something.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hv.debug.places import Edit, Given, Place, Poll
from hv.debug.search import Search
from hv.debug.session import Halt, Log
from hv.debug.traps import Traps
from hv.debug.walker import SLICE, Interrupted, Walker
from hv.debug.waypoints import Waypoints
from hv.errors import InternalError
from hv.interfaces import ByteSink
from hv.root.disk import FileDisk
from hv.root.journal.host import HostHand
from hv.root.journal.moment import stamp
from hv.root.journal.records import HostInput, Serial
from hv.root.machine import Machine, Outputs
from hv.vp import End

_NEAR, _FAR = 200_000, 4_000_000
"""Instructions: a place that is farther than this from a waypoint gets one of its own, so far before it."""


class Hand(Protocol):
    """Gives what comes from the host to the machine at the front."""

    def give(self, what: HostInput) -> int: ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """A history that is over: what was given, and where it ends."""

    given: Sequence[Given]
    end: Place


class Tap:
    """The outputs of a copy: closed until it is the front."""

    def __init__(self, outputs: Outputs) -> None:
        self.open = False
        self.outputs = Outputs(*map(self._tapped, (outputs.serial, outputs.serial2, outputs.text)))

    def _tapped(self, sink: ByteSink) -> ByteSink:
        def write(data: bytes) -> None:
            if self.open:
                sink(data)

        return write


class Timeline:
    """The past and the present of one machine.

    ``outputs`` are the machine's own. ``hand`` gives it what comes from the host and keeps a journal of that.
    With ``past_changes`` the debugger may change the past, and another machine may become the front.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        outputs: Outputs | None = None,
        hand: Hand | None = None,
        past_changes: bool = True,
        recorded: Recorded | None = None,
    ) -> None:
        self.poll: Poll = lambda: True
        """Asked while a machine runs: may it go on?"""
        self._outputs = outputs or Outputs()
        self._past_changes = past_changes
        self._given = list(recorded.given) if recorded else []
        self._recorded_end = recorded.end if recorded else None
        self._here = Walker(machine, self._given, self._between)
        self._front = None if recorded else self._here
        self._hand = hand or HostHand(machine)
        self._journaled = hand is not None
        self._taps: dict[Walker, Tap] = {}
        self._waypoints = Waypoints()
        self._search = Search(self._waypoints, self._send)
        self.has_history = _can_go_back(machine)
        """Whether there is a way back at all."""
        if self.has_history:
            self._remember(self._here)
            self.has_history = len(self._waypoints) > 0

    @property
    def machine(self) -> Machine:
        """The machine as it is where the debugger is."""
        return self._here.machine

    def close(self) -> None:
        """The debugger has left: the front is all that there is."""
        if self._front is not None:
            self._move_to(self._front)

    # What is done to the machine.

    def give(self, what: HostInput) -> int:
        """Give it to the machine at the front. The answer of ``HostHand.give``; 0 while that is elsewhere."""
        here = self._here
        if here is not self._front:
            return 0
        at, moment = here.place, stamp(here.machine)
        answer = self._hand.give(what)
        if isinstance(what, Serial):
            if not answer:
                return 0
            what = Serial(what.port, what.data[:answer])
        self._given.append(Given(at, moment, what))
        here.done += 1
        return answer

    def edit(self, edit: Edit) -> bool:
        """Change the machine here and now. False, and nothing has happened: that cannot be."""
        here = self._here
        if here is not self._front and not self._past_changes:
            return False
        if self._journaled:
            inputs = edit.inputs(here.machine)
            for one in inputs:
                self.give(one)
            return bool(inputs)
        given = Given(here.place, stamp(here.machine), edit)
        if not edit.apply(here.machine):
            return False
        if here is not self._front:
            self._cut(here)
        self._given.append(given)
        here.done += 1
        self._search.forget()
        return True

    def _cut(self, here: Walker) -> None:
        """What came behind this place will never have been."""
        del self._given[here.done :]
        self._waypoints.cut(here.place)
        before, self._front, self._recorded_end = self._front, here, None
        self._hand = HostHand(here.machine)
        tap = self._taps.get(here)
        if tap is not None:
            tap.open = True
        if before is not None and before in self._taps:
            self._close(before)

    # Forward.

    def forward(self, traps: Traps, budget: int, *, step: bool) -> End | Halt | None:
        """Until the next stop, or to the run's end. None: ``poll`` does not want it to go on."""
        try:
            halt = None
            if self._here is not self._front:
                halt = self._again(traps, step=step)
            return halt or self._live(traps, budget, step=step)
        except Interrupted:
            self._here.hold()
            return None

    def _again(self, traps: Traps, *, step: bool) -> Halt | None:
        """Forward where all is known; None when the front is reached and the run goes on."""
        here, goal = self._here, self._goal()
        if here.place >= goal or here.end is not None:
            return Halt(log=Log.END)
        here.arm(traps, step=step)
        if step:
            here.give_due()
            stop = here.step()
        else:
            stop = here.go(goal)
        if self._front is not None and here.place.moment >= goal.moment:
            self._move_to(self._front)
        elif stop is None and self._front is not None:
            raise InternalError(f"the run could not be repeated behind {here.place}")
        if stop is not None:
            return traps.halt(stop)
        return None if self._front is not None else Halt(log=Log.END)

    def _goal(self) -> Place:
        if self._front is not None:
            return self._front.place
        assert self._recorded_end is not None
        return self._recorded_end

    def _live(self, traps: Traps, budget: int, *, step: bool) -> End | Halt:
        here = self._here
        vp = here.machine.partition.vp
        stops = vp.debug()
        here.arm(traps, step=step)
        if step:
            stops.step()
        while True:
            stop = here.advance(min(budget, vp.retired() + SLICE))
            if here.end is not None:
                return here.end
            if stop is not None:
                return traps.halt(stop)
            if vp.retired() >= budget and not stops.midway:
                return here.machine.run(budget)
            self._between(here)

    def _between(self, walker: Walker) -> None:
        if walker.settled and self.has_history and self._waypoints.due(walker.place):
            self._remember(walker)
        if not self.poll():
            raise Interrupted

    def _remember(self, walker: Walker) -> None:
        self._waypoints.add(walker.machine, walker.place, settled=walker.settled)

    # Backward.

    def backward(self, traps: Traps, *, step: bool) -> Halt | None:
        """To the last stop before, or one step back. None: ``poll`` wants it to stay where it is."""
        here = self._here.place
        try:
            found: tuple[Place, Halt] | None
            if step:
                before = self._search.step_before(here)
                found = (before, Halt()) if before is not None else None
            else:
                found = self._search.last_stop(here, traps)
            place, halt = found or (self._waypoints.first, Halt(log=Log.BEGIN))
            if place.moment != here.moment:
                self._move_to(self._land(place))
        except Interrupted:
            return None
        return halt

    def last(self) -> Halt | None:
        """To the end of a recorded history. None: ``poll`` does not want it to go on."""
        return self._again(Traps(), step=False)

    def _land(self, place: Place) -> Walker:
        walker = self._send(place)
        if walker.place != place:
            self._close(walker)
            raise InternalError(f"the run could not be repeated up to {place}")
        walker.hold()
        return walker

    def _send(self, place: Place) -> Walker:
        """A copy that is at ``place``."""
        waypoint = self._waypoints.at(place)
        tap = Tap(self._outputs)
        machine = self._waypoints.machine(waypoint, tap.outputs)
        machine.symbols = self.machine.symbols
        walker = Walker(
            *(machine, self._given, self._between),
            done=waypoint.at.inputs,
            settled=waypoint.settled,
        )
        self._taps[walker] = tap
        try:
            if place.insns - waypoint.at.insns > _FAR:
                walker.approach(place.insns - _NEAR)
                self._remember(walker)
            walker.go(place)
        except BaseException:
            self._close(walker)
            raise
        return walker

    def _move_to(self, walker: Walker) -> None:
        before, self._here = self._here, walker
        if before is not walker and before is not self._front and before in self._taps:
            self._close(before)
        walker.hold()

    def _close(self, walker: Walker) -> None:
        self._taps.pop(walker, None)
        walker.close()


def _can_go_back(machine: Machine) -> bool:
    """Not where the guest writes into a file of the host's: what is in there stays."""
    return all(disk.read_only for disk in machine.media.opened if isinstance(disk, FileDisk))
