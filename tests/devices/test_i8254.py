"""The 8254 through its ports: the data sheet's modes, commands and GATE tables, edge by edge."""

from collections.abc import Callable

import pytest

from hv_devices.emulated.i8254 import I8254
from tests.fakes import ManualClock, ManualTimer, RecordingLine

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


class SpyClock(ManualClock):
    """Shows what is armed, and can let timers be late."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: list[ManualTimer] = []

    def timer(self, action: Callable[[], None]) -> ManualTimer:
        self.timers.append(super().timer(action))
        return self.timers[-1]

    def deadline(self) -> int | None:
        """Of the timer created last."""
        return self.timers[-1].deadline

    def oversleep(self, when_ns: int) -> None:
        """It is ``when_ns``, and no timer was looked at on the way."""
        self._now = when_ns


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


@pytest.fixture
def bench() -> Bench:
    return Bench()


# Mode 0: interrupt on terminal count


def test_mode_0_out_rises_n_plus_1_pulses_after_the_count(bench: Bench) -> None:
    bench.program(2, 0, 4)
    assert bench.outs(2, 0, 7) == "00000111"


def test_mode_0_counts_on_past_zero(bench: Bench) -> None:
    bench.program(2, 0, 2)
    assert bench.counts(2, 1, 5) == [2, 1, 0, 0xFFFF, 0xFFFE]


def test_mode_0_in_bcd_counts_on_with_9999(bench: Bench) -> None:
    bench.program(2, 0, 0x11, BCD)
    assert bench.counts(2, 1, 4) == [0x11, 0x10, 0x09, 0x08]
    bench.at(1 + 11)
    assert bench.word(2) == 0
    bench.at(1 + 12)
    assert bench.word(2) == 0x9999


def test_mode_0_gate_holds_the_count_and_leaves_out_alone(bench: Bench) -> None:
    bench.program(2, 0, 4)
    bench.at(3)
    bench.pit.set_gate(2, False)
    assert bench.counts(2, 3, 9) == [2] * 7
    bench.pit.set_gate(2, True)
    assert bench.outs(2, 9, 12) == "0011"


def test_mode_0_count_written_with_gate_low_needs_only_n_pulses_later(bench: Bench) -> None:
    bench.pit.set_gate(2, False)
    bench.program(2, 0, 3)
    bench.at(10)
    assert bench.word(2) == 3
    bench.pit.set_gate(2, True)
    assert bench.outs(2, 10, 14) == "00011"


def test_mode_0_first_byte_of_a_new_count_stops_the_old_one(bench: Bench) -> None:
    bench.program(2, 0, 3)
    bench.at(2)
    bench.pit.write(2, 5, 1)
    assert bench.outs(2, 2, 20) == "0" * 19
    bench.pit.write(2, 0, 1)
    assert bench.outs(2, 20, 27) == "00000011"


def test_mode_0_a_new_count_takes_out_low_at_once(bench: Bench) -> None:
    bench.program(2, 0, 3)
    bench.at(30)
    assert bench.pit.out(2)
    bench.pit.write(2, 1, 1)
    assert not bench.pit.out(2)


# Mode 1: hardware retriggerable one-shot


def trigger(bench: Bench, counter: int) -> None:
    bench.pit.set_gate(counter, False)
    bench.pit.set_gate(counter, True)


def test_mode_1_waits_for_a_trigger_with_out_high(bench: Bench) -> None:
    bench.program(2, 1, 3)
    assert bench.outs(2, 0, 8) == "1" * 9
    assert bench.status(2) & STATUS_NULL


def test_mode_1_out_is_low_for_n_pulses_from_the_pulse_after_the_trigger(bench: Bench) -> None:
    bench.program(2, 1, 3)
    bench.at(5)
    trigger(bench, 2)
    assert bench.outs(2, 5, 10) == "100011"


def test_mode_1_is_retriggerable(bench: Bench) -> None:
    bench.program(2, 1, 3)
    trigger(bench, 2)
    bench.at(2)
    trigger(bench, 2)
    assert bench.outs(2, 2, 7) == "000011"


def test_mode_1_gate_low_does_not_stop_it(bench: Bench) -> None:
    bench.program(2, 1, 3)
    trigger(bench, 2)
    bench.at(1)
    bench.pit.set_gate(2, False)
    assert bench.outs(2, 1, 5) == "00011"


def test_mode_1_a_new_count_waits_for_the_next_trigger(bench: Bench) -> None:
    bench.program(2, 1, 2)
    trigger(bench, 2)
    bench.at(1)
    bench.count(2, 4)
    assert bench.outs(2, 1, 5) == "00111"
    assert bench.status(2) & STATUS_NULL
    trigger(bench, 2)
    assert bench.outs(2, 6, 11) == "000011"
    assert not bench.status(2) & STATUS_NULL


# Mode 2: rate generator


def test_mode_2_is_low_for_the_last_pulse_of_each_period(bench: Bench) -> None:
    bench.program(2, 2, 3)
    assert bench.outs(2, 0, 10) == "11101101101"


def test_mode_2_counts_from_n_down_to_1(bench: Bench) -> None:
    bench.program(2, 2, 3)
    assert bench.counts(2, 1, 7) == [3, 2, 1, 3, 2, 1, 3]


def test_mode_2_a_new_count_starts_with_the_next_period(bench: Bench) -> None:
    bench.program(2, 2, 4)
    bench.at(2)
    bench.count(2, 2)
    assert bench.counts(2, 2, 8) == [3, 2, 1, 2, 1, 2, 1]


def test_mode_2_null_count_is_set_until_the_new_count_is_in_use(bench: Bench) -> None:
    bench.program(2, 2, 4)
    bench.at(1)
    assert not bench.status(2) & STATUS_NULL
    bench.count(2, 6)
    assert bench.status(2) & STATUS_NULL
    bench.at(4)
    assert bench.status(2) & STATUS_NULL
    bench.at(5)
    assert not bench.status(2) & STATUS_NULL


def test_mode_2_gate_low_sets_out_high_at_once_and_holds_the_count(bench: Bench) -> None:
    bench.program(2, 2, 3)
    bench.at(3)
    assert not bench.pit.out(2)
    bench.pit.set_gate(2, False)
    assert bench.pit.out(2)
    assert bench.counts(2, 3, 6) == [1, 1, 1, 1]


def test_mode_2_gate_rising_reloads_on_the_next_pulse(bench: Bench) -> None:
    bench.program(2, 2, 3)
    bench.at(2)
    bench.pit.set_gate(2, False)
    bench.at(20)
    bench.pit.set_gate(2, True)
    # OUT goes low N pulses after the trigger.
    assert bench.outs(2, 20, 26) == "1110110"


def test_mode_2_new_count_written_while_gate_is_low_is_loaded_by_the_trigger(bench: Bench) -> None:
    bench.program(2, 2, 5)
    bench.at(2)
    bench.pit.set_gate(2, False)
    bench.count(2, 2)
    bench.at(9)
    assert bench.word(2) == 4
    bench.pit.set_gate(2, True)
    assert bench.counts(2, 10, 13) == [2, 1, 2, 1]


def test_mode_2_gate_dropping_puts_off_a_new_count(bench: Bench) -> None:
    bench.program(2, 2, 5)
    bench.at(2)
    bench.count(2, 3)
    bench.pit.set_gate(2, False)
    bench.at(40)
    assert bench.word(2) == 4
    assert bench.status(2) & STATUS_NULL


# Mode 3: square wave


def test_mode_3_even_count_halves_the_period(bench: Bench) -> None:
    bench.program(2, 3, 4)
    assert bench.outs(2, 1, 8) == "11001100"
    assert bench.counts(2, 9, 12) == [4, 2, 4, 2]


def test_mode_3_odd_count_is_high_one_pulse_longer(bench: Bench) -> None:
    bench.program(2, 3, 5)
    assert bench.outs(2, 1, 10) == "1110011100"
    assert bench.counts(2, 11, 15) == [4, 2, 0, 4, 2]


def test_mode_3_new_count_starts_with_the_next_half(bench: Bench) -> None:
    bench.program(2, 3, 8)
    bench.at(2)
    bench.count(2, 4)
    # High for the old 4 pulses, then low and high for the new 2.
    assert bench.outs(2, 2, 10) == "111001100"


def test_mode_3_new_count_during_the_low_half(bench: Bench) -> None:
    bench.program(2, 3, 8)
    bench.at(6)
    bench.count(2, 4)
    assert bench.outs(2, 6, 13) == "00011001"


def test_mode_3_gate_low_sets_out_high_and_its_rise_starts_anew(bench: Bench) -> None:
    bench.program(2, 3, 4)
    bench.at(3)
    assert not bench.pit.out(2)
    bench.pit.set_gate(2, False)
    assert bench.pit.out(2)
    bench.at(11)
    bench.pit.set_gate(2, True)
    assert bench.outs(2, 11, 17) == "1110011"


# Mode 4: software triggered strobe


def test_mode_4_strobes_once_n_plus_1_pulses_after_the_count(bench: Bench) -> None:
    bench.program(2, 4, 3)
    assert bench.outs(2, 0, 9) == "1111011111"
    bench.at(4 + 0x10000)
    assert bench.pit.out(2)


def test_mode_4_new_count_restarts_on_the_next_pulse(bench: Bench) -> None:
    bench.program(2, 4, 3)
    bench.at(2)
    bench.pit.write(2, 2, 1)  # the first byte disturbs nothing
    assert bench.word(2) == 2
    bench.pit.write(2, 0, 1)
    assert bench.outs(2, 2, 7) == "111011"


def test_mode_4_gate_holds_the_count(bench: Bench) -> None:
    bench.program(2, 4, 3)
    bench.at(2)
    bench.pit.set_gate(2, False)
    assert bench.outs(2, 2, 9) == "1" * 8
    bench.pit.set_gate(2, True)
    assert bench.outs(2, 9, 13) == "11011"


def test_mode_4_gate_does_not_make_it_strobe_twice(bench: Bench) -> None:
    bench.program(2, 4, 3)
    bench.at(4)
    assert not bench.pit.out(2)
    bench.pit.set_gate(2, False)
    bench.at(6)
    bench.pit.set_gate(2, True)
    assert bench.outs(2, 6, 12) == "1" * 7


# Mode 5: hardware triggered strobe


def test_mode_5_strobes_n_plus_1_pulses_after_the_trigger(bench: Bench) -> None:
    bench.program(2, 5, 3)
    assert bench.outs(2, 0, 9) == "1" * 10
    trigger(bench, 2)
    assert bench.outs(2, 9, 15) == "1111011"


def test_mode_5_is_retriggerable(bench: Bench) -> None:
    bench.program(2, 5, 3)
    trigger(bench, 2)
    bench.at(3)
    trigger(bench, 2)
    assert bench.outs(2, 3, 9) == "1111011"


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
