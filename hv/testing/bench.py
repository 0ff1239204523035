"""Where machines are made, in a session's child or in the session itself: as the session wants them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hv.testing.guest_run import GuestRun, Job, describe_machine

if TYPE_CHECKING:
    from hv.root.coverage.collect import Coverage
    from hv.testing.coverage import Parts
    from hv.testing.tested import TestedMachine


@dataclass(frozen=True, slots=True)
class Setup:
    """What a session wants of every machine."""

    coverage: Path | None = None
    """The folder for parts."""
    lines: bool = False
    """Coverage by line is wanted, too."""


class Bench:
    """The machines of one process."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._parts: Parts | None = None

    def run(self, job: Job) -> GuestRun:
        """A run from power-on to its end. ConfigError for an image or options that make no machine."""
        machine = self.open(job)
        with machine:
            machine.run(job.max_insns)
            machine.internal.flush()
            return self.describe(machine)

    def open(self, job: Job) -> "TestedMachine":
        """A machine to be used by hand."""
        from hv.testing.tested import TestedMachine

        return TestedMachine(job, self._leave if self._setup.coverage is not None else None)

    def describe(self, machine: "TestedMachine") -> GuestRun:
        """What came of a machine; its run is over."""
        machine.settle()  # a look where it hangs runs it on
        return describe_machine(machine, machine.latest_end)

    def close(self, machine: "TestedMachine") -> None:
        """A machine is not needed any more."""
        machine.close()

    def _leave(self, machine: "TestedMachine", coverage: "Coverage") -> None:
        from hv.testing.coverage import Parts

        if self._parts is None:
            assert self._setup.coverage is not None
            self._parts = Parts(self._setup.coverage, self._setup.lines)
        assert machine.program is not None
        self._parts.leave(machine.job, machine.program.image, coverage.blocks())
