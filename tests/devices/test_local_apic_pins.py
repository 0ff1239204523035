"""The local APIC's pins, the 8259s behind them, and its errors."""

import pytest

from hv_devices.emulated.local_apic_registers import VIRTUAL_WIRE
from tests.devices.apic_bench import (
    ENABLED,
    EOI,
    ESR,
    EXTINT,
    ICR_LOW,
    IRR,
    ISR,
    LEVEL,
    LVT_ERROR,
    LVT_LINT0,
    LVT_LINT1,
    MASKED,
    NMI,
    PIC_VECTOR,
    REMOTE_IRR,
    SVR,
    TPR,
    VERSION,
    Bench,
)

PAGE, BASE_BSP = 0xFEE00000, 1 << 8


@pytest.fixture
def bench() -> Bench:
    return Bench()


# Pins.


def test_after_reset_lint0_keeps_the_8259s_from_the_processor(bench: Bench) -> None:
    bench.apic.reset()
    bench.apic.lint0.set(True)
    assert not bench.intr.level


def test_virtual_wire_mode_lets_the_8259s_and_nmi_through(bench: Bench) -> None:
    bench.apic.reset()
    for offset, value in VIRTUAL_WIRE:
        bench.write(offset, value)
    bench.apic.lint0.set(True)
    bench.write(TPR, 0xF0)  # no business of an ExtINT
    assert bench.intr.level
    assert bench.apic.acknowledge() == PIC_VECTOR
    assert bench.pic_acknowledged == 1
    assert not bench.intr.level
    assert bench.vectors(ISR) == []
    bench.apic.lint1.set(True)
    bench.apic.lint1.set(True)
    assert bench.processor.events == ["nmi"]


def test_a_wire_that_is_already_high_counts_when_lint0_is_opened(bench: Bench) -> None:
    bench.apic.lint0.set(True)
    assert not bench.intr.level
    bench.write(LVT_LINT0, EXTINT)
    assert bench.intr.level
    bench.apic.lint0.set(False)
    assert not bench.intr.level


def test_a_disabled_apic_passes_its_pins_on(bench: Bench) -> None:
    bench.apic.lint0.set(True)
    assert bench.apic.write_base(PAGE | BASE_BSP)
    assert bench.intr.level
    assert bench.apic.acknowledge() == PIC_VECTOR
    bench.apic.lint0.set(True)
    assert bench.intr.level
    assert bench.processor.events == []
    bench.apic.lint1.set(True)
    assert bench.processor.events == ["nmi"]


def test_a_vector_of_its_own_goes_before_an_extint(bench: Bench) -> None:
    bench.write(LVT_LINT0, EXTINT)
    bench.apic.lint0.set(True)
    bench.apic.raise_edge(0x51)
    assert bench.apic.acknowledge() == 0x51
    assert bench.intr.level
    assert bench.apic.acknowledge() == PIC_VECTOR


def test_a_fixed_pin_requests_its_vector_at_the_edge(bench: Bench) -> None:
    bench.write(LVT_LINT0, 0x44)
    bench.apic.lint0.set(True)
    assert bench.serve() == [0x44]
    bench.apic.lint0.set(True)
    assert not bench.intr.level
    bench.apic.lint0.set(False)
    bench.apic.lint0.set(True)
    assert bench.serve() == [0x44]


def test_a_level_triggered_pin_requests_until_it_falls(bench: Bench) -> None:
    bench.write(LVT_LINT0, LEVEL | 0x44)
    bench.apic.lint0.set(True)
    assert bench.read(LVT_LINT0) == LEVEL | REMOTE_IRR | 0x44
    assert bench.apic.acknowledge() == 0x44
    bench.write(EOI, 0)
    assert bench.apic.acknowledge() == 0x44
    bench.apic.lint0.set(False)
    bench.write(EOI, 0)
    assert not bench.intr.level
    assert bench.read(LVT_LINT0) == LEVEL | 0x44


def test_a_level_that_is_there_already_counts_when_its_pin_is_opened(bench: Bench) -> None:
    bench.apic.lint0.set(True)
    bench.write(LVT_LINT0, LEVEL | 0x44)
    assert bench.apic.acknowledge() == 0x44
    bench.write(LVT_LINT0, LEVEL | 0x44)  # software cannot clear the remote IRR
    assert bench.read(LVT_LINT0) == LEVEL | REMOTE_IRR | 0x44
    assert (bench.vectors(IRR), bench.vectors(ISR)) == ([], [0x44])


@pytest.mark.parametrize("entry", [MASKED | NMI, MASKED | 0x44, 0x200, 0x500, 0x300])
def test_pins_that_are_masked_or_have_no_mode_do_nothing(bench: Bench, entry: int) -> None:
    bench.write(LVT_LINT1, entry)
    bench.apic.lint1.set(True)
    assert bench.processor.events == []
    assert not bench.intr.level


def test_reset_keeps_the_pins_where_their_drivers_hold_them(bench: Bench) -> None:
    bench.apic.lint0.set(True)
    bench.apic.reset()
    bench.write(SVR, ENABLED)
    bench.write(LVT_LINT0, EXTINT)
    assert bench.intr.level


# Errors.


def test_writing_what_can_only_be_read_is_no_error(bench: Bench) -> None:
    bench.write(VERSION, 0)
    bench.write(ISR, 0)
    bench.write(ESR, 0)
    assert bench.read(ESR) == 0


def test_errors_show_when_the_register_is_written(bench: Bench) -> None:
    assert bench.read(0x3F0) == 0
    assert bench.read(ESR) == 0
    bench.write(ESR, 0)
    assert bench.read(ESR) == 0x80
    bench.write(ESR, 0)
    assert bench.read(ESR) == 0


def test_illegal_vectors_are_errors_that_interrupt(bench: Bench) -> None:
    bench.write(LVT_ERROR, 0xFE)
    bench.apic.raise_edge(0x0F)
    assert bench.serve() == [0xFE]
    bench.write(ICR_LOW, 0x0F)
    assert bench.serve() == [0xFE]
    bench.write(ESR, 0)
    assert bench.read(ESR) == 0x60


def test_an_error_interrupt_without_a_legal_vector_is_one_more_error(bench: Bench) -> None:
    bench.write(LVT_ERROR, 0x0E)
    bench.write(0x010, 0)
    assert not bench.intr.level
    bench.write(ESR, 0)
    assert bench.read(ESR) == 0xC0
