"""Port CF9h, the reset control register of PC chip sets.

Document: Intel 82371AB PIIX4 data sheet, "RC: Reset Control Register". A rising RESET bit resets the
processor; with HARD_RESET the rest of the machine as well, which here is the same: a machine resets as a
whole. Left out: the difference between the two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag


class Control(IntFlag):
    """The port's bits."""

    HARD_RESET = 1 << 1
    RESET = 1 << 2


RESET_VALUE = (Control.HARD_RESET | Control.RESET).value
"""What software writes to reset the machine."""

_RESET = Control.RESET.value
_KEPT = RESET_VALUE


@dataclass(slots=True)
class State:
    """The port as it reads."""

    control: int = 0


class PortCf9:
    """One byte-wide port."""

    def __init__(self, on_reset: Callable[[], None]) -> None:
        self._on_reset = on_reset
        self.state = State()

    def reset(self) -> None:
        self.state = State()

    def read(self, offset: int, width: int) -> int:
        return self.state.control

    def write(self, offset: int, value: int, width: int) -> None:
        rising = value & ~self.state.control & _RESET
        self.state.control = value & _KEPT
        if rising:
            self._on_reset()  # last: the machine may reset this chip before it returns
