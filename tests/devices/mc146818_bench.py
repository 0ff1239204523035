"""An MC146818 on the bench: register access by index, its clock and its interrupt wire."""

from hv_devices.emulated.mc146818 import MC146818
from tests.devices.spy_clock import SpyClock
from tests.fakes import RecordingLine

SECOND = 10**9
SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM = range(6)
DAY_OF_WEEK, DATE, MONTH, YEAR, A, B, C, D = range(6, 14)
CENTURY = 0x32

UIP, RUN, DIVIDER_RESET = 0x80, 0x20, 0x70
SET, PIE, AIE, UIE, SQWE, DM, H24 = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02
IRQF, PF, AF, UF = 0x80, 0x40, 0x20, 0x10

ANY = 0xFF
UIP_CYCLES = 8 + 65
"""244 us before the update and 1984 us of it, in cycles of 32.768 kHz."""


def cycles_ns(cycles: int) -> int:
    return -(-cycles * SECOND // 32768)


class Rtc:
    """A clock chip, its wire, and register access by index."""

    def __init__(self, epoch_seconds: int = 1_704_067_200) -> None:
        self.clock = SpyClock()
        self.irq = RecordingLine()
        self.chip = MC146818(self.clock, self.irq, epoch_seconds=epoch_seconds)

    def get(self, index: int) -> int:
        self.chip.write(0, index, 1)
        return self.chip.read(1, 1)

    def put(self, index: int, value: int) -> None:
        self.chip.write(0, index, 1)
        self.chip.write(1, value, 1)

    def until(self, when_ns: int) -> None:
        self.clock.advance(when_ns - self.clock.now())

    def deadline(self) -> int | None:
        return self.clock.timers[0].deadline

    def date(self) -> str:
        """Century, year, month, date, hours, minutes and seconds as hex digits."""
        order = (CENTURY, YEAR, MONTH, DATE, HOURS, MINUTES, SECONDS)
        return "{:02x}{:02x}-{:02x}-{:02x} {:02x}:{:02x}:{:02x}".format(*map(self.get, order))

    def set_date(self, *values: int, control: int = H24) -> None:
        """Year (4 BCD digits), month, date, hours, minutes, seconds, with SET around them."""
        self.put(B, control | SET)
        self.put(CENTURY, values[0] >> 8)
        self.put(YEAR, values[0] & 0xFF)
        for index, value in zip((MONTH, DATE, HOURS, MINUTES, SECONDS), values[1:], strict=True):
            self.put(index, value)
        self.put(B, control)

    def set_alarm(self, hours: int, minutes: int, seconds: int) -> None:
        self.put(HOURS_ALARM, hours)
        self.put(MINUTES_ALARM, minutes)
        self.put(SECONDS_ALARM, seconds)
