"""IDENTIFY DEVICE: 256 words, checked against the tables of ATA/ATAPI-6 8.15."""

import pytest

from hv.root.disk import MemoryDisk
from tests.devices.ata_driver import (
    DATA,
    DRQ,
    READY,
    SECTOR,
    STATUS,
    Host,
    SparseDisk,
)

MEGABYTE = 2048


def text(words: list[int]) -> str:
    return b"".join(word.to_bytes(2, "big") for word in words).decode("ascii")


def test_is_one_block_announced_by_an_interrupt() -> None:
    host = Host(MemoryDisk(SECTOR * 100))
    host.select(0)
    assert host.command(0xEC) == READY | DRQ
    assert host.line.level
    assert host.inb(STATUS) == READY | DRQ
    assert not host.line.level
    host.read_words()
    assert host.alternate_status() == READY
    host.clock.advance(1_000_000)
    assert not host.line.level


def test_the_bytes_add_up_to_zero() -> None:
    words = Host(MemoryDisk(SECTOR * 5000)).identify()
    assert words[255] & 0xFF == 0xA5
    assert sum(byte for word in words for byte in word.to_bytes(2, "little")) & 0xFF == 0


def test_describes_an_ata_disk_that_answers_completely() -> None:
    words = Host(MemoryDisk(SECTOR * 5000)).identify()
    assert not words[0] & 0x8000
    assert not words[0] & 0x0080
    assert words[2] == 0xC837
    assert words[80] & 1 << 6
    for word in (50, 83, 84, 87, 93):
        assert words[word] & 0xC000 == 0x4000


def test_strings_are_padded_and_swapped_within_words() -> None:
    words = Host(MemoryDisk(SECTOR * 100), MemoryDisk(SECTOR * 100)).identify()
    assert text(words[27:47]) == "HV ATA DISK".ljust(40)
    assert text(words[10:20]) == "HV0".ljust(20)
    assert text(words[23:27]).strip()


def test_two_disks_of_a_channel_have_their_own_serial_numbers() -> None:
    host = Host(MemoryDisk(SECTOR * 100), MemoryDisk(SECTOR * 100))
    assert host.identify(0)[10:20] != host.identify(1)[10:20]


@pytest.mark.parametrize(
    ("sectors", "geometry"),
    [
        (40 * MEGABYTE, (81, 16, 63)),
        (1008, (1, 16, 63)),
        (1007, (15, 1, 63)),
        (40, (1, 1, 40)),
        (1, (1, 1, 1)),
        (16383 * 1008, (16383, 16, 63)),
        (16383 * 1008 + 5000, (16383, 16, 63)),
        (1 << 32, (16383, 16, 63)),
    ],
)
def test_names_a_geometry_that_fits_the_disk(sectors: int, geometry: tuple[int, int, int]) -> None:
    words = Host(SparseDisk(sectors)).identify()
    assert (words[1], words[3], words[6]) == geometry
    assert tuple(words[54:57]) == geometry
    assert words[53] & 1
    total = geometry[0] * geometry[1] * geometry[2]
    assert words[57] | words[58] << 16 == total <= sectors


@pytest.mark.parametrize(
    ("sectors", "lba28"),
    [
        (1, 1),
        (0x12345, 0x12345),
        (0x0FFFFFFF, 0x0FFFFFFF),
        (0x10000000, 0x0FFFFFFF),
        (1 << 40, 0x0FFFFFFF),
    ],
)
def test_names_the_capacity_in_28_and_48_bits(sectors: int, lba28: int) -> None:
    words = Host(SparseDisk(sectors)).identify()
    assert words[49] & 1 << 9
    assert words[60] | words[61] << 16 == lba28
    assert words[83] & 1 << 10
    assert words[86] & 1 << 10
    assert sum(word << 16 * i for i, word in enumerate(words[100:104])) == sectors


def test_offers_pio_4() -> None:
    words = Host(MemoryDisk(SECTOR * 100)).identify()
    assert words[53] & 2
    assert words[64] & 3 == 3
    assert words[67] >= words[68] >= 120


def test_offers_multiword_and_ultra_dma() -> None:
    words = Host(MemoryDisk(SECTOR * 100)).identify()
    assert words[49] & 1 << 8
    assert words[53] & 1 << 2  # word 88 is valid
    assert words[62] == 0  # single word DMA is obsolete
    assert words[63] & 0xFF == 0x07
    assert words[65] == words[66] == 120  # ns: mode 2
    assert words[88] & 0xFF == 0x3F


@pytest.mark.parametrize(
    ("mode", "multiword", "ultra"),
    [
        (0x20, 0x0107, 0x003F),
        (0x21, 0x0207, 0x003F),
        (0x22, 0x0407, 0x003F),
        (0x40, 0x0007, 0x013F),
        (0x42, 0x0007, 0x043F),
        (0x45, 0x0007, 0x203F),
    ],
)
def test_tells_the_one_selected_dma_mode(mode: int, multiword: int, ultra: int) -> None:
    host = Host(MemoryDisk(SECTOR * 100))
    assert host.command(0xEF, features=0x03, count=mode) == READY
    words = host.identify()
    assert (words[63], words[88]) == (multiword, ultra)
    assert host.command(0xEF, features=0x03, count=0x0C) == READY  # PIO is another setting
    assert host.identify()[63] == multiword


def test_every_enabled_command_set_is_supported() -> None:
    words = Host(MemoryDisk(SECTOR * 100)).identify()
    for supported, enabled in ((82, 85), (83, 86), (84, 87)):
        assert not words[enabled] & ~words[supported]
    assert words[82] & 1 << 3
    assert words[83] & 0x3000 == 0x3000


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16, 0])
def test_tells_the_multiple_setting(count: int) -> None:
    host = Host(MemoryDisk(SECTOR * 100))
    assert host.identify()[47] == 0x8010
    host.command(0xC6, count=count)
    assert host.identify()[59] == 0x0100 | count


def test_tells_the_caches_and_the_translation() -> None:
    host = Host(MemoryDisk(SECTOR * 10000))
    assert host.identify()[85] & 0x60 == 0x60
    host.command(0xEF, features=0x82)
    host.command(0xEF, features=0x55)
    assert host.identify()[85] & 0x60 == 0
    host.select(0, 0xA0 | 3)
    assert host.command(0x91, count=17) == READY
    words = host.identify()
    assert words[54:57] == [10000 // (4 * 17), 4, 17]
    assert (words[1], words[3], words[6]) == (9, 16, 63)


def test_says_which_device_it_is_and_who_else_is_there() -> None:
    alone = Host(MemoryDisk(SECTOR)).identify()[93]
    assert alone & 0x0001
    assert alone & 1 << 6
    assert not alone & 0x1F00
    pair = Host(MemoryDisk(SECTOR), MemoryDisk(SECTOR))
    first, second = pair.identify(0)[93], pair.identify(1)[93]
    assert not first & 1 << 6
    assert first & 0x0030 == 0x0030
    assert second & 0x0100
    assert not second & 0x00FF


def test_reads_the_same_through_every_width() -> None:
    by_width = []
    for width in (2, 4):
        host = Host(MemoryDisk(SECTOR * 100))
        host.command(0xEC)
        reads = (host.channel.read(DATA, width) for _ in range(SECTOR // width))
        by_width.append(b"".join(value.to_bytes(width, "little") for value in reads))
    assert by_width[0] == by_width[1]
