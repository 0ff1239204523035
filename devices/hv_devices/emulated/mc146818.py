"""MC146818 real-time clock with 128 bytes of battery-backed memory, as a PC has it.

Follows Motorola's MC146818A data sheet (1984). Offset 0 takes the index, with the PC's NMI mask
in bit 7 (Intel 82371AB PIIX4 data sheet, NMIEN: masked at reset); offset 1 is the data.
``mc146818_calendar`` has the time registers.

The time base is 32.768 kHz, counted from virtual time 0; cycle k falls on the first nanosecond at
or after k / 32768 s. An update ends on a whole second, UIP goes up 73 cycles before (8 of tBUC,
244 us, and 65 of tUC, 1984 us). The registers change when the update ends; during it they still
read the old time. Periodic events fall half a period away from the rise of UIP, as the data
sheet's figure has it.

Nothing ticks: every access works out what happened since the last one, and a timer is armed only
while an enabled interrupt is to come.

Choices and omissions: only the divider setting 010 keeps time, every other one holds the chain in
reset; SET stops updates, but one that was under way when SET came and went still ends; the
square-wave pin is not connected; power never fails, so VRT reads 1; daylight saving is ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag

from hv.interfaces import Clock, IrqLine
from hv.types import NS_PER_SECOND

from .mc146818_calendar import Cmos, add_seconds, seconds_to_alarm, store_epoch

CRYSTAL_HZ = 32_768
DEFAULT_EPOCH_SECONDS = 1_704_067_200
"""2024-01-01 00:00:00 UTC."""

CMOS_SIZE = 128
INDEX_OFFSET = 0


class A(IntFlag):
    """Register A. DV is a field; TIME_BASE is its one value that keeps time."""

    RS = 0x0F
    TIME_BASE = 0x20
    DV = 0x70
    UIP = 1 << 7


class B(IntFlag):
    """Register B; an interrupt's enable is in the place of its flag in register C."""

    DSE = 1 << 0
    HOURS_24 = 1 << 1
    DM = 1 << 2
    SQWE = 1 << 3
    UIE = 1 << 4
    AIE = 1 << 5
    PIE = 1 << 6
    SET = 1 << 7


class C(IntFlag):
    """Register C: cleared by reading."""

    UF = 1 << 4
    AF = 1 << 5
    PF = 1 << 6
    IRQF = 1 << 7


VRT = 0x80
"""Register D: RAM and time are valid."""

_NMI_MASK = 0x80
_RATE_1024_HZ = 6
_A, _B, _C, _D = Cmos.A.value, Cmos.B.value, Cmos.C.value, Cmos.D.value
_CENTURY = Cmos.CENTURY.value
_RS, _DV, _TIME_BASE, _UIP = A.RS.value, A.DV.value, A.TIME_BASE.value, A.UIP.value
_SET, _PIE, _AIE, _UIE = B.SET.value, B.PIE.value, B.AIE.value, B.UIE.value
_PF, _AF, _UF, _IRQF = C.PF.value, C.AF.value, C.UF.value, C.IRQF.value
_ENABLES = _PIE | _AIE | _UIE

# All in cycles of the crystal.
_UPDATE_CYCLE = 65
_UIP_CYCLES = 8 + _UPDATE_CYCLE
_AFTER_DIVIDER_RESET = CRYSTAL_HZ // 2
"""From the release of the divider to the beginning of the first update cycle."""
_PERIODS = (0, 128, 256, *(1 << (rate - 1) for rate in range(3, 16)))
"""Cycles between periodic events, by RS; 0: none."""


@dataclass
class State:
    """``cmos`` holds registers A and C without UIP and IRQF, which are worked out when read."""

    cmos: bytearray
    index: int = 0
    nmi_masked: bool = True
    origin: int = 0
    """A cycle at which an update ends; others do a whole number of seconds away."""
    mark: int = 0
    """The cycle up to which the time and the flags are accounted for."""


class MC146818:
    """``irq`` is high while the chip's IRQ pin is asserted. ``nvram`` fills the memory behind the
    clock."""

    def __init__(
        self,
        clock: Clock,
        irq: IrqLine,
        *,
        epoch_seconds: int = DEFAULT_EPOCH_SECONDS,
        nvram: Mapping[int, int] | None = None,
    ) -> None:
        self._clock = clock
        self._irq = irq
        self._timer = clock.timer(self._on_timer)
        cmos = bytearray(CMOS_SIZE)
        cmos[_A] = _TIME_BASE | _RATE_1024_HZ
        cmos[_B] = B.HOURS_24.value
        cmos[_D] = VRT
        store_epoch(cmos, epoch_seconds)
        for index, value in (nvram or {}).items():
            if not _D < index < CMOS_SIZE or index == _CENTURY:
                raise ValueError(f"CMOS location 0x{index:02X} belongs to the clock")
            cmos[index] = value
        cycle = self._cycle()
        self.state = State(cmos, origin=cycle, mark=cycle)

    def reset(self) -> None:
        """The RESET pin: interrupts off. The battery keeps time and memory."""
        self._account()
        cmos = self.state.cmos
        cmos[_B] &= ~(_ENABLES | B.SQWE.value)
        cmos[_C] = 0
        self.state = State(cmos, origin=self.state.origin, mark=self.state.mark)
        self._settle()

    def read(self, offset: int, width: int) -> int:
        state = self.state
        index = state.index
        if offset == INDEX_OFFSET:
            return 0xFF
        if index == _A:
            return state.cmos[_A] | (_UIP if self._update_in_progress() else 0)
        if index == _C:
            return self._take_flags()
        if index < _A or index == _CENTURY:
            self._account()
        return state.cmos[index]

    def write(self, offset: int, value: int, width: int) -> None:
        state = self.state
        if offset == INDEX_OFFSET:
            state.index = value & ~_NMI_MASK
            state.nmi_masked = bool(value & _NMI_MASK)
            return
        index = state.index
        if index > _D and index != _CENTURY:
            state.cmos[index] = value
            return
        self._account()
        if index == _A:
            self._write_a(value & ~_UIP)
        elif index == _B:
            if value & _SET and not state.cmos[_B] & _SET:
                value &= ~_UIE
            state.cmos[_B] = value
        elif index not in (_C, _D):
            state.cmos[index] = value
        self._settle()

    def _write_a(self, value: int) -> None:
        state = self.state
        held = not self._runs()
        state.cmos[_A] = value
        if held and self._runs():
            first_end = state.mark + _AFTER_DIVIDER_RESET + _UPDATE_CYCLE
            state.origin = first_end - CRYSTAL_HZ

    def _take_flags(self) -> int:
        """Register C, which clears as it is read."""
        self._account()
        cmos = self.state.cmos
        flags = cmos[_C]
        if flags & cmos[_B] & _ENABLES:
            flags |= _IRQF
        cmos[_C] = 0
        self._settle()
        return flags

    # Time

    def _cycle(self) -> int:
        """Crystal cycles so far."""
        return self._clock.now() * CRYSTAL_HZ // NS_PER_SECOND

    def _runs(self) -> bool:
        return self.state.cmos[_A] & _DV == _TIME_BASE

    def _update_in_progress(self) -> bool:
        state = self.state
        if state.cmos[_B] & _SET or not self._runs():
            return False
        return (self._cycle() - state.origin) % CRYSTAL_HZ >= CRYSTAL_HZ - _UIP_CYCLES

    def _account(self) -> None:
        """Carry out the updates and periodic events since the last time."""
        state = self.state
        cycle = self._cycle()
        mark, state.mark = state.mark, cycle
        if cycle == mark or not self._runs():
            return
        cmos = state.cmos
        period = _PERIODS[cmos[_A] & _RS]
        if period and self._next_periodic(mark, period) <= cycle:
            cmos[_C] |= _PF
        if cmos[_B] & _SET:
            return
        origin = state.origin
        updates = (cycle - origin) // CRYSTAL_HZ - (mark - origin) // CRYSTAL_HZ
        if updates:
            cmos[_C] |= _UF
            wait = seconds_to_alarm(cmos)
            if wait is not None and wait <= updates:
                cmos[_C] |= _AF
            add_seconds(cmos, updates)

    def _next_periodic(self, cycle: int, period: int) -> int:
        """The first cycle after ``cycle`` at which the divider's tap of ``period`` rises."""
        phase = self.state.origin - _UIP_CYCLES + period // 2
        return cycle + period - (cycle - phase) % period

    def _next_update(self, cycle: int) -> int:
        return cycle + CRYSTAL_HZ - (cycle - self.state.origin) % CRYSTAL_HZ

    # Interrupts

    def _on_timer(self) -> None:
        self._account()
        self._settle()

    def _settle(self) -> None:
        """Drive IRQ and arm the timer for the event that would raise it."""
        cmos = self.state.cmos
        enabled = cmos[_B] & _ENABLES
        asserted = bool(cmos[_C] & enabled)
        self._irq.set(asserted)
        cycle = None if asserted or not enabled or not self._runs() else self._next_event(enabled)
        if cycle is None:
            self._timer.cancel()
            return
        when = -(-cycle * NS_PER_SECOND // CRYSTAL_HZ)
        if when != self._timer.deadline:
            self._timer.arm(when)

    def _next_event(self, enabled: int) -> int | None:
        """The cycle of the first event that one of the ``enabled`` interrupts waits for."""
        state = self.state
        mark, cmos = state.mark, state.cmos
        events = []
        period = _PERIODS[cmos[_A] & _RS]
        if enabled & _PIE and period:
            events.append(self._next_periodic(mark, period))
        if not cmos[_B] & _SET:
            if enabled & _UIE:
                events.append(self._next_update(mark))
            elif enabled & _AIE:
                wait = seconds_to_alarm(cmos)
                if wait is not None:
                    events.append(self._next_update(mark) + (wait - 1) * CRYSTAL_HZ)
        return min(events, default=None)
