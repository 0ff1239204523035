"""Who comes first in an 8259A: nesting, rotation, end of interrupt, the special modes."""

import pytest

from tests.devices.i8259a_bench import (
    AEOI,
    EOI,
    IC4,
    ICW1,
    NO_OPERATION,
    NO_SPECIAL_MASK,
    READ_ISR,
    ROTATE_AEOI_CLEAR,
    ROTATE_AEOI_SET,
    ROTATE_EOI,
    ROTATE_SPECIFIC_EOI,
    SET_PRIORITY,
    SFNM,
    SPECIAL_MASK,
    SPECIFIC_EOI,
    SPURIOUS,
    VECTOR,
    X86,
    Pic,
)


@pytest.fixture
def pic() -> Pic:
    return Pic().setup()


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
