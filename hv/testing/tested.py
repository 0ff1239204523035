"""A machine under test: pulsed and watched, if the session wants that, as are its forks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hv.cpu.engine.coverage import RunBlock
from hv.live import LiveMachine, Snapshot
from hv.live.options import check_options
from hv.live.program import Program, load_program
from hv.live.snapshot import Start
from hv.loaders import BootImage
from hv.root.checkpoint import Notes
from hv.root.coverage.collect import Coverage
from hv.testing.guest_run import Job


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a session wants of a machine."""

    pulse_every: int | None
    leave: "Callable[[TestedMachine, Coverage], None] | None"
    """Takes what it ran, once; None: nobody wants to know."""


class TestedMachine(LiveMachine):
    """A live machine that tells what it ran when its run is over."""

    __test__ = False

    def __init__(self, job: Job, wishes: Wishes) -> None:
        self._prepare(job, wishes, ())
        super().__init__(job.image, **job.options)

    def _prepare(self, job: Job, wishes: Wishes, ran: Iterable[RunBlock]) -> None:
        self.job = job
        self._wishes = wishes
        self._coverage = None if wishes.leave is None else Coverage(before=ran)

    def _begin(self, start: Start, program: Program | None, notes: Notes) -> None:
        super()._begin(start, program, notes)
        self.pulse_every = self._wishes.pulse_every
        if self._coverage is not None:
            self._seat.follow(self._coverage.watch)

    @classmethod
    def open(cls, path: Path, job: Job, wishes: Wishes, ran: Iterable[RunBlock]) -> Snapshot:
        """A checkpoint of such a machine, which has run ``ran``. ConfigError when it cannot be read."""
        return Snapshot.open(path, partial(cls._again, job, wishes, tuple(ran)))

    @classmethod
    def _again(
        cls, job: Job, wishes: Wishes, ran: tuple[RunBlock, ...], snapshot: Snapshot
    ) -> "TestedMachine":
        machine = cls.__new__(cls)
        machine._prepare(job, wishes, ran)
        machine._begin(snapshot, snapshot.program, snapshot.notes)
        return machine

    def snapshot(self) -> Snapshot:
        """As of any machine; those that start from it have run what this one has."""
        start = partial(self._again, self.job, self._wishes, tuple(self.ran()))
        return super().snapshot().started_by(start)

    def image(self) -> BootImage | None:
        """What it was powered on with."""
        program = self.program or load_program(self.job.image, check_options(self.job.options))
        return program.image

    def ran(self) -> list[RunBlock]:
        """What it ran so far, as far as that is watched."""
        return [] if self._coverage is None else self._coverage.blocks()

    def settle(self) -> None:
        """Its run is over: what comes now is only looked at."""
        coverage, self._coverage = self._coverage, None
        if coverage is not None and self._wishes.leave is not None:
            self._wishes.leave(self, coverage)

    def discard(self) -> None:
        """Nobody's run: others went on from it."""
        self._coverage = None
        self.close()

    def close(self) -> None:
        try:
            self.settle()
        finally:
            super().close()
