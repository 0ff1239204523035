"""The local APIC as its processor and its software see it: registers, priorities, switching off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.devices.apic_bench import (
    APR,
    DFR,
    ENABLED,
    EOI,
    ESR,
    EXTINT,
    ICR_HIGH,
    ICR_LOW,
    ID,
    INITIAL,
    IRR,
    ISR,
    LDR,
    LVT_ERROR,
    LVT_LINT0,
    LVT_LINT1,
    LVT_PERF,
    LVT_THERMAL,
    LVT_TIMER,
    MASKED,
    PPR,
    SPURIOUS,
    SVR,
    TMR,
    TPR,
    VERSION,
    Bench,
)

LVT = (LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR)
PAGE, BASE_ENABLE, BASE_BSP, BASE_X2APIC = 0xFEE00000, 1 << 11, 1 << 8, 1 << 10
ONES = 0xFFFFFFFF


@pytest.fixture
def bench() -> Bench:
    return Bench()


# Registers.


def test_registers_after_reset() -> None:
    bench = Bench(apic_id=3)
    bench.apic.reset()
    assert bench.read(ID) == 3 << 24
    assert bench.read(VERSION) == 0x00050014
    assert bench.read(SVR) == 0xFF
    assert bench.read(DFR) == ONES
    assert [bench.read(entry) for entry in LVT] == [MASKED] * 6
    zero = (TPR, PPR, LDR, ESR, ICR_LOW, ICR_HIGH, INITIAL)
    assert [bench.read(register) for register in zero] == [0] * len(zero)
    assert bench.vectors(ISR) == bench.vectors(TMR) == bench.vectors(IRR) == []


@pytest.mark.parametrize(
    ("register", "kept"),
    [
        (ID, 0),
        (VERSION, 0x00050014),
        (TPR, 0xFF),
        (LDR, 0xFF000000),
        (DFR, ONES),
        (SVR, 0x3FF),
        (ICR_HIGH, 0xFF000000),
        (LVT_TIMER, 0x700FF),
        (LVT_THERMAL, 0x107FF),
        (LVT_PERF, 0x107FF),
        (LVT_LINT0, 0x1A7FF),
        (LVT_LINT1, 0x1A7FF),
        (LVT_ERROR, 0x100FF),
        (0x3E0, 0xB),
    ],
)
def test_reserved_bits_do_not_stick(bench: Bench, register: int, kept: int) -> None:
    bench.write(register, ONES)
    assert bench.read(register) == kept


def test_a_cleared_dfr_keeps_its_low_bits_set(bench: Bench) -> None:
    bench.write(DFR, 0)
    assert bench.read(DFR) == 0x0FFFFFFF


def test_odd_accesses_are_harmless(bench: Bench) -> None:
    bench.write(TPR, 0x20)
    bench.apic.write(TPR, 0x30, 1)
    bench.apic.write(TPR + 4, 0x30, 4)
    bench.apic.write(TPR, 0x30, 8)
    assert bench.read(TPR) == 0x20
    assert bench.apic.read(VERSION + 2, 1) == 0x05
    assert bench.apic.read(VERSION, 2) == 0x0014
    assert bench.apic.read(VERSION + 4, 4) == 0
    assert bench.apic.read(VERSION, 8) == 0x00050014


@given(
    offset=st.integers(0, 0xFFF), width=st.sampled_from([1, 2, 4, 8]), value=st.integers(0, 2**64)
)
def test_no_access_is_too_strange(offset: int, width: int, value: int) -> None:
    bench = Bench()
    bench.write(LVT_ERROR, 0x05)
    bench.apic.write(offset, value & (1 << 8 * width) - 1, width)
    assert 0 <= bench.apic.read(offset, width) < 1 << 8 * width


# Priorities.


def test_a_vector_is_requested_taken_and_ended(bench: Bench) -> None:
    bench.apic.raise_edge(0x51)
    assert bench.intr.level
    assert bench.vectors(IRR) == [0x51]
    assert bench.apic.acknowledge() == 0x51
    assert not bench.intr.level
    assert (bench.vectors(IRR), bench.vectors(ISR)) == ([], [0x51])
    bench.write(EOI, 0)
    assert bench.vectors(ISR) == []
    assert bench.eois == 1


def test_only_a_higher_class_interrupts_what_is_in_service(bench: Bench) -> None:
    bench.apic.raise_edge(0x51)
    bench.apic.acknowledge()
    bench.apic.raise_edge(0x5F)
    assert not bench.intr.level
    bench.apic.raise_edge(0x60)
    assert bench.apic.acknowledge() == 0x60
    bench.write(EOI, 0)
    assert not bench.intr.level
    bench.write(EOI, 0)
    assert bench.apic.acknowledge() == 0x5F


def test_task_priority_holds_its_own_class_and_those_below(bench: Bench) -> None:
    bench.write(TPR, 0x50)
    bench.apic.raise_edge(0x5F)
    assert not bench.intr.level
    bench.write(TPR, 0x4F)
    assert bench.intr.level
    bench.write(TPR, 0x5F)
    assert not bench.intr.level
    bench.apic.raise_edge(0x60)
    assert bench.intr.level


def test_cr8_is_the_upper_half_of_the_task_priority(bench: Bench) -> None:
    bench.write(TPR, 0x4C)
    assert bench.apic.cr8 == 4
    bench.apic.cr8 = 9
    assert bench.read(TPR) == 0x90


@pytest.mark.parametrize(
    ("task", "serving", "ppr"),
    [(0x23, 0, 0x23), (0x23, 0x51, 0x50), (0x53, 0x51, 0x53), (0, 0x51, 0x50)],
)
def test_processor_priority(bench: Bench, task: int, serving: int, ppr: int) -> None:
    if serving:
        bench.apic.raise_edge(serving)
        bench.apic.acknowledge()
    bench.write(TPR, task)
    assert bench.read(PPR) == ppr


@pytest.mark.parametrize(
    ("task", "serving", "waiting", "apr"),
    [
        (0x23, 0, 0, 0x23),
        (0x23, 0x51, 0, 0x50),
        (0x73, 0x51, 0x61, 0x73),
        (0x03, 0x51, 0x5F, 0x50),
        (0x63, 0x51, 0x71, 0x70),
    ],
)
def test_arbitration_priority(
    bench: Bench, task: int, serving: int, waiting: int, apr: int
) -> None:
    if serving:
        bench.apic.raise_edge(serving)
        bench.apic.acknowledge()
    bench.write(TPR, task)
    if waiting:
        bench.apic.raise_edge(waiting)
    assert bench.read(APR) == apr


def test_one_request_of_a_vector_waits_behind_its_service(bench: Bench) -> None:
    bench.apic.raise_edge(0x51)
    bench.apic.acknowledge()
    bench.apic.raise_edge(0x51)
    bench.apic.raise_edge(0x51)
    assert (bench.vectors(IRR), bench.vectors(ISR)) == ([0x51], [0x51])
    bench.write(EOI, 0)
    assert bench.serve() == [0x51]


def test_nothing_to_acknowledge_gives_the_spurious_vector(bench: Bench) -> None:
    bench.write(SVR, ENABLED | 0xEF)
    assert bench.apic.acknowledge() == 0xEF
    assert bench.vectors(ISR) == []
    bench.apic.raise_edge(0x51)
    bench.write(TPR, 0x50)
    assert bench.apic.acknowledge() == 0xEF
    assert bench.vectors(IRR) == [0x51]


def test_an_eoi_with_nothing_in_service_is_heard_all_the_same(bench: Bench) -> None:
    bench.apic.eoi()
    assert (bench.vectors(ISR), bench.eois) == ([], 1)


@given(vectors=st.lists(st.integers(16, 255), max_size=40), task=st.integers(0, 255))
def test_whatever_is_requested_is_served_by_rank(vectors: list[int], task: int) -> None:
    bench = Bench()
    bench.write(TPR, task)
    for vector in vectors:
        bench.apic.raise_edge(vector)
    expected = sorted({vector for vector in vectors if vector >> 4 > task >> 4}, reverse=True)
    assert bench.serve() == expected
    bench.write(TPR, 0)
    assert bench.serve() == sorted(set(vectors) - set(expected), reverse=True)


# Ending by itself.


def test_an_automatic_end_leaves_no_service_bit(bench: Bench) -> None:
    bench.apic.raise_edge(0xF3, True)
    assert bench.apic.acknowledge() == 0xF3
    assert bench.vectors(ISR) == []
    bench.apic.raise_edge(0x31)
    assert bench.intr.level


def test_the_latest_request_of_a_vector_says_how_it_ends(bench: Bench) -> None:
    bench.apic.raise_edge(0xF3, True)
    bench.apic.raise_edge(0xF3)
    bench.apic.acknowledge()
    assert bench.vectors(ISR) == [0xF3]
    bench.apic.eoi()
    bench.apic.raise_edge(0xF3)
    bench.apic.raise_edge(0xF3, True)
    bench.apic.acknowledge()
    assert bench.vectors(ISR) == []


# Levels.


def test_the_end_of_a_level_is_broadcast_and_that_of_an_edge_is_not(bench: Bench) -> None:
    assert bench.apic.raise_level(0x61)
    assert bench.vectors(TMR) == [0x61]
    bench.apic.acknowledge()
    bench.apic.raise_edge(0x71)
    bench.apic.acknowledge()
    bench.write(EOI, 0)
    assert bench.ended == []
    bench.write(EOI, 0)
    assert bench.ended == [0x61]


def test_a_level_never_ends_by_itself(bench: Bench) -> None:
    bench.apic.raise_edge(0x61, True)
    bench.apic.raise_level(0x61)
    bench.apic.acknowledge()
    assert bench.vectors(ISR) == [0x61]


def test_an_edge_takes_the_trigger_mode_bit_back(bench: Bench) -> None:
    bench.apic.raise_level(0x61)
    bench.apic.raise_edge(0x61)
    assert bench.vectors(TMR) == []


# Switching off.


def test_switched_off_by_software_it_takes_nothing_new(bench: Bench) -> None:
    bench.apic.raise_edge(0x51)
    bench.write(SVR, SPURIOUS)
    bench.apic.raise_edge(0x61)
    assert not bench.apic.raise_level(0x62)
    assert bench.vectors(IRR) == [0x51]
    assert bench.apic.acknowledge() == 0x51


def test_switched_off_by_software_all_local_interrupts_are_masked_for_good(bench: Bench) -> None:
    for entry in LVT:
        bench.write(entry, 0x40)
    bench.write(SVR, SPURIOUS)
    assert [bench.read(entry) for entry in LVT] == [MASKED | 0x40] * 6
    bench.write(LVT_LINT0, EXTINT)
    assert bench.read(LVT_LINT0) == MASKED | EXTINT
    bench.write(SVR, ENABLED | SPURIOUS)
    assert bench.read(LVT_LINT0) == MASKED | EXTINT


# IA32_APIC_BASE.


def test_the_base_names_page_and_bootstrap_processor() -> None:
    assert Bench().apic.read_base() == PAGE | BASE_ENABLE | BASE_BSP
    assert Bench(bootstrap=False).apic.read_base() == PAGE | BASE_ENABLE


@pytest.mark.parametrize("reserved", [1 << 0, 1 << 7, 1 << 9, BASE_X2APIC, 1 << 40, 1 << 63])
def test_reserved_bits_of_the_base_are_refused(bench: Bench, reserved: int) -> None:
    assert not bench.apic.write_base(PAGE | BASE_ENABLE | BASE_BSP | reserved)
    assert bench.apic.read_base() == PAGE | BASE_ENABLE | BASE_BSP


def test_disabled_as_a_whole_it_is_not_there(bench: Bench) -> None:
    bench.write(TPR, 0x30)
    bench.apic.raise_edge(0x51)
    assert bench.apic.write_base(PAGE | BASE_BSP)
    assert not bench.apic.enabled
    assert not bench.intr.level
    assert bench.apic.read(VERSION, 4) == ONES
    assert bench.apic.read(VERSION, 1) == 0xFF
    bench.write(TPR, 0)
    bench.apic.raise_edge(0x61)
    assert bench.apic.cr8 == 3
    assert bench.apic.write_base(PAGE | BASE_ENABLE | BASE_BSP)
    assert bench.read(SVR) == 0xFF
    assert bench.read(TPR) == 0x30
    assert bench.vectors(IRR) == []


def test_the_page_moves_when_software_says_so(bench: Bench) -> None:
    assert bench.apic.write_base(0xFED40000 | BASE_ENABLE | BASE_BSP)
    assert bench.apic.write_base(
        0xFED40000 | BASE_ENABLE
    )  # the bootstrap bit is the processor's own
    assert bench.apic.read_base() == 0xFED40000 | BASE_ENABLE | BASE_BSP
    bench.apic.reset()
    assert bench.moved == [0xFED40000, PAGE]
