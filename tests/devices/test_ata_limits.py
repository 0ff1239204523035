"""Where sector transfers end: bounds, bad sectors, verifying, the data port, the counts."""

from collections.abc import Callable

import pytest

from hv.root.disk import MemoryDisk
from tests.devices.ata_driver import (
    ABRT,
    COUNT,
    DATA,
    DF,
    DRQ,
    ERR,
    ERROR,
    IDNF,
    INITIALIZE,
    READ,
    READ_EXT,
    READ_MULTIPLE,
    READ_MULTIPLE_EXT,
    READY,
    SECTOR,
    SECTORS,
    SET_MULTIPLE,
    UNC,
    VERIFY,
    VERIFY_EXT,
    WRITE,
    WRITE_EXT,
    WRITE_MULTIPLE,
    FaultyDisk,
    Host,
    SparseDisk,
    numbered,
    pattern,
)


class TestBounds:
    """A request that leaves the disk is refused whole, and names its first sector outside."""

    @pytest.mark.parametrize("code", [READ, READ_MULTIPLE, WRITE, WRITE_MULTIPLE, VERIFY])
    @pytest.mark.parametrize(
        ("lba", "count", "outside"),
        [(100, 1, 100), (99, 2, 100), (0, 101, 100), (0xFFF_FFFF, 1, 0xFFF_FFFF), (50, 0, 100)],
    )
    def test_28_bits(self, code: int, lba: int, count: int, outside: int) -> None:
        host = Host(MemoryDisk(100 * SECTOR))
        assert host.command_lba28(code, lba, count) == READY | ERR
        assert host.inb(ERROR) == IDNF
        assert host.lba28() == outside
        assert host.line.rises == 1

    @pytest.mark.parametrize("code", [READ_EXT, READ_MULTIPLE_EXT, WRITE_EXT, VERIFY_EXT])
    @pytest.mark.parametrize(
        ("lba", "count", "outside"),
        [(100, 1, 100), (0xFFFF_FFFF_FFFF, 1, 0xFFFF_FFFF_FFFF), (0, 0, 100), (90, 11, 100)],
    )
    def test_48_bits(self, code: int, lba: int, count: int, outside: int) -> None:
        host = Host(MemoryDisk(100 * SECTOR))
        assert host.command_lba48(code, lba, count) == READY | ERR
        assert host.inb(ERROR) == IDNF
        assert host.lba48() == outside

    def test_28_bits_end_where_identify_says_on_a_larger_disk(self) -> None:
        host = Host(SparseDisk(1 << 30))
        assert host.command_lba28(READ, 0xFFF_FFFE, 1) == READY | DRQ
        assert host.command_lba28(READ, 0xFFF_FFFE, 2) == READY | ERR
        assert host.inb(ERROR) == IDNF
        assert host.command_lba48(READ_EXT, 0xFFF_FFFE, 2) == READY | DRQ

    @pytest.mark.parametrize(
        "place", [(0, 0, 0), (0, 0, 64), (2, 0, 1), (0xFFFF, 0, 1), (1, 15, 255)]
    )
    def test_cylinder_head_sector(self, place: tuple[int, int, int]) -> None:
        host = Host(numbered())
        assert host.command_chs(READ, *place, 1) == READY | ERR
        assert host.inb(ERROR) == IDNF

    def test_a_head_outside_the_translation(self) -> None:
        host = Host(numbered())
        host.select(0, 0xA0 | 1)
        host.command(INITIALIZE, count=63)
        assert host.command_chs(READ, 0, 1, 1, 1) == READY | DRQ
        assert host.command_chs(READ, 0, 2, 1, 1) == READY | ERR
        assert host.inb(ERROR) == IDNF

    def test_cylinders_end_before_an_odd_end_of_the_disk(self) -> None:
        host = Host(numbered(1008 + 100))
        assert host.command_chs(READ, 0, 15, 63, 1) == READY | DRQ
        assert host.command_chs(READ, 0, 15, 63, 2) == READY | ERR
        assert host.command_chs(READ, 1, 0, 1, 1) == READY | ERR
        assert host.command_lba28(READ, 1107, 1) == READY | DRQ

    def test_the_last_sector_is_inside(self) -> None:
        host = Host(numbered())
        host.command_lba28(READ, SECTORS - 1, 1)
        assert host.read_words() == pattern(SECTORS - 1)


class TestBadSectors:
    def test_a_read_stops_there(self) -> None:
        host = Host(FaultyDisk(100, 7))
        host.command_lba28(READ, 5, 4)
        host.read_blocks(2)
        assert host.wait() == READY | ERR
        assert host.inb(ERROR) == UNC
        assert host.lba28() == 7
        assert host.inb(COUNT) == 2

    def test_a_block_read_names_the_sector_too(self) -> None:
        host = Host(FaultyDisk(100, 45, 46))
        host.command(SET_MULTIPLE, count=16)
        host.command_lba48(READ_MULTIPLE_EXT, 20, 60)
        host.read_blocks(16, 16)
        assert host.wait() == READY | ERR
        assert host.inb(ERROR) == UNC
        assert host.lba48() == 45

    def test_the_error_interrupts(self) -> None:
        host = Host(FaultyDisk(100, 0))
        host.command_lba28(READ, 0, 1)
        assert host.wait_interrupt() == READY | ERR
        assert host.line.rises == 1

    def test_the_next_command_clears_the_error(self) -> None:
        host = Host(FaultyDisk(100, 0))
        host.command_lba28(READ, 0, 1)
        assert host.command_lba28(READ, 1, 1) == READY | DRQ
        assert host.inb(ERROR) == 0

    def test_a_write_is_a_device_fault(self) -> None:
        disk = FaultyDisk(100, 4)
        host = Host(disk)
        host.command_lba28(WRITE, 3, 3)
        assert host.write_blocks(pattern(1, 2)) == READY | DF | ERR
        assert host.inb(ERROR) == ABRT
        assert host.lba28() == 4
        assert disk.written == {3: pattern(1)}
        host.write_words(pattern(9))
        assert host.wait() == READY | DF | ERR

    @pytest.mark.parametrize("bad", [0, 299, 300, 999])
    def test_verify_finds_them(self, bad: int) -> None:
        host = Host(FaultyDisk(1000, bad))
        assert host.command_lba48(VERIFY_EXT, 0, 1000) == READY | ERR
        assert host.inb(ERROR) == UNC
        assert host.lba48() == bad


@pytest.mark.parametrize(
    ("issue", "code", "count"),
    [
        ("command_lba28", 0x40, 0),
        ("command_lba28", 0x41, 1),
        ("command_lba48", 0x42, 1000),
    ],
)
def test_verify_transfers_nothing(issue: str, code: int, count: int) -> None:
    host = Host(MemoryDisk(1000 * SECTOR))
    assert getattr(host, issue)(code, 0, count) == READY
    assert host.line.rises == 1
    assert host.channel.drives[0]
    assert host.channel.drives[0].state.bytes_read == 0


class TestDataPort:
    """Word for word, the port does the same whatever the width and however it is moved."""

    def words(self, host: Host) -> bytes:
        return host.read_words()

    def doublewords(self, host: Host) -> bytes:
        reads = (host.channel.read(DATA, 4) for _ in range(SECTOR // 4))
        return b"".join(value.to_bytes(4, "little") for value in reads)

    def word_block(self, host: Host) -> bytes:
        return host.channel.read_block(DATA, 2, SECTOR // 2)

    def doubleword_blocks(self, host: Host) -> bytes:
        first = host.channel.read_block(DATA, 4, 100)
        return first + host.channel.read_block(DATA, 4, 28)

    @pytest.mark.parametrize("way", [words, doublewords, word_block, doubleword_blocks])
    def test_reads(self, way: Callable[["TestDataPort", Host], bytes]) -> None:
        host = Host(numbered())
        host.command_lba28(READ, 33, 1)
        assert way(self, host) == pattern(33)
        assert host.alternate_status() == READY

    def test_byte_reads_take_whole_words(self) -> None:
        host = Host(numbered())
        host.command_lba28(READ, 33, 1)
        data = bytes(host.channel.read(DATA, 1) for _ in range(256))
        assert data == pattern(33)[::2]
        assert host.alternate_status() == READY

    def test_reading_past_the_block_gets_nothing_of_the_next(self) -> None:
        host = Host(numbered())
        host.command_lba28(READ, 0, 2)
        data = host.channel.read_block(DATA, 2, 300)
        assert data[:SECTOR] == pattern(0)
        assert data[SECTOR:] == b"\x7f\xff" * 44
        host.wait()
        assert host.read_words() == pattern(1)

    def test_without_a_transfer_the_port_floats(self) -> None:
        host = Host(numbered())
        assert host.channel.read(DATA, 2) == 0xFF7F
        assert host.channel.read(DATA, 4) == 0xFF7FFF7F
        assert host.channel.read(DATA, 1) == 0x7F
        host.channel.write(DATA, 0x1234, 2)
        assert host.alternate_status() == READY

    def test_a_new_command_ends_an_unfinished_one(self) -> None:
        host = Host(numbered())
        host.command_lba28(READ, 0, 8)
        host.channel.read_block(DATA, 2, 10)
        host.command_lba28(READ, 50, 1)
        assert host.read_words() == pattern(50)
        assert host.alternate_status() == READY


def test_the_drive_counts_requests_and_bytes() -> None:
    host = Host(numbered(), numbered())
    host.command_lba28(READ, 0, 3)
    host.read_blocks(3)
    host.command_lba28(WRITE, 0, 2)
    host.write_blocks(pattern(1, 2))
    host.command_lba28(READ, 1 << 20, 3)
    host.identify()
    assert host.channel.drives[0]
    assert host.channel.drives[1]
    state = host.channel.drives[0].state
    counts = (state.reads, state.bytes_read, state.writes, state.bytes_written)
    assert counts == (1, 3 * SECTOR, 1, 2 * SECTOR)
    host.channel.reset()
    state = host.channel.drives[0].state
    assert (state.reads, state.bytes_read, state.writes, state.bytes_written) == counts
    assert host.channel.drives[1].state.reads == 0
