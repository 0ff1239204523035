"""The calendar of the MC146818: ten registers that hold a civil time, in four formats.

Follows Motorola's MC146818A data sheet (1984), "Time, calendar, and alarm locations". The
registers are the truth: what the guest puts there stays until the next update, which brings bytes
that are no time or date into range and then counts on. The century is not the chip's: location
0x32 is where PCs keep it and where the ACPI FADT says so; with it the leap years are the
Gregorian calendar's.

Left out: daylight saving (the DSE bit is kept and does nothing).
"""

from enum import IntEnum

SECONDS_PER_DAY = 86_400


class Cmos(IntEnum):
    """Locations that the clock itself reads or writes."""

    SECONDS = 0x00
    SECONDS_ALARM = 0x01
    MINUTES = 0x02
    MINUTES_ALARM = 0x03
    HOURS = 0x04
    HOURS_ALARM = 0x05
    DAY_OF_WEEK = 0x06
    DATE = 0x07
    MONTH = 0x08
    YEAR = 0x09
    A = 0x0A
    B = 0x0B
    C = 0x0C
    D = 0x0D
    CENTURY = 0x32


BINARY = 1 << 2
"""Register B's DM: bytes are binary, not BCD."""
HOURS_24 = 1 << 1
"""Register B's 24/12."""

_PM = 0x80
_DONT_CARE = 0xC0
"""An alarm byte with both top bits set matches anything."""

_DAYS_TO_UNIX_EPOCH = 719_162
"""Days from 1 January of year 1 to 1 January 1970."""
_THURSDAY = 5
_DAYS_PER_400_YEARS = 146_097
_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_before_year(year: int) -> int:
    """Days from 1 January of year 1 to 1 January of ``year``."""
    past = year - 1
    return past * 365 + past // 4 - past // 100 + past // 400


def days_before_month(year: int, month: int) -> int:
    """Days from 1 January of ``year`` to the first of ``month`` (13: of next January)."""
    return _DAYS_BEFORE_MONTH[month - 1] + (month > 2 and is_leap(year))


def days_from_date(year: int, month: int, date: int) -> int:
    """Days from 1 January of year 1 (Gregorian calendar, extended backwards)."""
    return days_before_year(year) + days_before_month(year, month) + date - 1


def date_from_days(days: int) -> tuple[int, int, int]:
    """Year, month and date; the inverse of ``days_from_date``."""
    year = days * 400 // _DAYS_PER_400_YEARS + 1  # the right one or the one before
    if days >= days_before_year(year + 1):
        year += 1
    rest = days - days_before_year(year)
    month = rest // 31 + 1  # likewise
    if rest >= days_before_month(year, month + 1):
        month += 1
    return year, month, rest - days_before_month(year, month) + 1


def store_epoch(cmos: bytearray, seconds: int) -> None:
    """Set all registers to ``seconds`` after 1970-01-01 00:00:00, in the format register B
    says."""
    days, time_of_day = divmod(seconds, SECONDS_PER_DAY)
    cmos[Cmos.DAY_OF_WEEK] = (days + _THURSDAY - 1) % 7 + 1
    _store_date(cmos, days + _DAYS_TO_UNIX_EPOCH)
    _store_time(cmos, time_of_day)


def add_seconds(cmos: bytearray, seconds: int) -> None:
    """``seconds`` updates, each of one second."""
    days, time_of_day = divmod(_time_of_day(cmos) + seconds, SECONDS_PER_DAY)
    _store_time(cmos, time_of_day)
    cmos[Cmos.DAY_OF_WEEK] = (cmos[Cmos.DAY_OF_WEEK] - 1 + days) % 7 + 1
    _store_date(cmos, _day_number(cmos) + days)


def seconds_to_alarm(cmos: bytearray) -> int | None:
    """Updates until the time matches the alarm: 1 to 86400, None if it never does."""
    hour = _alarm(cmos, Cmos.HOURS_ALARM, 24)
    minute = _alarm(cmos, Cmos.MINUTES_ALARM, 60)
    second = _alarm(cmos, Cmos.SECONDS_ALARM, 60)
    if not (hour and minute and second):
        return None
    start = (_time_of_day(cmos) + 1) % SECONDS_PER_DAY
    return (_next_match(start, hour, minute, second) - start) % SECONDS_PER_DAY + 1


def _next_match(start: int, hour: range, minute: range, second: range) -> int:
    """The first matching time of day at or after ``start``, around midnight if need be."""
    h, rest = divmod(start, 3600)
    m, s = divmod(rest, 60)
    if h in hour:
        if m in minute and s <= second[-1]:
            return h * 3600 + m * 60 + max(s, second[0])
        if m < minute[-1]:
            return h * 3600 + max(m + 1, minute[0]) * 60 + second[0]
    h = max(h + 1, hour[0]) if h < hour[-1] else hour[0]
    return h * 3600 + minute[0] * 60 + second[0]


def _alarm(cmos: bytearray, index: int, limit: int) -> range:
    """The values below ``limit`` that an alarm byte matches: all, one or none."""
    byte = cmos[index]
    if byte & _DONT_CARE == _DONT_CARE:
        return range(limit)
    control = cmos[Cmos.B]
    for value in range(limit):
        code = _encode_hour(value, control) if limit == 24 else _encode(value, control)
        if code == byte:
            return range(value, value + 1)
    return range(0)


def _time_of_day(cmos: bytearray) -> int:
    hours = _decode_hour(cmos[Cmos.HOURS], cmos[Cmos.B])
    minutes = _decode(cmos, Cmos.MINUTES, 0, 59)
    return (hours * 60 + minutes) * 60 + _decode(cmos, Cmos.SECONDS, 0, 59)


def _day_number(cmos: bytearray) -> int:
    year = _decode(cmos, Cmos.CENTURY, 0, 99) * 100 + _decode(cmos, Cmos.YEAR, 0, 99)
    month = _decode(cmos, Cmos.MONTH, 1, 12)
    length = days_before_month(year, month + 1) - days_before_month(year, month)
    return days_from_date(year, month, _decode(cmos, Cmos.DATE, 1, length))


def _store_time(cmos: bytearray, time_of_day: int) -> None:
    control = cmos[Cmos.B]
    minutes, seconds = divmod(time_of_day, 60)
    hours, minutes = divmod(minutes, 60)
    cmos[Cmos.SECONDS] = _encode(seconds, control)
    cmos[Cmos.MINUTES] = _encode(minutes, control)
    cmos[Cmos.HOURS] = _encode_hour(hours, control)


def _store_date(cmos: bytearray, days: int) -> None:
    control = cmos[Cmos.B]
    year, month, date = date_from_days(days)
    cmos[Cmos.DATE] = _encode(date, control)
    cmos[Cmos.MONTH] = _encode(month, control)
    cmos[Cmos.YEAR] = _encode(year % 100, control)
    cmos[Cmos.CENTURY] = _encode(year // 100 % 100, control)


def _decode(cmos: bytearray, index: int, low: int, high: int) -> int:
    byte = cmos[index]
    value = byte if cmos[Cmos.B] & BINARY else (byte >> 4) * 10 + (byte & 0xF)
    return min(max(value, low), high)


def _encode(value: int, control: int) -> int:
    return value if control & BINARY else value // 10 << 4 | value % 10


def _decode_hour(byte: int, control: int) -> int:
    digits = byte if control & HOURS_24 else byte & ~_PM
    value = digits if control & BINARY else (digits >> 4) * 10 + (digits & 0xF)
    if control & HOURS_24:
        return min(value, 23)
    return min(max(value, 1), 12) % 12 + (12 if byte & _PM else 0)


def _encode_hour(hour: int, control: int) -> int:
    if control & HOURS_24:
        return _encode(hour, control)
    return _encode((hour - 1) % 12 + 1, control) | (_PM if hour >= 12 else 0)
