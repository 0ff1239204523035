"""The memory of a machine that is about to start."""

import pytest

from hv.errors import ConfigError
from hv.loaders.layout import Layout
from hv.loaders.memory_map import RangeKind, pc_memory_map

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def test_a_pc_has_ram_up_to_640_kib_less_its_bios_data_and_from_1_mib() -> None:
    assert [tuple(item) for item in pc_memory_map(64 * MIB)] == [
        (0, 0x9FC00, RangeKind.RAM),
        (0x9FC00, 0x60400, RangeKind.RESERVED),
        (0x100000, 63 * MIB, RangeKind.RAM),
    ]


def test_ram_that_would_cover_the_devices_continues_at_4_gib() -> None:
    ram = [item for item in pc_memory_map(6 * GIB) if item.kind is RangeKind.RAM]
    assert ram[-2].end == 0xE0000000
    assert (ram[-1].base, ram[-1].size) == (4 * GIB, 6 * GIB - 0xE0000000)


def test_all_ram_is_in_the_map_but_for_the_hole_below_1_mib() -> None:
    for memory in (MIB, 3 * GIB, 4 * GIB, 8 * GIB):
        ram = sum(item.size for item in pc_memory_map(memory) if item.kind is RangeKind.RAM)
        assert ram == memory - (MIB - 0x9FC00)


def test_nothing_may_overlap() -> None:
    layout = Layout(16 * MIB)
    layout.put(2 * MIB, bytes(4096), "kernel")
    for gpa, size in ((2 * MIB - 1, 2), (2 * MIB + 4095, 1), (MIB, 2 * MIB), (2 * MIB + 16, 16)):
        with pytest.raises(ConfigError, match="overlaps kernel"):
            layout.put(gpa, bytes(size), "module")
    layout.put(2 * MIB - 1, b"x", "below")
    layout.put(2 * MIB + 4096, b"x", "above")


def test_zero_fill_counts_as_taken() -> None:
    layout = Layout(16 * MIB)
    layout.put(2 * MIB, b"x", "kernel", size=8192)
    with pytest.raises(ConfigError, match="overlaps kernel"):
        layout.put(2 * MIB + 8191, b"x", "module")


def test_nothing_without_a_size_is_placed() -> None:
    layout = Layout(16 * MIB)
    layout.put(2 * MIB, b"", "nothing")
    assert layout.segments == ()


def test_places_are_found_from_below_and_from_above() -> None:
    layout = Layout(16 * MIB)
    layout.put(MIB, bytes(5000), "kernel")
    assert layout.find_low(100, "module", start=MIB) == MIB + 8192
    layout.put(15 * MIB, bytes(100), "other")
    assert layout.find_high(MIB, "initrd", top=16 * MIB) == 14 * MIB
    assert layout.find_high(MIB - 4096, "initrd", top=16 * MIB) == 15 * MIB + 4096


def test_a_place_is_never_split_by_what_is_there() -> None:
    layout = Layout(2 * MIB)
    layout.put(MIB + MIB // 2, b"x", "splinter")
    with pytest.raises(ConfigError, match=r"no room for the initrd \(700 KiB\) in 2 MiB"):
        layout.find_high(700 * KIB, "initrd", top=2 * MIB)


def test_added_parts_lie_in_conventional_memory() -> None:
    layout = Layout(2 * MIB)
    first, second = layout.add(bytes(5000), "a"), layout.add(b"x", "b")
    assert second + 1 <= first
    assert first + 5000 <= 0x9FC00
