"""The civil calendar: every day of four centuries, and alarms against a search second by second."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv_devices.emulated.mc146818_calendar import (
    add_seconds,
    date_from_days,
    days_from_date,
    seconds_to_alarm,
)

MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
HOURS_24, BINARY = 0x02, 0x04


def length(year: int, month: int) -> int:
    leap = year % 400 == 0 or (year % 4 == 0 and year % 100 != 0)
    return 29 if month == 2 and leap else MONTH_LENGTHS[month - 1]


def test_every_day_of_the_century_pair_and_back() -> None:
    year, month, date = 1899, 12, 31
    for days in range(days_from_date(1899, 12, 31), days_from_date(2300, 1, 1)):
        assert date_from_days(days) == (year, month, date)
        assert days_from_date(year, month, date) == days
        date += 1
        if date > length(year, month):
            month, date = month + 1, 1
        if month > 12:
            year, month = year + 1, 1


def test_the_unix_epoch_and_the_ends_of_the_range() -> None:
    assert days_from_date(1970, 1, 1) == 719_162
    assert date_from_days(0) == (1, 1, 1)
    assert date_from_days(-1) == (0, 12, 31)
    assert date_from_days(days_from_date(9999, 12, 31) + 1) == (10_000, 1, 1)


@cache
def clock_face(control: int) -> list[tuple[int, int, int]]:
    """The hour, minute and second bytes of every second of a day."""

    def byte(value: int) -> int:
        return value if control & BINARY else int(str(value), 16)

    def hour(value: int) -> int:
        if control & HOURS_24:
            return byte(value)
        return byte(value % 12 or 12) + (0x80 if value >= 12 else 0)

    return [(hour(h), byte(m), byte(s)) for h in range(24) for m in range(60) for s in range(60)]


def matches(byte: int, alarm: int) -> bool:
    return alarm >= 0xC0 or byte == alarm


alarm_byte = st.one_of(st.integers(0, 255), st.integers(0, 0x23), st.just(0xFF))


@pytest.mark.parametrize("control", [0, BINARY, HOURS_24, BINARY | HOURS_24])
@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(start=st.integers(0, 86_399), alarm=st.tuples(alarm_byte, alarm_byte, alarm_byte))
def test_the_wait_for_the_alarm_is_what_a_search_finds(
    control: int, start: int, alarm: tuple[int, int, int]
) -> None:
    face = clock_face(control)
    cmos = bytearray(128)
    cmos[0x0B] = control
    cmos[4], cmos[2], cmos[0] = face[start]
    cmos[5], cmos[3], cmos[1] = alarm
    waits = (
        wait for wait in range(1, 86_401) if all(map(matches, face[(start + wait) % 86_400], alarm))
    )
    assert seconds_to_alarm(cmos) == next(waits, None)


@pytest.mark.parametrize("control", [0, BINARY, HOURS_24, BINARY | HOURS_24])
def test_the_time_of_day_in_all_formats(control: int) -> None:
    face = clock_face(control)
    cmos = bytearray(128)
    cmos[0x0B] = control
    cmos[4], cmos[2], cmos[0] = face[0]
    cmos[6:9] = 1, 1, 1
    for second in range(61, 86_461, 61):
        add_seconds(cmos, 61)
        assert (cmos[4], cmos[2], cmos[0]) == face[second % 86_400]
