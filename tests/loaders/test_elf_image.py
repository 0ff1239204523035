"""Plain ELF kernels: where they go, how they start, and the ones that cannot."""

import itertools
import struct

import pytest

from hv.errors import ConfigError
from hv.loaders import BootImage, LoadOptions, Mode, load_bytes
from tests.loaders.images import (
    ET_DYN,
    ET_REL,
    MIB,
    PT_DYNAMIC,
    PT_INTERP,
    ElfImage,
    ElfSegment,
    read_memory,
)


def load_elf(elf: ElfImage, memory: int = 16 * MIB) -> BootImage:
    return load_bytes(elf.build(), LoadOptions(memory=memory), name="kernel.elf")


@pytest.mark.parametrize("bits", [32, 64])
def test_segments_go_to_their_physical_addresses_with_zeros_behind(bits: int) -> None:
    code, data = b"\x90\x90\xf4", b"data"
    image = load_elf(
        ElfImage(bits, MIB, [ElfSegment(MIB, code), ElfSegment(2 * MIB, data, memsz=5000)])
    )
    assert read_memory(image.segments, MIB, 3) == code
    assert read_memory(image.segments, 2 * MIB, 5000) == data + bytes(4996)


def test_an_elf32_is_entered_in_flat_protected_mode() -> None:
    image = load_elf(ElfImage(32, MIB + 2, [ElfSegment(MIB, b"\x90\x90\xf4")]))
    entry = image.entry
    assert entry is not None
    assert entry.mode is Mode.PROTECTED32
    assert entry.rip == MIB + 2
    assert entry.rflags == 2
    assert (entry.cr0 & 0x80000001, entry.cr4, entry.efer) == (1, 0, 0)
    code, data = descriptors(image)
    assert code == 0x00CF9B000000FFFF  # base 0, limit 4 GiB, 32-bit code, ring 0
    assert data == 0x00CF93000000FFFF


def test_an_elf64_is_entered_in_long_mode() -> None:
    image = load_elf(ElfImage(64, MIB, [ElfSegment(MIB, b"\xf4")]))
    entry = image.entry
    assert entry is not None
    assert entry.mode is Mode.LONG64
    assert entry.cr0 & 0x80000001 == 0x80000001
    assert entry.cr4 & 0x20
    assert entry.efer & 0x500 == 0x500
    code, _ = descriptors(image)
    assert code == 0x00AF9B000000FFFF  # L set, D clear


def descriptors(image: BootImage) -> tuple[int, int]:
    """The code and the data descriptor, through the GDT."""
    entry = image.entry
    assert entry is not None
    assert entry.gdt is not None
    gdt = read_memory(image.segments, entry.gdt, entry.gdt_limit + 1)
    code, data = (struct.unpack_from("<Q", gdt, selector)[0] for selector in (entry.cs, entry.ds))
    return code, data


@pytest.mark.parametrize("address", [0, 0x7C00, MIB, 0xDEADBEEF, 0xFFFFFFFF])
def test_long_mode_starts_with_an_identity_map_of_4_gib(address: int) -> None:
    image = load_elf(ElfImage(64, MIB, [ElfSegment(MIB, b"\xf4")]))
    assert image.entry is not None
    table, shift = image.entry.cr3, 39
    while True:
        index = (address >> shift) & 0x1FF
        (entry,) = struct.unpack("<Q", read_memory(image.segments, table + 8 * index, 8))
        assert entry & 3 == 3  # present, writable
        table = entry & 0x000FFFFFFFFFF000
        if entry & 0x80 and shift < 39:
            break
        shift -= 9
    assert shift == 21
    assert table + (address & 0x1FFFFF) == address


def test_a_kernel_linked_high_is_entered_at_its_physical_address() -> None:
    segment = ElfSegment(MIB, b"\x90\xf4", vaddr=0xFFFFFFFF80100000)
    image = load_elf(ElfImage(64, 0xFFFFFFFF80100001, [segment]))
    assert image.entry is not None
    assert image.entry.rip == MIB + 1


def test_the_tables_keep_clear_of_a_kernel_in_low_memory() -> None:
    size = 0x9FC00 - 0x10000
    image = load_elf(ElfImage(64, 0x10000, [ElfSegment(0x10000, b"\xf4", memsz=size)]))
    spans = sorted((s.gpa, s.end) for s in image.segments)
    assert all(a_end <= b_start for (_, a_end), (b_start, _) in itertools.pairwise(spans))


def test_headers_that_fall_into_the_rom_are_left_out() -> None:
    """What ``ld -Ttext=0x100000`` makes: the page before the code holds the ELF headers."""
    elf = ElfImage(32, MIB, [ElfSegment(MIB - 4096, b""), ElfSegment(MIB, b"\xf4")])
    data = bytearray(elf.build())
    struct.pack_into("<II", data, 52 + 4, 0, MIB - 4096)  # offset 0
    struct.pack_into("<II", data, 52 + 16, 52 + 64, 52 + 64)  # both headers, no more
    image = load_bytes(bytes(data), LoadOptions(memory=16 * MIB), name="kernel.elf")
    assert min(s.gpa for s in image.segments if s.gpa > 0x9FC00) == MIB


def test_functions_are_found_by_address() -> None:
    elf = ElfImage(
        32, MIB, [ElfSegment(MIB, bytes(64))], functions={"start": MIB, "loop": MIB + 16}
    )
    for bits in (32, 64):
        elf.bits = bits
        symbols = load_elf(elf).symbols
        assert dict(symbols.functions) == {MIB: "start", MIB + 16: "loop"}
        assert symbols.find(MIB + 17) == ("loop", 1)
        assert symbols.find(MIB + 15) == ("start", 15)
        assert symbols.find(MIB - 1) is None


def test_a_stripped_kernel_has_no_functions() -> None:
    assert not load_elf(ElfImage(32, MIB, [ElfSegment(MIB, b"\xf4")])).symbols.functions


def test_symbols_that_lie_are_no_symbols() -> None:
    elf = ElfImage(32, MIB, [ElfSegment(MIB, b"\xf4")], functions={"start": MIB})
    data = elf.build()[:-8]  # the last section header is cut
    assert not load_bytes(data, LoadOptions(memory=16 * MIB), name="k").symbols.functions


CODE = ElfSegment(MIB, b"\xf4" * 16)


@pytest.mark.parametrize(
    ("elf", "reason"),
    [
        (ElfImage(32, MIB, [CODE], type=ET_REL), "an object file: link it first"),
        (ElfImage(64, MIB, [CODE], type=ET_DYN), "-static -no-pie"),
        (ElfImage(32, MIB, [CODE, ElfSegment(0, b"ld.so", type=PT_INTERP)]), "-static -no-pie"),
        (ElfImage(32, MIB, [CODE, ElfSegment(0, b"x", type=PT_DYNAMIC)]), "-static -no-pie"),
        (ElfImage(64, MIB, [CODE], machine=183), r"another processor \(machine 183\)"),
        (ElfImage(32, MIB, []), "no PT_LOAD segment"),
        (ElfImage(32, 3 * MIB, [CODE]), "entry 0x300000 lies outside"),
        (ElfImage(32, MIB, [ElfSegment(MIB, b"\xf4" * 4, memsz=2)]), "larger in the file"),
        (ElfImage(32, MIB, [CODE, ElfSegment(MIB + 8, b"x")]), "overlaps segment"),
        (ElfImage(32, MIB, [ElfSegment(MIB, b"\xf4", memsz=31 * MIB)]), "needs 32 MiB, has 16 MiB"),
        (ElfImage(64, MIB, [ElfSegment(1 << 40, b"\xf4")]), "above 4 GiB"),
        (ElfImage(32, MIB, [CODE, ElfSegment(0xB8000, b"x")]), "no RAM"),
    ],
)
def test_a_kernel_that_cannot_be_placed_is_refused(elf: ElfImage, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as error:
        load_elf(elf)
    assert str(error.value).startswith("kernel.elf: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("size", range(4, 52 + 32 + 16, 7))
def test_a_truncated_kernel_is_refused(size: int) -> None:
    data = ElfImage(32, MIB, [CODE]).build()[:size]
    with pytest.raises(ConfigError, match="truncated"):
        load_bytes(data, LoadOptions(memory=16 * MIB), name="kernel.elf")


def test_a_big_endian_file_is_refused() -> None:
    data = bytearray(ElfImage(32, MIB, [CODE]).build())
    data[5] = 2
    with pytest.raises(ConfigError, match="not a little-endian ELF"):
        load_bytes(bytes(data), LoadOptions(memory=16 * MIB), name="kernel.elf")
