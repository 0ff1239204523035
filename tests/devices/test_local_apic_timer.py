"""The local APIC's timer: a bus clock of 200 MHz, divided, against virtual time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hv.clock import VirtualClock
from tests.devices.apic_bench import (
    CURRENT,
    DIVIDE,
    ENABLED,
    INITIAL,
    LVT_TIMER,
    MASKED,
    PERIODIC,
    SVR,
    TSC_DEADLINE,
    Bench,
)

BUS_CLOCK_NS = 5
DIVISORS = {
    0b0000: 2,
    0b0001: 4,
    0b0010: 8,
    0b0011: 16,
    0b1000: 32,
    0b1001: 64,
    0b1010: 128,
    0b1011: 1,
}
BY_1, BY_16 = 0b1011, 0b0011
VECTOR = 0xEC


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.write(DIVIDE, BY_1)
    return bench


@pytest.mark.parametrize(("code", "divisor"), DIVISORS.items())
def test_the_count_falls_with_the_divided_clock(bench: Bench, code: int, divisor: int) -> None:
    bench.write(DIVIDE, code)
    bench.write(INITIAL, 1000)
    bench.clock.advance(100 * BUS_CLOCK_NS * divisor - 1)
    assert bench.read(CURRENT) == 901
    bench.clock.advance(1)
    assert bench.read(CURRENT) == 900


def test_one_shot_interrupts_once_exactly_at_its_end(bench: Bench) -> None:
    bench.write(LVT_TIMER, VECTOR)
    bench.write(INITIAL, 1000)
    bench.clock.advance(1000 * BUS_CLOCK_NS - 1)
    assert not bench.intr.level
    bench.clock.advance(1)
    assert bench.serve() == [VECTOR]
    bench.clock.advance(10**9)
    assert not bench.intr.level
    assert (bench.read(CURRENT), bench.read(INITIAL)) == (0, 1000)


def test_periodic_keeps_its_phase(bench: Bench) -> None:
    bench.write(LVT_TIMER, PERIODIC | VECTOR)
    bench.write(INITIAL, 1000)
    times = []
    for _ in range(20_000):
        bench.clock.advance(1)
        if bench.intr.level:
            times.append(bench.clock.now())
            bench.serve()
    assert times == [5000, 10_000, 15_000, 20_000]


def test_a_period_begins_again_at_the_initial_count(bench: Bench) -> None:
    bench.write(LVT_TIMER, PERIODIC | VECTOR)
    bench.write(INITIAL, 100)
    seen = []
    for _ in range(201):
        seen.append(bench.read(CURRENT))
        bench.clock.advance(BUS_CLOCK_NS)
    assert seen == [*range(100, 0, -1), *range(100, 0, -1), 100]


def test_a_masked_timer_counts_and_is_silent(bench: Bench) -> None:
    bench.write(LVT_TIMER, MASKED | PERIODIC | VECTOR)
    bench.write(INITIAL, 1000)
    bench.clock.advance(7500)
    assert bench.read(CURRENT) == 500
    assert not bench.intr.level
    bench.write(LVT_TIMER, PERIODIC | VECTOR)
    bench.clock.advance(2499)
    assert not bench.intr.level
    bench.clock.advance(1)
    assert bench.intr.level


def test_zero_stops_it(bench: Bench) -> None:
    bench.write(LVT_TIMER, PERIODIC | VECTOR)
    bench.write(INITIAL, 1000)
    bench.write(INITIAL, 0)
    bench.clock.advance(10**6)
    assert bench.read(CURRENT) == 0
    assert not bench.intr.level


def test_a_new_count_starts_over(bench: Bench) -> None:
    bench.write(LVT_TIMER, VECTOR)
    bench.write(INITIAL, 1000)
    bench.clock.advance(4000)
    bench.write(INITIAL, 1000)
    bench.clock.advance(4999)
    assert not bench.intr.level
    bench.clock.advance(1)
    assert bench.intr.level


def test_a_new_divisor_goes_on_from_the_count_reached(bench: Bench) -> None:
    bench.write(LVT_TIMER, VECTOR)
    bench.write(INITIAL, 1000)
    bench.clock.advance(600 * BUS_CLOCK_NS)
    bench.write(DIVIDE, BY_16)
    assert bench.read(CURRENT) == 400
    bench.clock.advance(400 * 16 * BUS_CLOCK_NS - 1)
    assert not bench.intr.level
    bench.clock.advance(1)
    assert bench.intr.level


def test_a_change_between_one_shot_and_periodic_keeps_the_count(bench: Bench) -> None:
    bench.write(LVT_TIMER, VECTOR)
    bench.write(INITIAL, 1000)
    bench.clock.advance(700 * BUS_CLOCK_NS)
    bench.write(LVT_TIMER, PERIODIC | VECTOR)
    assert bench.read(CURRENT) == 300
    bench.clock.advance(300 * BUS_CLOCK_NS)
    assert bench.serve() == [VECTOR]
    assert bench.read(CURRENT) == 1000
    bench.clock.advance(100 * BUS_CLOCK_NS)
    bench.write(LVT_TIMER, VECTOR)
    bench.clock.advance(900 * BUS_CLOCK_NS)
    assert bench.serve() == [VECTOR]
    bench.write(LVT_TIMER, PERIODIC | VECTOR)  # what has ended stays ended
    bench.clock.advance(10**6)
    assert bench.read(CURRENT) == 0
    assert not bench.intr.level


def test_a_change_in_the_middle_of_a_clock_does_not_move_the_end(bench: Bench) -> None:
    bench.write(LVT_TIMER, VECTOR)
    bench.write(INITIAL, 1000)
    bench.clock.advance(3502)
    bench.write(LVT_TIMER, PERIODIC | VECTOR)
    bench.clock.advance(1497)
    assert not bench.intr.level
    bench.clock.advance(1)
    assert bench.intr.level


def test_a_period_of_one_clock_cannot_flood_the_machine(bench: Bench) -> None:
    bench.write(LVT_TIMER, PERIODIC | VECTOR)
    bench.write(INITIAL, 1)
    served = 0
    for _ in range(1000):
        bench.clock.advance(100)
        served += len(bench.serve())
    assert 90 <= served <= 101  # 100 us, an interrupt a microsecond


def test_switched_off_by_software_it_falls_silent(bench: Bench) -> None:
    bench.write(LVT_TIMER, PERIODIC | VECTOR)
    bench.write(INITIAL, 1000)
    bench.write(SVR, 0xFF)
    bench.write(SVR, ENABLED | 0xFF)
    bench.clock.advance(10**6)
    assert not bench.intr.level


def test_reset_stops_it(bench: Bench) -> None:
    bench.write(LVT_TIMER, PERIODIC | VECTOR)
    bench.write(INITIAL, 1000)
    bench.apic.reset()
    bench.clock.advance(2500)
    assert (bench.read(CURRENT), bench.read(INITIAL)) == (0, 0)


@given(
    code=st.sampled_from(sorted(DIVISORS)),
    initial=st.integers(1, 2**32 - 1),
    periodic=st.booleans(),
    steps=st.lists(st.integers(0, 10**12), max_size=6),
)
def test_the_count_is_a_function_of_time(
    code: int, initial: int, periodic: bool, steps: list[int]
) -> None:
    bench = Bench()
    bench.write(DIVIDE, code)
    bench.write(LVT_TIMER, MASKED | (PERIODIC if periodic else 0) | VECTOR)
    bench.clock.advance(12345)
    bench.write(INITIAL, initial)
    for step in steps:
        bench.clock.advance(step)
        clocks = (bench.clock.now() - 12345) // (BUS_CLOCK_NS * DIVISORS[code])
        expected = initial - clocks % initial if periodic else max(initial - clocks, 0)
        assert bench.read(CURRENT) == expected


# TSC deadline.


def test_a_deadline_interrupts_when_the_time_stamp_reaches_it(bench: Bench) -> None:
    bench.write(LVT_TIMER, TSC_DEADLINE | VECTOR)
    bench.apic.write_tsc_deadline(7000)
    assert bench.apic.read_tsc_deadline() == 7000
    bench.clock.advance(6999)
    assert not bench.intr.level
    bench.clock.advance(1)
    assert bench.serve() == [VECTOR]
    assert bench.apic.read_tsc_deadline() == 0


def test_a_deadline_in_the_past_interrupts_at_once(bench: Bench) -> None:
    bench.clock.advance(10_000)
    bench.write(LVT_TIMER, TSC_DEADLINE | VECTOR)
    bench.apic.write_tsc_deadline(1)
    bench.clock.advance(0)
    assert bench.serve() == [VECTOR]


def test_a_zero_deadline_disarms(bench: Bench) -> None:
    bench.write(LVT_TIMER, TSC_DEADLINE | VECTOR)
    bench.apic.write_tsc_deadline(7000)
    bench.apic.write_tsc_deadline(0)
    bench.clock.advance(10_000)
    assert not bench.intr.level


def test_a_masked_deadline_passes_unheard(bench: Bench) -> None:
    bench.write(LVT_TIMER, MASKED | TSC_DEADLINE | VECTOR)
    bench.apic.write_tsc_deadline(7000)
    bench.clock.advance(10_000)
    assert bench.apic.read_tsc_deadline() == 0
    bench.write(LVT_TIMER, TSC_DEADLINE | VECTOR)
    bench.clock.advance(10_000)
    assert not bench.intr.level


def test_the_modes_do_not_listen_to_each_other_s_registers(bench: Bench) -> None:
    bench.write(LVT_TIMER, VECTOR)
    bench.apic.write_tsc_deadline(7000)
    assert bench.apic.read_tsc_deadline() == 0
    bench.write(INITIAL, 1000)
    bench.write(LVT_TIMER, TSC_DEADLINE | VECTOR)
    assert (bench.read(INITIAL), bench.read(CURRENT)) == (0, 0)
    bench.write(INITIAL, 1000)
    assert bench.read(INITIAL) == 0
    bench.apic.write_tsc_deadline(7000)
    bench.write(LVT_TIMER, VECTOR)
    assert bench.apic.read_tsc_deadline() == 0
    bench.clock.advance(10_000)
    assert not bench.intr.level


def test_a_deadline_follows_a_written_time_stamp_counter(bench: Bench) -> None:
    bench.write(LVT_TIMER, TSC_DEADLINE | VECTOR)
    bench.apic.write_tsc_deadline(7000)
    bench.tsc_offset = 5000
    bench.apic.tsc_changed()
    bench.clock.advance(1999)
    assert not bench.intr.level
    bench.tsc_offset = -5000  # back again, unannounced: the alarm finds it is early
    bench.clock.advance(1)
    assert not bench.intr.level
    bench.clock.advance(10_000)
    assert bench.serve() == [VECTOR]


def test_a_deadline_at_the_end_of_time_is_nothing_to_wait_for() -> None:
    clock = VirtualClock(lambda: 1000, lambda _ns: None)
    bench = Bench(clock=clock)
    bench.write(LVT_TIMER, TSC_DEADLINE | VECTOR)
    bench.apic.write_tsc_deadline(2**64 - 1)
    assert bench.apic.read_tsc_deadline() == 2**64 - 1
    assert clock.next_deadline() is None
    bench.apic.write_tsc_deadline(2000)
    assert clock.next_deadline() == 2000
