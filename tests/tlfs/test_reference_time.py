"""Reference time: the counter, the page, and that they cannot disagree."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from tests.tlfs.bench import PAGE, Bench

COUNTER, REFERENCE_TSC = 0x40000020, 0x40000021
GPA = 0x9000
YEAR_NS = 31_557_600 * 10**9


def page(bench: Bench) -> tuple[int, int, int]:
    sequence, scale, offset = struct.unpack("<I4xQq", bench.ram.read(GPA, 24))
    return sequence, scale, offset


def time_by_page(bench: Bench) -> int:
    """As the specification's example works it out; the page must be valid."""
    sequence, scale, offset = page(bench)
    assert sequence not in (0, 0xFFFFFFFF)
    return (bench.cpu.tsc() * scale >> 64) + offset


def test_the_counter_counts_100_ns() -> None:
    bench = Bench()
    assert bench.vp.read_msr(COUNTER) == 0
    bench.clock.advance(99)
    assert bench.vp.read_msr(COUNTER) == 0
    bench.clock.advance(1)
    assert bench.vp.read_msr(COUNTER) == 1
    bench.clock.advance(10**9)
    assert bench.vp.read_msr(COUNTER) == 10_000_001


def test_the_page_is_published_and_read_only() -> None:
    bench = Bench()
    bench.clock.advance(12345)
    bench.vp.write_msr(REFERENCE_TSC, GPA | 1)
    assert bench.overlays.pages[GPA].rights == "r"
    sequence, scale, offset = page(bench)
    assert sequence == 1
    assert scale == 0x028F5C28_F5C28F5D  # 2^64 / 100, rounded up
    assert offset == 0
    assert bench.ram.read(GPA + 24, PAGE - 24) == bytes(PAGE - 24)
    assert bench.vp.read_msr(REFERENCE_TSC) == GPA | 1


def test_disabling_takes_the_page_away_and_enabling_brings_it_back() -> None:
    bench = Bench()
    bench.vp.write_msr(REFERENCE_TSC, GPA | 1)
    bench.vp.write_msr(REFERENCE_TSC, GPA)
    assert bench.ram.read(GPA, 16) == bytes(16)
    bench.vp.write_msr(REFERENCE_TSC, GPA | 1)
    assert page(bench)[0] == 1


@given(
    start=st.integers(0, 3 * YEAR_NS),
    ticks=st.integers(-(10**12), 10**12),
    steps=st.lists(st.integers(0, 10**15), max_size=8),
)
def test_page_and_counter_agree_exactly(start: int, ticks: int, steps: list[int]) -> None:
    bench = Bench()
    bench.clock.advance(start)
    bench.cpu.tsc_offset = max(ticks * 100, -(start // 100 * 100))
    bench.vp.write_msr(REFERENCE_TSC, GPA | 1)
    for step in (0, 1, 98, 1, *steps):
        bench.clock.advance(step)
        assert time_by_page(bench) == bench.vp.read_msr(COUNTER) == bench.clock.now() // 100


def test_a_new_time_stamp_counter_gives_a_new_sequence() -> None:
    bench = Bench()
    bench.vp.write_msr(REFERENCE_TSC, GPA | 1)
    bench.clock.advance(5000)
    bench.cpu.tsc_offset = -5000
    bench.hv.tsc_written()
    assert page(bench)[0] == 2
    assert time_by_page(bench) == 50
    writes = bench.overlays.pages[GPA].writes[-3:]
    assert writes[0] == (0, bytes(8))
    assert writes[2] == (0, b"\2" + bytes(7))


def test_a_time_stamp_counter_out_of_step_makes_the_page_invalid() -> None:
    bench = Bench()
    bench.vp.write_msr(REFERENCE_TSC, GPA | 1)
    for offset in (7, 100 << 50, 1 << 63):
        bench.cpu.tsc_offset = offset
        bench.hv.tsc_written()
        assert page(bench)[0] == 0
    bench.cpu.tsc_offset = 0
    bench.hv.tsc_written()
    assert page(bench)[0] == 2


def test_processors_that_differ_have_no_valid_page() -> None:
    bench = Bench(processors=2)
    bench.cpus[1].tsc_offset = 100
    bench.vp.write_msr(REFERENCE_TSC, GPA | 1)
    assert page(bench)[0] == 0
    bench.cpus[1].tsc_offset = 0
    bench.hv.tsc_written()
    assert page(bench)[0] == 1


def test_time_goes_on_through_a_reset_and_the_page_does_not() -> None:
    bench = Bench()
    bench.vp.write_msr(REFERENCE_TSC, GPA | 1)
    bench.clock.advance(1000)
    bench.hv.reset()
    assert bench.vp.read_msr(COUNTER) == 10
    assert bench.vp.read_msr(REFERENCE_TSC) == 0
    assert not bench.overlays.pages
