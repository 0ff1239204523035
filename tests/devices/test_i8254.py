"""The 8254's ports, latches and read-back, its sense of time and counter 0's wire."""

import pytest

from hv_devices.emulated.i8254 import I8254
from tests.devices.i8254_bench import (
    BCD,
    CONTROL,
    HZ,
    LATCH,
    LSB,
    MSB,
    SECOND,
    STATUS_NULL,
    STATUS_OUT,
    WORD,
    Bench,
    tick_ns,
)
from tests.fakes import RecordingLine


@pytest.fixture
def bench() -> Bench:
    return Bench()


# Counts, bytes, latches


@pytest.mark.parametrize(("flags", "period"), [(0, 65536), (BCD, 10000)])
def test_a_count_of_zero_is_the_largest(bench: Bench, flags: int, period: int) -> None:
    bench.program(2, 2, 0, flags)
    bench.at(1)
    assert bench.word(2) == 0
    bench.at(period)
    assert (bench.word(2), bench.pit.out(2)) == (1, False)
    bench.at(period + 1)
    assert (bench.word(2), bench.pit.out(2)) == (0, True)


def test_one_byte_access_leaves_the_other_byte_zero(bench: Bench) -> None:
    bench.pit.write(CONTROL, 0x80 | LSB | 2 << 1, 1)
    bench.pit.write(2, 0x34, 1)
    bench.at(1)
    assert [bench.pit.read(2, 1), bench.pit.read(2, 1)] == [0x34, 0x34]
    bench.pit.write(CONTROL, 0x80 | MSB | 2 << 1, 1)
    bench.pit.write(2, 0x12, 1)
    bench.at(2)
    assert bench.pit.read(2, 1) == 0x12
    bench.at(3)
    assert bench.pit.read(2, 1) == 0x11


def test_a_two_byte_read_alternates_low_and_high_unlatched(bench: Bench) -> None:
    bench.program(2, 0, 0xFFFF)
    bench.at(1)
    assert bench.pit.read(2, 1) == 0xFF
    bench.at(0x301)
    assert bench.pit.read(2, 1) == 0xFC
    assert bench.pit.read(2, 1) == 0xFF


def test_reads_and_writes_of_a_counter_may_be_interleaved(bench: Bench) -> None:
    bench.program(2, 2, 0x1234)
    bench.at(1)
    assert bench.pit.read(2, 1) == 0x34
    bench.pit.write(2, 0x00, 1)
    assert bench.pit.read(2, 1) == 0x12
    bench.pit.write(2, 0x20, 1)
    bench.at(0x1235)
    assert bench.word(2) == 0x2000


def test_a_latched_count_holds_until_read_and_a_second_latch_is_ignored(bench: Bench) -> None:
    bench.program(2, 2, 0x1000)
    bench.at(1)
    bench.pit.write(CONTROL, 0x80 | LATCH, 1)
    bench.at(0x101)
    bench.pit.write(CONTROL, 0x80 | LATCH, 1)
    assert [bench.pit.read(2, 1), bench.pit.read(2, 1)] == [0x00, 0x10]
    assert [bench.pit.read(2, 1), bench.pit.read(2, 1)] == [0x00, 0x0F]


def test_a_control_word_discards_the_latch(bench: Bench) -> None:
    bench.program(2, 2, 0x1000)
    bench.pit.write(CONTROL, 0x80 | LATCH, 1)
    bench.program(2, 2, 0x4321)
    bench.at(1)
    assert bench.pit.read(2, 1) == 0x21


def test_read_back_latches_several_counters_at_once(bench: Bench) -> None:
    for counter, count in enumerate((0x1111, 0x2222, 0x3333)):
        bench.program(counter, 2, count)
    bench.at(2)
    bench.pit.write(CONTROL, 0xC0 | 0x10 | 0x0E, 1)  # counts only
    bench.at(100)
    words = [bench.pit.read(n, 1) | bench.pit.read(n, 1) << 8 for n in range(3)]
    assert words == [0x1110, 0x2221, 0x3332]


def test_read_back_returns_status_before_count(bench: Bench) -> None:
    bench.program(2, 3, 0x1234)
    bench.at(1)
    bench.pit.write(CONTROL, 0xC0 | 0x08, 1)
    assert bench.pit.read(2, 1) == STATUS_OUT | WORD | 3 << 1
    assert [bench.pit.read(2, 1), bench.pit.read(2, 1)] == [0x34, 0x12]


def test_status_shows_out_null_count_and_the_programmed_mode(bench: Bench) -> None:
    bench.pit.write(CONTROL, 0x80 | MSB | 6 << 1 | BCD, 1)  # mode bits 110: mode 2
    assert bench.status(2) == STATUS_OUT | STATUS_NULL | MSB | 6 << 1 | BCD
    bench.pit.write(2, 0x99, 1)
    assert bench.status(2) & STATUS_NULL
    bench.at(1)
    assert not bench.status(2) & STATUS_NULL


def test_a_latched_status_is_not_latched_again(bench: Bench) -> None:
    bench.program(2, 0, 1)
    bench.pit.write(CONTROL, 0xE8, 1)
    bench.at(10)
    bench.pit.write(CONTROL, 0xE8, 1)
    assert bench.pit.read(2, 1) == STATUS_NULL | WORD
    assert bench.status(2) == STATUS_OUT | WORD


def test_the_control_port_reads_as_nothing(bench: Bench) -> None:
    assert bench.pit.read(CONTROL, 1) == 0xFF


# Time and counter 0's wire


def test_edges_fall_on_the_exact_nanosecond(bench: Bench) -> None:
    bench.program(0, 0, 1000)
    bench.just_before(1001)
    assert not bench.irq0.level
    bench.at(1001)
    assert bench.irq0.level


def test_the_rate_does_not_drift_over_an_hour(bench: Bench) -> None:
    bench.program(0, 2, 11932)
    bench.clock.advance(tick_ns(1 + 11932 * 400_000) - 1)
    assert bench.irq0.rises == 1 + 399_999  # power-on level, then a rise each period
    bench.clock.advance(1)
    assert bench.irq0.rises == 1 + 400_000


@pytest.mark.parametrize("mode", [2, 3])
def test_periodic_modes_pulse_the_wire_every_period(bench: Bench, mode: int) -> None:
    bench.program(0, mode, 100)
    bench.irq0.rises = 0
    bench.at(1 + 100 * 50)
    assert bench.irq0.rises == 50


def test_no_timer_is_armed_once_out_can_no_longer_change(bench: Bench) -> None:
    bench.program(0, 0, 10)
    bench.at(12)
    assert bench.irq0.level
    assert bench.clock.deadline() is None


def test_nobody_watching_arms_nothing_but_no_edge_is_lost(bench: Bench) -> None:
    bench.program(0, 2, 100)
    bench.pit.watch(False)
    assert bench.clock.deadline() is None
    bench.irq0.rises = 0
    bench.at(100_000_050)
    assert bench.irq0.rises == 0
    bench.pit.watch(True)
    assert bench.irq0.rises in (1, 2)
    assert bench.irq0.level
    assert bench.clock.deadline() == tick_ns(100_000_100)


def test_refresh_shows_a_masked_edge_to_who_looks_at_the_line(bench: Bench) -> None:
    bench.program(0, 0, 100)
    bench.pit.watch(False)
    bench.at(200)
    assert not bench.irq0.level
    bench.pit.refresh()
    assert bench.irq0.level


def test_a_late_timer_still_delivers_the_rise(bench: Bench) -> None:
    bench.program(0, 2, 100)
    bench.irq0.rises = 0
    bench.clock.oversleep(tick_ns(150))
    bench.pit.read(2, 1)
    assert bench.irq0.rises == 1


def test_calibration_by_counter_2_sees_out_rise_after_the_programmed_time(bench: Bench) -> None:
    # What a kernel does to measure its own clock: mode 0 for 10 ms, then wait for OUT2.
    count = HZ // 100
    bench.program(2, 0, count)
    bench.just_before(count + 1)
    assert not bench.pit.out(2)
    bench.at(count + 1)
    assert bench.pit.out(2)


def test_a_hostile_guest_may_program_a_count_of_one(bench: Bench) -> None:
    for mode in range(8):
        bench.program(0, mode, 1)
        bench.clock.advance(SECOND)
        assert bench.clock.deadline() is None
        assert 0 <= bench.word(0) <= 0xFFFF


def test_bcd_digits_above_nine_do_no_harm(bench: Bench) -> None:
    bench.program(0, 2, 0xFFFF, BCD)
    bench.at(5)
    assert 0 <= bench.word(0) <= 0x9999


def test_reset_leaves_gate_to_its_driver(bench: Bench) -> None:
    bench.pit.set_gate(2, False)
    bench.pit.reset()
    bench.program(2, 0, 5)
    bench.at(100)
    assert bench.word(2) == 5
    assert bench.irq0.level


def test_the_same_state_gives_the_same_deadline(bench: Bench) -> None:
    bench.program(0, 3, 1234)
    bench.at(5000)
    deadline = bench.clock.deadline()
    state = bench.pit.state
    other = I8254(bench.clock, RecordingLine())
    other.state = state
    other.watch(True)
    assert bench.clock.deadline() == deadline
