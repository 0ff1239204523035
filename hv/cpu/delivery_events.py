"""What event delivery is asked and what it answers: events, faults on the way, outcomes.

Follows the Intel SDM (edition 084, 2024) vol. 3, chapter 6, and 25.8.3 for the event kinds.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class EventKind(IntEnum):
    """Where an event comes from; the values are those of VMX's interruption type."""

    EXTERNAL = 0
    NMI = 2
    EXCEPTION = 3
    SOFTWARE_INTERRUPT = 4  # INT n
    PRIVILEGED_SOFTWARE_EXCEPTION = 5  # INT1
    SOFTWARE_EXCEPTION = 6  # INT3 and INTO


class Event(NamedTuple):
    """One interrupt or exception to deliver.

    ``next_rip`` is the return address that INT n, INT3, INTO, INT1 and traps push; faults and
    external interrupts leave it out and return to the state's RIP.
    """

    vector: int
    kind: EventKind
    error_code: int | None = None
    next_rip: int | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The guest's handler runs next."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """A fault while delivering a double fault: the processor stops until a reset."""


@dataclass(frozen=True, slots=True)
class TaskGateRefused:
    """The IDT entry of ``vector`` is a task gate; task switches on events are not modelled."""

    vector: int


Delivery = Delivered | Shutdown | TaskGateRefused
"""How a delivery ended."""


class Fault(Exception):
    """The processor met a fault while it acted for the guest; never leaves hv.cpu.

    ``address`` is what goes to CR2, for a page fault alone.
    """

    def __init__(self, vector: int, error_code: int | None = None, address: int = 0) -> None:
        super().__init__(vector, error_code)
        self.vector = vector
        self.error_code = error_code
        self.address = address

    def event(self) -> Event:
        """The exception that reports this fault."""
        return Event(self.vector, EventKind.EXCEPTION, self.error_code)


class TaskGateMet(Exception):
    """The IDT entry is a task gate; never leaves hv.cpu."""
