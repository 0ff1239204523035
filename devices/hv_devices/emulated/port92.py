"""System control port A (port 92h): fast processor reset and the second A20 gate.

Document: IBM PS/2 Hardware Interface Technical Reference, May 1988, "System Control Port A".

The gate starts open, as a PC's does by the time software looks. The keyboard controller moves the
same line: a board where the later of the two wins calls ``show_a20`` when the other one has moved
it, so that the bit always reads what the line is.

Left out: the watchdog, the security lock of the CMOS; bits 3 and 6 to 7 (lock and activity lights)
only read back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag


class Control(IntFlag):
    """The port's bits."""

    FAST_RESET = 1 << 0
    A20_GATE = 1 << 1
    SECURITY_LOCK = 1 << 3
    LIGHTS = 3 << 6


_RESET, _A20 = Control.FAST_RESET.value, Control.A20_GATE.value
_KEPT = (Control.FAST_RESET | Control.A20_GATE | Control.SECURITY_LOCK | Control.LIGHTS).value


@dataclass(slots=True)
class State:
    """The port as it reads."""

    control: int = _A20


class Port92:
    """One byte-wide port. ``on_a20`` hears changes of the gate, ``on_reset`` a rising reset bit."""

    def __init__(self, on_reset: Callable[[], None], on_a20: Callable[[bool], None]) -> None:
        self._on_reset = on_reset
        self._on_a20 = on_a20
        self.state = State()

    def reset(self) -> None:
        self._change(State().control)

    def show_a20(self, enabled: bool) -> None:
        """Somebody else moved the line."""
        self.state.control = self.state.control & ~_A20 | (_A20 if enabled else 0)

    def read(self, offset: int, width: int) -> int:
        return self.state.control

    def write(self, offset: int, value: int, width: int) -> None:
        rising = value & ~self.state.control
        self._change(value & _KEPT)
        if rising & _RESET:
            self._on_reset()  # last: the machine may reset this chip before it returns

    def _change(self, control: int) -> None:
        changed = self.state.control ^ control
        self.state = State(control)
        if changed & _A20:
            self._on_a20(bool(control & _A20))
