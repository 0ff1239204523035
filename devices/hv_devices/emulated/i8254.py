"""8254 programmable interval timer: three counters, four ports.

Follows Intel's 8254 data sheet (order number 231164-005). Offsets 0 to 2 are the counters, 3
takes control words and reads as nothing. ``i8254_counter`` has the counting itself.

CLK is 1 193 182 Hz on all three, counted from virtual time 0: pulse k falls on the first
nanosecond at or after k / 1 193 182 s, so nothing drifts and an edge of OUT is late by less than
1 ns. A write takes effect on the pulse after it, as on the chip.

Only counter 0's OUT is a wire that somebody listens to; it alone arms a timer. A timer that fires
late still delivers an edge for every rise that it missed, as long as the listener could have told
them apart.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from hv.interfaces import Clock, IrqLine
from hv.types import NS_PER_SECOND

from .i8254_counter import Counter

CLK_HZ = 1_193_182

CONTROL_OFFSET = 3
READ_BACK = 3
"""The counter number of a control word that is the read-back command."""


class Access(IntEnum):
    """RW1 RW0 of a control word."""

    LATCH = 0
    LOW = 1
    HIGH = 2
    BOTH = 3


_LATCH, _LOW = Access.LATCH.value, Access.LOW.value
_HIGH, _BOTH = Access.HIGH.value, Access.BOTH.value

# Read-back command; the first two are active low.
_NO_COUNT = 0x20
_NO_STATUS = 0x10

# Status byte
_STATUS_OUT = 0x80
_STATUS_NULL = 0x40


@dataclass
class BytePort:
    """How 16 bits pass through a counter's 8-bit port. Reads and writes keep separate track."""

    access: int = Access.BOTH.value
    written_low: int | None = None
    """The first byte of a two-byte count."""
    reads_high: bool = False
    """A two-byte read is half done."""
    count: int | None = None
    """The output latch, while it is latched."""
    status: int | None = None
    """The status latch, while it is latched."""


@dataclass
class State:
    counters: list[Counter] = field(default_factory=lambda: [Counter() for _ in range(3)])
    ports: list[BytePort] = field(default_factory=lambda: [BytePort() for _ in range(3)])


class I8254:
    """``irq0`` is counter 0's OUT. GATE inputs are high until ``set_gate`` says otherwise."""

    SAVED = {"_watched": bool, "_due": int | None}

    def __init__(self, clock: Clock, irq0: IrqLine) -> None:
        self._clock = clock
        self._irq0 = irq0
        self._timer = clock.timer(self._on_timer)
        self._watched = True
        self._due: int | None = None  # tick of counter 0's next change; derived by _settle
        self.state = State()
        self._settle(self._tick())

    def reset(self) -> None:
        """As after power-on, but that the GATE pins are where their drivers hold them."""
        self._catch_up()
        gates = [counter.gate for counter in self.state.counters]
        self.state = State(counters=[Counter(gate=gate) for gate in gates])
        self._settle(self._tick())

    def watch(self, watched: bool) -> None:
        """Whether anybody can see counter 0's edges as they happen; if not, no timer is armed.

        ``refresh``, any access, and ``watch`` itself bring the wire up to date.
        """
        self._watched = watched
        self._settle(self._catch_up())

    def refresh(self) -> None:
        """Bring counter 0's wire up to date, for somebody who is about to look at it."""
        self._catch_up()

    def read(self, offset: int, width: int) -> int:
        if offset >= CONTROL_OFFSET:
            return 0xFF
        tick = self._catch_up()
        port = self.state.ports[offset]
        status = port.status
        if status is not None:
            port.status = None
            return status
        count = port.count
        if count is None:
            count = self.state.counters[offset].reading(tick)
        high = port.access == _HIGH or port.reads_high
        port.reads_high = port.access == _BOTH and not high
        if not port.reads_high:
            port.count = None
        return count >> 8 if high else count & 0xFF

    def write(self, offset: int, value: int, width: int) -> None:
        tick = self._catch_up()
        if offset < CONTROL_OFFSET:
            self._write_count(offset, value, tick)
        elif value >> 6 == READ_BACK:
            self._read_back(value, tick)
        elif value >> 4 & 3 == _LATCH:
            self._latch_count(value >> 6, tick)
        else:
            number = value >> 6
            self.state.counters[number].program(tick, value)
            self.state.ports[number] = BytePort(access=value >> 4 & 3)
        self._settle(tick)

    def set_gate(self, counter: int, level: bool) -> None:
        """Drive the GATE input of ``counter``."""
        tick = self._catch_up()
        self.state.counters[counter].set_gate(tick, level)
        self._settle(tick)

    def out(self, counter: int) -> bool:
        """OUT of ``counter`` now."""
        return self.state.counters[counter].out(self._catch_up())

    def _write_count(self, number: int, value: int, tick: int) -> None:
        port = self.state.ports[number]
        counter = self.state.counters[number]
        if port.access == _LOW:
            counter.write(tick, value)
        elif port.access == _HIGH:
            counter.write(tick, value << 8)
        elif port.written_low is None:
            port.written_low = value
            counter.begin_write(tick)
        else:
            counter.write(tick, value << 8 | port.written_low)
            port.written_low = None

    def _latch_count(self, number: int, tick: int) -> None:
        """Hold the count until it is read; a second latch command before that does nothing."""
        port = self.state.ports[number]
        if port.count is None:
            port.count = self.state.counters[number].reading(tick)

    def _read_back(self, value: int, tick: int) -> None:
        for number, port in enumerate(self.state.ports):
            if not value >> (number + 1) & 1:
                continue
            if not value & _NO_COUNT:
                self._latch_count(number, tick)
            if not value & _NO_STATUS and port.status is None:
                counter = self.state.counters[number]
                out = _STATUS_OUT if counter.out(tick) else 0
                null = _STATUS_NULL if counter.null else 0
                port.status = out | null | counter.control

    # Time and the wire

    def _tick(self) -> int:
        """CLK pulses so far."""
        return self._clock.now() * CLK_HZ // NS_PER_SECOND

    def _on_timer(self) -> None:
        self._settle(self._catch_up())

    def _catch_up(self) -> int:
        """Deliver what counter 0's OUT did since the last access; the pulses so far."""
        tick = self._tick()
        due = self._due
        if due is None or due > tick:
            return tick
        counter = self.state.counters[0]
        while due is not None and due <= tick:
            self._irq0.set(counter.out(due))
            # Of many periods missed, the listener gets the last two.
            due = counter.next_change(counter.same_phase(due, tick))
        self._due = due
        self._arm()
        return tick

    def _settle(self, tick: int) -> None:
        """Drive the wire as it is at ``tick`` and arm the timer for its next change."""
        counter = self.state.counters[0]
        self._irq0.set(counter.out(tick))
        self._due = counter.next_change(tick)
        self._arm()

    def _arm(self) -> None:
        if self._due is None or not self._watched:
            self._timer.cancel()
            return
        when = -(-self._due * NS_PER_SECOND // CLK_HZ)
        if when != self._timer.deadline:
            self._timer.arm(when)
