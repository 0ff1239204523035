"""Commands that move no medium data: settings, power, diagnosis of one drive, and refusals."""

import pytest

from hv.root.disk import MemoryDisk
from tests.devices.ata_driver import (
    ABRT,
    BSY,
    COMMAND,
    COUNT,
    DF,
    DRQ,
    ERR,
    ERROR,
    IDNF,
    LBA_HIGH,
    LBA_LOW,
    LBA_MID,
    READY,
    SECTOR,
    SRST,
    STATUS,
    FaultyDisk,
    Host,
    SparseDisk,
    pattern,
)

IDENTIFY, SET_FEATURES, SET_MULTIPLE, INITIALIZE = 0xEC, 0xEF, 0xC6, 0x91
READ_SECTORS, READ_MULTIPLE, WRITE_MULTIPLE = 0x20, 0xC4, 0xC5
CHECK_POWER, SLEEP = 0xE5, 0xE6

KNOWN = {
    *range(0x10, 0x20),
    *(0x20, 0x21, 0x24, 0x25, 0x27, 0x29, 0x30, 0x31, 0x34, 0x35, 0x39, 0x40, 0x41, 0x42),
    *range(0x70, 0x80),
    *range(0x90, 0x92),
    *range(0x94, 0x9A),
    *(0xC4, 0xC5, 0xC6, 0xC8, 0xC9, 0xCA, 0xCB),
    *(0xE0, 0xE1, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xEA, 0xEC, 0xEF, 0xF8),
}


@pytest.fixture
def host() -> Host:
    host = Host(MemoryDisk(20000 * SECTOR))
    host.select(0)
    return host


@pytest.mark.parametrize("code", sorted(set(range(256)) - KNOWN))
def test_what_the_disk_does_not_know_is_aborted(host: Host, code: int) -> None:
    host.outb(COMMAND, code)
    assert host.inb(STATUS) == BSY
    assert host.wait_interrupt() == READY | ERR
    assert host.inb(ERROR) == ABRT
    assert host.line.rises == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [("IDENTIFY PACKET DEVICE", 0xA1), ("READ DMA QUEUED", 0xC7), ("NOP", 0x00)],
)
def test_famous_refusals(host: Host, name: str, code: int) -> None:
    assert host.command(code, count=1) == READY | ERR
    assert host.inb(ERROR) == ABRT


@pytest.mark.parametrize("code", [*range(0x10, 0x20), 0xE7, 0xEA, 0xE0, 0xE1, 0xE2, 0xE3])
def test_non_data_commands_end_with_one_interrupt(host: Host, code: int) -> None:
    host.outb(COMMAND, code)
    assert host.wait_interrupt() == READY
    host.clock.advance(1_000_000)
    assert host.line.rises == 1


@pytest.mark.parametrize("code", [0x70, 0x7F])
def test_seek_checks_the_address(host: Host, code: int) -> None:
    assert host.command_lba28(code, 19999, 0) == READY
    assert host.command_lba28(code, 20000, 0) == READY | ERR
    assert host.inb(ERROR) == IDNF
    assert host.command_chs(code, 0, 0, 1, 0) == READY
    assert host.command_chs(code, 0, 0, 0, 0) == READY | ERR
    host.command_lba48(0x24, 0, 1)
    assert host.command_lba28(code, 0x0100_0000, 0) == READY | ERR


class TestMultiple:
    def test_0_turns_it_off(self, host: Host) -> None:
        assert host.command(SET_MULTIPLE, count=0) == READY
        for code in (READ_MULTIPLE, WRITE_MULTIPLE):
            assert host.command_lba28(code, 0, 1) == READY | ERR
            assert host.inb(ERROR) == ABRT
        for code in (0x29, 0x39):
            assert host.command_lba48(code, 0, 1) == READY | ERR
            assert host.inb(ERROR) == ABRT

    @pytest.mark.parametrize("count", [3, 5, 15, 17, 32, 128, 255])
    def test_an_impossible_block_is_refused_and_turns_it_off(self, host: Host, count: int) -> None:
        host.command(SET_MULTIPLE, count=8)
        assert host.command(SET_MULTIPLE, count=count) == READY | ERR
        assert host.inb(ERROR) == ABRT
        assert host.command_lba28(READ_MULTIPLE, 0, 1) == READY | ERR

    def test_reading_single_sectors_does_not_care(self, host: Host) -> None:
        host.command(SET_MULTIPLE, count=0)
        assert host.command_lba28(READ_SECTORS, 0, 2) == READY | DRQ
        assert len(host.read_blocks(2)) == 2 * SECTOR


class TestFeatures:
    @pytest.mark.parametrize("mode", [0x00, 0x01, 0x08, 0x09, 0x0A, 0x0B, 0x0C])
    def test_pio_modes_can_be_set(self, host: Host, mode: int) -> None:
        assert host.command(SET_FEATURES, features=0x03, count=mode) == READY

    @pytest.mark.parametrize("mode", [0x02, 0x0D, 0x10, 0x1F, 0x23, 0x3F, 0x46, 0xFF])
    def test_other_modes_cannot(self, host: Host, mode: int) -> None:
        assert host.command(SET_FEATURES, features=0x03, count=mode) == READY | ERR
        assert host.inb(ERROR) == ABRT

    @pytest.mark.parametrize("feature", [0x02, 0x82, 0x55, 0xAA, 0x66, 0xCC])
    def test_caches_and_defaults(self, host: Host, feature: int) -> None:
        assert host.command(SET_FEATURES, features=feature) == READY

    @pytest.mark.parametrize("feature", [0x00, 0x01, 0x05, 0x10, 0x31, 0x44, 0x85, 0xBB, 0xFF])
    def test_the_rest_is_refused(self, host: Host, feature: int) -> None:
        assert host.command(SET_FEATURES, features=feature) == READY | ERR
        assert host.inb(ERROR) == ABRT

    def test_settings_outlive_a_software_reset_unless_told_otherwise(self, host: Host) -> None:
        host.command(SET_MULTIPLE, count=4)
        host.command(SET_FEATURES, features=0x82)
        for feature, multiple, cache in ((0x66, 4, 0), (0xCC, 16, 0x20)):
            host.command(SET_FEATURES, features=feature)
            host.control(SRST)
            host.control(0)
            host.wait()
            words = host.identify()
            assert words[59] == 0x100 | multiple
            assert words[85] & 0x20 == cache

    def test_a_hardware_reset_reverts_always(self, host: Host) -> None:
        host.command(SET_MULTIPLE, count=4)
        host.channel.reset()
        assert host.identify()[59] == 0x110


class TestTranslation:
    def test_a_track_of_no_sectors_is_refused(self, host: Host) -> None:
        assert host.command(INITIALIZE, count=0) == READY | ERR
        assert host.inb(ERROR) == ABRT
        assert host.identify()[54:57] == [19, 16, 63]

    def test_a_cylinder_larger_than_the_disk_is_refused(self) -> None:
        host = Host(MemoryDisk(100 * SECTOR))
        host.select(0, 0xAF)
        assert host.command(INITIALIZE, count=63) == READY | ERR
        host.select(0, 0xA0)
        assert host.command(INITIALIZE, count=50) == READY
        assert host.identify()[54:57] == [2, 1, 50]

    def test_255_sectors_a_track_are_fine(self, host: Host) -> None:
        host.select(0, 0xAF)
        assert host.command(INITIALIZE, count=255) == READY
        assert host.identify()[54:57] == [20000 // (16 * 255), 16, 255]

    def test_cylinders_stay_within_16_bits(self) -> None:
        host = Host(SparseDisk(1 << 30))
        host.select(0, 0xA0)
        assert host.command(INITIALIZE, count=1) == READY
        assert host.identify()[54:57] == [0xFFFF, 1, 1]


class TestNativeMax:
    @pytest.mark.parametrize(
        ("sectors", "highest"), [(1000, 999), (1 << 28, 0xFFF_FFFE), (1 << 40, 0xFFF_FFFE)]
    )
    def test_28_bits(self, sectors: int, highest: int) -> None:
        host = Host(SparseDisk(sectors))
        host.select(0)
        assert host.command(0xF8) == READY
        assert host.lba28() == highest

    @pytest.mark.parametrize("sectors", [1000, 1 << 28, 0x1234_5678_9ABC])
    def test_48_bits(self, sectors: int) -> None:
        host = Host(SparseDisk(sectors))
        host.select(0)
        assert host.command(0x27) == READY
        assert host.lba48() == sectors - 1


class TestPower:
    def check(self, host: Host) -> int:
        assert host.command(CHECK_POWER) == READY
        return host.inb(COUNT)

    @pytest.mark.parametrize(
        ("code", "mode"),
        [
            *((code, 0x00) for code in (0xE0, 0xE2, 0x94, 0x96)),
            *((code, 0x80) for code in (0xE1, 0xE3, 0x95, 0x97)),
        ],
    )
    def test_modes_are_told_and_end_with_the_next_access(
        self, host: Host, code: int, mode: int
    ) -> None:
        assert self.check(host) == 0xFF
        assert host.command(code) == READY
        assert self.check(host) == mode
        assert host.command(0x98) == READY
        assert host.inb(COUNT) == mode
        host.command_lba28(READ_SECTORS, 0, 1)
        host.read_blocks(1)
        assert self.check(host) == 0xFF

    @pytest.mark.parametrize("code", [0xE6, 0x99])
    def test_sleep_ends_with_a_reset_only(self, host: Host, code: int) -> None:
        assert host.command(code) == READY
        host.inb(STATUS)
        for attempt in (IDENTIFY, 0x90, CHECK_POWER):
            host.outb(COMMAND, attempt)
            host.clock.advance(1_000_000)
            assert host.alternate_status() == READY
            assert not host.line.level
        host.control(SRST)
        host.control(0)
        assert host.wait() == READY
        assert host.identify()[255] & 0xFF == 0xA5


class TestFlush:
    @pytest.mark.parametrize("code", [0xE7, 0xEA])
    def test_reaches_the_medium(self, code: int) -> None:
        disk = SparseDisk(10)
        host = Host(disk)
        assert host.command(code) == READY
        assert disk.flushes == 1

    def test_tells_when_the_host_fails(self) -> None:
        disk = FaultyDisk(10)
        disk.cannot_flush = True
        host = Host(disk)
        assert host.command(0xE7) == READY | DF | ERR
        assert host.inb(ERROR) == ABRT
        assert host.command(SET_FEATURES, features=0x82) == READY | DF | ERR
        host.command_lba28(0x30, 0, 1)
        assert host.write_blocks(pattern(0)) == READY | DF | ERR


class TestSectorBuffer:
    def test_keeps_what_was_written(self, host: Host) -> None:
        assert host.command(0xE8) == READY | DRQ
        assert host.line.rises == 0
        host.write_words(pattern(5))
        assert host.wait_interrupt() == READY
        assert host.command(0xE4) == READY | DRQ
        assert host.line.level
        assert host.read_words() == pattern(5)

    def test_is_no_part_of_the_disk(self, host: Host) -> None:
        host.command(0xE8)
        host.write_words(pattern(5))
        host.wait()
        host.command_lba28(READ_SECTORS, 0, 1)
        assert host.read_words() == bytes(SECTOR)


def test_a_failed_command_leaves_the_address_registers(host: Host) -> None:
    for offset, value in ((COUNT, 1), (LBA_LOW, 2), (LBA_MID, 3), (LBA_HIGH, 4)):
        host.outb(offset, value)
    host.outb(COMMAND, 0xFF)
    host.wait()
    assert [host.inb(offset) for offset in (COUNT, LBA_LOW, LBA_MID, LBA_HIGH)] == [1, 2, 3, 4]
