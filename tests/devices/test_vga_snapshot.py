"""What a VGA set up through its ports shows."""

import pytest

from hv_devices.emulated.vga_text import VgaText
from tests.devices.vga_display import (
    ATTRIBUTE,
    CRTC,
    DAC_DATA,
    DAC_MASK,
    DAC_WRITE,
    GRAPHICS,
    MISC_READ,
    MISC_WRITE,
    SEQUENCER,
    STATUS,
    Display,
    characters,
)


def test_a_snapshot_shows_text_attributes_and_cursor() -> None:
    display = Display()
    display.put(80 + 2, b"Hi", 0x1E)
    display.set(CRTC, 0x0E, 0)
    display.set(CRTC, 0x0F, 84)
    screen = display.chip.snapshot()
    assert (screen.columns, screen.rows) == (80, 25)
    assert len(screen.cells) == 2000
    assert screen.row(1)[2:4] == ((ord("H"), 0x1E), (ord("i"), 0x1E))
    assert screen.cursor == (1, 4)
    assert screen.cursor_lines == (13, 14)
    assert screen.blink
    assert not screen.blanked


def test_a_snapshot_does_not_change_later() -> None:
    display = Display()
    screen = display.chip.snapshot()
    display.put(0, b"later")
    assert screen.cells[0] == (ord(" "), 0x07)


def test_the_palette_is_the_sixteen_pc_colours() -> None:
    palette = Display().chip.snapshot().palette
    assert palette[0] == (0, 0, 0)
    assert palette[1] == (0, 0, 0xAA)
    assert palette[6] == (0xAA, 0x55, 0)
    assert palette[7] == (0xAA, 0xAA, 0xAA)
    assert palette[15] == (0xFF, 0xFF, 0xFF)


def test_palette_registers_dac_and_mask_all_colour_the_screen() -> None:
    display = Display()
    display.set_attribute(1, 0x04)
    assert display.chip.snapshot().palette[1] == (0xAA, 0, 0)
    display.outb(DAC_WRITE, 0x04)
    for component in (0, 0x3F, 0):
        display.outb(DAC_DATA, component)
    assert display.chip.snapshot().palette[1] == (0, 0xFF, 0)
    display.outb(DAC_MASK, 0x00)
    assert set(display.chip.snapshot().palette) == {(0, 0, 0)}


def test_colour_select_replaces_the_upper_palette_bits() -> None:
    display = Display()
    display.outb(DAC_WRITE, 0xF7)
    for component in (0x3F, 0, 0x3F):
        display.outb(DAC_DATA, component)
    display.set_attribute(0x10, 0x8C)
    display.set_attribute(0x14, 0x0F)
    assert display.chip.snapshot().palette[7] == (0xFF, 0, 0xFF)
    display.set_attribute(0x14, 0x00)
    assert display.chip.snapshot().palette[7] == (0xAA, 0xAA, 0xAA)
    display.set_attribute(0x14, 0x0C)
    assert display.chip.snapshot().palette[7] == (0, 0, 0)


@pytest.mark.parametrize("mode_control", [0x04, 0x0C])
def test_blink_can_give_way_to_bright_backgrounds(mode_control: int) -> None:
    display = Display()
    display.set_attribute(0x10, mode_control)
    screen = display.chip.snapshot()
    blink = mode_control == 0x0C
    assert screen.colours(0x9F) == (15, 1 if blink else 9)
    assert screen.blinks(0x9F) == blink
    assert not screen.blinks(0x1F)


def test_an_eight_line_font_makes_fifty_rows() -> None:
    display = Display()
    display.set(CRTC, 0x09, 0x47)
    screen = display.chip.snapshot()
    assert (screen.columns, screen.rows, screen.cell_height) == (80, 50, 8)
    assert screen.cursor is None  # lines 13 and 14 are below the cell


def test_mode_1_has_forty_columns() -> None:
    display = Display()
    display.unlock_crtc()
    display.set(CRTC, 0x01, 39)
    display.set(CRTC, 0x13, 20)
    display.put(40, b"second row")
    screen = display.chip.snapshot()
    assert (screen.columns, screen.rows) == (40, 25)
    assert characters(screen.row(1)) == b"second row"


def test_doubled_scan_lines_halve_the_rows() -> None:
    display = Display()
    display.set(CRTC, 0x09, 0xC7)
    assert display.chip.snapshot().rows == 25


def test_the_start_address_scrolls_and_the_text_wraps_at_its_end() -> None:
    display = Display()
    display.put(80, b"top")
    display.set(CRTC, 0x0D, 80)
    assert characters(display.chip.snapshot().row(0)) == b"top"
    display.put(0x4000 - 3, b"end")
    display.put(0, b"begin")
    display.set(CRTC, 0x0C, 0x3F)
    display.set(CRTC, 0x0D, 0xFD)
    assert characters(display.chip.snapshot().row(0)) == b"endbegin"


@pytest.mark.parametrize(
    ("register", "value"),
    [(0x0A, 0x2D), (0x0A, 0x0F), (0x0E, 0xFF), (0x0D, 1)],
    ids=["switched off", "begins below its end", "outside", "scrolled away"],
)
def test_a_cursor_that_cannot_be_seen_is_none(register: int, value: int) -> None:
    display = Display()
    assert display.chip.snapshot().cursor == (0, 0)
    display.set(CRTC, register, value)
    assert display.chip.snapshot().cursor is None


def test_a_cursor_just_outside_is_none() -> None:
    display = Display()
    display.set(CRTC, 0x0E, 2000 >> 8)
    display.set(CRTC, 0x0F, 2000 & 0xFF)
    assert display.chip.snapshot().cursor is None
    display.set(CRTC, 0x0F, 1999 & 0xFF)
    assert display.chip.snapshot().cursor == (24, 79)
    display.unlock_crtc()
    display.set(CRTC, 0x01, 39)  # rows stay 80 cells apart
    display.set(CRTC, 0x0E, 0)
    display.set(CRTC, 0x0F, 40)
    assert display.chip.snapshot().cursor is None


def test_the_cursor_follows_the_start_address() -> None:
    display = Display()
    display.set(CRTC, 0x0D, 160)
    display.set(CRTC, 0x0F, 165)
    assert display.chip.snapshot().cursor == (0, 5)


def test_a_screen_is_blanked_by_sequencer_palette_or_graphics() -> None:
    display = Display()
    display.set(SEQUENCER, 1, 0x20)
    assert display.chip.snapshot().blanked
    display.set(SEQUENCER, 1, 0x00)
    assert not display.chip.snapshot().blanked
    display.inb(STATUS)
    display.outb(ATTRIBUTE, 0x00)
    assert display.chip.snapshot().blanked
    display.inb(STATUS)
    display.outb(ATTRIBUTE, 0x20)
    display.set(GRAPHICS, 6, 0x05)
    assert display.chip.snapshot().blanked


def test_reset_returns_to_mode_3() -> None:
    display = Display()
    display.outb(MISC_WRITE, 0)
    display.set(SEQUENCER, 1, 0x20)
    display.chip.reset()
    assert display.inb(MISC_READ) == 0x67
    assert not display.chip.snapshot().blanked
    assert VgaText(display.clock, lambda at, size: bytes(size)).state == display.chip.state


@pytest.mark.parametrize("value", [0x00, 0x01, 0x7F, 0x80, 0xFF])
def test_a_snapshot_survives_whatever_the_guest_left_behind(value: int) -> None:
    display = Display()
    display.unlock_crtc()
    for index in range(0x19):
        display.set(CRTC, index, value)
        display.unlock_crtc()
    for index in range(0x20):
        display.set_attribute(index, value)
    for port in range(0x3B0, 0x3E0):
        display.outb(port, value)
        assert 0 <= display.inb(port) <= 0xFF
    screen = display.chip.snapshot()
    assert len(screen.cells) == screen.columns * screen.rows
    assert 1 <= screen.columns <= 256
    assert 1 <= screen.rows <= 100
