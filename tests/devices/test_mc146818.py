"""The real-time clock through its two ports: time, updates, memory, reset."""

import pytest

from hv_devices.emulated.mc146818 import MC146818
from tests.devices.mc146818_bench import (
    AIE,
    CENTURY,
    DATE,
    DAY_OF_WEEK,
    DIVIDER_RESET,
    DM,
    H24,
    HOURS,
    MINUTES,
    MONTH,
    PIE,
    RUN,
    SECOND,
    SECONDS,
    SET,
    SQWE,
    UF,
    UIE,
    UIP,
    UIP_CYCLES,
    YEAR,
    A,
    B,
    C,
    D,
    Rtc,
    cycles_ns,
)
from tests.fakes import ManualClock, RecordingLine


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


@pytest.mark.parametrize(
    ("control", "byte", "after"), [(H24, 0x25, 0x23), (0, 0x13, 0x12), (0, 0x80, 0x81)]
)
def test_an_impossible_hour_becomes_the_nearest_one(
    rtc: Rtc, control: int, byte: int, after: int
) -> None:
    rtc.set_date(0x2024, 1, 1, byte, 0, 0, control=control)
    rtc.clock.advance(SECOND)
    assert [rtc.get(HOURS), rtc.get(DATE), rtc.get(SECONDS)] == [after, 1, 1]


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


def test_reset_keeps_the_fraction_of_the_second(rtc: Rtc) -> None:
    rtc.put(A, DIVIDER_RESET)
    rtc.put(A, RUN)
    rtc.chip.reset()
    rtc.until(cycles_ns(16384 + 65) - 1)
    assert rtc.get(SECONDS) == 0
    rtc.until(cycles_ns(16384 + 65))
    assert rtc.get(SECONDS) == 1


def test_the_same_state_gives_the_same_deadline(rtc: Rtc) -> None:
    rtc.set_alarm(0x12, 0x00, 0x00)
    rtc.put(B, AIE | H24)
    other = MC146818(rtc.clock, RecordingLine())
    other.state = rtc.chip.state
    other._settle()
    assert rtc.clock.timers[1].deadline == rtc.deadline() == 43_200 * SECOND
