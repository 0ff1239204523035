"""A serial port on the bench: the chip, its wires, and its registers by name."""

from hv_devices.emulated.ns16550a import Ns16550A
from tests.fakes import ManualClock, RecordingLine

RBR = THR = DLL = 0
IER = DLM = 1
IIR = FCR = 2
LCR, MCR, LSR, MSR, SCR = 3, 4, 5, 6, 7

RX_INT, TX_INT, LINE_INT, MODEM_INT = 1, 2, 4, 8
NO_INTERRUPT = 0x01
DTR, RTS, OUT1, OUT2, LOOP = 1, 2, 4, 8, 0x10
EIGHT_NONE_ONE = 0x03

CHARACTER_115200 = 86_800
"""Ten bits of 16 clocks at 1.8432 MHz, each cut to whole ns."""


class Port:
    """A chip with its wires, and byte-wide access by register."""

    def __init__(self, paced: bool = True, lossy: bool = False) -> None:
        self.clock = ManualClock()
        self.irq = RecordingLine()
        self.sent = bytearray()
        self.chip = Ns16550A(self.irq, self.clock, self.sent.extend, paced=paced, lossy=lossy)

    def inb(self, register: int) -> int:
        return self.chip.read(register, 1)

    def outb(self, register: int, value: int) -> None:
        self.chip.write(register, value, 1)

    def setup(self, ier: int = 0, fcr: int = 0x01, mcr: int = DTR | RTS | OUT2) -> "Port":
        """115200 8N1, FIFOs by ``fcr``, interrupts by ``ier``."""
        self.outb(LCR, 0x80)
        self.outb(DLL, 1)
        self.outb(DLM, 0)
        self.outb(LCR, EIGHT_NONE_ONE)
        self.outb(FCR, fcr)
        self.outb(MCR, mcr)
        self.outb(IER, ier)
        self.inb(MSR)
        return self

    def characters(self, count: float) -> None:
        """Let so many character times pass."""
        self.clock.advance(int(count * CHARACTER_115200))

    def drain(self) -> bytes:
        """Read while data is ready."""
        data = bytearray()
        while self.inb(LSR) & 0x01:
            data.append(self.inb(RBR))
        return bytes(data)
