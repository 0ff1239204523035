"""Where machines are made, in a session's child or in the session itself: as the session wants them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hv.errors import GuestError
from hv.testing.guest_run import GuestRun, Job, describe_machine
from hv.testing.reproducing import Reproduced, reproduce

if TYPE_CHECKING:
    from hv.root.coverage.collect import Coverage
    from hv.testing.boots import Boots
    from hv.testing.coverage import Parts
    from hv.testing.tested import TestedMachine, Wishes


@dataclass(frozen=True, slots=True)
class Setup:
    """What a session wants of every machine."""

    coverage: Path | None = None
    """The folder for parts."""
    lines: bool = False
    """Coverage by line is wanted, too."""
    pulse_every: int | None = None
    """Instructions after which a machine is saved and goes on restored."""
    cache: Path | None = None
    """The folder for checkpoints that tests begin with."""


class Bench:
    """The machines of one process."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.failed: TestedMachine | None = None
        """The machine that did not come through the latest boot."""
        self._latest: TestedMachine | None = None
        self._known_parts: Parts | None = None
        self._known_boots: Boots | None = None

    def run(self, job: Job) -> "tuple[GuestRun, TestedMachine]":
        """A run to its end, and the machine that made it: it stays until the next run, because somebody may
        ask how it failed. ConfigError for an image or options that make no machine.
        """
        machine = self._keep(self.open(job))
        machine.run(job.max_insns)
        machine.internal.flush()
        return self.describe(machine), machine

    def open(self, job: Job) -> "TestedMachine":
        """A machine to be used by hand; what it begins with is here."""
        from hv.testing.tested import TestedMachine

        if job.after is not None:
            return self._boots.machine(job)
        return TestedMachine(job, self._wishes)

    def boot_key(self, job: Job) -> str | None:
        """Boots.key."""
        self.failed = None
        return self._boots.key(job)

    def boot(self, job: Job, key: str) -> None:
        """Boots.boot; the machine that came to an end meanwhile is ``failed``."""
        try:
            self._boots.boot(job, key)
        except GuestError:
            self.failed = self._keep(self._boots.failed())
            raise

    def reproduce(self, machine: "TestedMachine", folder: Path) -> Reproduced:
        """Leave in ``folder`` what makes a machine's run again."""
        return reproduce(machine, folder)

    def _keep(self, machine: "TestedMachine") -> "TestedMachine":
        """In place of the one before."""
        before, self._latest = self._latest, machine
        if before is not None:
            before.close()
        return machine

    def describe(self, machine: "TestedMachine") -> GuestRun:
        """What came of a machine; its run is over."""
        machine.settle()  # a look where it hangs runs it on
        return describe_machine(machine, machine.latest_end)

    def close(self, machine: "TestedMachine") -> None:
        """A machine is not needed any more."""
        machine.close()

    @property
    def _wishes(self) -> "Wishes":
        from hv.testing.tested import Wishes

        covered = self._setup.coverage is not None
        return Wishes(self._setup.pulse_every, self._leave if covered else None)

    @property
    def _boots(self) -> "Boots":
        from hv.testing.boots import Boots

        if self._known_boots is None:
            self._known_boots = Boots(self._setup.cache, self._wishes)
        return self._known_boots

    def _leave(self, machine: "TestedMachine", coverage: "Coverage") -> None:
        from hv.testing.coverage import Parts

        if self._known_parts is None:
            assert self._setup.coverage is not None
            self._known_parts = Parts(self._setup.coverage, self._setup.lines)
        self._known_parts.leave(machine, coverage.blocks())
