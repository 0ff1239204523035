"""Reading and writing sectors by programmed I/O: addresses, blocks, interrupts, errors."""

import pytest

from hv_devices.emulated.ata_drive import ACCESS_NS
from tests.devices.ata_driver import (
    ABRT,
    BSY,
    COUNT,
    DATA,
    DRQ,
    ERR,
    ERROR,
    INITIALIZE,
    READ,
    READ_EXT,
    READ_MULTIPLE,
    READ_MULTIPLE_EXT,
    READY,
    SECTOR,
    SECTORS,
    SET_FEATURES,
    SET_MULTIPLE,
    STATUS,
    WP,
    WRITE,
    WRITE_EXT,
    WRITE_MULTIPLE,
    Host,
    SparseDisk,
    numbered,
    pattern,
)


class TestReading:
    def test_a_sector_comes_after_busy_with_an_interrupt(self) -> None:
        host = Host(numbered())
        host.select(0)
        host.outb(COUNT, 1)
        host.outb(7, READ)
        assert host.inb(STATUS) == BSY
        host.clock.advance(ACCESS_NS - 1)
        assert host.inb(STATUS) == BSY
        assert not host.line.level
        host.clock.advance(1)
        assert host.line.level
        assert host.inb(STATUS) == READY | DRQ

    @pytest.mark.parametrize("code", [0x20, 0x21])
    def test_words_are_the_sector_in_order(self, code: int) -> None:
        host = Host(numbered())
        assert host.command_lba28(code, 77, 1) == READY | DRQ
        assert host.read_words() == pattern(77)
        assert host.alternate_status() == READY

    def test_every_sector_waits_its_time_and_interrupts(self) -> None:
        host = Host(numbered())
        host.command_lba28(READ, 10, 3)
        data = b""
        for _ in range(3):
            assert host.wait_interrupt() == READY | DRQ
            assert not host.line.level
            data += host.read_words()
        assert data == pattern(10, 11, 12)
        assert host.inb(STATUS) == READY
        host.clock.advance(1_000_000)
        assert host.line.rises == 3

    def test_between_sectors_the_drive_is_busy(self) -> None:
        host = Host(numbered())
        host.command_lba28(READ, 0, 2)
        host.read_words()
        assert host.alternate_status() == BSY

    def test_a_count_of_0_is_256(self) -> None:
        host = Host(numbered())
        host.command_lba28(READ, 5, 0)
        assert host.read_blocks(256) == pattern(*range(5, 261))
        assert host.alternate_status() == READY

    def test_a_48_bit_count_of_0_is_65536(self) -> None:
        disk = SparseDisk(70000)
        disk.write(65535 + 3, pattern(65538))
        host = Host(disk)
        host.command(SET_MULTIPLE, count=16)
        host.command_lba48(READ_MULTIPLE_EXT, 3, 0)
        data = host.read_blocks(65536, 16)
        assert len(data) == 65536 * SECTOR
        assert data[-SECTOR:] == pattern(65538)
        assert host.alternate_status() == READY

    def test_48_bit_addresses_reach_beyond_28_bits(self) -> None:
        lba = 0x12_3456_789A
        disk = SparseDisk(lba + 5)
        disk.write(lba, pattern(1, 2))
        host = Host(disk)
        host.command_lba48(READ_EXT, lba, 2)
        assert host.read_blocks(2) == pattern(1, 2)

    def test_28_bit_addresses_take_their_top_from_the_device_register(self) -> None:
        lba = 0xABC_DEF0
        disk = SparseDisk(lba + 1)
        disk.write(lba, pattern(3))
        host = Host(disk)
        host.command_lba28(READ, lba, 1)
        assert host.read_blocks(1) == pattern(3)

    @pytest.mark.parametrize(
        ("place", "lba"), [((0, 0, 1), 0), ((0, 0, 63), 62), ((0, 1, 1), 63), ((1, 15, 63), 2015)]
    )
    def test_cylinder_head_sector(self, place: tuple[int, int, int], lba: int) -> None:
        host = Host(numbered())
        assert host.command_chs(READ, *place, 1) == READY | DRQ
        assert host.read_words() == pattern(lba)

    def test_cylinder_head_sector_crosses_tracks(self) -> None:
        host = Host(numbered())
        host.command_chs(READ, 0, 15, 62, 4)
        assert host.read_blocks(4) == pattern(1006, 1007, 1008, 1009)

    def test_the_translation_the_host_chose_counts(self) -> None:
        host = Host(numbered())
        host.select(0, 0xA0 | 3)
        assert host.command(INITIALIZE, count=17) == READY
        host.command_chs(READ, 7, 2, 9, 1)
        assert host.read_words() == pattern((7 * 4 + 2) * 17 + 8)

    @pytest.mark.parametrize("block", [1, 2, 4, 8, 16])
    def test_multiple_interrupts_once_a_block(self, block: int) -> None:
        host = Host(numbered())
        host.command(SET_MULTIPLE, count=block)
        host.inb(STATUS)
        before = host.line.rises
        host.command_lba28(READ_MULTIPLE, 3, 40)
        data, left = b"", 40
        while left:
            assert host.wait_interrupt() == READY | DRQ
            data += host.read_words(min(block, left))
            left -= min(block, left)
        assert data == pattern(*range(3, 43))
        assert host.line.rises - before == -(-40 // block)
        assert host.inb(STATUS) == READY

    def test_multiple_works_from_power_on_as_identify_says(self) -> None:
        host = Host(numbered())
        block = host.identify()[59] & 0xFF
        assert block == 16
        host.command_lba28(READ_MULTIPLE, 0, 20)
        assert host.read_blocks(20, block) == pattern(*range(20))

    def test_the_registers_name_the_last_sector_at_the_end(self) -> None:
        host = Host(numbered())
        host.command_lba28(READ, 100, 5)
        host.read_blocks(5)
        assert host.lba28() == 104
        assert host.inb(COUNT) == 0
        host.command_chs(READ, 0, 15, 60, 6)
        host.read_blocks(6)
        assert [host.inb(offset) for offset in (3, 4, 5)] == [2, 1, 0]
        assert host.inb(6) & 0x0F == 0


class TestWriting:
    def test_the_first_block_is_asked_for_without_an_interrupt(self) -> None:
        host = Host(numbered())
        assert host.command_lba28(WRITE, 9, 1) == READY | DRQ
        assert host.line.rises == 0

    def test_the_end_of_each_block_interrupts(self) -> None:
        disk = SparseDisk(100)
        host = Host(disk)
        host.command_lba28(WRITE, 20, 3)
        for index in range(3):
            host.write_words(pattern(50 + index))
            assert host.alternate_status() == BSY
            assert host.wait_interrupt() == (READY if index == 2 else READY | DRQ)
        assert disk.read(20, 3) == pattern(50, 51, 52)
        assert host.line.rises == 3

    def test_nothing_is_written_before_the_block_is_whole(self) -> None:
        disk = SparseDisk(100)
        host = Host(disk)
        host.command_lba28(WRITE, 20, 1)
        host.write_words(pattern(50)[:-2])
        host.clock.advance(1_000_000)
        assert host.alternate_status() == READY | DRQ
        assert not disk.written

    @pytest.mark.parametrize("code", [0x30, 0x31])
    def test_28_bits(self, code: int) -> None:
        disk = SparseDisk(1 << 28)
        host = Host(disk)
        host.command_lba28(code, 0xFFF_FFF0, 2)
        assert host.write_blocks(pattern(1, 2)) == READY
        assert disk.written == {0xFFF_FFF0: pattern(1), 0xFFF_FFF1: pattern(2)}

    def test_48_bits(self) -> None:
        disk = SparseDisk(1 << 40)
        host = Host(disk)
        host.command_lba48(WRITE_EXT, 0x98_7654_3210, 300)
        assert host.write_blocks(pattern(*range(300))) == READY
        assert disk.read(0x98_7654_3210, 300) == pattern(*range(300))

    def test_cylinder_head_sector(self) -> None:
        disk = SparseDisk(SECTORS)
        host = Host(disk)
        host.command_chs(WRITE, 1, 2, 3, 1)
        host.write_blocks(pattern(4))
        assert disk.written == {(16 + 2) * 63 + 2: pattern(4)}

    @pytest.mark.parametrize(("code", "issue"), [(0xC5, "command_lba28"), (0x39, "command_lba48")])
    def test_multiple_takes_blocks_and_a_rest(self, code: int, issue: str) -> None:
        disk = SparseDisk(1000)
        host = Host(disk)
        host.command(SET_MULTIPLE, count=8)
        host.inb(STATUS)
        before = host.line.rises
        getattr(host, issue)(code, 500, 19)
        data = pattern(*range(19))
        for at in range(0, 19, 8):
            assert host.wait() == READY | DRQ
            assert host.channel.write_block(DATA, 4, data[at * SECTOR : (at + 8) * SECTOR]) is None
            host.wait_interrupt()
        assert host.inb(STATUS) == READY
        assert disk.read(500, 19) == data
        assert host.line.rises - before == 3

    def test_a_read_only_disk_is_write_protected(self) -> None:
        disk = SparseDisk(100)
        disk.read_only = True
        host = Host(disk)
        for code in (WRITE, WRITE_MULTIPLE):
            assert host.command_lba28(code, 0, 1) == READY | ERR
            assert host.inb(ERROR) == WP | ABRT
        assert host.command_lba48(WRITE_EXT, 0, 1) == READY | ERR
        assert host.line.level
        assert host.command_lba28(READ, 0, 1) == READY | DRQ

    def test_a_disabled_write_cache_flushes_every_request(self) -> None:
        disk = SparseDisk(100)
        host = Host(disk)
        host.command_lba28(WRITE, 0, 2)
        host.write_blocks(pattern(1, 2))
        assert disk.flushes == 0
        assert host.command(SET_FEATURES, features=0x82) == READY
        assert disk.flushes == 1
        host.command_lba28(WRITE, 0, 2)
        host.write_blocks(pattern(1, 2))
        assert disk.flushes == 2
        host.command(SET_FEATURES, features=0x02)
        host.command_lba28(WRITE, 0, 2)
        host.write_blocks(pattern(1, 2))
        assert disk.flushes == 2

    def test_too_much_data_is_lost(self) -> None:
        disk = SparseDisk(100)
        host = Host(disk)
        host.command_lba28(WRITE, 0, 1)
        host.write_words(pattern(1, 2))
        assert host.wait() == READY
        host.command_lba28(WRITE, 1, 1)
        host.channel.write_block(DATA, 2, pattern(3, 4))
        assert host.wait() == READY
        assert disk.written == {0: pattern(1), 1: pattern(3)}
