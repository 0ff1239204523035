"""One synthetic timer: STIMERn_CONFIG and STIMERn_COUNT.

Follows the TLFS 6.0b, chapter Timers, "Synthetic Timers". An expiry is never early; a deadline in the past
expires at once. A periodic timer keeps its phase: ticks that were missed are skipped, whether it is lazy or
not, since a second edge or message could not be told from the first. A period below 100 us is taken
as 100 us, so that no guest can spend its time on one timer. Setting a timer anew takes back a message that
still waits.
"""

from dataclasses import dataclass
from enum import IntFlag

from hv.interfaces import Clock
from hv.tlfs.doors import InterruptSink
from hv.tlfs.reference_time import ReferenceTime
from hv.tlfs.synic import FIRST_VECTOR, Synic

TIMERS = 4
MIN_PERIOD = 1000
"""Ticks of 100 ns."""

_FAR_FUTURE_NS = 1 << 62  # 146 years: never, and a number that any clock can hold


class Config(IntFlag):
    """HV_X64_MSR_STIMER_CONFIG. LAZY is kept without meaning."""

    ENABLED = 1 << 0
    PERIODIC = 1 << 1
    LAZY = 1 << 2
    AUTO_ENABLE = 1 << 3
    APIC_VECTOR = 0xFF << 4
    DIRECT = 1 << 12
    SINT = 0xF << 16


_ENABLED, _PERIODIC = Config.ENABLED.value, Config.PERIODIC.value
_AUTO_ENABLE, _DIRECT = Config.AUTO_ENABLE.value, Config.DIRECT.value
_DEFINED = sum(flag.value for flag in Config.__members__.values())
_VECTOR_SHIFT, _SINT_SHIFT = 4, 16


@dataclass
class State:
    config: int = 0
    count: int = 0
    deadline: int | None = None
    """Reference time of the next expiry; None while the timer is not running."""


class SyntheticTimer:
    """Timer ``index`` of one processor; ``direct``: direct mode is offered."""

    def __init__(
        self,
        index: int,
        clock: Clock,
        reference: ReferenceTime,
        synic: Synic,
        interrupts: InterruptSink,
        *,
        direct: bool,
    ) -> None:
        self._index = index
        self._reference = reference
        self._synic = synic
        self._interrupts = interrupts
        self._offered_direct = _DIRECT if direct else 0
        self._timer = clock.timer(self._on_timer)
        self.state = State()

    def reset(self) -> None:
        self.state = State()
        self._timer.cancel()

    def write_config(self, value: int) -> None:
        """Reserved bits are not kept."""
        self.state.config = value & _DEFINED
        self._restart()

    def write_count(self, value: int) -> None:
        """Zero stops the timer; anything else starts it if it is to start by itself."""
        state = self.state
        state.count = value
        if not value:
            state.config &= ~_ENABLED
        elif state.config & _AUTO_ENABLE:
            state.config |= _ENABLED
        self._restart()

    def inspect(self) -> dict[str, object]:
        state = self.state
        return {"config": state.config, "count": state.count, "deadline": state.deadline}

    def _direct(self) -> bool:
        return bool(self.state.config & self._offered_direct)

    def _restart(self) -> None:
        """Work out the next expiry from the registers as they are now."""
        state = self.state
        self._synic.withdraw_timer(self._index)
        self._timer.cancel()
        state.deadline = None
        if not self._direct() and not state.config & Config.SINT.value:
            state.config &= ~_ENABLED
        if not state.config & _ENABLED or not state.count:
            return
        now = self._reference.now()
        state.deadline = now + self._period() if state.config & _PERIODIC else state.count
        if state.deadline <= now:
            self._expire(now)
        else:
            self._arm(state.deadline)

    def _period(self) -> int:
        return max(self.state.count, MIN_PERIOD)

    def _arm(self, deadline: int) -> None:
        when = self._reference.at(deadline)
        if when < _FAR_FUTURE_NS:
            self._timer.arm(when)

    def _on_timer(self) -> None:
        if self.state.deadline is not None:
            self._expire(self._reference.now())

    def _expire(self, now: int) -> None:
        state = self.state
        deadline = state.deadline or now
        if state.config & _PERIODIC:
            period = self._period()
            deadline += (now - deadline) // period * period
            state.deadline = deadline + period
            self._arm(state.deadline)
        else:
            state.deadline = None
            state.config &= ~_ENABLED
        self._notify(deadline)

    def _notify(self, expiration: int) -> None:
        config = self.state.config
        if not self._direct():
            self._synic.post_timer(config >> _SINT_SHIFT & 0xF, self._index, expiration)
            return
        vector = config >> _VECTOR_SHIFT & 0xFF
        if vector >= FIRST_VECTOR:
            self._interrupts.raise_edge(vector, False)
