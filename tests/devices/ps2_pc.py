"""A keyboard controller with its wires, a keyboard and a mouse, as a driver sees them."""

from hv_devices.emulated.i8042 import I8042, TRANSFER_NS
from hv_devices.emulated.ps2_keyboard import Ps2Keyboard
from hv_devices.emulated.ps2_mouse import Ps2Mouse
from tests.fakes import ManualClock, RecordingLine

DATA, STATUS = 0, 1
OUTPUT_FULL = 0x01
WRITE_CONFIG = 0x60


class Pc:
    """The controller with its wires, and the port accesses of a driver."""

    def __init__(self, keyboard: bool = True, mouse: bool = True) -> None:
        self.clock = ManualClock()
        self.irq1 = RecordingLine()
        self.irq12 = RecordingLine()
        self.resets = 0
        self.reset_line_reaches_chip = False
        self.a20: list[bool] = []
        self.keyboard = Ps2Keyboard(self.clock)
        self.mouse = Ps2Mouse(self.clock)
        self.chip = I8042(
            self.clock,
            self.irq1,
            self.irq12,
            self._on_reset,
            self.a20.append,
            self.keyboard if keyboard else None,
            self.mouse if mouse else None,
        )

    def _on_reset(self) -> None:
        self.resets += 1
        if self.reset_line_reaches_chip:
            self.chip.reset()

    def status(self) -> int:
        return self.chip.read(STATUS, 1)

    def data(self) -> int:
        return self.chip.read(DATA, 1)

    def send(self, byte: int) -> None:
        self.chip.write(DATA, byte, 1)

    def command(self, byte: int, *parameters: int) -> None:
        self.chip.write(STATUS, byte, 1)
        for parameter in parameters:
            self.send(parameter)

    def ask(self, byte: int, *parameters: int) -> int:
        """A command that the controller answers by itself, at once."""
        self.command(byte, *parameters)
        assert self.status() & OUTPUT_FULL
        return self.data()

    def configure(self, config: int) -> None:
        self.command(WRITE_CONFIG, config)

    def poll(self) -> int:
        """The next byte, as a driver without interrupts waits for it."""
        for _ in range(100):
            if self.status() & OUTPUT_FULL:
                return self.data()
            self.clock.advance(TRANSFER_NS)
        raise AssertionError("no byte came")

    def drain(self) -> list[int]:
        """All bytes until there is silence."""
        got = []
        for _ in range(100):
            self.clock.advance(TRANSFER_NS)
            if self.status() & OUTPUT_FULL:
                got.append(self.data())
        return got
