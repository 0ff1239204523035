"""The host's time by kind of exit, measured around the handlers. Only built in when it is asked for."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from hv.cpu.pace import Handlers
from hv.stats import HOST_NS, Row
from hv.vp.accounting import Accounting

P = ParamSpec("P")
T = TypeVar("T")


class HostTimer:
    """Charges the time that a function takes to the exit that was counted in it, if one was."""

    def __init__(self, exits: Accounting, now_ns: Callable[[], int]) -> None:
        self._exits = exits
        self._now_ns = now_ns
        self._nobody: Row = [0] * (HOST_NS + 1)

    def timed(self, function: Callable[P, T]) -> Callable[P, T]:
        """``function``, measured."""
        exits, now_ns, nobody = self._exits, self._now_ns, self._nobody

        def measured(*args: P.args, **kwargs: P.kwargs) -> T:
            exits.latest = nobody
            start = now_ns()
            try:
                return function(*args, **kwargs)
            finally:
                exits.latest[HOST_NS] += now_ns() - start

        return measured


class TimedHandlers:
    """Handlers (hv.cpu.pace.Handlers) with a timer around each that counts exits."""

    def __init__(self, handlers: Handlers, timer: HostTimer) -> None:
        self.resolve = handlers.resolve
        self.on_in = timer.timed(handlers.on_in)
        self.on_out = timer.timed(handlers.on_out)
        self.on_intr = timer.timed(handlers.on_intr)
        self.on_cpuid = timer.timed(handlers.on_cpuid)
        self.on_syscall = timer.timed(handlers.on_syscall)
        self.on_invalid = timer.timed(handlers.on_invalid)
        self.on_privileged = timer.timed(handlers.on_privileged)
