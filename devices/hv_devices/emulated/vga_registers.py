"""The VGA's registers by name, the bits each keeps, and what mode 3 puts there.

Documents: IBM VGA/XGA Technical Reference Manual, May 1992, section 2; the values of mode 3
are those every VGA BIOS leaves in a chip after INT 10h, AX=0003h.
"""

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag


class Misc(IntFlag):
    """Miscellaneous output."""

    COLOUR_ADDRESSES = 1 << 0
    ENABLE_RAM = 1 << 1
    CLOCK_SELECT = 3 << 2
    HIGH_PAGE = 1 << 5
    NEGATIVE_HSYNC = 1 << 6
    NEGATIVE_VSYNC = 1 << 7


class Status(IntFlag):
    """Input status 1."""

    DISPLAY_DISABLED = 1 << 0
    VERTICAL_RETRACE = 1 << 3


SWITCH_SENSE = 1 << 4
"""Input status 0: a colour monitor answers the BIOS's test of the DAC comparators."""


class Crtc(IntEnum):
    """Registers of the CRT controller."""

    HORIZONTAL_TOTAL = 0x00
    HORIZONTAL_DISPLAY_END = 0x01
    HORIZONTAL_BLANK_START = 0x02
    HORIZONTAL_BLANK_END = 0x03
    HORIZONTAL_RETRACE_START = 0x04
    HORIZONTAL_RETRACE_END = 0x05
    VERTICAL_TOTAL = 0x06
    OVERFLOW = 0x07
    PRESET_ROW_SCAN = 0x08
    MAXIMUM_SCAN_LINE = 0x09
    CURSOR_START = 0x0A
    CURSOR_END = 0x0B
    START_ADDRESS_HIGH = 0x0C
    START_ADDRESS_LOW = 0x0D
    CURSOR_LOCATION_HIGH = 0x0E
    CURSOR_LOCATION_LOW = 0x0F
    VERTICAL_RETRACE_START = 0x10
    VERTICAL_RETRACE_END = 0x11
    VERTICAL_DISPLAY_END = 0x12
    OFFSET = 0x13
    UNDERLINE = 0x14
    VERTICAL_BLANK_START = 0x15
    VERTICAL_BLANK_END = 0x16
    MODE_CONTROL = 0x17
    LINE_COMPARE = 0x18


SCAN_LINE_MASK = 0x1F
CURSOR_OFF = 1 << 5
SCAN_DOUBLING = 1 << 7
PROTECT = 1 << 7
"""Of VERTICAL_RETRACE_END: registers 0 to 7 refuse writes, but for one bit of OVERFLOW."""
LINE_COMPARE_8 = 1 << 4
"""That bit."""


class Sequencer(IntEnum):
    """Registers of the sequencer."""

    RESET = 0
    CLOCKING_MODE = 1
    MAP_MASK = 2
    CHARACTER_MAP = 3
    MEMORY_MODE = 4


SCREEN_OFF = 1 << 5
"""Of CLOCKING_MODE."""


class Graphics(IntEnum):
    """Registers of the graphics controller."""

    SET_RESET = 0
    ENABLE_SET_RESET = 1
    COLOUR_COMPARE = 2
    DATA_ROTATE = 3
    READ_MAP = 4
    MODE = 5
    MISCELLANEOUS = 6
    COLOUR_DONT_CARE = 7
    BIT_MASK = 8


GRAPHICS_MODE = 1 << 0
"""Of MISCELLANEOUS."""


class Attribute(IntEnum):
    """Registers of the attribute controller; 0 to 15 are its palette."""

    MODE_CONTROL = 0x10
    OVERSCAN = 0x11
    PLANE_ENABLE = 0x12
    PANNING = 0x13
    COLOUR_SELECT = 0x14


PALETTE_LOCKED = 1 << 5
"""Of the index: the palette shows the screen and refuses writes; clear, the screen is blank."""
ENABLE_BLINK = 1 << 3
COLOUR_SELECT_5_4 = 1 << 7
"""Bits of MODE_CONTROL."""

MODE_3_MISC = 0x67
MODE_3_CRTC = bytes.fromhex(
    "5f 4f 50 82 55 81 bf 1f"  # 80 characters of 9 dots, 449 lines
    "00 4f 0d 0e 00 00 00 00"  # 16 lines a cell, cursor on lines 13 and 14, at the top left
    "9c 8e 8f 28 1f 96 b9 a3 ff"
)
MODE_3_SEQUENCER = bytes.fromhex("03 00 03 00 02")
MODE_3_GRAPHICS = bytes.fromhex("00 00 00 00 00 10 0e 00 ff")
MODE_3_ATTRIBUTE = bytes.fromhex(
    "00 01 02 03 04 05 14 07"  # brown instead of dark yellow
    "38 39 3a 3b 3c 3d 3e 3f"
    "0c 00 0f 08 00"
)

CRTC_BITS = bytes.fromhex("ff" * 25)
SEQUENCER_BITS = bytes.fromhex("03 3d 0f 3f 0e")
GRAPHICS_BITS = bytes.fromhex("0f 0f 0f 1f 03 7b 0f 0f ff")
ATTRIBUTE_BITS = bytes.fromhex("3f" * 16 + "ef ff 3f 0f 0f")
"""The bits that each register keeps; the others read zero."""


def ega_colours() -> bytearray:
    """The DAC of a text mode: EGA's 64 colours (weak RGB, strong RGB), then black."""
    dac = bytearray(3 * 256)
    for colour in range(64):
        for channel in range(3):
            strong = colour >> (2 - channel) & 1
            weak = colour >> (5 - channel) & 1
            dac[3 * colour + channel] = 0x2A * strong + 0x15 * weak
    return dac


@dataclass(slots=True)
class Bank:
    """An index register and the registers behind it."""

    registers: bytearray
    index: int = 0

    def read(self) -> int:
        return self.registers[self.index] if self.index < len(self.registers) else 0xFF

    def select(self, index: int) -> None:
        self.index = index

    def write(self, value: int, bits: bytes) -> None:
        if self.index < len(self.registers):
            self.registers[self.index] = value & bits[self.index]


@dataclass(slots=True)
class Dac:
    """256 colours of three 6-bit components, reached one component at a time."""

    colours: bytearray = field(default_factory=ega_colours)
    mask: int = 0xFF
    read_index: int = 0
    write_index: int = 0
    component: int = 0
    """Next of red, green, blue."""
    pending: bytearray = field(default_factory=lambda: bytearray(3))
    """Components written so far: a colour changes as a whole."""
    reading: bool = False


@dataclass(slots=True)
class State:
    """Everything the chip remembers but the text, which is guest memory."""

    misc: int = MODE_3_MISC
    feature: int = 0
    enable: int = 1
    crtc: Bank = field(default_factory=lambda: Bank(bytearray(MODE_3_CRTC)))
    sequencer: Bank = field(default_factory=lambda: Bank(bytearray(MODE_3_SEQUENCER)))
    graphics: Bank = field(default_factory=lambda: Bank(bytearray(MODE_3_GRAPHICS)))
    attribute: Bank = field(default_factory=lambda: Bank(bytearray(MODE_3_ATTRIBUTE)))
    palette_locked: bool = True
    attribute_data_next: bool = False
    """The flip-flop behind port 3C0h: the next write is data, not an index."""
    dac: Dac = field(default_factory=Dac)
