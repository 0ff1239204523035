"""The port accesses of Linux's drivers/input (i8042, libps2, atkbd, psmouse) while they probe.

The order and the expectations are those of Linux 4 to 6; the words are ours.
"""

import pytest

from hv_devices.emulated.i8042 import TRANSFER_NS
from tests.devices.ps2_pc import Pc

OUTPUT_FULL, SYSTEM, UNLOCKED, AUX_DATA = 0x01, 0x04, 0x10, 0x20
KBD_INT, AUX_INT, KBD_DIS, AUX_DIS, XLATE = 0x01, 0x02, 0x10, 0x20, 0x40
ACK = 0xFA
READ_CONFIG, WRITE_CONFIG = 0x20, 0x60
LOOP_AUX, SEND_AUX = 0xD3, 0xD4
MILLISECOND = 1_000_000


class LinuxDriver:
    """What drivers/input/serio does on the ports, call by call."""

    CTL_TIMEOUT = 10_000
    BUFFER_SIZE = 16

    def __init__(self, pc: Pc) -> None:
        self.pc = pc
        self.ctr = 0

    def i8042_command(self, byte: int, *parameters: int, receive: int = 0) -> list[int]:
        pc = self.pc
        pc.command(byte, *parameters)
        answer = []
        for _ in range(receive):
            for _ in range(self.CTL_TIMEOUT):
                if pc.status() & OUTPUT_FULL:
                    break
                pc.clock.advance(50_000)
            else:
                raise AssertionError(f"command {byte:02X} timed out")
            if byte == LOOP_AUX:
                assert pc.status() & AUX_DATA
            answer.append(pc.data())
        return answer

    def flush(self) -> int:
        """How many bytes lay around. Without end to them the driver finds no controller."""
        count = 0
        while self.pc.status() & OUTPUT_FULL:
            count += 1
            assert count <= self.BUFFER_SIZE
            self.pc.clock.advance(50_000)
            self.pc.data()
        return count

    def controller_init(self) -> None:
        first, second = (self.i8042_command(READ_CONFIG, receive=1) for _ in range(2))
        assert first == second
        self.ctr = first[0] & ~KBD_INT | KBD_DIS
        assert self.pc.status() & UNLOCKED
        self.write_ctr()
        self.flush()

    def write_ctr(self) -> None:
        self.i8042_command(WRITE_CONFIG, self.ctr)

    def check_aux(self) -> None:
        self.flush()
        assert self.i8042_command(LOOP_AUX, 0x5A, receive=1) == [0x5A]
        self.i8042_command(0xA7)
        assert self.i8042_command(READ_CONFIG, receive=1)[0] & AUX_DIS
        self.i8042_command(0xA8)
        assert not self.i8042_command(READ_CONFIG, receive=1)[0] & AUX_DIS
        self.ctr = self.ctr & ~AUX_DIS | AUX_INT
        self.write_ctr()
        rises = self.pc.irq12.rises
        self.i8042_command(LOOP_AUX, 0xA5)
        assert self.pc.irq12.rises == rises + 1
        assert self.pc.status() & (OUTPUT_FULL | AUX_DATA) == OUTPUT_FULL | AUX_DATA
        assert self.pc.data() == 0xA5
        self.ctr = self.ctr & ~AUX_INT | AUX_DIS
        self.write_ctr()

    def has_multiplexer(self) -> bool:
        self.flush()
        for magic in (0xF0, 0x56):
            assert self.i8042_command(LOOP_AUX, magic, receive=1) == [magic]
        return self.i8042_command(LOOP_AUX, 0xA4, receive=1) != [0xA4]

    def enable(self) -> None:
        self.ctr = self.ctr & ~(KBD_DIS | AUX_DIS) | KBD_INT | AUX_INT
        self.write_ctr()

    def ps2_command(self, aux: bool, byte: int, *parameters: int, receive: int = 0) -> list[int]:
        """libps2: every byte is acknowledged, by interrupt; then come the answers."""
        for out in (byte, *parameters):
            if aux:
                self.i8042_command(SEND_AUX, out)
            else:
                self.pc.send(out)
            while self.interrupt(aux) != ACK:
                pass  # typed before the device heard us
        return [self.interrupt(aux) for _ in range(receive)]

    def interrupt(self, aux: bool) -> int:
        """Sleep (200 ms at most) until one line brings a byte of this device; drop the other's."""
        for _ in range(200 * MILLISECOND // TRANSFER_NS):
            if self.pc.irq1.level or self.pc.irq12.level:
                status = self.pc.status()
                assert self.pc.irq12.level == bool(status & AUX_DATA)
                data = self.pc.data()
                if aux == bool(status & AUX_DATA):
                    return data
            self.pc.clock.advance(TRANSFER_NS)
        raise AssertionError("no interrupt")


@pytest.fixture
def linux() -> LinuxDriver:
    """A machine as its firmware leaves it, and the driver after its controller probe."""
    pc = Pc()
    assert pc.ask(0xAA) == 0x55
    pc.configure(XLATE | SYSTEM | KBD_INT)
    pc.keyboard.press("up")
    pc.clock.advance(MILLISECOND)  # somebody leans on a key while the kernel starts
    driver = LinuxDriver(pc)
    assert driver.flush() == 1
    driver.controller_init()
    driver.check_aux()
    assert not driver.has_multiplexer()
    pc.keyboard.release("up")
    driver.enable()
    return driver


class TestLinux:
    def test_the_keyboard_is_found(self, linux: LinuxDriver) -> None:
        assert linux.ps2_command(False, 0xF2, receive=2) == [0xAB, 0x41]
        linux.ps2_command(False, 0xED, 0x00)
        linux.ps2_command(False, 0xF3, 0x00)
        linux.ps2_command(False, 0xF4)
        linux.pc.keyboard.press("enter")
        assert linux.interrupt(False) == 0x1C
        linux.pc.keyboard.release("enter")
        assert linux.interrupt(False) == 0x9C

    def test_the_mouse_is_found_as_an_explorer(self, linux: LinuxDriver) -> None:
        assert linux.ps2_command(True, 0xF2, receive=1) == [0x00]
        linux.ps2_command(True, 0xF6)
        assert linux.ps2_command(True, 0xFF, receive=2) == [0xAA, 0x00]
        for rates, identity in (((200, 100, 80), 0x03), ((200, 200, 80), 0x04)):
            for rate in rates:
                linux.ps2_command(True, 0xF3, rate)
            assert linux.ps2_command(True, 0xF2, receive=1) == [identity]
        linux.ps2_command(True, 0xF3, 100)
        linux.ps2_command(True, 0xE8, 0x03)
        linux.ps2_command(True, 0xE6)
        linux.ps2_command(True, 0xF4)
        linux.pc.mouse.buttons(left=True, extra=True)
        assert [linux.interrupt(True) for _ in range(4)] == [0x09, 0x00, 0x00, 0x20]

    def test_reboot_pulses_the_reset_line(self, linux: LinuxDriver) -> None:
        linux.i8042_command(0xFE)
        assert linux.pc.resets == 1
