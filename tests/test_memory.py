"""Guest physical memory as bus masters see it, and the MMIO table that fills its holes."""

import pytest

from hv.errors import ConfigError
from hv.memory import SystemMemory
from hv.mmio import MmioBus

RAM = 2 << 20
HOLE, ROM = 0xA0000, 0xF0000


def test_ram_reads_back_and_what_is_not_there_reads_all_ones() -> None:
    memory = SystemMemory(RAM)
    memory.write(0x1000, b"abc")
    assert memory.read(0x1000, 3) == b"abc"
    assert memory.read(HOLE, 2) == b"\xff\xff"
    assert memory.read(RAM - 1, 3) == b"\0\xff\xff"
    assert memory.read(1 << 50, 2) == b"\xff\xff"


def test_bus_masters_cannot_write_rom_or_holes() -> None:
    memory = SystemMemory(RAM)
    memory.write(ROM, b"x")
    memory.write(HOLE - 1, b"ab")
    assert memory.read(ROM, 1) == b"\xff"
    assert memory.read(HOLE - 1, 2) == b"a\xff"


def test_the_engine_is_told_of_each_write_clipped_to_ram() -> None:
    memory = SystemMemory(RAM)
    told: list[tuple[int, int]] = []
    memory.on_write = lambda gpa, size: told.append((gpa, size))
    memory.write(HOLE - 2, b"abcd")
    memory.write(RAM, b"lost")
    assert told == [(HOLE - 2, 2)]


def test_contains_is_about_ram_of_one_region() -> None:
    memory = SystemMemory(RAM)
    assert memory.contains(0x9FFFF, 1)
    assert not memory.contains(0x9FFFF, 2)
    assert not memory.contains(ROM, 1)
    assert memory.contains(RAM - 4, 4)


@pytest.mark.parametrize("size", [0, 4096, (1 << 20) + 1, 1 << 40])
def test_a_size_no_machine_has_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match="memory size"):
        SystemMemory(size)


def test_an_image_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="image wants memory"):
        SystemMemory(RAM).place(RAM - 1, b"ab", 2)


def test_mmio_regions_and_open_bus_fill_every_hole() -> None:
    bus = MmioBus()
    bus.attach("chip", 0xFEC00000, 0x1000, lambda _offset, _width: 7, lambda *_: None)
    regions = bus.fill(SystemMemory(RAM).holes(1 << 32))
    assert [(r.device, r.gpa) for r in regions][-3:] == [
        ("open bus", RAM),
        ("chip", 0xFEC00000),
        ("open bus", 0xFEC01000),
    ]
    assert regions[0].read(0, 2) == 0xFFFF
    assert sum(r.size for r in regions) == (1 << 32) - sum(
        r.size for r in SystemMemory(RAM).regions
    )


def test_mmio_overlaps_and_broken_pages_are_refused() -> None:
    bus = MmioBus()
    bus.attach("one", 0x10000000, 0x2000, lambda *_: 0, lambda *_: None)
    with pytest.raises(ConfigError, match=r"one.*two"):
        bus.attach("two", 0x10001000, 0x1000, lambda *_: 0, lambda *_: None)
    with pytest.raises(ConfigError, match="whole pages"):
        bus.attach("three", 0x20000010, 0x1000, lambda *_: 0, lambda *_: None)
