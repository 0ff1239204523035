"""VGA, as far as software in a text mode sees it.

Document: IBM VGA/XGA Technical Reference Manual, May 1992, section 2. Offsets count from port
3B0h; the CRT controller answers at 3Bxh or 3Dxh by bit 0 of miscellaneous output, as the original
does for monochrome and colour software.

The text is guest memory that the board keeps at B8000h (32 KiB); writes to it are no exits. The
chip only reads it, when somebody asks for a ``snapshot``.

Left out: everything that draws (planes, write modes, fonts in plane 2, graphics modes: registers
read back, the screen counts as blanked), text at B0000h, split screen and panning, the vertical
interrupt. The raster runs with the timing of mode 3 whatever the CRT controller is told.
"""

from collections.abc import Callable

from hv.interfaces import Clock

from .vga_registers import (
    ATTRIBUTE_BITS,
    COLOUR_SELECT_5_4,
    CRTC_BITS,
    CURSOR_OFF,
    ENABLE_BLINK,
    GRAPHICS_BITS,
    GRAPHICS_MODE,
    LINE_COMPARE_8,
    PALETTE_LOCKED,
    PROTECT,
    SCAN_DOUBLING,
    SCAN_LINE_MASK,
    SCREEN_OFF,
    SEQUENCER_BITS,
    SWITCH_SENSE,
    Attribute,
    Crtc,
    Graphics,
    Misc,
    Sequencer,
    State,
    Status,
)
from .vga_screen import Rgb, TextScreen

TEXT_BYTES = 0x8000
MAXIMUM_ROWS = 100

LINE_NS = 31_777
"""900 dots at 28.322 MHz."""
VISIBLE_LINE_NS = LINE_NS * 720 // 900
FRAME_LINES = 449
FRAME_NS = FRAME_LINES * LINE_NS
"""70.09 Hz."""
VISIBLE_LINES = 400
RETRACE_LINES = (412, 414)
"""Vertical retrace: from the first, up to but not including the second."""

TextMemory = Callable[[int, int], bytes]
"""``memory(offset, size)``: bytes of the text memory, offset 0 being B8000h."""

_MONO, _COMMON, _COLOUR = 0x00, 0x10, 0x20
_PROTECTED = range(Crtc.HORIZONTAL_TOTAL, Crtc.PRESET_ROW_SCAN)


class VgaText:
    """The display adapter's ports, 30h of them from 3B0h."""

    def __init__(self, clock: Clock, memory: TextMemory) -> None:
        self._clock = clock
        self._memory = memory
        self.state = State()

    def reset(self) -> None:
        self.state = State()

    def read(self, offset: int, width: int) -> int:
        reader = _READERS.get(self._decode(offset))
        return reader(self) if reader else 0xFF

    def write(self, offset: int, value: int, width: int) -> None:
        writer = _WRITERS.get(self._decode(offset))
        if writer:
            writer(self, value & 0xFF)

    def _decode(self, offset: int) -> int:
        """The table key of an offset: -1 in whichever of 3Bxh and 3Dxh is switched off."""
        group = offset & ~0x0F
        if group == _COMMON:
            return offset
        answering = _COLOUR if self.state.misc & Misc.COLOUR_ADDRESSES.value else _MONO
        return offset & 0x0F if group == answering else -1

    # Registers

    def _write_crtc(self, value: int) -> None:
        crtc = self.state.crtc
        registers = crtc.registers
        if crtc.index in _PROTECTED and registers[Crtc.VERTICAL_RETRACE_END] & PROTECT:
            if crtc.index != Crtc.OVERFLOW:
                return
            value = registers[Crtc.OVERFLOW] & ~LINE_COMPARE_8 | value & LINE_COMPARE_8
        crtc.write(value, CRTC_BITS)

    def _read_status_1(self) -> int:
        """Where the beam is. The read also points port 3C0h at its index."""
        self.state.attribute_data_next = False
        line, into_line_ns = divmod(self._clock.now() % FRAME_NS, LINE_NS)
        status = 0
        if line >= VISIBLE_LINES or into_line_ns >= VISIBLE_LINE_NS:
            status = Status.DISPLAY_DISABLED.value
        if RETRACE_LINES[0] <= line < RETRACE_LINES[1]:
            status |= Status.VERTICAL_RETRACE.value
        return status

    def _read_attribute_index(self) -> int:
        s = self.state
        return s.attribute.index | (PALETTE_LOCKED if s.palette_locked else 0)

    def _write_attribute(self, value: int) -> None:
        """Index and data in turn through one port."""
        s = self.state
        if not s.attribute_data_next:
            s.attribute.index = value & 0x1F
            s.palette_locked = bool(value & PALETTE_LOCKED)
        elif s.attribute.index >= Attribute.MODE_CONTROL or not s.palette_locked:
            s.attribute.write(value, ATTRIBUTE_BITS)
        s.attribute_data_next = not s.attribute_data_next

    def _write_misc(self, value: int) -> None:
        self.state.misc = value & 0xEF

    def _write_feature(self, value: int) -> None:
        self.state.feature = value & 0x0B

    def _write_enable(self, value: int) -> None:
        self.state.enable = value & 0x01

    # Colours

    def _write_dac_mask(self, value: int) -> None:
        self.state.dac.mask = value

    def _write_dac_read_index(self, value: int) -> None:
        dac = self.state.dac
        dac.read_index = value
        dac.component = 0
        dac.reading = True

    def _write_dac_write_index(self, value: int) -> None:
        dac = self.state.dac
        dac.write_index = value
        dac.component = 0
        dac.reading = False

    def _read_dac_data(self) -> int:
        dac = self.state.dac
        value = dac.colours[3 * dac.read_index + dac.component]
        dac.component = (dac.component + 1) % 3
        if dac.component == 0:
            dac.read_index = (dac.read_index + 1) & 0xFF
        return value

    def _write_dac_data(self, value: int) -> None:
        dac = self.state.dac
        dac.pending[dac.component] = value & 0x3F
        dac.component = (dac.component + 1) % 3
        if dac.component == 0:
            at = 3 * dac.write_index
            dac.colours[at : at + 3] = dac.pending
            dac.write_index = (dac.write_index + 1) & 0xFF

    def _palette(self) -> tuple[Rgb, ...]:
        """The way of an attribute's four bits: plane enable, palette, colour select, mask, DAC."""
        registers = self.state.attribute.registers
        dac = self.state.dac
        select = registers[Attribute.COLOUR_SELECT]
        colours = []
        for index in range(16):
            colour = registers[index & registers[Attribute.PLANE_ENABLE]]
            if registers[Attribute.MODE_CONTROL] & COLOUR_SELECT_5_4:
                colour = colour & 0x0F | (select & 0x03) << 4
            at = 3 * ((colour | (select & 0x0C) << 4) & dac.mask)
            red, green, blue = (c << 2 | c >> 4 for c in dac.colours[at : at + 3])
            colours.append((red, green, blue))
        return tuple(colours)

    # What is on the screen

    def snapshot(self) -> TextScreen:
        """The screen as it is now."""
        s = self.state
        crtc = s.crtc.registers
        columns = crtc[Crtc.HORIZONTAL_DISPLAY_END] + 1
        cell_height = (crtc[Crtc.MAXIMUM_SCAN_LINE] & SCAN_LINE_MASK) + 1
        rows = min(MAXIMUM_ROWS, max(1, self._scan_lines() // cell_height))
        blanked = (
            not s.palette_locked
            or bool(s.sequencer.registers[Sequencer.CLOCKING_MODE] & SCREEN_OFF)
            or bool(s.graphics.registers[Graphics.MISCELLANEOUS] & GRAPHICS_MODE)
        )
        first_line = crtc[Crtc.CURSOR_START] & SCAN_LINE_MASK
        last_line = min(crtc[Crtc.CURSOR_END] & SCAN_LINE_MASK, cell_height - 1)
        return TextScreen(
            columns=columns,
            rows=rows,
            cells=self._cells(columns, rows),
            cursor=self._cursor(columns, rows) if first_line <= last_line else None,
            palette=self._palette(),
            cursor_lines=(first_line, last_line),
            cell_height=cell_height,
            blink=bool(s.attribute.registers[Attribute.MODE_CONTROL] & ENABLE_BLINK),
            blanked=blanked,
        )

    def _scan_lines(self) -> int:
        """Lines shown, by a number whose bits 8 and 9 live in OVERFLOW."""
        crtc = self.state.crtc.registers
        overflow = crtc[Crtc.OVERFLOW]
        end = crtc[Crtc.VERTICAL_DISPLAY_END] | (overflow & 0x02) << 7 | (overflow & 0x40) << 3
        doubled = crtc[Crtc.MAXIMUM_SCAN_LINE] & SCAN_DOUBLING
        return (end + 1) // 2 if doubled else end + 1

    def _address(self, high: Crtc) -> int:
        """A 16-bit register pair in cells."""
        crtc = self.state.crtc.registers
        return crtc[high] << 8 | crtc[high + 1]

    def _stride(self) -> int:
        """Cells from one row to the next."""
        return 2 * self.state.crtc.registers[Crtc.OFFSET]

    def _cells(self, columns: int, rows: int) -> tuple[tuple[int, int], ...]:
        """The cells from the start address on; text memory is a ring."""
        text = self._memory(0, TEXT_BYTES) * 2
        start, stride = self._address(Crtc.START_ADDRESS_HIGH), self._stride()
        shown = bytearray()
        for row in range(rows):
            at = 2 * (start + row * stride) % TEXT_BYTES
            shown += text[at : at + 2 * columns]
        return tuple(zip(shown[0::2], shown[1::2], strict=True))

    def _cursor(self, columns: int, rows: int) -> tuple[int, int] | None:
        if self.state.crtc.registers[Crtc.CURSOR_START] & CURSOR_OFF:
            return None
        location = self._address(Crtc.CURSOR_LOCATION_HIGH)
        ahead = (location - self._address(Crtc.START_ADDRESS_HIGH)) & 0xFFFF
        row, column = divmod(ahead, max(1, self._stride()))
        return (row, column) if row < rows and column < columns else None


# Ports by offset: the common group (3C0h..3CFh) as it is, CRTC and status of 3Bxh and 3Dxh by their
# low digit.
_READERS: dict[int, Callable[[VgaText], int]] = {
    0x04: lambda vga: vga.state.crtc.index,
    0x05: lambda vga: vga.state.crtc.read(),
    0x0A: VgaText._read_status_1,
    0x10: VgaText._read_attribute_index,
    0x11: lambda vga: vga.state.attribute.read(),
    0x12: lambda vga: SWITCH_SENSE,
    0x13: lambda vga: vga.state.enable,
    0x14: lambda vga: vga.state.sequencer.index,
    0x15: lambda vga: vga.state.sequencer.read(),
    0x16: lambda vga: vga.state.dac.mask,
    0x17: lambda vga: 3 if vga.state.dac.reading else 0,
    0x18: lambda vga: vga.state.dac.write_index,
    0x19: VgaText._read_dac_data,
    0x1A: lambda vga: vga.state.feature,
    0x1C: lambda vga: vga.state.misc,
    0x1E: lambda vga: vga.state.graphics.index,
    0x1F: lambda vga: vga.state.graphics.read(),
}
_WRITERS: dict[int, Callable[[VgaText, int], None]] = {
    0x04: lambda vga, value: vga.state.crtc.select(value),
    0x05: VgaText._write_crtc,
    0x0A: VgaText._write_feature,
    0x10: VgaText._write_attribute,
    0x12: VgaText._write_misc,
    0x13: VgaText._write_enable,
    0x14: lambda vga, value: vga.state.sequencer.select(value),
    0x15: lambda vga, value: vga.state.sequencer.write(value, SEQUENCER_BITS),
    0x16: VgaText._write_dac_mask,
    0x17: VgaText._write_dac_read_index,
    0x18: VgaText._write_dac_write_index,
    0x19: VgaText._write_dac_data,
    0x1E: lambda vga, value: vga.state.graphics.select(value),
    0x1F: lambda vga, value: vga.state.graphics.write(value, GRAPHICS_BITS),
}
