"""The VGA by port number, for its tests. Constants from the IBM VGA/XGA Technical Reference Manual."""

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
