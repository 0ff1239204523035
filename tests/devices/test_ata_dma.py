"""READ DMA and WRITE DMA: what the disk shows while the host's engine moves the data.

Numbers from ATA/ATAPI-6 (INCITS 361-2002): 8.x commands, 9.8 DMA command protocol.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hv.root.disk import MemoryDisk
from hv_devices.emulated.ata import AtaChannel
from tests.devices.ata_driver import (
    ABRT,
    BSY,
    COMMAND,
    DATA,
    DEVICE,
    DRQ,
    ERR,
    ERROR,
    IDNF,
    READY,
    SECTOR,
    SRST,
    STATUS,
    UNC,
    WP,
    FaultyDisk,
    Host,
    SparseDisk,
    numbered,
    pattern,
)
from tests.fakes import RecordingLine

READ_DMA, READ_DMA_EXT, WRITE_DMA, WRITE_DMA_EXT = 0xC8, 0x25, 0xCA, 0x35
BLOCK = 128
"""Sectors that the disk offers at once."""


class DmaHost(Host):
    """A host whose adapter sees DMARQ and moves data when the test says so."""

    def __init__(self, *disks: object) -> None:
        super().__init__()
        self.dmarq = RecordingLine()
        media = (*disks, None, None)[:2]
        self.channel = AtaChannel(self.line, self.clock, media, dmarq=self.dmarq)  # type: ignore[arg-type]

    def _pieces(self, size: int, piece: int) -> Iterator[int]:
        while size:
            self.wait()
            yield min(piece, size)
            size -= min(piece, size)

    def dma_read(self, sectors: int, piece: int = SECTOR) -> bytes:
        data = b""
        for size in self._pieces(sectors * SECTOR, piece):
            assert self.dmarq.level
            data += self.channel.dma_take(size)
        return data

    def dma_write(self, data: bytes, piece: int = SECTOR) -> None:
        at = 0
        for size in self._pieces(len(data), piece):
            assert self.channel.dma_ready(False) >= size
            self.channel.dma_give(data[at : at + size])
            at += size


@pytest.fixture
def host() -> DmaHost:
    return DmaHost(numbered())


def test_a_read_waits_with_drq_until_the_engine_takes_it(host: DmaHost) -> None:
    assert host.command_lba28(READ_DMA, 5, 2) == READY | DRQ
    host.clock.advance(1_000_000_000)
    assert host.alternate_status() == READY | DRQ
    assert host.dmarq.level
    assert host.line.rises == 0
    assert host.channel.dma_ready(True) == 2 * SECTOR
    assert host.channel.dma_take(2 * SECTOR) == pattern(5, 6)
    assert not host.dmarq.level
    assert host.line.level
    assert host.inb(STATUS) == READY
    assert not host.line.level


def test_a_write_asks_for_its_data_and_interrupts_when_it_is_stored(host: DmaHost) -> None:
    assert host.command_lba28(WRITE_DMA, 5, 2) == READY | DRQ
    assert host.dmarq.level
    assert host.channel.dma_ready(False) == 2 * SECTOR
    host.channel.dma_give(pattern(100, 101))
    assert not host.dmarq.level
    assert host.inb(STATUS) == BSY
    assert host.line.rises == 0
    assert host.wait_interrupt() == READY
    assert host.channel.drives[0].medium.read(4, 4) == pattern(4, 100, 101, 7)  # type: ignore[union-attr]


@pytest.mark.parametrize("piece", [2, 510, SECTOR, BLOCK * SECTOR])
def test_a_read_of_several_blocks_has_one_interrupt(host: DmaHost, piece: int) -> None:
    host.command_lba28(READ_DMA, 1, 256)
    sectors = b""
    while len(sectors) < 256 * SECTOR:
        host.wait()
        sectors += host.channel.dma_take(piece)
    assert sectors == pattern(*range(1, 257))
    assert host.line.rises == 1
    assert host.dmarq.rises == 2


def test_a_write_of_several_blocks_has_one_interrupt(host: DmaHost) -> None:
    data = pattern(*range(1000, 1300))
    host.command_lba48(WRITE_DMA_EXT, 20, 300)
    host.dma_write(data)
    assert host.wait_interrupt() == READY
    assert host.line.rises == 1
    assert host.dmarq.rises == 3
    assert host.channel.drives[0].medium.read(20, 300) == data  # type: ignore[union-attr]


def test_48_bit_commands_reach_and_report_high_sectors() -> None:
    disk = SparseDisk(1 << 40)
    host = DmaHost(disk)
    lba = 0x89ABCDEF01
    host.command_lba48(WRITE_DMA_EXT, lba, 3)
    host.dma_write(pattern(1, 2, 3))
    assert host.wait() == READY
    assert host.lba48() == lba + 2
    host.command_lba48(READ_DMA_EXT, lba, 3)
    assert host.dma_read(3) == pattern(1, 2, 3)


def test_no_retry_codes_do_the_same(host: DmaHost) -> None:
    host.command_lba28(0xC9, 9, 1)
    assert host.dma_read(1) == pattern(9)
    host.command_lba28(0xCB, 9, 1)
    host.dma_write(pattern(77))
    assert host.wait() == READY


def test_the_data_port_has_no_part_in_it(host: DmaHost) -> None:
    host.command_lba28(READ_DMA, 0, 1)
    assert host.inb(DATA) == 0x7F
    host.channel.write_block(DATA, 2, bytes(SECTOR))
    assert host.dma_read(1) == pattern(0)
    host.command_lba28(0x20, 0, 1)
    assert host.channel.dma_take(SECTOR) == b""
    assert host.read_words() == pattern(0)


def test_the_engine_gets_nothing_from_the_other_side_of_a_command(host: DmaHost) -> None:
    host.command_lba28(READ_DMA, 0, 1)
    assert host.channel.dma_ready(False) == 0
    host.channel.dma_give(bytes(SECTOR))
    assert host.dma_read(1) == pattern(0)
    host.command_lba28(WRITE_DMA, 0, 1)
    assert host.channel.dma_take(SECTOR) == b""
    host.dma_write(pattern(3))
    assert host.wait() == READY


@pytest.mark.parametrize("code", [READ_DMA, WRITE_DMA])
def test_a_range_that_leaves_the_disk_moves_nothing(host: DmaHost, code: int) -> None:
    assert host.command_lba28(code, 2015, 2) == READY | ERR
    assert host.inb(ERROR) == IDNF
    assert host.lba28() == 2016
    assert not host.dmarq.rises
    assert host.channel.dma_ready(False) == 0
    assert host.channel.dma_take(SECTOR) == b""


def test_a_bad_sector_ends_a_read_behind_the_good_blocks() -> None:
    host = DmaHost(FaultyDisk(1000, 200))
    host.command_lba28(READ_DMA, 0, 255)
    assert len(host.dma_read(BLOCK)) == BLOCK * SECTOR
    assert host.wait() == READY | ERR
    assert host.inb(ERROR) == UNC
    assert host.lba28() == 200
    assert host.line.level
    assert not host.dmarq.level


def test_a_protected_disk_refuses_to_be_written() -> None:
    disk = SparseDisk(100)
    disk.read_only = True
    host = DmaHost(disk)
    assert host.command_lba28(WRITE_DMA, 0, 1) == READY | ERR
    assert host.inb(ERROR) == WP | ABRT
    assert not host.dmarq.rises


def test_a_software_reset_drops_the_request(host: DmaHost) -> None:
    host.command_lba28(READ_DMA, 0, 1)
    host.control(SRST)
    assert not host.dmarq.level
    host.control(0)
    assert host.wait() == READY
    assert host.channel.dma_take(SECTOR) == b""


def test_another_command_ends_a_transfer_that_waits(host: DmaHost) -> None:
    host.command_lba28(WRITE_DMA, 0, 1)
    host.outb(COMMAND, 0xEC)
    assert not host.dmarq.level
    assert host.wait() == READY | DRQ
    assert len(host.read_words()) == SECTOR
    assert host.dmarq.rises == 1


def test_only_the_selected_device_drives_the_wire() -> None:
    host = DmaHost(numbered(), numbered())
    host.command_lba28(READ_DMA, 3, 1)
    host.outb(DEVICE, 0xF0)
    assert not host.dmarq.level
    assert host.channel.dma_take(SECTOR) == b""
    host.outb(DEVICE, 0xE0)
    assert host.dmarq.level
    assert host.dma_read(1) == pattern(3)


def test_an_empty_channel_has_nothing_to_move() -> None:
    host = DmaHost()
    host.outb(COMMAND, READ_DMA)
    assert host.channel.dma_take(SECTOR) == b""
    assert host.channel.dma_ready(False) == 0
    host.channel.dma_give(b"")
    assert not host.dmarq.rises


def test_what_it_moved_is_counted(host: DmaHost) -> None:
    host.command_lba28(READ_DMA, 0, 200)
    host.dma_read(200)
    host.command_lba28(WRITE_DMA, 0, 1)
    host.dma_write(bytes(SECTOR))
    host.wait()
    state = replace(host.channel.drives[0].state)  # type: ignore[union-attr]
    assert (state.reads, state.bytes_read) == (1, 200 * SECTOR)
    assert (state.writes, state.bytes_written) == (1, SECTOR)


def test_power_on_reset_drops_the_request(host: DmaHost) -> None:
    host.command_lba28(READ_DMA, 0, 1)
    host.channel.reset()
    assert not host.dmarq.level
    assert host.alternate_status() == READY


def test_settings_of_dma_revert_with_the_others() -> None:
    host = DmaHost(MemoryDisk(SECTOR * 100))
    assert host.command(0xEF, features=0x03, count=0x45) == READY
    assert host.identify()[88] == 0x203F
    host.command(0xEF, features=0xCC)  # enable reverting to power-on defaults
    host.control(SRST)
    host.control(0)
    host.wait()
    words = host.identify()
    assert (words[63], words[88]) == (0x0407, 0x003F)
