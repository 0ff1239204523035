"""The VGA through its ports. Constants from the IBM VGA/XGA Technical Reference Manual."""

import pytest

from hv_devices.emulated.vga_text import VgaText
from tests.fakes import ManualClock

BASE = 0x3B0
CRTC, CRTC_MONO, SEQUENCER, GRAPHICS = 0x3D4, 0x3B4, 0x3C4, 0x3CE
ATTRIBUTE, ATTRIBUTE_READ = 0x3C0, 0x3C1
MISC_WRITE, MISC_READ = 0x3C2, 0x3CC
DAC_MASK, DAC_READ, DAC_WRITE, DAC_DATA = 0x3C6, 0x3C7, 0x3C8, 0x3C9
STATUS, STATUS_MONO = 0x3DA, 0x3BA

FRAME_NS = 14_268_000
"""449 lines of 900 dots at 28.322 MHz, about 70 Hz."""


class Display:
    """A chip, its text memory, and access by port number."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.text = bytearray(b" \x07" * 0x4000)
        self.chip = VgaText(self.clock, lambda at, size: bytes(self.text[at : at + size]))

    def inb(self, port: int) -> int:
        return self.chip.read(port - BASE, 1)

    def outb(self, port: int, value: int) -> None:
        self.chip.write(port - BASE, value, 1)

    def get(self, port: int, index: int) -> int:
        self.outb(port, index)
        return self.inb(port + 1)

    def set(self, port: int, index: int, value: int) -> None:
        self.outb(port, index)
        self.outb(port + 1, value)

    def get_attribute(self, index: int) -> int:
        self.inb(STATUS)
        self.outb(ATTRIBUTE, index | 0x20)
        return self.inb(ATTRIBUTE_READ)

    def set_attribute(self, index: int, value: int) -> None:
        self.inb(STATUS)
        self.outb(ATTRIBUTE, index)  # bit 5 clear: the palette is open
        self.outb(ATTRIBUTE, value)
        self.outb(ATTRIBUTE, 0x20)

    def colour(self, index: int) -> tuple[int, int, int]:
        self.outb(DAC_READ, index)
        return self.inb(DAC_DATA), self.inb(DAC_DATA), self.inb(DAC_DATA)

    def unlock_crtc(self) -> None:
        self.set(CRTC, 0x11, self.get(CRTC, 0x11) & 0x7F)

    def put(self, cell: int, text: bytes, attribute: int = 0x07) -> None:
        for at, character in enumerate(text, cell):
            self.text[2 * at : 2 * at + 2] = bytes((character, attribute))


def characters(row: tuple[tuple[int, int], ...]) -> bytes:
    return bytes(character for character, _ in row).rstrip()


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


# Snapshots


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
