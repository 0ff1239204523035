"""The firmware's disk door through its ports. Constants from the register map in its header."""

import pytest

from hv_devices.emulated.firmware_disk import Drive, DriveType, FirmwareDisk

DATA, LBA, COUNT, DRIVE, COMMAND, STATUS, TYPE = 0x0, 0x4, 0x8, 0x9, 0xA, 0xA, 0xB
CYLINDERS, HEADS, SECTORS, PROTECTED = 0xC, 0xD, 0xE, 0xF
READ, WRITE, INFO = 1, 2, 3
OK, NO_MEDIA, OUT_OF_RANGE, WRITE_PROTECTED, MEDIUM_ERROR, BAD_COMMAND = range(6)
FLOPPY_SECTORS = 2880


class Medium:
    """A floppy in memory; sectors in ``bad`` cannot be read or written."""

    def __init__(self, sectors: int = FLOPPY_SECTORS, read_only: bool = False) -> None:
        self.sectors = sectors
        self.read_only = read_only
        self.bad: set[int] = set()
        self.data = bytearray().join(n.to_bytes(2, "little") * 256 for n in range(sectors))

    def read(self, lba: int, count: int) -> bytes:
        self._touch(lba, count)
        return bytes(self.data[512 * lba : 512 * (lba + count)])

    def write(self, lba: int, data: bytes) -> None:
        self._touch(lba, len(data) // 512)
        self.data[512 * lba : 512 * lba + len(data)] = data

    def flush(self) -> None:
        pass

    def sector(self, lba: int) -> bytes:
        return bytes(self.data[512 * lba : 512 * lba + 512])

    def _touch(self, lba: int, count: int) -> None:
        if self.bad.intersection(range(lba, lba + count)):
            raise OSError("bad sector")


class Door:
    """The chip with a floppy in drive 0 and drive 1 empty."""

    def __init__(self, medium: Medium | None = None) -> None:
        self.medium = medium or Medium()
        self.drive = Drive(self.medium)
        self.chip = FirmwareDisk([self.drive, Drive(None)])

    def command(self, command: int, lba: int = 0, count: int = 1, drive: int = 0) -> int:
        self.chip.write(DRIVE, drive, 1)
        self.chip.write(LBA, lba, 4)
        self.chip.write(COUNT, count & 0xFF, 1)
        self.chip.write(COMMAND, command, 1)
        return self.status()

    def status(self) -> int:
        return self.chip.read(STATUS, 1)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_read_brings_its_sectors_at_any_width(width: int) -> None:
    door = Door()
    assert door.command(READ, lba=1000, count=2) == OK
    data = b"".join(
        door.chip.read(DATA, width).to_bytes(width, "little") for _ in range(1024 // width)
    )
    assert data == door.medium.sector(1000) + door.medium.sector(1001)


def test_a_string_instruction_reads_a_sector_at_once() -> None:
    door = Door()
    door.command(READ, lba=7)
    assert door.chip.read_block(DATA, 2, 100) == door.medium.sector(7)[:200]
    assert door.chip.read_block(DATA, 4, 78) == door.medium.sector(7)[200:]


def test_count_zero_is_256_sectors() -> None:
    door = Door()
    assert door.command(READ, lba=100, count=0) == OK
    assert len(door.chip.state.buffer) == 256 * 512
    assert door.command(READ, lba=FLOPPY_SECTORS - 255, count=0) == OUT_OF_RANGE


def test_beyond_the_data_there_are_only_ones() -> None:
    door = Door()
    assert door.chip.read(DATA, 4) == 0xFFFFFFFF
    door.command(READ, lba=0x102)
    door.chip.read_block(DATA, 2, 255)
    door.chip.read(DATA, 1)
    assert door.chip.read(DATA, 4) == 0xFFFFFF01
    assert door.chip.read(DATA, 1) == 0xFF


@pytest.mark.parametrize("width", [1, 2, 4])
def test_the_last_byte_of_a_write_stores_it(width: int) -> None:
    door = Door()
    before = door.medium.sector(5)
    assert door.command(WRITE, lba=5) == OK
    for _ in range(512 // width - 1):
        door.chip.write(DATA, 0x41424344, width)
    assert door.medium.sector(5) == before
    door.chip.write(DATA, 0x41424344, width)
    assert door.medium.sector(5) == (b"DCBA"[:width]) * (512 // width)
    assert door.status() == OK


def test_a_string_instruction_writes_a_sector_at_once_and_no_more() -> None:
    door = Door()
    after = door.medium.sector(6)
    door.command(WRITE, lba=5)
    door.chip.write_block(DATA, 2, b"x" * 600)
    assert door.medium.sector(5) == b"x" * 512
    assert door.medium.sector(6) == after
    door.chip.write_block(DATA, 2, b"y" * 600)
    assert door.medium.sector(5) == b"x" * 512


def test_a_write_goes_where_its_command_said() -> None:
    door = Door()
    door.command(WRITE, lba=5)
    door.chip.write(LBA, 9, 4)
    door.chip.write(DRIVE, 1, 1)
    door.chip.write_block(DATA, 4, bytes(512))
    assert door.medium.sector(5) == bytes(512)
    assert door.medium.sector(9) != bytes(512)


def test_a_new_command_gives_up_the_unfinished_one() -> None:
    door = Door()
    before = door.medium.sector(5)
    door.command(WRITE, lba=5)
    door.chip.write_block(DATA, 1, b"x" * 511)
    door.command(INFO)
    door.chip.write(DATA, 0, 1)
    assert door.medium.sector(5) == before
    door.command(READ, lba=1)
    door.command(READ, lba=2)
    assert door.chip.read_block(DATA, 1, 512) == door.medium.sector(2)


def test_the_lba_is_four_bytes_or_one_dword() -> None:
    door = Door()
    for at, value in enumerate((0x34, 0x02, 0, 0)):
        door.chip.write(LBA + at, value, 1)
    assert door.chip.read(LBA, 4) == 0x234
    assert door.chip.read(LBA + 1, 1) == 0x02
    door.chip.write(COUNT, 1, 1)
    door.chip.write(COMMAND, READ, 1)
    assert door.chip.read(DATA, 2) == 0x234


@pytest.mark.parametrize("command", [READ, WRITE])
@pytest.mark.parametrize(
    ("lba", "count"), [(FLOPPY_SECTORS, 1), (FLOPPY_SECTORS - 1, 2), (0xFFFFFFFF, 1)]
)
def test_sectors_beyond_the_medium_are_out_of_range(command: int, lba: int, count: int) -> None:
    door = Door()
    assert door.command(command, lba, count) == OUT_OF_RANGE
    assert door.chip.read(DATA, 1) == 0xFF
    door.chip.write_block(DATA, 1, bytes(1024))
    assert door.status() == OUT_OF_RANGE


def test_the_last_sector_is_within_range() -> None:
    assert Door().command(READ, FLOPPY_SECTORS - 1, 1) == OK


@pytest.mark.parametrize("command", [READ, WRITE, INFO])
@pytest.mark.parametrize("drive", [1, 2, 255])
def test_an_empty_or_absent_drive_has_no_media(command: int, drive: int) -> None:
    assert Door().command(command, drive=drive) == NO_MEDIA


def test_a_protected_medium_reads_but_refuses_writes() -> None:
    door = Door(Medium(read_only=True))
    assert door.chip.read(PROTECTED, 1) == 1
    assert door.command(READ) == OK
    assert door.command(WRITE) == WRITE_PROTECTED
    assert Door().chip.read(PROTECTED, 1) == 0


def test_a_bad_sector_is_a_medium_error() -> None:
    door = Door()
    door.medium.bad.add(3)
    assert door.command(READ, lba=2, count=2) == MEDIUM_ERROR
    assert door.chip.read(DATA, 1) == 0xFF
    assert door.command(WRITE, lba=3) == OK  # known only once the data is there
    door.chip.write_block(DATA, 2, bytes(512))
    assert door.status() == MEDIUM_ERROR


@pytest.mark.parametrize("command", [0, 4, 0xFF])
def test_other_commands_are_bad(command: int) -> None:
    assert Door().command(command) == BAD_COMMAND


def test_a_floppy_taken_out_half_way_loses_the_write() -> None:
    door = Door()
    door.command(WRITE)
    door.drive.medium = None
    door.chip.write_block(DATA, 4, bytes(512))
    assert door.status() == NO_MEDIA
    door.command(WRITE)
    assert door.status() == NO_MEDIA


def test_a_smaller_floppy_put_in_half_way_is_not_overrun() -> None:
    door = Door()
    door.command(WRITE, lba=1439, count=2)
    door.drive.medium = Medium(1440)
    door.chip.write_block(DATA, 4, bytes(1024))
    assert door.status() == OUT_OF_RANGE
    assert len(door.drive.medium.data) == 1440 * 512


@pytest.mark.parametrize(
    ("sectors", "kind", "cylinders", "heads", "per_track"),
    [
        (2880, 4, 80, 2, 18),
        (5760, 6, 80, 2, 36),
        (1440, 3, 80, 2, 9),
        (2400, 2, 80, 2, 15),
        (720, 1, 40, 2, 9),
        (640, 1, 40, 2, 8),
        (1, 4, 80, 2, 18),  # a lone boot sector
    ],
)
def test_the_medium_tells_its_geometry(
    sectors: int, kind: int, cylinders: int, heads: int, per_track: int
) -> None:
    chip = FirmwareDisk([Drive.made_for(Medium(sectors))])
    assert [chip.read(at, 1) for at in (TYPE, CYLINDERS, HEADS, SECTORS)] == [
        kind,
        cylinders,
        heads,
        per_track,
    ]


def test_a_drive_keeps_its_type_whatever_is_in_it() -> None:
    chip = FirmwareDisk([Drive(Medium(1440), DriveType.M1_44), Drive(None, DriveType.M1_2)])
    assert [chip.read(at, 1) for at in (TYPE, SECTORS)] == [4, 9]
    chip.write(DRIVE, 1, 1)
    assert [chip.read(at, 1) for at in (TYPE, SECTORS, PROTECTED)] == [2, 15, 0]


@pytest.mark.parametrize("drives", [[], [None, None]])
def test_no_drive_is_type_0_without_geometry(drives: list[None]) -> None:
    chip = FirmwareDisk(drives)
    assert [chip.read(at, 1) for at in range(TYPE, PROTECTED + 1)] == [0, 0, 0, 0, 0]
    chip.write(COMMAND, READ, 1)
    assert chip.read(STATUS, 1) == NO_MEDIA


def test_holes_read_all_ones_and_registers_read_at_any_width() -> None:
    door = Door()
    assert door.chip.read(1, 1) == 0xFF
    assert door.chip.read(2, 2) == 0xFFFF
    assert door.chip.read(CYLINDERS, 2) == 0x0250
    assert door.chip.read(SECTORS, 4) == 0xFFFF0012
    assert door.chip.read_block(SECTORS, 1, 3) == b"\x12\x12\x12"
    door.chip.write_block(LBA, 4, bytes(4) + b"\x05\0\0\0")
    assert door.chip.read(LBA, 4) == 5


def test_read_only_registers_ignore_writes() -> None:
    door = Door()
    for offset in (1, 2, 3, TYPE, CYLINDERS, HEADS, SECTORS, PROTECTED):
        door.chip.write(offset, 0x55, 1)
    assert door.chip.read(TYPE, 1) == 4
    assert door.chip.read(SECTORS, 1) == 18


def test_reset_forgets_the_transfer() -> None:
    door = Door()
    door.command(READ, lba=3)
    door.chip.reset()
    assert door.chip.read(LBA, 4) == 0
    assert door.chip.read(DATA, 2) == 0xFFFF


def test_every_port_survives_every_value_at_every_width() -> None:
    door = Door()
    for offset in range(16):
        for width in (1, 2, 4):
            for value in (0, 1, 2, 3, 0x7F, 0xFF, 0xFFFFFFFF):
                door.chip.write(offset, value, width)
                assert 0 <= door.chip.read(offset, width) < 1 << 8 * width
    assert len(door.chip.state.buffer) <= 256 * 512
