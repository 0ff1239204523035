"""An 8254 on the bench: its ports, its clock and counter 0's wire."""

from hv_devices.emulated.i8254 import I8254
from tests.devices.spy_clock import SpyClock
from tests.fakes import RecordingLine

HZ = 1_193_182
SECOND = 10**9
CONTROL = 3

# Control word: SC1 SC0 RW1 RW0 M2 M1 M0 BCD
LATCH, LSB, MSB, WORD = 0x00, 0x10, 0x20, 0x30
BCD = 0x01

STATUS_OUT, STATUS_NULL = 0x80, 0x40


def tick_ns(tick: int) -> int:
    """When CLK pulse ``tick`` falls: the first ns at or after tick / HZ seconds."""
    return -(-tick * SECOND // HZ)


class Bench:
    """A timer, its clock, and counter 0's wire."""

    def __init__(self) -> None:
        self.clock = SpyClock()
        self.irq0 = RecordingLine()
        self.pit = I8254(self.clock, self.irq0)

    def at(self, tick: int) -> None:
        """Let time pass until pulse ``tick``, to the nanosecond."""
        self.clock.advance(tick_ns(tick) - self.clock.now())

    def just_before(self, tick: int) -> None:
        self.clock.advance(tick_ns(tick) - 1 - self.clock.now())

    def program(self, counter: int, mode: int, count: int | None = None, flags: int = 0) -> None:
        """Control word and a two-byte count."""
        self.pit.write(CONTROL, counter << 6 | WORD | mode << 1 | flags, 1)
        if count is not None:
            self.count(counter, count)

    def count(self, counter: int, count: int) -> None:
        self.pit.write(counter, count & 0xFF, 1)
        self.pit.write(counter, count >> 8, 1)

    def word(self, counter: int) -> int:
        """Latch and read both bytes."""
        self.pit.write(CONTROL, counter << 6 | LATCH, 1)
        return self.pit.read(counter, 1) | self.pit.read(counter, 1) << 8

    def status(self, counter: int) -> int:
        self.pit.write(CONTROL, 0xE0 | 2 << counter, 1)
        return self.pit.read(counter, 1)

    def outs(self, counter: int, first: int, last: int) -> str:
        """OUT after each of the pulses, as a string of 0 and 1."""
        levels = ""
        for tick in range(first, last + 1):
            self.at(tick)
            levels += "1" if self.pit.out(counter) else "0"
        return levels

    def counts(self, counter: int, first: int, last: int) -> list[int]:
        values = []
        for tick in range(first, last + 1):
            self.at(tick)
            values.append(self.word(counter))
        return values


def trigger(bench: Bench, counter: int) -> None:
    """A rising edge on GATE."""
    bench.pit.set_gate(counter, False)
    bench.pit.set_gate(counter, True)
