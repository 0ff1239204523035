"""The conversation Linux has with a legacy channel (libata's SFF layer under pata_legacy).

Written after what the driver does, register by register: it looks for devices by writing shadow
registers, resets, reads signatures, polls IDENTIFY and SET FEATURES with nIEN set, then reads and
writes with READ/WRITE MULTIPLE on interrupts, sending only the first block of a write by polling.
"""

from dataclasses import dataclass, field

import pytest

from hv.interfaces import BlockDevice
from hv.root.disk import MemoryDisk
from tests.devices.ata_driver import (
    BSY,
    COMMAND,
    COUNT,
    DATA,
    DEVICE,
    DF,
    DRDY,
    DRQ,
    ERR,
    ERROR,
    FEATURES,
    HOB,
    LBA_HIGH,
    LBA_LOW,
    LBA_MID,
    NIEN,
    SECTOR,
    SRST,
    STATUS,
    FaultyDisk,
    Host,
    SparseDisk,
    pattern,
)

OBSOLETE = 0xA0
DEFAULT_CONTROL = 0x08
MILLISECOND = 1_000_000

IDENTIFY, SET_FEATURES = 0xEC, 0xEF
READ_MULTIPLE_EXT, WRITE_MULTIPLE_EXT = 0x29, 0x39
READ_MULTIPLE, WRITE_MULTIPLE, FLUSH_EXT = 0xC4, 0xC5, 0xEA


@dataclass
class TaskFile:
    command: int
    device: int
    feature: int = 0
    count: int = 0
    lba: int = 0
    lba48: bool = False
    polling: bool = False


@dataclass
class Result:
    status: int
    error: int
    lba: int
    data: bytes = b""
    interrupts: int = 0


@dataclass
class Port:
    """One port of the driver."""

    host: Host
    control: int = DEFAULT_CONTROL
    last_control: int = DEFAULT_CONTROL
    words: dict[int, list[int]] = field(default_factory=dict)

    # Register work

    def set_control(self, value: int) -> None:
        self.host.control(value)
        self.last_control = value

    def pause(self) -> None:
        self.host.alternate_status()
        self.host.clock.advance(400)

    def select(self, unit: int) -> None:
        self.host.outb(DEVICE, OBSOLETE | unit << 4)
        self.pause()

    def wait_idle(self) -> int:
        status = self.host.inb(STATUS)
        for _ in range(1000):
            if status == 0xFF or not status & (BSY | DRQ):
                break
            self.host.clock.advance(10_000)
            status = self.host.inb(STATUS)
        return status

    def wait_ready(self) -> int:
        """Milliseconds until BSY was clear."""
        for waited in range(30_000):
            if not self.host.inb(STATUS) & BSY:
                return waited
            self.host.clock.advance(MILLISECOND)
        raise AssertionError("port failed to respond")

    # Detection

    def responds(self, unit: int) -> bool:
        self.select(unit)
        for count, low in ((0x55, 0xAA), (0xAA, 0x55), (0x55, 0xAA)):
            self.host.outb(COUNT, count)
            self.host.outb(LBA_LOW, low)
        return (self.host.inb(COUNT), self.host.inb(LBA_LOW)) == (0x55, 0xAA)

    def classify(self, unit: int) -> tuple[str, int]:
        """("ata", "none" or "other"), and the diagnostic code."""
        host = self.host
        self.select(unit)
        status, error = host.inb(STATUS), host.inb(ERROR)
        assert not status & BSY
        signature = (host.inb(LBA_MID), host.inb(LBA_HIGH))
        if error != 1 and not (unit == 0 and error == 0x81):
            return "none", error
        if signature != (0, 0):
            return "other", error
        return ("ata" if host.inb(STATUS) else "none"), error

    def soft_reset(self) -> list[str]:
        host = self.host
        found = [unit for unit in (0, 1) if self.responds(unit)]
        self.select(0)
        for value in (self.control, self.control | SRST, self.control):
            host.control(value)
            host.clock.advance(20_000)
        self.last_control = self.control
        host.clock.advance(150 * MILLISECOND)
        self.wait_ready()
        if 1 in found:
            self.select(1)
            for _ in range(2):
                if (host.inb(COUNT), host.inb(LBA_LOW)) == (1, 1):
                    break
                host.clock.advance(50 * MILLISECOND)
            self.wait_ready()
        for unit in (0, *found[::-1]):
            self.select(unit)
        first, error = self.classify(0)
        second = self.classify(1)[0] if error != 0x81 else "none"
        return [first, second]

    def probe(self) -> list[str]:
        host = self.host
        self.control |= NIEN
        self.set_control(self.control)
        host.inb(STATUS)
        self.wait_ready()
        classes = self.soft_reset()
        if classes[0] != "none":
            self.select(1)
        if classes[1] != "none":
            self.select(0)
        self.set_control(self.control)
        host.inb(STATUS)
        self.control &= ~NIEN
        self.set_control(self.control)
        self.wait_idle()
        return classes

    # Commands

    def issue(self, file: TaskFile) -> None:
        host = self.host
        self.wait_idle()
        self.select(file.device >> 4 & 1)
        self.wait_idle()
        control = self.control | (NIEN if file.polling else 0)
        if control != self.last_control:
            self.set_control(control)
            self.wait_idle()
        for high in (True, False) if file.lba48 else (False,):
            host.outb(FEATURES, 0 if high else file.feature)
            host.outb(COUNT, file.count >> (8 if high else 0) & 0xFF)
            for offset, shift in ((LBA_LOW, 0), (LBA_MID, 8), (LBA_HIGH, 16)):
                host.outb(offset, file.lba >> shift + (24 if high else 0) & 0xFF)
        top = 0 if file.lba48 else file.lba >> 24 & 0x0F
        host.outb(DEVICE, file.device | top)
        self.wait_idle()
        host.outb(COMMAND, file.command)
        self.pause()

    def result(self, lba48: bool, interrupts: int = 0, data: bytes = b"") -> Result:
        host = self.host
        status, error = host.inb(STATUS), host.inb(ERROR)
        lba = host.inb(LBA_LOW) | host.inb(LBA_MID) << 8 | host.inb(LBA_HIGH) << 16
        if lba48:
            self.host.control(self.control | HOB)
            high = host.inb(LBA_LOW) | host.inb(LBA_MID) << 8 | host.inb(LBA_HIGH) << 16
            lba |= high << 24
            self.set_control(self.control)
        else:
            lba |= (host.inb(DEVICE) & 0x0F) << 24
        return Result(status, error, lba, data, interrupts)

    def poll(self) -> int:
        for _ in range(100):
            status = self.host.inb(STATUS)
            if not status & BSY:
                return status
            self.host.clock.advance(10_000)
        raise AssertionError("a polled command hangs")

    def next_interrupt(self) -> int:
        """Wait for the wire; what the handler's status read says."""
        for _ in range(30_000):
            if self.host.line.level:
                assert not self.host.alternate_status() & BSY
                status = self.host.inb(STATUS)
                assert not self.host.line.level
                return status
            self.host.clock.advance(1_000)
        raise AssertionError("lost interrupt")

    def transfer_in(self, sectors: int) -> bytes:
        data = self.host.channel.read_block(DATA, 4, sectors * SECTOR // 4)
        self.host.alternate_status()
        return data

    def identify(self, unit: int) -> list[int]:
        self.issue(TaskFile(IDENTIFY, OBSOLETE | unit << 4, polling=True))
        assert self.poll() & (DRQ | ERR | DF) == DRQ
        data = self.transfer_in(1)
        assert self.wait_idle() & (BSY | DRQ | ERR | DF) == 0
        self.irq_on()
        return [int.from_bytes(data[at : at + 2], "little") for at in range(0, SECTOR, 2)]

    def set_pio(self, unit: int, mode: int) -> None:
        file = TaskFile(SET_FEATURES, OBSOLETE | unit << 4, 0x03, 0x08 | mode, polling=True)
        self.issue(file)
        assert self.poll() & (DRQ | ERR | DF) == 0
        self.irq_on()

    def irq_on(self) -> None:
        self.set_control(self.control)
        self.wait_idle()

    def read(self, file: TaskFile, block: int) -> Result:
        before, data, left = self.host.line.rises, b"", file.count
        self.issue(file)
        while left:
            status = self.next_interrupt()
            if status & (ERR | DF):
                assert not status & DRQ
                break
            assert status & DRQ
            data += self.transfer_in(min(block, left))
            left -= min(block, left)
        self.wait_idle()
        return self.result(file.lba48, self.host.line.rises - before, data)

    def write(self, file: TaskFile, data: bytes, block: int) -> Result:
        before, size = self.host.line.rises, block * SECTOR
        self.issue(file)
        status = self.poll()
        while status & DRQ:
            assert not status & (ERR | DF)
            self.host.channel.write_block(DATA, 4, data[:size])
            data = data[size:]
            self.host.alternate_status()
            status = self.next_interrupt()
        return self.result(file.lba48, self.host.line.rises - before, data)

    def no_data(self, file: TaskFile) -> int:
        self.issue(file)
        return self.next_interrupt()


def numbered(first: int = 0, sectors: int = 200) -> MemoryDisk:
    return MemoryDisk(pattern(*range(first, first + sectors)))


@pytest.mark.parametrize(
    ("master", "slave", "classes"),
    [
        (numbered(), None, ["ata", "none"]),
        (numbered(), numbered(), ["ata", "ata"]),
        (None, numbered(), ["none", "ata"]),
        (None, None, ["none", "none"]),
    ],
)
def test_the_probe_finds_the_disks_and_no_others(
    master: BlockDevice | None, slave: BlockDevice | None, classes: list[str]
) -> None:
    port = Port(Host(master, slave))
    assert port.probe() == classes
    assert port.host.line.rises == 0


def test_the_probe_works_again_after_traffic() -> None:
    port = Port(Host(numbered(), numbered()))
    for _ in range(3):
        assert port.probe() == ["ata", "ata"]
        port.read(TaskFile(READ_MULTIPLE, 0xF0, count=3), 16)


def test_an_empty_channel_costs_no_waiting() -> None:
    port = Port(Host())
    port.probe()
    assert port.host.clock.now() < 1000 * MILLISECOND


def test_the_probe_survives_a_transfer_that_was_given_up() -> None:
    port = Port(Host(numbered()))
    port.probe()
    port.issue(TaskFile(READ_MULTIPLE, 0xE0, count=16))
    port.next_interrupt()
    port.host.channel.read_block(DATA, 4, 3)
    assert port.probe() == ["ata", "none"]
    assert port.read(TaskFile(READ_MULTIPLE, 0xE0, count=1), 16).data == pattern(0)


def test_identify_and_set_features_are_polled_without_an_interrupt() -> None:
    port = Port(Host(numbered(), numbered()))
    port.probe()
    for unit in (0, 1):
        words = port.identify(unit)
        assert not words[0] & 0x8000
        assert words[60] == 200
        port.set_pio(unit, 4)
        assert port.identify(unit) == words
    assert port.host.line.rises == 0


@pytest.mark.parametrize("unit", [0, 1])
@pytest.mark.parametrize("lba48", [False, True])
def test_multiple_transfers_run_on_interrupts(unit: int, lba48: bool) -> None:
    disks = (numbered(0), numbered(1000))
    port = Port(Host(*disks))
    port.probe()
    words = port.identify(unit)
    assert words[47] >> 8 == 0x80
    assert words[59] & 0x100
    block = words[59] & 0xFF
    device = 0xE0 | unit << 4
    read = TaskFile(
        READ_MULTIPLE_EXT if lba48 else READ_MULTIPLE, device, count=40, lba=10, lba48=lba48
    )
    result = port.read(read, block)
    assert result.data == pattern(*range(unit * 1000 + 10, unit * 1000 + 50))
    assert result.status & (DRDY | BSY | DRQ | ERR | DF) == DRDY
    assert result.interrupts == 3
    write = TaskFile(
        WRITE_MULTIPLE_EXT if lba48 else WRITE_MULTIPLE, device, count=33, lba=100, lba48=lba48
    )
    result = port.write(write, pattern(*range(33)), block)
    assert result.status & (DRDY | BSY | DRQ | ERR | DF) == DRDY
    assert result.data == b""
    assert result.interrupts == 3
    assert disks[unit].read(100, 33) == pattern(*range(33))
    assert port.no_data(TaskFile(FLUSH_EXT, device)) & (DRDY | BSY | DRQ | ERR) == DRDY


def test_errors_come_with_status_error_and_address() -> None:
    port = Port(Host(FaultyDisk(1 << 30, 0x1000_0005)))
    port.probe()
    result = port.read(TaskFile(READ_MULTIPLE_EXT, 0xE0, count=16, lba=0x1000_0000, lba48=True), 16)
    assert result.status & (BSY | DRQ | ERR) == ERR
    assert result.error == 0x40
    assert result.lba == 0x1000_0005
    assert result.interrupts == 1
    protected = SparseDisk(100)
    protected.read_only = True
    port = Port(Host(protected))
    port.probe()
    result = port.write(TaskFile(WRITE_MULTIPLE, 0xE0, count=1), pattern(1), 16)
    assert result.status & (BSY | DRQ | ERR) == ERR
    assert result.error & 0x04


def test_the_same_conversation_takes_the_same_time() -> None:
    def run() -> int:
        port = Port(Host(numbered(), numbered()))
        port.probe()
        port.identify(0)
        port.read(TaskFile(READ_MULTIPLE, 0xE0, count=100), 16)
        return port.host.clock.now()

    assert run() == run()
