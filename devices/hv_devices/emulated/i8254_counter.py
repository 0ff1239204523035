"""One counter of the 8254: counting element, count register, GATE and OUT, in CLK ticks.

Follows Intel's 8254 data sheet (order number 231164-005), "Mode Definitions" and "Operation
Common to All Modes". Nothing runs: a mode is a row of functions of the count and of the clocks
since it was loaded, so the state at any tick costs the same. Every method takes the number of CLK
pulses so far; time never goes back.

Left out: a count of 1 in modes 2 and 3, which the data sheet forbids, leaves OUT where the
formulas put it (low in mode 2, high in mode 3) and never changes it. In mode 4, GATE going low
during the strobe ends it at once, not on the next pulse.
"""

from collections.abc import Callable
from dataclasses import dataclass

BINARY_MODULUS = 1 << 16
DECADE_MODULUS = 10**4


def _down(count: int, clocks: int) -> int:
    return count - clocks


def _down_each_period(count: int, clocks: int) -> int:
    return count - clocks % count


def _down_by_two(count: int, clocks: int) -> int:
    phase, high = clocks % count, (count + 1) >> 1
    return (count & ~1) - 2 * (phase if phase < high else phase - high)


def _out_after_count(count: int, clocks: int) -> bool:
    return clocks >= count


def _out_but_last_clock(count: int, clocks: int) -> bool:
    return clocks % count != count - 1


def _out_first_half(count: int, clocks: int) -> bool:
    return clocks % count < (count + 1) >> 1


def _out_but_strobe(count: int, clocks: int) -> bool:
    return clocks != count


def _change_once(count: int, clocks: int) -> int | None:
    return count if clocks < count else None


def _change_around_last_clock(count: int, clocks: int) -> int | None:
    if count == 1:
        return None
    phase = clocks % count
    return clocks - phase + (count - 1 if phase < count - 1 else count)


def _change_each_half(count: int, clocks: int) -> int | None:
    return None if count == 1 else _half_end(count, clocks)


def _change_around_strobe(count: int, clocks: int) -> int | None:
    if clocks > count:
        return None
    return count if clocks < count else count + 1


def _period_end(count: int, clocks: int) -> int:
    return clocks - clocks % count + count


def _half_end(count: int, clocks: int) -> int:
    phase, high = clocks % count, (count + 1) >> 1
    return clocks - phase + (high if phase < high else count)


@dataclass(frozen=True)
class Mode:
    """What a mode does. The functions take the loaded count and the clocks since it was loaded."""

    name: str
    value: Callable[[int, int], int]
    out: Callable[[int, int], bool]
    next_change: Callable[[int, int], int | None]
    """The next value of the clocks at which OUT changes."""
    idle_out: bool = True
    """OUT from the control word until the count is loaded."""
    gate_enables: bool = False
    gate_triggers: bool = False
    write_stops: bool = False
    """Writing a count stops the present one at once."""
    reload: Callable[[int, int], int] | None = None
    """Periodic modes: when a newly written count takes over."""


MODES = (
    Mode(
        "interrupt on terminal count",
        _down,
        _out_after_count,
        _change_once,
        idle_out=False,
        gate_enables=True,
        write_stops=True,
    ),
    Mode("one-shot", _down, _out_after_count, _change_once, gate_triggers=True),
    Mode(
        "rate generator",
        _down_each_period,
        _out_but_last_clock,
        _change_around_last_clock,
        gate_enables=True,
        gate_triggers=True,
        reload=_period_end,
    ),
    Mode(
        "square wave",
        _down_by_two,
        _out_first_half,
        _change_each_half,
        gate_enables=True,
        gate_triggers=True,
        reload=_half_end,
    ),
    Mode(
        "software strobe",
        _down,
        _out_but_strobe,
        _change_around_strobe,
        gate_enables=True,
    ),
    Mode("hardware strobe", _down, _out_but_strobe, _change_around_strobe, gate_triggers=True),
)
SQUARE_WAVE = 3

_PROGRAMMED_MODE = (0, 1, 2, 3, 4, 5, 2, 3)
"""The control word's M2 M1 M0: M2 does not matter for modes 2 and 3."""


@dataclass
class Counter:
    """A counter's state. Power-on leaves it undefined: here it waits for a count in mode 3."""

    control: int = 0x36
    """RW1 RW0 M2 M1 M0 BCD as programmed: what the status byte shows."""
    mode: int = SQUARE_WAVE
    bcd: bool = False
    gate: bool = True
    initial: int = 0
    """The count register; 0 until a count follows the control word."""
    null: bool = True
    """The count register has not reached the counting element yet."""
    load_at: int | None = None
    """The tick at which it will."""
    load_low: bool = False
    """Mode 3: that load begins the low half of the wave."""
    count: int = 0
    """The count that the counting element started from; 0: it has none since the control word."""
    origin: int = 0
    """The tick at which it was loaded."""
    frozen: int | None = None
    """Clocks that had passed when GATE stopped the counting."""
    expired: bool = False
    """GATE stopped it at or after its end: OUT is high for good, and there is no strobe to
    come."""
    resting: int = 0
    """What the counting element holds while ``count`` is 0."""

    @property
    def modulus(self) -> int:
        return DECADE_MODULUS if self.bcd else BINARY_MODULUS

    def program(self, tick: int, control: int) -> None:
        """A control word: the counter is reset and waits for a count."""
        self.stop(tick)
        self.control = control & 0x3F
        self.mode = _PROGRAMMED_MODE[control >> 1 & 7]
        self.bcd = bool(control & 1)
        self.initial = 0
        self.null = True

    def begin_write(self, tick: int) -> None:
        """The first byte of a two-byte count arrived."""
        if MODES[self.mode].write_stops:
            self.stop(tick)

    def write(self, tick: int, value: int) -> None:
        """A whole count arrived."""
        self.advance(tick)
        self.initial = (_from_bcd(value) if self.bcd else value) or self.modulus
        self.null = True
        mode = MODES[self.mode]
        if mode.write_stops:
            self.stop(tick)
        if not mode.gate_triggers:
            self.load_at = tick + 1
        elif mode.reload is not None:
            self._write_periodic(tick, mode.reload)

    def set_gate(self, tick: int, level: bool) -> None:
        if level == self.gate:
            return
        self.advance(tick)
        self.gate = level
        mode = MODES[self.mode]
        if level:
            self._gate_rose(tick, mode)
        elif mode.gate_enables and self.count and self.frozen is None:
            self.frozen = tick - self.origin
            self.expired = mode.reload is None and self.frozen >= self.count
            if mode.reload is not None:
                self.load_at = None

    def advance(self, tick: int) -> None:
        """Carry out the load that was due by ``tick``."""
        at = self.load_at
        if at is None or tick < at:
            return
        self.load_at = None
        self.count = self.initial
        self.origin = at - ((self.count + 1) >> 1) if self.load_low else at
        self.load_low = False
        self.null = False
        self.expired = False
        self.frozen = None if self.gate or not MODES[self.mode].gate_enables else 0

    def out(self, tick: int) -> bool:
        self.advance(tick)
        mode = MODES[self.mode]
        if not self.count:
            return mode.idle_out
        if self.expired:
            return True
        if self.frozen is None:
            return mode.out(self.count, tick - self.origin)
        return mode.reload is not None or mode.out(self.count, self.frozen)

    def reading(self, tick: int) -> int:
        """The counting element as the guest reads it: 16 bits, BCD if so programmed."""
        value = self._value(tick)
        return _to_bcd(value) if self.bcd else value

    def next_change(self, tick: int) -> int | None:
        """A tick after ``tick`` up to which OUT stays as it is; None: it stays so for good."""
        self.advance(tick)
        change = None
        if self.count and self.frozen is None:
            clocks = MODES[self.mode].next_change(self.count, tick - self.origin)
            change = None if clocks is None else self.origin + clocks
        if self.load_at is not None and (change is None or self.load_at < change):
            return self.load_at
        return change

    def same_phase(self, tick: int, limit: int) -> int:
        """The last tick a period before ``limit`` or earlier at which all is as at ``tick``."""
        if MODES[self.mode].reload is None or not self.count or self.load_at is not None:
            return tick
        return tick + max((limit - tick) // self.count - 1, 0) * self.count

    def stop(self, tick: int) -> None:
        """Stop counting: OUT idles and the counting element keeps what it holds."""
        self.resting = self._value(tick)
        self.count = 0
        self.load_at = None
        self.load_low = False
        self.frozen = None
        self.expired = False

    def _value(self, tick: int) -> int:
        self.advance(tick)
        if not self.count:
            return self.resting % self.modulus
        clocks = tick - self.origin if self.frozen is None else self.frozen
        return MODES[self.mode].value(self.count, clocks) % self.modulus

    def _write_periodic(self, tick: int, reload: Callable[[int, int], int]) -> None:
        """The first count is loaded at once, a later one when the (half) period ends."""
        if not self.count:
            self.load_at = tick + 1
        elif self.frozen is None and self.load_at is None:
            # A frozen counter is loaded by the trigger that sets it going again.
            self.load_at = self.origin + reload(self.count, tick - self.origin)
            self.load_low = self.mode == SQUARE_WAVE and self.count > 1 and self.out(tick)

    def _gate_rose(self, tick: int, mode: Mode) -> None:
        if not mode.gate_triggers:
            if self.frozen is not None:
                self.origin = tick - self.frozen
                self.frozen = None
        elif self.initial:
            self.load_at = tick + 1
            self.load_low = False


def _from_bcd(value: int) -> int:
    """Four decades. Digits above nine, which no program writes, count as what they are."""
    return (value >> 12) * 1000 + (value >> 8 & 0xF) * 100 + (value >> 4 & 0xF) * 10 + (value & 0xF)


def _to_bcd(value: int) -> int:
    thousands, rest = divmod(value, 1000)
    hundreds, rest = divmod(rest, 100)
    tens, units = divmod(rest, 10)
    return thousands << 12 | hundreds << 8 | tens << 4 | units
