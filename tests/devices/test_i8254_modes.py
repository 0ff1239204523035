"""The six modes of the 8254 pulse by pulse, with their GATE tables and new counts on the run."""

import pytest

from tests.devices.i8254_bench import BCD, STATUS_NULL, Bench, trigger


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
