"""System control port B, port 0x61 of a PC: speaker gate, refresh toggle, NMI sources.

Follows the IBM PC AT Technical Reference (1984, "System board I/O ports") and Intel's 82371AB
PIIX4 data sheet (NMISC, NMI status and control). The guest measures time with it: counter 2 of
the timer is gated by bit 0 and its output read in bit 5, and bit 4 toggles once a memory refresh.

Left out: the NMI sources (no parity or channel check ever happens, so bits 7 and 6 read 0; their
disable bits are kept and do nothing) and sound.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag

from hv.interfaces import Clock

REFRESH_NS = 15_085
"""18 periods of the timer's clock: what the BIOS programs into counter 1."""


class PortB(IntFlag):
    """Bits 0 to 3 are the guest's to write."""

    GATE2 = 1 << 0
    SPEAKER = 1 << 1
    PARITY_DISABLE = 1 << 2
    CHANNEL_CHECK_DISABLE = 1 << 3
    REFRESH = 1 << 4
    OUT2 = 1 << 5
    CHANNEL_CHECK = 1 << 6
    PARITY = 1 << 7


_WRITABLE = (PortB.GATE2 | PortB.SPEAKER | PortB.PARITY_DISABLE | PortB.CHANNEL_CHECK_DISABLE).value
_GATE2 = PortB.GATE2.value
_REFRESH = PortB.REFRESH.value
_OUT2 = PortB.OUT2.value


@dataclass
class State:
    latch: int = 0
    """Bits 0 to 3 as last written."""


class SystemPortB:
    """``set_gate`` drives GATE of the timer's counter 2, ``out`` reads its OUT."""

    def __init__(
        self, clock: Clock, set_gate: Callable[[bool], None], out: Callable[[], bool]
    ) -> None:
        self._clock = clock
        self._set_gate = set_gate
        self._out = out
        self.reset()

    def reset(self) -> None:
        self.state = State()
        self._settle()

    @property
    def speaker_on(self) -> bool:
        """Counter 2's output reaches the speaker."""
        return bool(self.state.latch & PortB.SPEAKER.value)

    def read(self, offset: int, width: int) -> int:
        value = self.state.latch
        if self._clock.now() // REFRESH_NS & 1:
            value |= _REFRESH
        if self._out():
            value |= _OUT2
        return value

    def write(self, offset: int, value: int, width: int) -> None:
        self.state.latch = value & _WRITABLE
        self._settle()

    def _settle(self) -> None:
        self._set_gate(bool(self.state.latch & _GATE2))
