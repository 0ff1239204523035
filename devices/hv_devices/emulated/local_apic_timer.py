"""The local APIC's timer: one-shot, periodic and TSC-deadline.

Document: Intel SDM vol. 3, 11.5.4 and 11.5.4.1. The current count is a function of virtual time, never a
counter that somebody decrements. Interrupts of a period come ``MIN_INTERVAL_NS`` apart at the closest;
what falls in between is merged, as pending edges of one vector are anyhow. A change of divisor or mode
takes the count that has been reached along; leaving or entering TSC-deadline mode disarms.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hv.interfaces import Clock
from hv.types import NS_PER_SECOND

from .local_apic_registers import Lvt

APIC_HZ = 200_000_000
"""The bus clock before division."""

MIN_INTERVAL_NS = 1000
MAX_WAIT_NS = 1 << 60
"""A deadline farther away, some decades, never comes."""

_NS_PER_CLOCK = NS_PER_SECOND // APIC_HZ
_VECTOR, _MASKED = Lvt.VECTOR.value, Lvt.MASKED.value
_PERIODIC, _TSC_DEADLINE = Lvt.PERIODIC.value, Lvt.TSC_DEADLINE.value
_LVT_WRITABLE = (Lvt.VECTOR | Lvt.MASKED | Lvt.PERIODIC | Lvt.TSC_DEADLINE).value
_DIVIDE_WRITABLE = 0b1011


@dataclass(slots=True)
class TimerState:
    """What the timer remembers. Counts are in divided clocks."""

    lvt: int = _MASKED
    divide: int = 0
    initial: int = 0
    start: int = 0
    """The count at ``origin``."""
    origin: int = 0
    """Virtual ns."""
    deadline: int = 0
    """Time stamp; 0: none."""

    @property
    def clock_ns(self) -> int:
        """The length of a divided clock: 2, 4, .. 128 bus clocks, then 1."""
        code = self.divide & 3 | self.divide >> 1 & 4
        return _NS_PER_CLOCK << (code + 1 & 7)


class ApicTimer:
    """Calls ``fire(vector)`` when the timer interrupts. The time stamp counts nanoseconds."""

    def __init__(
        self, clock: Clock, read_tsc: Callable[[], int], fire: Callable[[int], None]
    ) -> None:
        self._clock = clock
        self._read_tsc = read_tsc
        self._fire = fire
        self._alarm = clock.timer(self._on_alarm)
        self.state = TimerState()

    def load(self, state: TimerState) -> None:
        """Go on from ``state``."""
        self.state = state
        self._arm(self._clock.now())

    def current(self) -> int:
        """The current-count register."""
        state = self.state
        return self._count((self._clock.now() - state.origin) // state.clock_ns)

    def write_lvt(self, value: int) -> None:
        state = self.state
        value &= _LVT_WRITABLE
        now = self._clock.now()
        if (value ^ state.lvt) & _TSC_DEADLINE:
            state.initial = state.start = state.deadline = 0
        elif (value ^ state.lvt) & _PERIODIC:
            self._rebase(now)
        state.lvt = value
        self._arm(now)

    def write_divide(self, value: int) -> None:
        now = self._clock.now()
        self._rebase(now)
        self.state.divide = value & _DIVIDE_WRITABLE
        self._arm(now)

    def write_initial(self, value: int) -> None:
        """Start counting from ``value``; 0 stops."""
        state = self.state
        if state.lvt & _TSC_DEADLINE:
            return
        state.initial = state.start = value
        state.origin = self._clock.now()
        self._arm(state.origin)

    def write_deadline(self, value: int) -> None:
        """MSR IA32_TSC_DEADLINE; 0 disarms. Ignored in the other modes."""
        if self.state.lvt & _TSC_DEADLINE:
            self.state.deadline = value
            self._arm(self._clock.now())

    def tsc_changed(self) -> None:
        """The time stamp counter was written."""
        self._arm(self._clock.now())

    def _count(self, clocks: int) -> int:
        """The count ``clocks`` after ``origin``. What has ended stays at 0, whatever the mode becomes."""
        state = self.state
        if clocks < state.start:
            return state.start - clocks
        if not state.start or not state.lvt & _PERIODIC:
            return 0
        return state.initial - (clocks - state.start) % state.initial

    def _rebase(self, now: int) -> None:
        """Make ``origin`` the last clock before ``now``."""
        state = self.state
        clocks = (now - state.origin) // state.clock_ns
        state.start = self._count(clocks)
        state.origin += clocks * state.clock_ns

    def _expiry(self, after: int) -> int | None:
        """The first virtual ns behind ``after`` at which the count ends."""
        state = self.state
        if not state.start:
            return None
        first = state.origin + state.start * state.clock_ns
        if first > after:
            return first
        if not state.lvt & _PERIODIC:
            return None
        period = state.initial * state.clock_ns
        return first + ((after - first) // period + 1) * period

    def _arm(self, after: int) -> None:
        """Ring at the next interrupt; a deadline passes while it is masked, too."""
        state = self.state
        when: int | None = None
        if state.lvt & _TSC_DEADLINE:
            wait = state.deadline - self._read_tsc()
            if state.deadline and wait < MAX_WAIT_NS:
                when = self._clock.now() + max(0, wait)
        elif not state.lvt & _MASKED:
            when = self._expiry(after)
        if when is None:
            self._alarm.cancel()
        else:
            self._alarm.arm(when)

    def _on_alarm(self) -> None:
        state = self.state
        now = self._clock.now()
        if state.lvt & _TSC_DEADLINE:
            if self._read_tsc() < state.deadline:
                self._arm(now)
                return
            state.deadline = 0
        else:
            self._arm(now + MIN_INTERVAL_NS - 1)
        if not state.lvt & _MASKED:
            self._fire(state.lvt & _VECTOR)
