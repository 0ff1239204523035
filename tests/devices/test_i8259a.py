"""One 8259A through its two ports: the words, modes and priorities of the data sheet."""

import pytest

from hv_devices.emulated.i8259a import I8259A
from tests.fakes import RecordingLine

# ICW1
ICW1, IC4, SNGL, LTIM = 0x10, 0x01, 0x02, 0x08
# ICW4
X86, AEOI, SFNM = 0x01, 0x02, 0x10
# OCW2: R SL EOI
EOI, SPECIFIC_EOI = 0x20, 0x60
ROTATE_EOI, ROTATE_SPECIFIC_EOI = 0xA0, 0xE0
ROTATE_AEOI_SET, ROTATE_AEOI_CLEAR = 0x80, 0x00
SET_PRIORITY, NO_OPERATION = 0xC0, 0x40
# OCW3
READ_IRR, READ_ISR, POLL = 0x0A, 0x0B, 0x0C
SPECIAL_MASK, NO_SPECIAL_MASK = 0x68, 0x48

VECTOR = 0x20
SPURIOUS = 7


class Pic:
    """A single master with its output wire."""

    def __init__(self) -> None:
        self.int = RecordingLine()
        self.chip = I8259A(self.int)

    def setup(self, icw4: int = X86, icw1: int = 0) -> "Pic":
        for offset, value in [(0, ICW1 | IC4 | SNGL | icw1), (1, VECTOR), (1, icw4)]:
            self.chip.write(offset, value, 1)
        return self

    def ocw1(self, mask: int) -> None:
        self.chip.write(1, mask, 1)

    def command(self, value: int) -> None:
        self.chip.write(0, value, 1)

    def raise_(self, *levels: int) -> None:
        for level in levels:
            self.chip.line(level).set(True)

    def lower(self, *levels: int) -> None:
        for level in levels:
            self.chip.line(level).set(False)

    def pulse(self, *levels: int) -> None:
        """A fresh edge that stays high."""
        self.lower(*levels)
        self.raise_(*levels)

    def irr(self) -> int:
        self.command(READ_IRR)
        return self.chip.read(0, 1)

    def isr(self) -> int:
        self.command(READ_ISR)
        return self.chip.read(0, 1)

    def served(self) -> list[int]:
        """Acknowledge and end everything that is pending, in the order it comes."""
        levels = []
        while self.int.level and len(levels) < 9:
            levels.append(self.chip.take())
            self.command(SPECIFIC_EOI | levels[-1])
        return levels


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


# Priorities


def test_fully_nested_lower_levels_wait_and_higher_ones_interrupt(pic: Pic) -> None:
    pic.raise_(4)
    pic.chip.take()
    pic.raise_(5)
    assert not pic.int.level
    pic.raise_(2)
    assert pic.int.level
    assert pic.chip.take() == 2
    assert pic.isr() == 0x14
    pic.command(EOI)
    assert pic.isr() == 0x10
    pic.command(EOI)
    assert pic.chip.take() == 5


def test_ir0_comes_first(pic: Pic) -> None:
    pic.raise_(*range(8))
    assert pic.served() == [0, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("lowest", range(8))
def test_set_priority_makes_the_next_level_the_highest(pic: Pic, lowest: int) -> None:
    pic.command(SET_PRIORITY | lowest)
    pic.raise_(*range(8))
    assert pic.served() == [(lowest + 1 + n) % 8 for n in range(8)]


def test_specific_end_of_interrupt_ends_that_level_only(pic: Pic) -> None:
    pic.raise_(4)
    pic.chip.take()
    pic.raise_(2)
    pic.chip.take()
    pic.command(SPECIFIC_EOI | 4)
    assert pic.isr() == 0x04


def test_end_of_interrupt_with_nothing_in_service_does_nothing(pic: Pic) -> None:
    pic.command(EOI)
    pic.command(ROTATE_EOI)
    pic.raise_(*range(8))
    assert pic.served() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_rotate_on_non_specific_eoi_puts_the_served_level_last(pic: Pic) -> None:
    # The data sheet's figure: 4 and 6 in service; after the rotation 5 is the highest.
    pic.raise_(6)
    pic.chip.take()
    pic.raise_(4)
    pic.chip.take()
    pic.command(ROTATE_EOI)
    assert pic.isr() == 0x40
    pic.command(SPECIFIC_EOI | 6)
    pic.pulse(*range(8))
    assert pic.served() == [5, 6, 7, 0, 1, 2, 3, 4]


def test_rotate_on_specific_eoi_puts_the_named_level_last(pic: Pic) -> None:
    pic.raise_(2)
    pic.chip.take()
    pic.command(ROTATE_SPECIFIC_EOI | 2)
    assert pic.isr() == 0
    pic.pulse(*range(8))
    assert pic.served() == [3, 4, 5, 6, 7, 0, 1, 2]


def test_non_specific_eoi_follows_the_rotated_priorities(pic: Pic) -> None:
    pic.command(SET_PRIORITY | 4)  # 5 is the highest, 4 the lowest
    pic.raise_(1)
    pic.chip.take()
    pic.raise_(6)
    pic.chip.take()
    pic.command(EOI)
    assert pic.isr() == 0x02


def test_the_no_operation_word_does_nothing(pic: Pic) -> None:
    pic.raise_(3)
    pic.chip.take()
    pic.command(NO_OPERATION | 3)
    assert pic.isr() == 0x08


# Automatic end of interrupt


def test_automatic_eoi_leaves_nothing_in_service() -> None:
    pic = Pic().setup(AEOI | X86)
    pic.raise_(3, 5)
    assert pic.chip.take() == 3
    assert pic.isr() == 0
    assert pic.int.level
    assert pic.chip.take() == 5


def test_int_falls_during_the_acknowledge_even_when_more_is_to_come() -> None:
    pic = Pic().setup(AEOI | X86)
    pic.raise_(3, 5)
    pic.chip.take()
    assert pic.int.rises == 2


def test_rotation_in_automatic_eoi_mode() -> None:
    pic = Pic().setup(AEOI | X86)
    pic.command(ROTATE_AEOI_SET)
    pic.raise_(2)
    pic.chip.take()
    pic.pulse(*range(8))
    assert [pic.chip.take() for _ in range(3)] == [3, 4, 5]
    pic.command(ROTATE_AEOI_CLEAR)
    assert [pic.chip.take() for _ in range(2)] == [6, 7]
    pic.pulse(6)
    assert pic.chip.take() == 6


def test_a_spurious_acknowledge_does_not_rotate() -> None:
    pic = Pic().setup(AEOI | X86)
    pic.command(ROTATE_AEOI_SET)
    pic.command(SET_PRIORITY | 3)
    assert pic.chip.take() == SPURIOUS
    pic.raise_(0, 4)
    assert pic.chip.take() == 4


# Special mask mode


def test_special_mask_mode_lets_lower_levels_in_where_the_mask_is(pic: Pic) -> None:
    pic.raise_(3)
    pic.chip.take()
    pic.ocw1(0x08)
    pic.raise_(5)
    assert not pic.int.level
    pic.command(SPECIAL_MASK)
    assert pic.int.level
    assert pic.chip.take() == 5
    pic.raise_(6)
    assert not pic.int.level  # 5 is in service and not masked


def test_non_specific_eoi_passes_over_masked_levels_in_special_mask_mode(pic: Pic) -> None:
    pic.raise_(3)
    pic.chip.take()
    pic.ocw1(0x08)
    pic.command(SPECIAL_MASK)
    pic.raise_(5)
    pic.chip.take()
    pic.command(EOI)
    assert pic.isr() == 0x08
    pic.command(EOI)
    assert pic.isr() == 0x08
    pic.command(NO_SPECIAL_MASK)
    pic.command(EOI)
    assert pic.isr() == 0


def test_special_mask_changes_only_with_its_enable_bit(pic: Pic) -> None:
    pic.command(SPECIAL_MASK)
    pic.command(READ_ISR)
    pic.raise_(3)
    pic.chip.take()
    pic.ocw1(0x08)
    pic.raise_(5)
    assert pic.int.level


# Special fully nested mode


def test_special_fully_nested_mode_lets_a_slave_in_service_interrupt_again() -> None:
    pic = Pic()
    for offset, word in [(0, ICW1 | IC4), (1, VECTOR), (1, 0x04), (1, SFNM | X86)]:
        pic.chip.write(offset, word, 1)
    pic.raise_(2)
    pic.chip.take()
    pic.raise_(3)
    assert not pic.int.level
    pic.pulse(2)
    assert pic.int.level
    pic.command(EOI)
    pic.chip.take()
    pic.command(EOI)
    assert pic.chip.take() == 3
    pic.pulse(3)
    assert not pic.int.level  # 3 has no slave


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
