"""The firmware's door to floppy disks: sectors through a handful of ports, no 82077 behind them.

Document: this header. Our BIOS is the only software meant to use it; INT 13h is what guests see.

    +00h  data          read, write   1, 2 or 4 bytes wide, string instructions welcome
    +04h  LBA           read, write   32 bits, low byte first, by bytes or at once
    +08h  count         read, write   sectors to transfer, 0 means 256
    +09h  drive         read, write   0 or 1
    +0Ah  command       write         1 read, 2 write, 3 info
          status        read          0 ok, 1 no media, 2 out of range, 3 write protected,
                                      4 medium error, 5 bad command
    +0Bh  drive type    read          0 none, 1 360K, 2 1.2M, 3 720K, 4 1.44M, 5 or 6 2.88M
    +0Ch  cylinders     read
    +0Dh  heads         read
    +0Eh  sectors       read          per track
    +0Fh  protected     read          1 when the medium cannot be written

A command acts at once on the drive, LBA and count it finds, gives up what an earlier one left
unfinished and leaves those registers alone. After a read with status 0 the sectors come from the
data port; after a write with status 0 they go to it, and the last byte stores them all (the status
then says whether that worked). Info moves no data: its status says whether a medium is there.
Registers from +0Bh describe the selected drive: its medium's format, or its own where none fits.
A drive number beyond 1 is a drive that is not there. Beyond what a transfer holds, the data port
reads all ones and ignores writes.

Left out: formatting, timing (a transfer takes no time beyond its exits), change lines, interrupts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from hv.interfaces import BlockDevice
from hv.types import SECTOR_SIZE

PORTS = 0x10
DRIVES = 2


class Register(IntEnum):
    """Offsets."""

    DATA = 0x0
    LBA = 0x4
    COUNT = 0x8
    DRIVE = 0x9
    COMMAND = 0xA
    TYPE = 0xB
    CYLINDERS = 0xC
    HEADS = 0xD
    SECTORS = 0xE
    PROTECTED = 0xF


class Command(IntEnum):
    """What can be asked."""

    READ = 1
    WRITE = 2
    INFO = 3


class Status(IntEnum):
    """How it went."""

    OK = 0
    NO_MEDIA = 1
    OUT_OF_RANGE = 2
    WRITE_PROTECTED = 3
    MEDIUM_ERROR = 4
    BAD_COMMAND = 5


class DriveType(IntEnum):
    """Kinds of drive, as INT 13h/08h names them in BL."""

    NONE = 0
    K360 = 1
    M1_2 = 2
    K720 = 3
    M1_44 = 4
    M2_88 = 6


@dataclass(frozen=True, slots=True)
class Format:
    """How a medium is laid out, and the drive that writes it so."""

    drive: DriveType
    cylinders: int
    heads: int
    sectors: int

    @property
    def size(self) -> int:
        """Sectors on the whole medium."""
        return self.cylinders * self.heads * self.sectors


FORMATS = (
    Format(DriveType.M1_44, 80, 2, 18),
    Format(DriveType.M2_88, 80, 2, 36),
    Format(DriveType.K720, 80, 2, 9),
    Format(DriveType.M1_2, 80, 2, 15),
    Format(DriveType.K360, 40, 2, 9),
    Format(DriveType.K360, 40, 2, 8),  # 320K
    Format(DriveType.K360, 40, 1, 9),  # 180K
    Format(DriveType.K360, 40, 1, 8),  # 160K
    Format(DriveType.M1_44, 80, 2, 21),  # 1.68M, Microsoft's distribution format
)
NO_DRIVE = Format(DriveType.NONE, 0, 0, 0)


def format_of(medium: BlockDevice | None, drive: DriveType = DriveType.M1_44) -> Format:
    """A medium's format by its size; of an unusual size or none, what the drive is made for."""
    if medium is not None:
        for layout in FORMATS:
            if layout.size == medium.sectors:
                return layout
    return next((layout for layout in FORMATS if layout.drive == drive), NO_DRIVE)


@dataclass(slots=True)
class Drive:
    """A drive of the machine and what is in it (the board's: changes of medium happen here)."""

    medium: BlockDevice | None = None
    type: DriveType = DriveType.M1_44

    @classmethod
    def made_for(cls, medium: BlockDevice) -> "Drive":
        """The drive that goes with a medium, and the medium in it."""
        return cls(medium, format_of(medium).drive)


@dataclass(slots=True)
class State:
    """The registers, and the transfer under way."""

    lba: bytearray = field(default_factory=lambda: bytearray(4))
    count: int = 0
    drive: int = 0
    status: int = Status.OK.value
    buffer: bytearray = field(default_factory=bytearray)
    """Bytes to come, or bytes that came."""
    position: int = 0
    """Next byte of ``buffer`` in a read."""
    expected: int = 0
    """Bytes that complete a write; 0 when none is under way."""
    write_drive: int = 0
    write_lba: int = 0


class FirmwareDisk:
    """Sixteen ports. Data and LBA want their accesses whole, not cut into bytes."""

    def __init__(self, drives: Sequence[Drive | None]) -> None:
        self._drives = drives
        self.state = State()

    def reset(self) -> None:
        self.state = State()

    def change(self, index: int, medium: BlockDevice | None) -> bool:
        """A person changes what is in a drive. False: the machine has no such drive."""
        drive = self._drive(index)
        if drive is not None:
            drive.medium = medium
        return drive is not None

    def read(self, offset: int, width: int) -> int:
        if offset == Register.DATA:
            return int.from_bytes(self._take(width), "little")
        value = 0
        for at in range(width):
            value |= self._read_byte(offset + at) << 8 * at
        return value

    def write(self, offset: int, value: int, width: int) -> None:
        data = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
        if offset == Register.DATA:
            self._put(data)
            return
        for at in range(width):
            self._write_byte(offset + at, data[at])

    def read_block(self, offset: int, width: int, count: int) -> bytes:
        """``count`` accesses of ``width`` at once, as a string instruction makes them."""
        if offset == Register.DATA:
            return self._take(width * count)
        return self.read(offset, width).to_bytes(width, "little") * count

    def write_block(self, offset: int, width: int, data: bytes) -> None:
        """``data`` by accesses of ``width``, as a string instruction makes them."""
        if offset == Register.DATA:
            self._put(data)
            return
        for at in range(0, len(data), width):
            self.write(offset, int.from_bytes(data[at : at + width], "little"), width)

    # Registers

    def _read_byte(self, offset: int) -> int:
        if 0 <= offset - Register.LBA < 4:
            return self.state.lba[offset - Register.LBA]
        reader = _READERS.get(offset)
        return reader(self) if reader else 0xFF

    def _write_byte(self, offset: int, value: int) -> None:
        if 0 <= offset - Register.LBA < 4:
            self.state.lba[offset - Register.LBA] = value
        elif offset == Register.COUNT:
            self.state.count = value
        elif offset == Register.DRIVE:
            self.state.drive = value
        elif offset == Register.COMMAND:
            self._command(value)

    def _drive(self, index: int) -> Drive | None:
        return self._drives[index] if 0 <= index < min(DRIVES, len(self._drives)) else None

    def _medium(self, index: int) -> BlockDevice | None:
        drive = self._drive(index)
        return drive.medium if drive else None

    def _format(self) -> Format:
        """The selected drive's; the type is the drive's own, whatever is in it."""
        drive = self._drive(self.state.drive)
        return format_of(drive.medium, drive.type) if drive else NO_DRIVE

    def _drive_type(self) -> int:
        drive = self._drive(self.state.drive)
        return drive.type.value if drive else DriveType.NONE.value

    def _protected(self) -> int:
        medium = self._medium(self.state.drive)
        return int(medium is not None and medium.read_only)

    # Commands

    def _command(self, command: int) -> None:
        s = self.state
        s.buffer = bytearray()
        s.position = s.expected = 0
        action = _COMMANDS.get(command)
        s.status = (action(self) if action else Status.BAD_COMMAND).value

    def _info(self) -> Status:
        return Status.NO_MEDIA if self._medium(self.state.drive) is None else Status.OK

    def _range(self) -> tuple[int, int]:
        """LBA and number of sectors, as the registers have them."""
        return int.from_bytes(self.state.lba, "little"), self.state.count or 256

    def _start_read(self) -> Status:
        medium = self._medium(self.state.drive)
        lba, count = self._range()
        if medium is None:
            return Status.NO_MEDIA
        if lba + count > medium.sectors:
            return Status.OUT_OF_RANGE
        try:
            self.state.buffer = bytearray(medium.read(lba, count))
        except OSError:
            return Status.MEDIUM_ERROR
        return Status.OK

    def _start_write(self) -> Status:
        s = self.state
        medium = self._medium(s.drive)
        lba, count = self._range()
        if medium is None:
            return Status.NO_MEDIA
        if lba + count > medium.sectors:
            return Status.OUT_OF_RANGE
        if medium.read_only:
            return Status.WRITE_PROTECTED
        s.write_drive, s.write_lba = s.drive, lba
        s.expected = count * SECTOR_SIZE
        return Status.OK

    # Data

    def _take(self, size: int) -> bytes:
        """The next bytes of a read, all ones after its end."""
        s = self.state
        if s.expected:
            return b"\xff" * size
        data = bytes(s.buffer[s.position : s.position + size])
        s.position += len(data)
        return data + b"\xff" * (size - len(data))

    def _put(self, data: bytes) -> None:
        """More bytes of a write; the last one stores them."""
        s = self.state
        if not s.expected:
            return
        s.buffer += data[: s.expected - len(s.buffer)]
        if len(s.buffer) == s.expected:
            s.status = self._store().value
            s.buffer = bytearray()
            s.expected = 0

    def _store(self) -> Status:
        """The medium may have been changed or protected since the command."""
        s = self.state
        medium = self._medium(s.write_drive)
        if medium is None:
            return Status.NO_MEDIA
        if s.write_lba + s.expected // SECTOR_SIZE > medium.sectors:
            return Status.OUT_OF_RANGE
        if medium.read_only:
            return Status.WRITE_PROTECTED
        try:
            medium.write(s.write_lba, bytes(s.buffer))
        except OSError:
            return Status.MEDIUM_ERROR
        return Status.OK


_READERS: dict[int, Callable[[FirmwareDisk], int]] = {
    Register.COUNT: lambda disk: disk.state.count,
    Register.DRIVE: lambda disk: disk.state.drive,
    Register.COMMAND: lambda disk: disk.state.status,
    Register.TYPE: FirmwareDisk._drive_type,
    Register.CYLINDERS: lambda disk: disk._format().cylinders,
    Register.HEADS: lambda disk: disk._format().heads,
    Register.SECTORS: lambda disk: disk._format().sectors,
    Register.PROTECTED: FirmwareDisk._protected,
}
_COMMANDS: dict[int, Callable[[FirmwareDisk], Status]] = {
    Command.READ: FirmwareDisk._start_read,
    Command.WRITE: FirmwareDisk._start_write,
    Command.INFO: FirmwareDisk._info,
}
