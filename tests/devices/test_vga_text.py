"""The VGA through its ports: registers, DAC and beam."""

import pytest

from tests.devices.vga_display import (
    ATTRIBUTE,
    ATTRIBUTE_READ,
    CRTC,
    CRTC_MONO,
    DAC_DATA,
    DAC_READ,
    DAC_WRITE,
    FRAME_NS,
    GRAPHICS,
    MISC_READ,
    MISC_WRITE,
    SEQUENCER,
    STATUS,
    STATUS_MONO,
    Display,
)

# Registers


def test_power_on_is_mode_3() -> None:
    display = Display()
    assert display.inb(MISC_READ) == 0x67
    assert display.get(CRTC, 0x01) == 79
    assert display.get(CRTC, 0x09) == 0x4F
    assert display.get(CRTC, 0x13) == 40
    assert display.get(SEQUENCER, 4) == 0x02
    assert display.get(GRAPHICS, 6) == 0x0E
    assert display.get_attribute(6) == 0x14
    assert display.get_attribute(0x10) == 0x0C


@pytest.mark.parametrize(
    ("port", "index", "kept"),
    [
        (CRTC, 0x0F, 0xFF),
        (CRTC, 0x18, 0xFF),
        (SEQUENCER, 2, 0x0F),
        (SEQUENCER, 4, 0x0E),
        (GRAPHICS, 8, 0xFF),
        (GRAPHICS, 4, 0x03),
    ],
)
def test_indexed_registers_hold_the_bits_they_have(port: int, index: int, kept: int) -> None:
    display = Display()
    for value in (0x00, 0x55, 0xAA, 0xFF):
        display.set(port, index, value)
        assert display.get(port, index) == value & kept


def test_an_index_register_reads_back() -> None:
    display = Display()
    for port in (CRTC, SEQUENCER, GRAPHICS):
        display.outb(port, 0x03)
        assert display.inb(port) == 0x03


@pytest.mark.parametrize("port", [CRTC, SEQUENCER, GRAPHICS])
def test_registers_that_do_not_exist_read_all_ones_and_swallow_writes(port: int) -> None:
    display = Display()
    before = display.chip.snapshot()
    display.set(port, 0xFE, 0x12)
    assert display.get(port, 0xFE) == 0xFF
    assert display.chip.snapshot() == before


def test_colour_and_monochrome_addresses_exclude_each_other() -> None:
    display = Display()
    display.set(CRTC, 0x0F, 0x42)
    assert display.get(CRTC_MONO, 0x0F) == 0xFF
    assert display.inb(STATUS_MONO) == 0xFF
    display.outb(MISC_WRITE, 0x66)
    assert display.get(CRTC, 0x0F) == 0xFF
    assert display.inb(STATUS) == 0xFF
    assert display.get(CRTC_MONO, 0x0F) == 0x42
    assert display.inb(STATUS_MONO) != 0xFF


def test_protection_keeps_crtc_timing_but_for_one_line_compare_bit() -> None:
    display = Display()
    display.set(CRTC, 0x01, 39)
    assert display.get(CRTC, 0x01) == 79
    display.set(CRTC, 0x07, 0x00)
    assert display.get(CRTC, 0x07) == 0x0F  # 1Fh without bit 4
    display.unlock_crtc()
    display.set(CRTC, 0x01, 39)
    display.set(CRTC, 0x07, 0x00)
    assert display.get(CRTC, 0x01) == 39
    assert display.get(CRTC, 0x07) == 0x00


def test_the_attribute_port_takes_index_and_data_in_turn() -> None:
    display = Display()
    display.inb(STATUS)
    display.outb(ATTRIBUTE, 0x31)
    display.outb(ATTRIBUTE, 0x05)
    assert display.inb(ATTRIBUTE) == 0x31
    assert display.inb(ATTRIBUTE_READ) == 0x05
    display.outb(ATTRIBUTE, 0x33)
    display.inb(STATUS)  # back to the index
    display.outb(ATTRIBUTE, 0x32)
    assert display.inb(ATTRIBUTE) == 0x32


def test_the_palette_refuses_writes_while_it_shows_the_screen() -> None:
    display = Display()
    display.inb(STATUS)
    display.outb(ATTRIBUTE, 0x21)
    display.outb(ATTRIBUTE, 0x3F)
    assert display.get_attribute(1) == 0x01
    display.set_attribute(1, 0x3F)
    assert display.get_attribute(1) == 0x3F


def test_attribute_registers_that_do_not_exist_read_all_ones() -> None:
    display = Display()
    display.set_attribute(0x1F, 0x12)
    assert display.get_attribute(0x1F) == 0xFF


def test_the_subsystem_enable_bit_reads_back() -> None:
    display = Display()
    display.outb(0x3C3, 0xFE)
    assert display.inb(0x3C3) == 0
    display.outb(0x3C3, 0xFF)
    assert display.inb(0x3C3) == 1


def test_feature_control_is_written_by_the_status_port() -> None:
    display = Display()
    display.outb(STATUS, 0x03)
    assert display.inb(0x3CA) == 0x03


@pytest.mark.parametrize("port", [0x3B0, 0x3B8, 0x3CB, 0x3CD, 0x3D0, 0x3D8, 0x3D9, 0x3DF, 0x3E0])
def test_unknown_ports_are_open_bus(port: int) -> None:
    display = Display()
    display.outb(port, 0)
    assert display.inb(port) == 0xFF


# DAC


def test_the_dac_holds_egas_colours() -> None:
    display = Display()
    assert display.colour(0x00) == (0, 0, 0)
    assert display.colour(0x01) == (0, 0, 0x2A)
    assert display.colour(0x14) == (0x2A, 0x15, 0)  # brown
    assert display.colour(0x3F) == (0x3F, 0x3F, 0x3F)
    assert display.colour(0x40) == (0, 0, 0)


def test_dac_components_are_six_bits_and_the_index_moves_on() -> None:
    display = Display()
    display.outb(DAC_WRITE, 0x10)
    for component in (1, 2, 0xFF, 4, 5, 6):
        display.outb(DAC_DATA, component)
    assert display.inb(DAC_WRITE) == 0x12
    assert display.colour(0x10) == (1, 2, 0x3F)
    assert display.colour(0x11) == (4, 5, 6)
    assert display.colour(0x12) == (0, 0x3F, 0)  # the next one is as it was


def test_colours_are_read_one_after_another() -> None:
    display = Display()
    assert display.colour(0x01) == (0, 0, 0x2A)
    assert [display.inb(DAC_DATA) for _ in range(6)] == [0, 0x2A, 0, 0, 0x2A, 0x2A]


def test_a_colour_changes_as_a_whole() -> None:
    display = Display()
    display.outb(DAC_WRITE, 0x3F)
    display.outb(DAC_DATA, 1)
    display.outb(DAC_DATA, 2)
    assert display.colour(0x3F) == (0x3F, 0x3F, 0x3F)


def test_the_dac_says_which_way_it_was_addressed() -> None:
    display = Display()
    display.outb(DAC_READ, 0)
    assert display.inb(DAC_READ) == 3
    display.outb(DAC_WRITE, 0)
    assert display.inb(DAC_READ) == 0


def test_the_dac_index_wraps() -> None:
    display = Display()
    display.outb(DAC_WRITE, 0xFF)
    for component in (9, 9, 9, 7, 7, 7):
        display.outb(DAC_DATA, component)
    assert display.colour(0) == (7, 7, 7)


# The beam


def test_vertical_retrace_comes_seventy_times_a_second() -> None:
    display = Display()
    step_ns, pulses, was_up = 20_000, 0, False
    for _ in range(1_000_000_000 // step_ns):
        up = bool(display.inb(STATUS) & 0x08)
        pulses += up and not was_up
        was_up = up
        display.clock.advance(step_ns)
    assert pulses == 70


def test_display_is_disabled_in_both_retraces() -> None:
    display = Display()
    assert display.inb(STATUS) & 0x09 == 0
    display.clock.advance(28_000)  # beyond 720 of 900 dots of the first line
    assert display.inb(STATUS) & 0x09 == 0x01
    display.clock.advance(5_000)
    assert display.inb(STATUS) & 0x09 == 0
    display.clock.advance(FRAME_NS * 413 // 449 - 33_000)
    assert display.inb(STATUS) & 0x09 == 0x09
