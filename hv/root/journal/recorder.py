"""Recording a run: what the host gives is journaled with the moment at which it was given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import hv
from hv.cpu.engine import UNICORN_VERSION
from hv.errors import ConfigError
from hv.root.journal.file import Writer
from hv.root.journal.host import HostHand
from hv.root.journal.media import settled
from hv.root.journal.moment import come_to, stamp
from hv.root.journal.records import (
    Check,
    Finish,
    Header,
    HostInput,
    PowerOn,
    Resumed,
    Serial,
    Stamp,
    next_check,
)
from hv.root.journal.state import digests
from hv.root.machine import UNLIMITED, Machine
from hv.root.result import outcome_of
from hv.root.schedule import Report
from hv.vp import End, Ending

EVERY = 100_000
"""Instructions between two checks, at least."""
_MARGIN = 1 << 12
"""Instructions before a moment that is to be come to in which no check is made: more than a block has."""


def _silent(_text: str) -> None:
    """Nobody hears what deeds bring."""


def versions() -> dict[str, str]:
    """Whose run it is: another version's may differ."""
    return {"hv": hv.__version__, "unicorn": UNICORN_VERSION}


class Recorder:
    """Runs a machine and gives it what comes from the host, with a journal of both.

    Everything that the host does to the machine after power-on goes through ``give``.
    """

    def __init__(
        self, machine: Machine, writer: Writer, every: int = EVERY, report: Report = _silent
    ) -> None:
        self.machine = machine
        self._writer = writer
        self._every = every
        self._hand = HostHand(machine, writer.write, report)
        self._next_check = 0
        self._check()

    @staticmethod
    @contextmanager
    def to(
        path: Path,
        machine: Machine,
        start: PowerOn | Resumed,
        every: int = EVERY,
        report: Report = _silent,
    ) -> Iterator["Recorder"]:
        """A recorder of ``machine``, which stands at its ``start``, into the file ``path``. ``report`` hears
        of what deeds bring.
        """
        header = Header(
            schema="hv.journal/2",
            versions=versions(),
            start=start,
            cost_model=machine.pricing.model.name,
            every=every,
        )
        try:
            file = path.open("wb")
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
        with file:
            writer = Writer(file)
            writer.write(header)
            recorder = Recorder(machine, writer, every, report)
            try:
                yield recorder
            finally:
                recorder.close()

    def give(self, what: HostInput) -> int:
        """Give ``what`` to the machine now; the answer is that of ``HostHand.give``."""
        return self._hand.give(settled(what))

    def serial(self, data: bytes, port: Literal["com1", "com2"] = "com1") -> int:
        """Send bytes to a serial port; how many it took."""
        return self.give(Serial(port, data))

    def run(
        self,
        max_insns: int = UNLIMITED,
        *,
        slice_insns: int = 20_000_000,
        between: Callable[[], bool] = lambda: True,
    ) -> End:
        """As ``Machine.run``, with checks of the state on the way."""
        machine = self.machine
        slice_end = machine.insns + slice_insns
        while True:
            until = min(max_insns, slice_end, self._next_check)
            end = machine.run(until)
            if end.ending is not Ending.BUDGET or machine.insns >= max_insns:
                return end
            if machine.insns >= self._next_check:
                self._check()
            if machine.insns >= slice_end:
                if not between():
                    return End(Ending.STOPPED, detail=f"stopped at {machine.partition.vp.where()}")
                slice_end = machine.insns + slice_insns

    def come_to(self, at: Stamp) -> End | None:
        """As ``moment.come_to``, with checks of the state on the way."""
        while self._next_check + _MARGIN < at.insns:
            end = self.machine.run(self._next_check)
            if end.ending is not Ending.BUDGET:
                return end
            self._check()
        return come_to(self.machine, at)

    def finish(self, end: End) -> None:
        """The run has ended."""
        machine = self.machine
        self._writer.write(
            Finish(
                at=stamp(machine),
                outcome=outcome_of(end)[0],
                guest_code=end.code if end.ending is Ending.DEBUG_EXIT else None,
                detail=end.detail,
                state_hash=machine.state_hash(),
                parts=digests(machine),
            )
        )

    def close(self) -> None:
        """Give back host files."""
        self._hand.close()

    def _check(self) -> None:
        self._writer.write(Check(stamp(self.machine), digests(self.machine)))
        self._next_check = next_check(self.machine.insns, self._every)
