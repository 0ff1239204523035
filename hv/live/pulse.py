"""Runs of a machine that is saved and restored whole every so many instructions, if somebody wants that.

What a guest does, and what is counted, is the same with any number of them: where it is not, a checkpoint has
lost something.
"""

from collections.abc import Callable

from hv.cpu.pace import NEVER
from hv.errors import ConfigError
from hv.live.seat import Seat
from hv.root.checkpoint import Snapshot
from hv.root.machine import Outputs
from hv.root.schedule import Report
from hv.vp import End, Ending

_SLICE = 20_000_000


class Pulse:
    """Runs the machine in ``seat``; what restored ones send and report goes where it went before."""

    def __init__(self, seat: Seat, outputs: Outputs, report: Report) -> None:
        self.count = 0
        """How often it was saved and restored."""
        self._seat = seat
        self._outputs = outputs
        self._report = report
        self._every: int | None = None
        self._next = 0
        self._patience = 1

    @property
    def every(self) -> int | None:
        """Instructions from one to the next, at least; None: never."""
        return self._every

    @every.setter
    def every(self, insns: int | None) -> None:
        if insns is not None and insns < 1:
            raise ConfigError(f"a pulse every {insns} instructions: at least 1", usage=True)
        self._every = insns
        self._next = self._seat.machine.insns + (insns or 0)

    def run(
        self,
        until: int,
        *,
        until_ns: int = NEVER,
        between: Callable[[], bool] = lambda: True,
    ) -> End:
        """As ``hv.root.machine.Machine.run``."""
        while True:
            self._beat()
            machine = self._seat.machine
            size = _SLICE if self._every is None else max(1, self._next - machine.insns)
            end = machine.run(until, until_ns=until_ns, slice_insns=size, between=lambda: False)
            if end.ending is not Ending.STOPPED or not between():
                return end

    def _beat(self) -> None:
        """Save and restore the machine when it is time, or as soon after that as it can be saved."""
        machine = self._seat.machine
        if self._every is None or machine.insns < self._next:
            return
        try:
            snapshot = Snapshot.of(machine, once=True)
        except ConfigError:  # not in this state: the next block may be as bad
            self._next = machine.insns + self._patience
            self._patience = min(2 * self._patience, self._every)
            return
        again = snapshot.machine(self._outputs, self._report)
        again.partition.vp.stop_like(machine.partition.vp)
        self._seat.exchange(again)
        self.count += 1
        self._next = again.insns + self._every
        self._patience = 1
