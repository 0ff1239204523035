"""A little host for ATA channels in tests: ports, a polled driver, and disks with a nature.

Constants are the standard's (ATA/ATAPI-6), not the chip's.
"""

from hv.interfaces import BlockDevice
from hv.root.disk import MemoryDisk
from hv_devices.emulated.ata import AtaChannel
from tests.fakes import ManualClock, RecordingLine

SECTOR = 512

# Command block
DATA, ERROR, COUNT, LBA_LOW, LBA_MID, LBA_HIGH, DEVICE, STATUS = range(8)
FEATURES, COMMAND = 1, 7

# Status, Error, Device Control
BSY, DRDY, DF, DSC, DRQ, ERR = 0x80, 0x40, 0x20, 0x10, 0x08, 0x01
ABRT, IDNF, UNC, WP = 0x04, 0x10, 0x40, 0x40
NIEN, SRST, HOB = 0x02, 0x04, 0x80

READY = DRDY | DSC

# Commands
READ, READ_EXT, READ_MULTIPLE, READ_MULTIPLE_EXT = 0x20, 0x24, 0xC4, 0x29
WRITE, WRITE_EXT, WRITE_MULTIPLE, WRITE_MULTIPLE_EXT = 0x30, 0x34, 0xC5, 0x39
VERIFY, VERIFY_EXT = 0x40, 0x42
SET_MULTIPLE, SET_FEATURES, INITIALIZE = 0xC6, 0xEF, 0x91

SECTORS = 2016
"""Two cylinders of 16 heads and 63 sectors."""

POLL_NS = 1_000
PATIENCE_NS = 100_000_000


def pattern(*lbas: int) -> bytes:
    """Sectors that say where they belong."""
    return b"".join(f"sector {lba:8d} ".encode() * 32 for lba in lbas)


def numbered(sectors: int = SECTORS) -> MemoryDisk:
    return MemoryDisk(pattern(*range(sectors)))


class SparseDisk:
    """A disk of any size that is zero but for what was written."""

    def __init__(self, sectors: int) -> None:
        self.sectors = sectors
        self.read_only = False
        self.written: dict[int, bytes] = {}
        self.flushes = 0

    def read(self, lba: int, count: int) -> bytes:
        assert lba >= 0
        assert count > 0
        assert lba + count <= self.sectors
        return b"".join(self.written.get(lba + i, bytes(SECTOR)) for i in range(count))

    def write(self, lba: int, data: bytes) -> None:
        assert not self.read_only
        assert lba >= 0
        assert data
        assert len(data) % SECTOR == 0
        assert lba + len(data) // SECTOR <= self.sectors
        for i in range(len(data) // SECTOR):
            self.written[lba + i] = data[i * SECTOR : (i + 1) * SECTOR]

    def flush(self) -> None:
        self.flushes += 1


class FaultyDisk(SparseDisk):
    """A disk with bad sectors."""

    def __init__(self, sectors: int, *bad: int) -> None:
        super().__init__(sectors)
        self.bad = set(bad)
        self.cannot_flush = False

    def _probe(self, lba: int, count: int) -> None:
        if self.bad & set(range(lba, lba + count)):
            raise OSError(5, "Input/output error")

    def read(self, lba: int, count: int) -> bytes:
        self._probe(lba, count)
        return super().read(lba, count)

    def write(self, lba: int, data: bytes) -> None:
        self._probe(lba, len(data) // SECTOR)
        super().write(lba, data)

    def flush(self) -> None:
        if self.cannot_flush:
            raise OSError(5, "Input/output error")
        super().flush()


class Host:
    """One channel with its clock and wire, and the register work a driver does."""

    def __init__(self, master: BlockDevice | None = None, slave: BlockDevice | None = None) -> None:
        self.clock = ManualClock()
        self.line = RecordingLine()
        self.channel = AtaChannel(self.line, self.clock, (master, slave))

    def inb(self, offset: int) -> int:
        return self.channel.read(offset, 1)

    def outb(self, offset: int, value: int) -> None:
        self.channel.write(offset, value, 1)

    def alternate_status(self) -> int:
        return self.channel.read_control(0, 1)

    def control(self, value: int) -> None:
        self.channel.write_control(0, value, 1)

    def wait(self) -> int:
        """Poll Alternate Status until BSY is clear; fails when it never is."""
        for _ in range(PATIENCE_NS // POLL_NS):
            status = self.alternate_status()
            if not status & BSY:
                return status
            self.clock.advance(POLL_NS)
        raise AssertionError("the drive stays busy")

    def wait_interrupt(self) -> int:
        """Sleep until INTRQ, then acknowledge it as an interrupt handler does."""
        for _ in range(PATIENCE_NS // POLL_NS):
            if self.line.level:
                return self.inb(STATUS)
            self.clock.advance(POLL_NS)
        raise AssertionError("no interrupt comes")

    def select(self, unit: int, bits: int = 0xE0) -> None:
        self.outb(DEVICE, bits | unit << 4)

    def command(self, code: int, *, count: int = 0, features: int = 0) -> int:
        """A command without an address; the status once BSY is clear."""
        self.outb(FEATURES, features)
        self.outb(COUNT, count)
        self.outb(COMMAND, code)
        return self.wait()

    def command_lba28(self, code: int, lba: int, count: int, unit: int = 0) -> int:
        self.outb(DEVICE, 0xE0 | unit << 4 | lba >> 24)
        self.outb(COUNT, count & 0xFF)
        for offset in (LBA_LOW, LBA_MID, LBA_HIGH):
            self.outb(offset, lba & 0xFF)
            lba >>= 8
        self.outb(COMMAND, code)
        return self.wait()

    def command_lba48(self, code: int, lba: int, count: int, unit: int = 0) -> int:
        self.outb(DEVICE, 0xE0 | unit << 4)
        for shift in (24, 0):
            self.outb(COUNT, count >> (8 if shift else 0) & 0xFF)
            self.outb(LBA_LOW, lba >> shift & 0xFF)
            self.outb(LBA_MID, lba >> shift + 8 & 0xFF)
            self.outb(LBA_HIGH, lba >> shift + 16 & 0xFF)
        self.outb(COMMAND, code)
        return self.wait()

    def command_chs(self, code: int, cylinder: int, head: int, sector: int, count: int) -> int:
        self.outb(DEVICE, 0xA0 | head)
        self.outb(COUNT, count & 0xFF)
        self.outb(LBA_LOW, sector)
        self.outb(LBA_MID, cylinder & 0xFF)
        self.outb(LBA_HIGH, cylinder >> 8)
        self.outb(COMMAND, code)
        return self.wait()

    def lba28(self) -> int:
        """The address the registers show."""
        low, mid, high = self.inb(LBA_LOW), self.inb(LBA_MID), self.inb(LBA_HIGH)
        return low | mid << 8 | high << 16 | (self.inb(DEVICE) & 0x0F) << 24

    def lba48(self) -> int:
        lba = 0
        for shift, offset in ((0, LBA_LOW), (8, LBA_MID), (16, LBA_HIGH)):
            older, newer = self.both(offset)
            lba |= newer << shift | older << shift + 24
        return lba

    def both(self, offset: int) -> tuple[int, int]:
        """(previous, current) content of a two-byte register."""
        newer = self.inb(offset)
        self.control(HOB)
        older = self.inb(offset)
        self.control(0)
        return older, newer

    def read_words(self, sectors: int = 1) -> bytes:
        """What IN AX,DX in a loop gets."""
        words = (self.channel.read(DATA, 2) for _ in range(sectors * SECTOR // 2))
        return b"".join(word.to_bytes(2, "little") for word in words)

    def write_words(self, data: bytes) -> None:
        for at in range(0, len(data), 2):
            self.channel.write(DATA, int.from_bytes(data[at : at + 2], "little"), 2)

    def read_blocks(self, sectors: int, block: int = 1) -> bytes:
        """The data phase of a read: wait for each DRQ block and take it whole."""
        blocks = []
        while sectors:
            now = min(block, sectors)
            assert self.wait() == READY | DRQ
            blocks.append(self.channel.read_block(DATA, 2, now * SECTOR // 2))
            sectors -= now
        return b"".join(blocks)

    def write_blocks(self, data: bytes, block: int = 1) -> int:
        """The data phase of a write; the status at the end."""
        for at in range(0, len(data), block * SECTOR):
            assert self.wait() == READY | DRQ
            self.channel.write_block(DATA, 2, data[at : at + block * SECTOR])
        return self.wait()

    def identify(self, unit: int = 0) -> list[int]:
        self.select(unit)
        assert self.command(0xEC) == READY | DRQ
        data = self.read_words()
        return [int.from_bytes(data[at : at + 2], "little") for at in range(0, SECTOR, 2)]
