"""A single 8259A on the bench: its ports, its pins and its output wire."""

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
