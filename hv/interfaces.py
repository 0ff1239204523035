"""The narrow doors through which rooms talk: Protocols of one to a few methods.

A chip is handed doors, never the machine. Everything is synchronous and takes no host time.
"""

from collections.abc import Callable
from typing import Protocol


class IrqLine(Protocol):
    """One interrupt wire. Level is what the chip drives; edges are the receiver's business."""

    def set(self, level: bool) -> None:
        """Drive the wire high (True) or low (False). Setting the same level again is harmless."""


class Timer(Protocol):
    """A one-shot alarm on the virtual clock."""

    @property
    def deadline(self) -> int | None:
        """When it fires, in virtual ns; None while it is not armed."""

    def arm(self, when_ns: int) -> None:
        """Fire once at ``when_ns`` (or at once when that is past); replaces an earlier arming."""

    def cancel(self) -> None:
        """Do not fire. Harmless when not armed."""


class Clock(Protocol):
    """Virtual time of one partition. It never goes back."""

    def now(self) -> int:
        """Virtual nanoseconds since power-on."""

    def timer(self, action: Callable[[], None]) -> Timer:
        """A new, unarmed timer that calls ``action`` (called at or just after the deadline)."""


class GuestMemory(Protocol):
    """Guest physical memory as a bus master sees it. Never raises for a guest's address."""

    def read(self, gpa: int, size: int) -> bytes:
        """``size`` bytes; whatever is not RAM or ROM reads as 0xFF."""

    def write(self, gpa: int, data: bytes) -> None:
        """Store bytes; what does not land in RAM is lost. Stale translations are dropped."""


class BlockDevice(Protocol):
    """A disk of 512-byte sectors behind a host file, an overlay or memory."""

    @property
    def sectors(self) -> int:
        """Capacity in 512-byte sectors."""

    @property
    def read_only(self) -> bool: ...

    def read(self, lba: int, count: int) -> bytes:
        """``count`` sectors from ``lba``. The caller has checked the range. OSError: medium error."""

    def write(self, lba: int, data: bytes) -> None:
        """Whole sectors. The caller has checked range and ``read_only``. OSError: medium error."""

    def flush(self) -> None:
        """Make earlier writes durable as far as the medium keeps anything."""


Work = Callable[[int], None]
"""``done(moved)``: a device has done one request, which moved ``moved`` bytes; the root accounts for it."""


def unmetered(_moved: int) -> None:
    """Nobody accounts for this device's work."""


ByteSink = Callable[[bytes], None]
"""Takes bytes that a device sends to the outside (a serial line, a debug port)."""

PortRead = Callable[[int, int], int]
"""``read(offset, width)`` -> value of ``width`` bytes (1, 2 or 4)."""

PortWrite = Callable[[int, int, int], None]
"""``write(offset, value, width)``."""
