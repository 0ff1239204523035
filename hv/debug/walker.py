"""One machine on its way through a run that is known already, or at the end of what is known."""

from collections.abc import Callable, Sequence

from hv.cpu.pace import CPI, CPI_SHIFT
from hv.debug.places import Edit, Given, MemoryEdit, Place, RegisterEdit
from hv.debug.traps import Traps
from hv.root.journal.host import HostHand
from hv.root.journal.moment import come_to
from hv.root.journal.records import HostInput
from hv.root.machine import UNLIMITED, Machine
from hv.vp import Cause, End, Stop

SLICE = 2_000_000
"""Instructions between two looks at the world outside."""
_MOST_IN_BLOCK = 512
NO_TRAPS = Traps()


class Interrupted(Exception):
    """Somebody wants the walk to end, wherever the machine is now."""


class Walker:
    """Runs a machine forward and gives it what was given to it before, each thing at its place.

    ``done`` things have been given already. ``settled``: at its block boundary the machine has looked at
    timers and interrupts. ``between`` is called about every ``SLICE`` instructions, and may raise.
    """

    def __init__(
        self,
        machine: Machine,
        given: Sequence[Given],
        between: Callable[["Walker"], None],
        *,
        done: int = 0,
        settled: bool = False,
    ) -> None:
        self.machine = machine
        self.end: End | None = None
        self.settled = settled
        self.done = done
        self._given = given
        self._between = between
        self._vp = machine.partition.vp
        self._stops = self._vp.debug()
        self._traps = NO_TRAPS
        self._told = self.place.moment
        self._hand = HostHand(machine)
        self._near = _MOST_IN_BLOCK + (1 << CPI_SHIFT) // self._vp.pace[CPI]

    @property
    def place(self) -> Place:
        """Where the machine stands."""
        return Place(self._vp.retired(), self._vp.exits.total, self.done)

    @property
    def pc(self) -> int:
        """The linear address of the next instruction."""
        return self._stops.pc()

    def close(self) -> None:
        """It goes no further."""
        self._hand.close()
        self.machine.close()

    # Being stopped.

    def arm(self, traps: Traps, *, step: bool = False) -> None:
        """Stop for these from now on, but not where the machine is. For a single step breakpoints stay."""
        self._traps = traps
        if not step:
            self._stops.stop_at(traps.addresses)
        self._stops.watch(traps.watched)
        self.hold()

    def hold(self) -> None:
        """The debugger knows where the machine is: no breakpoint stops it here."""
        self._stops.hold()
        self._told = self.place.moment

    # Going forward.

    def advance(self, until: int) -> Stop | None:
        """Run to a block boundary behind ``until`` instructions, to a stop or to the end."""
        self.end = self.machine.partition.run(until)
        stop = self._stops.stop if self.end is None else None
        self.settled = self.end is None and stop is None
        if stop is not None:
            self._told = self.place.moment
        return stop

    def step(self) -> Stop | None:
        """One single step. The stop is none at the end."""
        self._stops.step()
        stop = self.advance(UNLIMITED)
        while stop is None and self.end is None:  # somebody has paused the machine
            self._stops.step()
            stop = self.advance(UNLIMITED)
        return stop

    def give_due(self) -> None:
        """Give what was given here."""
        while self.done < len(self._given):
            given = self._given[self.done]
            if given.at.moment > self.place.moment:
                return
            if given.stamp.stands == "boundary" and not self.settled:
                self.end = come_to(self.machine, given.stamp)
            self.give(given.what)

    def give(self, what: HostInput | Edit) -> int:
        """Do ``what`` to the machine now. For an input ``HostHand.give``'s answer, for an edit 1 or 0."""
        if isinstance(what, MemoryEdit | RegisterEdit):
            answer = int(what.apply(self.machine))
        else:
            answer = self._hand.give(what)
        self.done += 1
        return answer

    def go(self, to: Place) -> Stop | None:
        """Run to ``to``, giving what belongs there; the stop, when a trap is met on the way or there."""
        while self.end is None:
            given = self._next_before(to)
            stop = self._step_to(to) if given is None else self._come_to(given)
            if given is None or stop is not None:
                return stop
            if self.end is None:
                self.give(given.what)
        return None

    def approach(self, insns: int) -> Stop | None:
        """Run to the first block boundary behind ``insns`` instructions, giving what belongs before."""
        while self.end is None:
            given = self._next_before(Place(insns, 0, 0))
            stop = self._run_to(insns) if given is None else self._come_to(given)
            if given is None or stop is not None:
                return stop
            if self.end is None:
                self.give(given.what)
        return None

    def _next_before(self, to: Place) -> Given | None:
        given = self._given[self.done] if self.done < len(self._given) else None
        return given if given is not None and given.at < to else None

    def _come_to(self, given: Given) -> Stop | None:
        if given.stamp.stands == "stopped":
            return self._step_to(given.at)
        stop = self._run_to(given.at.insns)
        if stop is None and self.end is None:
            self.end = come_to(self.machine, given.stamp)
            self.settled = self.end is None
        return stop

    def _step_to(self, to: Place) -> Stop | None:
        stop = self._run_to(to.insns - self._near)
        while stop is None and self.end is None and self.place.moment < to.moment:
            stop = self._step_trapped()
        return stop

    def _run_to(self, insns: int) -> Stop | None:
        while self.end is None and self._vp.retired() < insns:
            stop = self.advance(min(insns, self._vp.retired() + SLICE))
            if stop is not None:
                return stop
            self._between(self)
        return None

    def _step_trapped(self) -> Stop | None:
        """A step that tells of breakpoints as a run does."""
        if self.pc in self._traps.addresses and self._told != self.place.moment:
            self.hold()
            return Stop(Cause.ADDRESS, self.pc)
        stop = self.step()
        if stop is None or stop.cause is Cause.ACCESS:
            return stop
        return Stop(Cause.ADDRESS, self.pc) if self.pc in self._traps.addresses else None
