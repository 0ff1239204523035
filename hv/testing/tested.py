"""A machine under test: what it runs is watched, if the session wants that."""

from collections.abc import Callable

from hv.live import LiveMachine
from hv.root.coverage.collect import Coverage
from hv.testing.guest_run import Job


class TestedMachine(LiveMachine):
    """A live machine that tells what it ran when its run is over."""

    __test__ = False

    def __init__(self, job: Job, leave: "Callable[[TestedMachine, Coverage], None] | None") -> None:
        """``leave`` takes what it ran, once; None: nobody wants to know."""
        super().__init__(job.image, **job.options)
        self.job = job
        self._leave = leave
        self._coverage = None if leave is None else Coverage(self.internal)

    def settle(self) -> None:
        """Its run is over: what comes now is only looked at."""
        coverage, self._coverage = self._coverage, None
        if coverage is not None and self._leave is not None:
            self._leave(self, coverage)

    def close(self) -> None:
        try:
            self.settle()
        finally:
            super().close()
