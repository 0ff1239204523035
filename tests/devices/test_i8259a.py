"""One 8259A through its two ports: initialization, requests, reading and polling."""

import pytest

from hv_devices.emulated.i8259a import I8259A
from tests.devices.i8259a_bench import (
    EOI,
    IC4,
    ICW1,
    LTIM,
    POLL,
    READ_IRR,
    READ_ISR,
    SET_PRIORITY,
    SNGL,
    SPECIAL_MASK,
    SPURIOUS,
    VECTOR,
    X86,
    Pic,
)
from tests.fakes import RecordingLine


@pytest.fixture
def pic() -> Pic:
    return Pic().setup()


# Initialization


def test_int_stays_low_until_the_last_initialization_word() -> None:
    pic = Pic()
    pic.raise_(3)
    assert not pic.int.level
    pic.command(ICW1 | IC4)
    for word in (VECTOR, 0x00):
        pic.pulse(3)
        pic.chip.write(1, word, 1)
        assert not pic.int.level
    pic.chip.write(1, X86, 1)
    assert pic.int.level


def test_icw3_and_icw4_are_skipped_when_icw1_says_so() -> None:
    pic = Pic()
    pic.command(ICW1 | SNGL)
    pic.chip.write(1, VECTOR, 1)
    pic.chip.write(1, 0xA5, 1)
    assert pic.chip.read(1, 1) == 0xA5
    assert pic.chip.state.vector_base == VECTOR


def test_icw1_forgets_edges_masks_priorities_and_modes(pic: Pic) -> None:
    pic.raise_(1)
    pic.chip.take()
    pic.ocw1(0xFE)
    pic.command(SET_PRIORITY | 3)
    pic.command(SPECIAL_MASK)
    pic.command(READ_ISR)
    pic.raise_(5)
    pic.setup()
    assert pic.chip.read(1, 1) == 0
    assert pic.chip.read(0, 1) == 0  # the request register, and no request in it
    assert pic.isr() == 0
    pic.pulse(1, 5)
    assert pic.served() == [1, 5]


def test_after_icw1_a_high_input_needs_a_new_edge(pic: Pic) -> None:
    pic.raise_(4)
    pic.setup()
    assert not pic.int.level
    pic.lower(4)
    pic.raise_(4)
    assert pic.int.level


def test_the_mask_register_reads_back_even_before_initialization() -> None:
    pic = Pic()
    for value in (0xFB, 0x04, 0xFF):
        pic.ocw1(value)
        assert pic.chip.read(1, 1) == value


def test_only_the_five_high_bits_of_icw2_make_the_vector() -> None:
    pic = Pic()
    pic.command(ICW1 | SNGL)
    pic.chip.write(1, 0x77, 1)
    assert pic.chip.state.vector_base == 0x70


# Requests


def test_a_request_raises_int_and_the_acknowledge_lowers_it(pic: Pic) -> None:
    pic.raise_(3)
    assert pic.int.level
    assert pic.chip.pending
    assert (pic.irr(), pic.isr()) == (0x08, 0)
    assert pic.chip.take() == 3
    assert not pic.int.level
    assert not pic.chip.pending
    assert (pic.irr(), pic.isr()) == (0, 0x08)


def test_an_edge_counts_once_however_long_the_line_stays_high(pic: Pic) -> None:
    pic.raise_(3)
    assert pic.served() == [3]
    assert pic.irr() == 0
    pic.raise_(3)
    assert not pic.int.level
    pic.pulse(3)
    assert pic.served() == [3]


def test_an_edge_during_service_waits_for_the_end_of_interrupt(pic: Pic) -> None:
    pic.raise_(3)
    pic.chip.take()
    pic.pulse(3)
    assert pic.irr() == 0x08
    assert not pic.int.level
    pic.command(EOI)
    assert pic.int.level


def test_an_input_that_falls_before_the_acknowledge_gives_the_default_level_7(pic: Pic) -> None:
    pic.raise_(3)
    pic.lower(3)
    assert pic.irr() == 0
    assert not pic.int.level
    assert pic.chip.take() == SPURIOUS
    assert pic.isr() == 0  # that is how a handler tells it from a real IR7


def test_a_real_request_at_level_7_is_in_service(pic: Pic) -> None:
    pic.raise_(7)
    assert pic.chip.take() == 7
    assert pic.isr() == 0x80


def test_a_masked_request_is_remembered_while_its_line_is_high(pic: Pic) -> None:
    pic.ocw1(0x08)
    pic.raise_(3)
    assert not pic.int.level
    assert pic.irr() == 0x08
    pic.ocw1(0)
    assert pic.int.level


@pytest.mark.parametrize("how", ["ltim", "elcr"])
def test_a_level_triggered_input_requests_again_until_it_falls(how: str) -> None:
    pic = Pic().setup(icw1=LTIM if how == "ltim" else 0)
    if how == "elcr":
        pic.chip.set_elcr(0x20)
    pic.raise_(5)
    pic.chip.take()
    assert pic.irr() == 0x20
    assert not pic.int.level
    pic.command(EOI)
    assert pic.int.level
    pic.chip.take()
    pic.lower(5)
    pic.command(EOI)
    assert not pic.int.level


def test_elcr_survives_icw1_and_touches_only_its_inputs() -> None:
    pic = Pic()
    pic.chip.set_elcr(0x20)
    pic.setup()
    pic.raise_(4, 5)
    assert [pic.chip.take(), pic.irr()] == [4, 0x20]
    pic.command(EOI)
    assert [pic.chip.take(), pic.irr()] == [5, 0x20]


# Reading and polling


def test_the_register_choice_lasts_until_changed(pic: Pic) -> None:
    pic.raise_(3)
    pic.chip.take()
    pic.raise_(1)
    pic.command(READ_ISR)
    assert [pic.chip.read(0, 1), pic.chip.read(0, 1)] == [0x08, 0x08]
    pic.command(0x08)  # RR = 0: no action
    assert pic.chip.read(0, 1) == 0x08
    pic.command(READ_IRR)
    assert pic.chip.read(0, 1) == 0x02


@pytest.mark.parametrize("offset", [0, 1])
def test_a_poll_acknowledges_and_names_the_level(pic: Pic, offset: int) -> None:
    pic.raise_(5)
    pic.command(POLL)
    assert pic.chip.read(offset, 1) == 0x80 | 5
    assert pic.isr() == 0x20
    assert not pic.int.level


def test_a_poll_serves_one_read_and_finds_nothing_with_nothing_there(pic: Pic) -> None:
    pic.command(POLL)
    assert pic.chip.read(0, 1) & 0x80 == 0
    pic.ocw1(0x5A)
    assert pic.chip.read(1, 1) == 0x5A
    assert pic.isr() == 0


def test_poll_overrides_a_register_choice_in_the_same_word(pic: Pic) -> None:
    pic.command(READ_IRR)
    pic.raise_(0)
    pic.command(POLL | 0x03)
    assert pic.chip.read(0, 1) == 0x80
    assert pic.chip.read(0, 1) == 0  # still the request register


# The board


def test_lazy_sources_are_asked_before_the_request_register_is_read() -> None:
    chip: I8259A
    asked = []

    def refresh() -> None:
        asked.append(True)
        chip.line(0).set(True)

    chip = I8259A(RecordingLine(), refresh=refresh)
    assert chip.read(1, 1) == 0
    assert not asked
    assert chip.read(0, 1) == 0x01
    assert asked == [True]
    chip.write(0, POLL, 1)
    chip.read(0, 1)
    assert asked == [True, True]


def test_reset_leaves_the_pins_to_their_drivers(pic: Pic) -> None:
    pic.raise_(4)
    pic.chip.reset()
    assert not pic.int.level
    pic.setup()
    assert pic.irr() == 0
    pic.lower(4)
    pic.raise_(4)
    assert pic.int.level
