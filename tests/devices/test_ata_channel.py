"""The cable: selection, resets and signatures, the interrupt wire, and places where no disk is."""

import pytest

from hv.root.disk import MemoryDisk
from tests.devices.ata_driver import (
    ABRT,
    BSY,
    COMMAND,
    COUNT,
    DATA,
    DEVICE,
    DRQ,
    ERR,
    ERROR,
    FEATURES,
    HOB,
    LBA_HIGH,
    LBA_LOW,
    LBA_MID,
    NIEN,
    READY,
    SRST,
    STATUS,
    Host,
    pattern,
)

IDENTIFY, READ, WRITE, DIAGNOSE, FLUSH = 0xEC, 0x20, 0x30, 0x90, 0xE7

SIGNATURE = [1, 1, 0, 0]


def disk(first: int = 0) -> MemoryDisk:
    return MemoryDisk(pattern(*range(first, first + 100)))


def signature(host: Host) -> list[int]:
    return [host.inb(offset) for offset in (COUNT, LBA_LOW, LBA_MID, LBA_HIGH)]


class TestRegisters:
    @pytest.mark.parametrize("offset", [COUNT, LBA_LOW, LBA_MID, LBA_HIGH])
    def test_keep_the_last_two_writes(self, offset: int) -> None:
        host = Host(disk())
        host.outb(offset, 0x12)
        host.outb(offset, 0x34)
        assert host.both(offset) == (0x12, 0x34)
        host.outb(offset, 0x56)
        assert host.both(offset) == (0x34, 0x56)

    def test_device_keeps_its_bits(self) -> None:
        host = Host(disk())
        host.outb(DEVICE, 0xEA)
        assert host.inb(DEVICE) == 0xEA

    def test_any_write_of_the_command_block_ends_hob(self) -> None:
        host = Host(disk())
        host.outb(COUNT, 0x12)
        host.outb(COUNT, 0x34)
        host.control(HOB)
        assert host.inb(COUNT) == 0x12
        host.outb(LBA_LOW, 0)
        assert host.inb(COUNT) == 0x34

    def test_features_is_not_error(self) -> None:
        host = Host(disk())
        host.outb(FEATURES, 0x55)
        assert host.inb(ERROR) == 0x01

    def test_busy_hides_and_guards_them(self) -> None:
        host = Host(disk())
        host.outb(COUNT, 5)
        host.outb(COMMAND, FLUSH)
        for offset in range(1, 8):
            assert host.inb(offset) == BSY
        host.outb(COUNT, 9)
        host.outb(COMMAND, 0xFF)
        host.wait()
        assert host.inb(COUNT) == 5
        assert host.inb(STATUS) == READY

    def test_busy_looks_the_same_on_device_1(self) -> None:
        host = Host(disk(), disk())
        host.select(1)
        host.outb(COMMAND, FLUSH)
        assert host.inb(DEVICE) == BSY

    def test_wide_accesses_are_their_bytes(self) -> None:
        host = Host(disk())
        host.channel.write(COUNT, 0x44332211, 4)
        assert [host.inb(offset) for offset in range(2, 6)] == [0x11, 0x22, 0x33, 0x44]
        assert host.channel.read(COUNT, 4) == 0x44332211
        assert host.channel.read(STATUS, 2) == 0xFF00 | READY

    def test_the_drive_address_register_floats(self) -> None:
        host = Host(disk())
        assert host.channel.read_control(1, 1) == 0xFF
        assert host.channel.read_control(0, 2) == 0xFF00 | READY


class TestPowerOn:
    def test_the_disk_is_ready_and_signs(self) -> None:
        host = Host(disk(), disk())
        for unit in (0, 1):
            host.select(unit)
            assert host.inb(STATUS) == READY
        host.channel.reset()
        assert host.inb(ERROR) == 0x01
        assert signature(host) == SIGNATURE
        assert host.inb(DEVICE) == 0
        assert not host.line.level

    def test_a_reset_ends_everything(self) -> None:
        host = Host(disk())
        host.command_lba28(READ, 0, 2)
        host.read_words()
        host.control(NIEN)
        host.channel.reset()
        host.clock.advance(1_000_000)
        assert host.inb(STATUS) == READY
        assert not host.line.level
        host.command(FLUSH)
        assert host.line.level


class TestSoftwareReset:
    def test_both_devices_are_busy_until_a_while_after_it_ends(self) -> None:
        host = Host(disk(), disk())
        host.control(SRST)
        host.clock.advance(10_000_000)
        for unit in (0, 1):
            host.select(unit)
            assert host.inb(STATUS) == BSY
        host.control(0)
        assert host.inb(STATUS) == BSY
        for unit in (0, 1):
            host.select(unit)
            assert host.wait() == READY

    def test_selects_device_0_and_signs(self) -> None:
        host = Host(disk(), disk())
        host.select(1)
        host.outb(LBA_MID, 0x14)
        host.control(SRST)
        host.control(0)
        host.wait()
        assert host.inb(DEVICE) == 0
        assert host.inb(ERROR) == 0x01
        assert signature(host) == SIGNATURE
        host.select(1)
        assert host.inb(ERROR) == 0x01
        assert signature(host) == SIGNATURE

    def test_comes_without_an_interrupt_and_takes_a_pending_one_back(self) -> None:
        host = Host(disk())
        host.command(FLUSH)
        assert host.line.level
        host.control(SRST)
        assert not host.line.level
        host.control(0)
        host.wait()
        host.clock.advance(1_000_000)
        assert host.line.rises == 1

    def test_ends_a_transfer(self) -> None:
        host = Host(disk())
        host.command_lba28(READ, 0, 2)
        host.read_words()
        host.control(SRST)
        host.control(0)
        assert host.wait() == READY
        assert host.channel.read(DATA, 2) == 0xFF7F

    def test_ends_a_command_that_is_under_way(self) -> None:
        host = Host(disk())
        host.outb(COMMAND, FLUSH)
        host.control(SRST)
        host.clock.advance(1_000_000)
        assert host.inb(STATUS) == BSY
        host.control(0)
        assert host.wait() == READY
        assert host.line.rises == 0

    def test_can_be_asserted_again_before_it_is_over(self) -> None:
        host = Host(disk())
        for value in (SRST, 0, SRST):
            host.control(value)
        host.clock.advance(1_000_000)
        assert host.inb(STATUS) == BSY
        host.control(0)
        assert host.wait() == READY

    def test_commands_during_it_are_lost(self) -> None:
        host = Host(disk())
        host.control(SRST)
        host.outb(COMMAND, FLUSH)
        host.control(0)
        host.outb(COMMAND, FLUSH)
        host.wait()
        host.clock.advance(1_000_000)
        assert host.line.rises == 0


class TestDiagnostic:
    @pytest.mark.parametrize("unit", [0, 1])
    def test_both_devices_obey_and_device_0_interrupts(self, unit: int) -> None:
        host = Host(disk(), disk())
        host.select(unit)
        host.outb(COMMAND, DIAGNOSE)
        assert host.wait_interrupt() == READY
        assert host.line.rises == 1
        assert host.inb(DEVICE) == 0
        for selected in (0, 1):
            host.select(selected)
            assert host.wait() == READY
            assert host.inb(ERROR) == 0x01
            assert signature(host) == SIGNATURE
            assert not host.line.level

    def test_device_0_alone_obeys_for_device_1(self) -> None:
        host = Host(disk())
        host.select(1)
        host.outb(COMMAND, DIAGNOSE)
        assert host.wait_interrupt() == READY
        assert host.inb(ERROR) == 0x01

    def test_waits_for_no_busy_drive(self) -> None:
        host = Host(disk())
        host.outb(COMMAND, 0xFF)
        host.outb(COMMAND, DIAGNOSE)
        assert host.wait() == READY | ERR
        assert host.inb(ERROR) == ABRT


class TestSelection:
    def test_commands_go_to_the_selected_device(self) -> None:
        host = Host(disk(0), disk(1000))
        for unit, base in ((0, 0), (1, 1000), (0, 0)):
            host.command_lba28(READ, 7, 1, unit)
            assert host.read_words() == pattern(base + 7)

    def test_registers_are_written_to_both_devices(self) -> None:
        host = Host(disk(), disk())
        host.outb(LBA_LOW, 0x77)
        host.select(1)
        assert host.inb(LBA_LOW) == 0x77

    def test_a_device_keeps_its_transfer_while_the_other_is_selected(self) -> None:
        host = Host(disk(0), disk(1000))
        host.command_lba28(READ, 1, 1, 0)
        host.command_lba28(READ, 2, 1, 1)
        assert host.read_words() == pattern(1002)
        host.select(0)
        assert host.read_words() == pattern(1)

    def test_only_the_selected_device_drives_the_wire(self) -> None:
        host = Host(disk(), disk())
        host.select(0)
        host.command(FLUSH)
        assert host.line.level
        host.select(1)
        assert not host.line.level
        host.inb(STATUS)
        host.select(0)
        assert host.line.level
        host.inb(STATUS)
        assert not host.line.level


class TestInterrupt:
    def test_status_takes_it_back_and_alternate_status_does_not(self) -> None:
        host = Host(disk())
        host.command(FLUSH)
        host.alternate_status()
        assert host.line.level
        host.inb(STATUS)
        assert not host.line.level

    def test_a_new_command_takes_it_back(self) -> None:
        host = Host(disk())
        host.command(FLUSH)
        host.outb(COMMAND, FLUSH)
        assert not host.line.level
        host.wait()
        assert host.line.rises == 2

    def test_nien_holds_it_back_and_lets_it_come(self) -> None:
        host = Host(disk())
        host.control(NIEN)
        host.command(FLUSH)
        assert not host.line.level
        host.control(0)
        assert host.line.level
        host.control(NIEN)
        assert not host.line.level

    def test_status_under_nien_takes_it_back_too(self) -> None:
        host = Host(disk())
        host.control(NIEN)
        host.command(FLUSH)
        host.inb(STATUS)
        host.control(0)
        assert host.line.rises == 0


class TestAbsentDevice1:
    """Device 0 alone on the cable: ATA/ATAPI-6 9.16.1."""

    def test_status_reads_0_and_the_rest_is_device_0s(self) -> None:
        host = Host(disk())
        host.select(1)
        assert host.inb(STATUS) == 0
        assert host.alternate_status() == 0
        assert signature(host) == SIGNATURE
        host.outb(COUNT, 0x55)
        assert host.inb(COUNT) == 0x55
        assert host.inb(DEVICE) == 0xF0
        host.select(0)
        assert host.inb(COUNT) == 0x55

    def test_commands_are_ignored(self) -> None:
        host = Host(disk())
        host.select(1)
        host.outb(COMMAND, IDENTIFY)
        host.clock.advance(1_000_000)
        assert host.inb(STATUS) == 0
        assert host.channel.read(DATA, 2) == 0xFF7F
        host.select(0)
        assert host.inb(STATUS) == READY
        assert host.line.rises == 0

    def test_its_status_leaves_the_interrupt_of_device_0(self) -> None:
        host = Host(disk())
        host.command(FLUSH)
        host.select(1)
        assert not host.line.level
        host.inb(STATUS)
        host.select(0)
        assert host.line.level

    def test_a_write_goes_nowhere(self) -> None:
        master = disk()
        host = Host(master)
        host.command_lba28(WRITE, 0, 1)
        host.select(1)
        host.write_words(pattern(99))
        host.select(0)
        assert host.alternate_status() == READY | DRQ
        assert master.read(0, 1) == pattern(0)


class TestAbsentDevice0:
    def test_the_bus_floats_without_bsy(self) -> None:
        host = Host(None, disk(1000))
        host.select(0)
        assert [host.inb(offset) for offset in range(1, 8)] == [0x7F] * 7
        assert host.alternate_status() == 0x7F
        host.outb(COMMAND, IDENTIFY)
        assert host.wait() == 0x7F
        assert host.line.rises == 0

    def test_device_1_works(self) -> None:
        host = Host(None, disk(1000))
        host.command_lba28(READ, 5, 1, 1)
        assert host.read_words() == pattern(1005)
        host.control(SRST)
        host.control(0)
        assert host.alternate_status() == 0x7F
        host.select(1)
        assert host.wait() == READY
        assert signature(host) == SIGNATURE


class TestEmptyChannel:
    def test_everything_floats_without_bsy(self) -> None:
        host = Host()
        for unit in (0, 1):
            host.select(unit)
            for offset in range(1, 8):
                host.outb(offset, 0x55)
                assert host.inb(offset) == 0x7F
            assert host.alternate_status() == 0x7F
            assert host.channel.read(DATA, 2) == 0xFF7F
            assert host.channel.read_block(DATA, 4, 2) == b"\x7f\xff" * 4

    def test_resets_and_commands_wake_nobody(self) -> None:
        host = Host()
        for code in (IDENTIFY, DIAGNOSE):
            host.outb(COMMAND, code)
        host.control(SRST)
        host.control(0)
        host.channel.reset()
        host.clock.advance(1_000_000_000)
        assert host.inb(STATUS) == 0x7F
        assert host.line.rises == 0


def test_two_channels_share_nothing() -> None:
    first, second = Host(disk(0)), Host(disk(1000))
    first.command_lba28(READ, 3, 1)
    second.command_lba28(READ, 4, 1)
    assert second.read_words() == pattern(1004)
    assert first.read_words() == pattern(3)
