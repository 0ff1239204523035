"""The real-time clock's flags, its three interrupts and when it arms a timer."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.devices.mc146818_bench import (
    AF,
    AIE,
    ANY,
    CENTURY,
    DIVIDER_RESET,
    H24,
    HOURS,
    IRQF,
    MINUTES,
    PF,
    PIE,
    RUN,
    SECOND,
    SECONDS,
    SET,
    UF,
    UIE,
    UIP_CYCLES,
    A,
    B,
    C,
    Rtc,
    cycles_ns,
)


@pytest.fixture
def rtc() -> Rtc:
    return Rtc()


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
    rtc.put(B, AIE | H24)
    assert rtc.deadline() is not None
    rtc.put(B, SET | AIE | H24)
    assert rtc.deadline() is None
    rtc.put(B, AIE | H24)
    rtc.put(A, DIVIDER_RESET)
    assert rtc.deadline() is None


def test_a_late_timer_loses_nothing(rtc: Rtc) -> None:
    rtc.put(B, UIE | H24)
    rtc.clock.oversleep(5 * SECOND + 17)
    assert rtc.get(SECONDS) == 5
    assert rtc.get(C) & (IRQF | UF) == IRQF | UF
    assert rtc.deadline() == 6 * SECOND


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
