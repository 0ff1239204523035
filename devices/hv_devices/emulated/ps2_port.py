"""The PS/2 connector: what the controller and the device on its cable ask of each other.

The wire protocol (start bit, parity, clock) is left out: whole bytes change hands, and the
controller decides when, as it does on hardware by holding the clock line low.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

from hv.interfaces import Timer


class Reply(IntEnum):
    """Bytes with the same meaning from every PS/2 device."""

    SELF_TEST_PASSED = 0xAA
    ACK = 0xFA
    ERROR = 0xFC
    RESEND = 0xFE


SELF_TEST_NS = 1_000_000
"""From reset to "self-test passed". Real devices take 300 to 500 ms; we have nothing to test, and a
guest that polls would burn every one of them."""


class Ps2Device(Protocol):
    """A keyboard or a mouse, seen from the controller."""

    def connect(self, data_ready: Callable[[], None]) -> None:
        """Plug in: call ``data_ready`` whenever a byte came up; ``take`` need not for the next."""

    @property
    def ready(self) -> bool:
        """Is a byte waiting?"""

    def take(self) -> int:
        """Fetch the waiting byte. Only when ``ready``."""

    def receive(self, byte: int) -> None:
        """A byte from the host."""


def unplugged() -> None:
    """``data_ready`` of a device that no controller listens to."""


def set_deadline(timer: Timer, when_ns: int | None) -> None:
    """Make an alarm agree with the deadline that the state holds."""
    if when_ns is None:
        timer.cancel()
    elif timer.deadline != when_ns:
        timer.arm(when_ns)
