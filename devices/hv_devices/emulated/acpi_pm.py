"""ACPI fixed hardware: PM1 event and control, power management timer, one general-purpose event block.

Document: ACPI Specification 6.5, 4.8.2 "Fixed Hardware Features" and 4.8.3 "Fixed Hardware Registers"; the
registers lie in one block of sixteen ports, as in Intel's 82371AB (PIIX4). There is no SMI, so the machine
is in ACPI mode from the beginning: SCI_EN reads 1 and cannot be changed. Soft off is the one sleeping
state. No general-purpose event has a source yet. Left out: bus master status, the global lock's release,
wake-up from sleeping states, the fixed sleep button and RTC wake-up, whose bits are only kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag

from hv.interfaces import Clock, IrqLine
from hv.types import NS_PER_SECOND

PM_TIMER_HZ = 3_579_545
PM_TIMER_BITS = 32
SIZE = 16
SLEEP_TYPE_SOFT_OFF = 5
"""What the guest finds in \\_S5."""

# Offsets of the registers; status and enable lie behind one another.
PM1_EVENT, PM1_CONTROL, PM_TIMER, GPE0 = 0x00, 0x04, 0x08, 0x0C
PM1_EVENT_SIZE, PM1_CONTROL_SIZE, PM_TIMER_SIZE, GPE0_SIZE = 4, 2, 4, 4


class Pm1Event(IntFlag):
    """PM1 status (write 1 to clear); the enable register has the same places."""

    TIMER = 1 << 0
    BUS_MASTER = 1 << 4
    GLOBAL_LOCK = 1 << 5
    POWER_BUTTON = 1 << 8
    SLEEP_BUTTON = 1 << 9
    RTC = 1 << 10
    WAKE = 1 << 15


class Pm1Control(IntFlag):
    """PM1 control."""

    SCI_EN = 1 << 0
    BUS_MASTER_RELOAD = 1 << 1
    GLOBAL_RELEASE = 1 << 2
    SLEEP_TYPE = 7 << 10
    SLEEP_ENABLE = 1 << 13


_TIMER, _POWER_BUTTON = Pm1Event.TIMER.value, Pm1Event.POWER_BUTTON.value
_ENABLE_WRITABLE = (
    Pm1Event.TIMER
    | Pm1Event.GLOBAL_LOCK
    | Pm1Event.POWER_BUTTON
    | Pm1Event.SLEEP_BUTTON
    | Pm1Event.RTC
).value
_SCI_EN, _SLEEP_ENABLE = Pm1Control.SCI_EN.value, Pm1Control.SLEEP_ENABLE.value
_CONTROL_WRITABLE = (Pm1Control.BUS_MASTER_RELOAD | Pm1Control.SLEEP_TYPE).value
_SLEEP_TYPE_SHIFT = 10
_HALF_SHIFT = PM_TIMER_BITS - 1
_TIMER_MASK = (1 << PM_TIMER_BITS) - 1


@dataclass(slots=True)
class State:
    """What the registers remember. The timer is a function of time."""

    status: int = 0
    """PM1 status without the timer's bit."""
    enable: int = 0
    control: int = _SCI_EN
    half_seen: int = 0
    """Half periods of the timer when its status bit was last cleared."""
    gpe_status: int = 0
    gpe_enable: int = 0


class AcpiPm:
    """Sixteen ports, taken at any width; ``sci`` is level-triggered. ``on_power_off``: soft off."""

    def __init__(self, clock: Clock, sci: IrqLine, on_power_off: Callable[[], None]) -> None:
        self._clock = clock
        self._sci = sci
        self._on_power_off = on_power_off
        self._alarm = clock.timer(self._settle)
        self.state = State()

    def reset(self) -> None:
        self.state = State(half_seen=self._half())
        self._settle()

    def press_power_button(self) -> None:
        """The user asks the guest to shut down."""
        self.state.status |= _POWER_BUTTON
        self._settle()

    # Registers.

    def read(self, offset: int, width: int) -> int:
        state = self.state
        block = (
            self._status()
            | state.enable << 16
            | state.control << 8 * PM1_CONTROL
            | (self._ticks() & _TIMER_MASK) << 8 * PM_TIMER
            | state.gpe_status << 8 * GPE0
            | state.gpe_enable << 8 * GPE0 + 16
        )
        return block >> 8 * offset & (1 << 8 * width) - 1

    def write(self, offset: int, value: int, width: int) -> None:
        for lane in range(offset, min(offset + width, SIZE)):
            writer = _WRITERS.get(lane & ~1)
            if writer is not None:
                shift = 8 * (lane & 1)
                writer(self, (value & 0xFF) << shift, 0xFF << shift)
            value >>= 8
        self._settle()

    def _clear_status(self, value: int, _lane: int) -> None:
        state = self.state
        state.status &= ~value
        if value & _TIMER:
            state.half_seen = self._half()

    def _write_enable(self, value: int, lane: int) -> None:
        state = self.state
        state.enable = (state.enable & ~lane | value) & _ENABLE_WRITABLE

    def _write_control(self, value: int, lane: int) -> None:
        """SLEEP_ENABLE acts and always reads 0; only soft off is there to be entered."""
        state = self.state
        state.control = (state.control & ~lane | value) & _CONTROL_WRITABLE | _SCI_EN
        if value & _SLEEP_ENABLE and state.control >> _SLEEP_TYPE_SHIFT == SLEEP_TYPE_SOFT_OFF:
            self._on_power_off()

    def _clear_gpe(self, value: int, _lane: int) -> None:
        self.state.gpe_status &= ~value

    def _write_gpe_enable(self, value: int, lane: int) -> None:
        self.state.gpe_enable = self.state.gpe_enable & ~lane | value

    # Time.

    def _ticks(self) -> int:
        return self._clock.now() * PM_TIMER_HZ // NS_PER_SECOND

    def _half(self) -> int:
        """Half periods since power-on: the timer's top bit has changed that often."""
        return self._ticks() >> _HALF_SHIFT

    def _status(self) -> int:
        state = self.state
        return state.status | (_TIMER if self._half() != state.half_seen else 0)

    def _settle(self) -> None:
        """Drive SCI, and wake up when the timer will."""
        state = self.state
        status = self._status()
        self._sci.set(bool(status & state.enable or state.gpe_status & state.gpe_enable))
        if state.enable & _TIMER and not status & _TIMER:
            ticks = (state.half_seen + 1) << _HALF_SHIFT
            self._alarm.arm(-(-ticks * NS_PER_SECOND // PM_TIMER_HZ))
        else:
            self._alarm.cancel()


_WRITERS: dict[int, Callable[[AcpiPm, int, int], None]] = {
    PM1_EVENT: AcpiPm._clear_status,
    PM1_EVENT + 2: AcpiPm._write_enable,
    PM1_CONTROL: AcpiPm._write_control,
    GPE0: AcpiPm._clear_gpe,
    GPE0 + 2: AcpiPm._write_gpe_enable,
}
"""By the offset of a 16-bit register: ``(chip, value, the byte lane written)``."""
