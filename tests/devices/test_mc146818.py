"""The real-time clock through its two ports. Constants from the MC146818A data sheet."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv_devices.emulated.mc146818 import MC146818
from tests.fakes import ManualClock, ManualTimer, RecordingLine

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


class SpyClock(ManualClock):
    """Shows what is armed, and can let timers be late."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: list[ManualTimer] = []

    def timer(self, action: Callable[[], None]) -> ManualTimer:
        self.timers.append(super().timer(action))
        return self.timers[-1]

    def oversleep(self, when_ns: int) -> None:
        self._now = when_ns


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


@pytest.fixture
def rtc() -> Rtc:
    return Rtc()


# Time


def test_it_starts_at_the_configured_date_in_bcd_and_24_hours(rtc: Rtc) -> None:
    assert rtc.date() == "2024-01-01 00:00:00"
    assert rtc.get(DAY_OF_WEEK) == 2  # a Monday; Sunday is 1
    assert [rtc.get(A), rtc.get(B), rtc.get(C), rtc.get(D)] == [0x26, H24, 0, 0x80]


@pytest.mark.parametrize(
    ("epoch", "date", "day_of_week"),
    [
        (0, "1970-01-01 00:00:00", 5),
        (951_782_399, "2000-02-28 23:59:59", 2),
        (951_827_696, "2000-02-29 12:34:56", 3),
        (4_107_542_400, "2100-03-01 00:00:00", 2),
        (2_147_483_647, "2038-01-19 03:14:07", 3),
        (-1, "1969-12-31 23:59:59", 4),
    ],
)
def test_known_dates(epoch: int, date: str, day_of_week: int) -> None:
    rtc = Rtc(epoch)
    assert (rtc.date(), rtc.get(DAY_OF_WEEK)) == (date, day_of_week)


def test_seconds_follow_virtual_time(rtc: Rtc) -> None:
    rtc.until(SECOND - 1)
    assert rtc.date() == "2024-01-01 00:00:00"
    rtc.until(SECOND)
    assert rtc.date() == "2024-01-01 00:00:01"
    rtc.until(90_061 * SECOND)
    assert rtc.date() == "2024-01-02 01:01:01"
    assert rtc.get(DAY_OF_WEEK) == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((0x2023, 2, 0x28), "2023-03-01"),
        ((0x2024, 2, 0x28), "2024-02-29"),
        ((0x2024, 2, 0x29), "2024-03-01"),
        ((0x2100, 2, 0x28), "2100-03-01"),
        ((0x2000, 2, 0x28), "2000-02-29"),
        ((0x2024, 4, 0x30), "2024-05-01"),
        ((0x2024, 0x12, 0x31), "2025-01-01"),
        ((0x1999, 0x12, 0x31), "2000-01-01"),
        ((0x9999, 0x12, 0x31), "0000-01-01"),
    ],
)
def test_months_and_years_roll_over(rtc: Rtc, before: tuple[int, ...], after: str) -> None:
    rtc.set_date(*before, 0x23, 0x59, 0x59)
    rtc.clock.advance(SECOND)
    assert rtc.date() == f"{after} 00:00:00"


def test_the_day_of_week_is_the_guest_s_and_counts_to_seven(rtc: Rtc) -> None:
    rtc.set_date(0x2024, 1, 1, 0x23, 0x59, 0x59)
    rtc.put(DAY_OF_WEEK, 7)
    rtc.clock.advance(SECOND)
    assert rtc.get(DAY_OF_WEEK) == 1


@pytest.mark.parametrize(
    ("control", "before", "after"),
    [
        (0, 0x12, 0x01),  # 12 AM
        (0, 0x11, 0x92),  # 11 AM, noon
        (0, 0x92, 0x81),
        (0, 0x91, 0x12),  # 11 PM, midnight
        (DM, 12, 1),
        (DM, 11, 0x8C),
        (DM, 0x8C, 0x81),
        (DM, 0x8B, 12),
        (H24, 0x09, 0x10),
        (H24, 0x23, 0x00),
        (DM | H24, 9, 10),
        (DM | H24, 23, 0),
    ],
)
def test_hours_in_all_formats(rtc: Rtc, control: int, before: int, after: int) -> None:
    fifty_nine = 59 if control & DM else 0x59
    rtc.set_date(0x2024, 1, 1, before, fifty_nine, fifty_nine, control=control)
    rtc.clock.advance(SECOND)
    assert [rtc.get(HOURS), rtc.get(MINUTES), rtc.get(SECONDS)] == [after, 0, 0]


def test_binary_mode_holds_binary_dates(rtc: Rtc) -> None:
    rtc.put(B, SET | DM | H24)
    for index, value in [(CENTURY, 19), (YEAR, 99), (MONTH, 12), (DATE, 31), (HOURS, 23)]:
        rtc.put(index, value)
    rtc.put(MINUTES, 59)
    rtc.put(SECONDS, 58)
    rtc.put(B, DM | H24)
    rtc.clock.advance(SECOND)
    assert [rtc.get(index) for index in (CENTURY, YEAR, DATE, SECONDS)] == [19, 99, 31, 59]
    rtc.clock.advance(SECOND)
    assert [rtc.get(index) for index in (CENTURY, YEAR, MONTH, DATE)] == [20, 0, 1, 1]


def test_bytes_that_are_no_date_stay_until_the_next_update(rtc: Rtc) -> None:
    rtc.put(MONTH, 0x02)
    rtc.put(DATE, 0x31)
    assert rtc.get(DATE) == 0x31
    rtc.clock.advance(SECOND)
    assert rtc.date() == "2024-02-29 00:00:01"


@pytest.mark.parametrize("byte", [0x00, 0x0A, 0x7F, 0x80, 0xFF])
@pytest.mark.parametrize("control", [0, DM, H24, DM | H24])
def test_no_register_contents_upset_it(rtc: Rtc, byte: int, control: int) -> None:
    for index in (*range(10), CENTURY):
        rtc.put(index, byte)
    rtc.put(B, control | AIE)
    rtc.clock.advance(86_400 * 400 * SECOND)
    largest = {SECONDS: 59, MINUTES: 59, DATE: 31, MONTH: 12, YEAR: 99}
    for index, limit in largest.items():
        value = rtc.get(index)
        assert (value if control & DM else int(f"{value:x}")) <= limit
    assert 1 <= rtc.get(DAY_OF_WEEK) <= 7


def test_set_stops_the_updates_but_not_the_fraction_of_the_second(rtc: Rtc) -> None:
    rtc.until(SECOND // 4)
    rtc.put(B, SET | H24)
    rtc.until(10 * SECOND + SECOND // 4)
    assert rtc.date() == "2024-01-01 00:00:00"
    assert rtc.get(C) & UF == 0
    rtc.put(B, H24)
    rtc.until(11 * SECOND - 1)
    assert rtc.date() == "2024-01-01 00:00:00"
    rtc.until(11 * SECOND)
    assert rtc.date() == "2024-01-01 00:00:01"


def test_the_first_update_begins_half_a_second_after_the_divider_reset(rtc: Rtc) -> None:
    rtc.until(SECOND * 3 // 10)
    rtc.put(A, DIVIDER_RESET | 6)
    rtc.get(C)
    rtc.until(SECOND * 7 - 1000)
    assert rtc.get(A) & UIP == 0
    rtc.until(SECOND * 7)
    assert rtc.date() == "2024-01-01 00:00:00"
    assert rtc.get(C) == 0  # nothing in the 6.7 s, not even a periodic event
    rtc.put(A, RUN | 6)
    start = SECOND * 7 * 32768 // SECOND
    update_ends = start + 16384 + 65
    rtc.until(cycles_ns(update_ends) - 1)
    assert rtc.date() == "2024-01-01 00:00:00"
    rtc.until(cycles_ns(update_ends))
    assert rtc.date() == "2024-01-01 00:00:01"
    rtc.until(cycles_ns(update_ends + 32768))
    assert rtc.date() == "2024-01-01 00:00:02"


@pytest.mark.parametrize("divider", [0x00, 0x10, 0x30, 0x40, 0x50, 0x60])
def test_only_the_32_khz_time_base_keeps_time(rtc: Rtc, divider: int) -> None:
    rtc.put(A, divider | 6)
    rtc.clock.advance(5 * SECOND)
    assert rtc.date() == "2024-01-01 00:00:00"


# Update in progress


def test_uip_is_up_from_244_us_before_the_update_to_its_end(rtc: Rtc) -> None:
    rises = cycles_ns(32768 - UIP_CYCLES)
    for when, up in [(0, 0), (rises - 1, 0), (rises, UIP), (SECOND - 1, UIP), (SECOND, 0)]:
        rtc.until(when)
        assert rtc.get(A) == up | 0x26
    assert (SECOND - rises) // 1000 == 2227  # us


def test_set_clears_uip(rtc: Rtc) -> None:
    rtc.until(SECOND - 1000)
    rtc.put(B, SET | H24)
    assert rtc.get(A) & UIP == 0


def test_uip_cannot_be_written(rtc: Rtc) -> None:
    rtc.put(A, UIP | RUN | 0x0F)
    assert rtc.get(A) == RUN | 0x0F


# Flags and interrupts


def test_flags_come_up_with_all_interrupts_off(rtc: Rtc) -> None:
    rtc.set_alarm(ANY, ANY, 0x02)
    rtc.until(SECOND)
    assert rtc.get(C) == PF | UF
    assert rtc.get(C) == 0
    rtc.until(2 * SECOND)
    assert rtc.get(C) == PF | UF | AF
    assert rtc.irq.rises == 0
    assert rtc.deadline() is None


def test_reading_register_c_clears_it_and_lets_the_line_go(rtc: Rtc) -> None:
    rtc.put(B, UIE | H24)
    rtc.until(SECOND - 1)
    assert not rtc.irq.level
    rtc.until(SECOND)
    assert rtc.irq.level
    assert rtc.get(C) == IRQF | UF | PF
    assert not rtc.irq.level
    assert rtc.get(C) == 0
    rtc.until(2 * SECOND)
    assert rtc.irq.level


def test_an_update_interrupt_comes_every_second(rtc: Rtc) -> None:
    rtc.put(B, UIE | H24)
    for second in range(1, 6):
        rtc.until(second * SECOND)
        assert rtc.irq.rises == second
        assert rtc.get(SECONDS) == second
        rtc.get(C)


@pytest.mark.parametrize(
    ("rate", "period_us"),
    [
        (1, 3906.25),
        (2, 7812.5),
        (3, 122.0703125),
        (4, 244.140625),
        (6, 976.5625),
        (9, 7812.5),
        (12, 62_500.0),
        (15, 500_000.0),
    ],
)
def test_periodic_interrupt_rates(rtc: Rtc, rate: int, period_us: float) -> None:
    rtc.put(A, RUN | rate)
    rtc.put(B, PIE | H24)
    rises = []
    for _ in range(4):
        deadline = rtc.deadline()
        assert deadline is not None
        rtc.until(deadline - 1)
        assert not rtc.irq.level
        rtc.until(deadline)
        assert rtc.irq.level
        assert rtc.get(C) & (IRQF | PF) == IRQF | PF
        rises.append(deadline)
    periods = [later - earlier for earlier, later in pairwise(rises)]
    assert all(abs(period - period_us * 1000) <= 1 for period in periods)


def test_no_rate_no_periodic_flag(rtc: Rtc) -> None:
    rtc.put(A, RUN)
    rtc.put(B, PIE | H24)
    rtc.until(10 * SECOND)
    assert rtc.deadline() is None
    assert rtc.get(C) == UF


def test_uip_rises_half_a_period_after_a_periodic_event(rtc: Rtc) -> None:
    rtc.put(A, RUN | 15)
    rtc.put(B, PIE | H24)
    assert rtc.deadline() == cycles_ns(32768 - UIP_CYCLES - 3 * 8192)
    rtc.until(SECOND // 2)
    rtc.get(C)
    assert rtc.deadline() == cycles_ns(32768 - UIP_CYCLES - 8192)


def test_periodic_events_go_on_while_set_stops_the_updates(rtc: Rtc) -> None:
    rtc.put(B, SET | PIE | H24)
    rtc.until(SECOND)
    assert rtc.get(C) == IRQF | PF


def test_set_going_high_clears_the_update_interrupt_enable(rtc: Rtc) -> None:
    rtc.put(B, UIE | PIE | H24)
    rtc.put(B, SET | UIE | PIE | H24)
    assert rtc.get(B) == SET | PIE | H24
    rtc.put(B, SET | UIE | H24)  # SET is high already
    assert rtc.get(B) == SET | UIE | H24


def test_enabling_an_interrupt_whose_flag_is_up_asserts_irq_at_once(rtc: Rtc) -> None:
    rtc.until(SECOND)
    rtc.put(B, UIE | H24)
    assert rtc.irq.level
    rtc.put(B, H24)
    assert not rtc.irq.level
    assert rtc.get(C) & UF


@pytest.mark.parametrize(
    ("alarm", "fires_at"),
    [
        ((0x10, 0x30, 0x15), (0x10, 0x30, 0x15)),
        ((0x00, 0x00, 0x01), (0x00, 0x00, 0x01)),
        ((ANY, ANY, ANY), (0x00, 0x00, 0x01)),
        ((ANY, ANY, 0x30), (0x00, 0x00, 0x30)),
        ((ANY, 0x05, 0x00), (0x00, 0x05, 0x00)),
        ((0xC0, 0x05, 0xC5), (0x00, 0x05, 0x00)),
        ((0x07, ANY, ANY), (0x07, 0x00, 0x00)),
    ],
)
def test_alarm_with_dont_care_bytes(
    rtc: Rtc, alarm: tuple[int, int, int], fires_at: tuple[int, int, int]
) -> None:
    rtc.set_alarm(*alarm)
    rtc.put(B, AIE | H24)
    deadline = rtc.deadline()
    assert deadline is not None
    rtc.until(deadline - 1)
    assert not rtc.irq.level
    rtc.until(deadline)
    assert rtc.irq.level
    assert (rtc.get(HOURS), rtc.get(MINUTES), rtc.get(SECONDS)) == fires_at
    assert rtc.get(C) & (IRQF | AF) == IRQF | AF


def test_an_alarm_at_the_time_it_is_set_comes_a_day_later(rtc: Rtc) -> None:
    rtc.set_alarm(0x00, 0x00, 0x00)
    rtc.put(B, AIE | H24)
    assert rtc.deadline() == 86_400 * SECOND


@pytest.mark.parametrize("byte", [0x60, 0x7F, 0x0A, 0xBF])
def test_an_alarm_byte_that_is_no_time_never_matches(rtc: Rtc, byte: int) -> None:
    rtc.set_alarm(ANY, ANY, byte)
    rtc.put(B, AIE | H24)
    assert rtc.deadline() is None
    rtc.until(3 * 86_400 * SECOND)
    assert rtc.get(C) & AF == 0


def test_an_alarm_in_the_afternoon_of_a_12_hour_clock(rtc: Rtc) -> None:
    rtc.set_date(0x2024, 1, 1, 0x12, 0x00, 0x00, control=0)  # midnight
    rtc.set_alarm(0x81, 0x00, 0x00)  # 1 PM
    rtc.put(B, AIE)
    assert rtc.deadline() == 13 * 3600 * SECOND


def test_an_alarm_passed_unseen_is_still_flagged(rtc: Rtc) -> None:
    rtc.set_alarm(0x00, 0x00, 0x05)
    rtc.until(86_399 * SECOND)
    assert rtc.get(C) & AF
    rtc.until(86_404 * SECOND)
    assert rtc.get(C) & AF == 0
    rtc.until(86_405 * SECOND)
    assert rtc.get(C) & AF


def test_moving_the_time_moves_the_alarm(rtc: Rtc) -> None:
    rtc.set_alarm(0x10, 0x00, 0x00)
    rtc.put(B, AIE | H24)
    rtc.set_date(0x2024, 1, 1, 0x09, 0x59, 0x00, control=AIE | H24)
    assert rtc.deadline() == 60 * SECOND


def test_no_timer_while_the_line_is_up_or_nothing_is_enabled(rtc: Rtc) -> None:
    assert rtc.deadline() is None
    rtc.put(B, PIE | H24)
    assert rtc.deadline() is not None
    rtc.until(SECOND)
    assert rtc.irq.level
    assert rtc.deadline() is None
    rtc.get(C)
    assert rtc.deadline() is not None
    rtc.put(B, UIE | SET | H24)
    assert rtc.deadline() is None


def test_a_late_timer_loses_nothing(rtc: Rtc) -> None:
    rtc.put(B, UIE | H24)
    rtc.clock.oversleep(5 * SECOND + 17)
    assert rtc.get(SECONDS) == 5
    assert rtc.get(C) & (IRQF | UF) == IRQF | UF
    assert rtc.deadline() == 6 * SECOND


# Ports, memory, reset


def test_port_0_is_write_only_and_its_top_bit_masks_nmi(rtc: Rtc) -> None:
    assert rtc.chip.state.nmi_masked
    rtc.chip.write(0, CENTURY, 1)
    assert not rtc.chip.state.nmi_masked
    rtc.chip.write(0, 0x80 | CENTURY, 1)
    assert rtc.chip.state.nmi_masked
    assert rtc.chip.read(1, 1) == 0x20
    assert rtc.chip.read(0, 1) == 0xFF


def test_registers_c_and_d_are_read_only(rtc: Rtc) -> None:
    rtc.put(C, 0xFF)
    rtc.put(D, 0x00)
    assert [rtc.get(C), rtc.get(D)] == [0, 0x80]


def test_memory_holds_114_bytes_beside_the_clock(rtc: Rtc) -> None:
    memory = [index for index in range(D + 1, 128) if index != CENTURY]
    for index in memory:
        rtc.put(index, index ^ 0xA5)
    rtc.clock.advance(SECOND)
    assert [rtc.get(index) for index in memory] == [index ^ 0xA5 for index in memory]


def test_nvram_gives_the_initial_contents() -> None:
    chip = MC146818(ManualClock(), RecordingLine(), nvram={0x0F: 0x0A, 0x7F: 0x55})
    chip.write(0, 0x7F, 1)
    assert chip.read(1, 1) == 0x55
    assert chip.state.cmos[0x0F] == 0x0A


@pytest.mark.parametrize("index", [-1, 0, 0x0D, CENTURY, 0x80])
def test_nvram_may_not_hold_the_clock_s_registers(index: int) -> None:
    with pytest.raises(ValueError, match="CMOS"):
        MC146818(ManualClock(), RecordingLine(), nvram={index: 0})


def test_reset_turns_interrupts_off_and_keeps_time_and_memory(rtc: Rtc) -> None:
    rtc.put(0x0F, 0x5A)
    rtc.put(B, PIE | AIE | UIE | SQWE | DM)
    rtc.until(3 * SECOND)
    assert rtc.irq.level
    rtc.chip.reset()
    assert not rtc.irq.level
    assert rtc.deadline() is None
    assert [rtc.get(B), rtc.get(C), rtc.get(SECONDS), rtc.get(0x0F)] == [DM, 0, 3, 0x5A]


def test_the_same_state_gives_the_same_deadline(rtc: Rtc) -> None:
    rtc.set_alarm(0x12, 0x00, 0x00)
    rtc.put(B, AIE | H24)
    other = MC146818(rtc.clock, RecordingLine())
    other.state = rtc.chip.state
    other._settle()
    assert rtc.clock.timers[1].deadline == rtc.deadline() == 43_200 * SECOND


writes = st.tuples(
    st.sampled_from([*range(10), A, B, B, A, CENTURY]),
    st.one_of(st.integers(0, 255), st.sampled_from([RUN | 6, RUN | 15, DIVIDER_RESET, AIE | H24])),
)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(steps=st.lists(st.tuples(writes, st.integers(1, 3 * SECOND)), max_size=12))
def test_looking_often_changes_nothing(steps: list[tuple[tuple[int, int], int]]) -> None:
    seldom, often = Rtc(), Rtc()
    for (index, value), wait in steps:
        for rtc in (seldom, often):
            rtc.put(index, value)
        seldom.clock.advance(wait)
        for part in range(20):
            often.clock.advance(wait * (part + 1) // 20 - wait * part // 20)
            often.get(SECONDS)
            often.get(A)
        assert (seldom.irq.level, seldom.irq.rises) == (often.irq.level, often.irq.rises)
        assert seldom.date() == often.date()
        assert seldom.deadline() == often.deadline()
        if value & 1:
            assert seldom.get(C) == often.get(C)
