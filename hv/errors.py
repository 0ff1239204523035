"""One tree of errors, cut by who is at fault.

A guest at fault during a device access is no exception at all: it is answered as the hardware does.
"""


class HvError(Exception):
    """Root of everything this package raises on purpose."""


class ConfigError(HvError):
    """The user asked for something impossible: one line saying what and where.

    ``usage`` tells a wrong command line (exit code 2) from a bad image, disk or
    configuration file (exit code 4).
    """

    def __init__(self, message: str, *, usage: bool = False) -> None:
        super().__init__(
            " ".join(message.splitlines())
        )  # a damaged file's own words may be part of it
        self.usage = usage


class InternalError(HvError):
    """Our own bug, or an installed library that is not the one we were built for."""


class PartitionStateError(HvError):
    """The caller asked a partition for what it cannot do at this point of its life."""


class GuestError(HvError):
    """The guest ended in a way that its author did not want."""


class GuestFailed(GuestError):
    """The guest said itself that it failed."""


class GuestEnded(GuestError):
    """The guest ended, well or not, before it did what was waited for."""


class TripleFault(GuestError):
    """A fault while delivering a double fault: the processor shut down."""


class GuestPanic(GuestError):
    """The guest reported its own crash."""


class Stuck(GuestError):
    """The guest halted and nothing can wake it."""


class BudgetExceeded(GuestError):
    """The instruction or time budget ran out."""
