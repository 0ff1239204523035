"""Multiboot kernels, seen through the structure they are handed (specification 0.6.96, 3.3)."""

import struct
from pathlib import Path

import pytest

from hv.errors import ConfigError
from hv.loaders import BootImage, LoadOptions, Mode, load_bytes
from tests.loaders.images import MIB, ElfImage, ElfSegment, multiboot_header, read_memory


def elf_kernel(flags: int = 0, bits: int = 32) -> bytes:
    text = multiboot_header(flags) + b"\xf4"
    return ElfImage(bits, MIB + 12, [ElfSegment(MIB, text, memsz=0x2000)]).build()


def load_kernel(
    image: bytes, *, command_line: str = "", modules: tuple[Path, ...] = (), memory: int = 16 * MIB
) -> BootImage:
    options = LoadOptions(
        memory=memory, format="multiboot", command_line=command_line, initrd=modules
    )
    return load_bytes(image, options, name="folder/kernel.elf")


class Info:
    """The information structure behind EBX."""

    def __init__(self, image: BootImage) -> None:
        assert image.entry is not None
        self.segments = image.segments
        self.base = image.entry.registers["RBX"]
        self.flags = self.word(0)

    def word(self, offset: int) -> int:
        return self.words(self.base + offset, 1)[0]

    def words(self, gpa: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}I", read_memory(self.segments, gpa, 4 * count))

    def string(self, gpa: int) -> bytes:
        data = b""
        while not data.endswith(b"\0"):
            data += read_memory(self.segments, gpa + len(data), 1)
        return data[:-1]


def test_a_kernel_is_entered_in_32_bit_mode_with_magic_and_information() -> None:
    image = load_kernel(elf_kernel())
    entry = image.entry
    assert entry is not None
    assert entry.mode is Mode.PROTECTED32
    assert entry.rip == MIB + 12
    assert entry.cr0 & 0x80000001 == 1
    assert entry.registers["RAX"] == 0x2BADB002
    assert "Multiboot kernel (ELF32)" in image.summary[0]


def test_a_64_bit_elf_starts_in_32_bit_mode_all_the_same() -> None:
    entry = load_kernel(elf_kernel(bits=64)).entry
    assert entry is not None
    assert entry.mode is Mode.PROTECTED32


def test_memory_sizes_are_in_kib_below_and_above_1_mib() -> None:
    info = Info(load_kernel(elf_kernel(), memory=64 * MIB))
    assert info.flags & 1
    assert (info.word(4), info.word(8)) == (639, 63 * 1024)


def test_the_memory_map_lists_ram_and_reserved_ranges() -> None:
    info = Info(load_kernel(elf_kernel(), memory=64 * MIB))
    assert info.flags & 1 << 6
    length, address = info.word(44), info.word(48)
    table = read_memory(info.segments, address, length)
    entries = []
    while table:
        size, base, extent, kind = struct.unpack_from("<IQQI", table)
        entries.append((base, extent, kind))
        table = table[4 + size :]
    assert entries == [(0, 0x9FC00, 1), (0x9FC00, 0x60400, 2), (MIB, 63 * MIB, 1)]


def test_command_line_and_loader_name_are_strings() -> None:
    info = Info(load_kernel(elf_kernel(), command_line="one two=3"))
    assert info.flags & 1 << 2
    assert info.string(info.word(16)) == b"kernel.elf one two=3"
    assert info.flags & 1 << 9
    assert info.string(info.word(64)) == b"hv"


def test_modules_lie_on_pages_of_their_own(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"1" * 5000)
    second.write_bytes(b"2")
    info = Info(load_kernel(elf_kernel(), modules=(first, second)))
    assert info.flags & 1 << 3
    assert info.word(20) == 2
    words = info.words(info.word(24), 8)
    for path, (start, end, string, reserved) in zip(
        (first, second), (words[:4], words[4:]), strict=True
    ):
        assert start % 4096 == 0
        assert read_memory(info.segments, start, end - start) == path.read_bytes()
        assert info.string(string) == path.name.encode()
        assert reserved == 0


def test_the_text_screen_is_told_as_a_framebuffer() -> None:
    info = Info(load_kernel(elf_kernel()))
    assert info.flags & 1 << 12
    screen = struct.unpack("<QIIIBB", read_memory(info.segments, info.base + 88, 22))
    assert screen == (0xB8000, 160, 80, 25, 16, 2)


def addresses_kernel(
    *, load: int = MIB, load_end: int = 0, bss_end: int = 0, entry: int = MIB + 32, prefix: int = 16
) -> bytes:
    """No ELF: ``prefix`` bytes that are not loaded, then header and code."""
    header = multiboot_header(0x10000, load, load, load_end, bss_end, entry)
    return bytes(prefix) + header + b"\xf4" * 16


def test_address_fields_place_a_file_that_is_no_elf() -> None:
    kernel = addresses_kernel(bss_end=MIB + 0x3000)
    image = load_kernel(kernel)
    assert image.entry is not None
    assert image.entry.rip == MIB + 32
    loaded = read_memory(image.segments, MIB, 0x3000)
    assert loaded == kernel[16:] + bytes(0x3000 - len(kernel) + 16)


def test_a_load_end_leaves_the_rest_of_the_file_out() -> None:
    image = load_kernel(addresses_kernel(load_end=MIB + 40))
    assert sum(len(s.data) for s in image.segments if s.gpa == MIB) == 40


def test_a_header_may_start_before_it_is_loaded_at() -> None:
    """header_addr above load_addr: what lies before the header in the file is loaded too."""
    header = multiboot_header(0x10000, MIB + 64, MIB, 0, 0, MIB)
    kernel = b"\x90" * 64 + header + b"\xf4"
    image = load_kernel(kernel)
    assert read_memory(image.segments, MIB, len(kernel)) == kernel


@pytest.mark.parametrize(
    ("kernel", "reason"),
    [
        (b"\0" * 100, "no Multiboot header"),
        (bytes(8192) + elf_kernel(), "no Multiboot header"),
        (bytes(2) + addresses_kernel(), "no Multiboot header"),  # not 4-byte aligned
        (multiboot_header() + b"\xf4", "neither ELF nor has address fields"),
        (elf_kernel(1 << 3), r"features that are not here \(flags 0x8\)"),
        (multiboot_header(0x10000), "truncated: the Multiboot address fields"),
        (addresses_kernel(load_end=MIB + 4096), "more than the file has"),
        (addresses_kernel(load_end=MIB - 1), "more than the file has"),
        (addresses_kernel(bss_end=MIB + 1), "bss ends before"),
        (addresses_kernel(entry=2 * MIB), "entry 0x200000 lies outside"),
        (addresses_kernel(load=0xFFFFF000, entry=0xFFFFF000), "has 16 MiB: use --memory"),
        (multiboot_header(0x10000, MIB, MIB + 8, 0, 0, MIB + 8), "does not fit"),
        (multiboot_header(0x10000, MIB, 0, 0, 0, 0), "does not fit"),
    ],
)
def test_a_kernel_that_cannot_be_placed_is_refused(kernel: bytes, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load_kernel(kernel)


def test_a_wrong_checksum_is_no_header() -> None:
    kernel = bytearray(elf_kernel())
    at = kernel.find(struct.pack("<I", 0x1BADB002))
    kernel[at + 8] ^= 1
    with pytest.raises(ConfigError, match="no Multiboot header"):
        load_kernel(bytes(kernel))


def test_a_missing_module_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*gone"):
        load_kernel(elf_kernel(), modules=(tmp_path / "gone",))


def test_a_module_that_does_not_fit_is_named(tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(bytes(2 * MIB))
    with pytest.raises(ConfigError, match=r"no room for the module .*big .* in 2 MiB"):
        load_kernel(elf_kernel(), modules=(path,), memory=2 * MIB)


def test_a_command_line_holds_no_nul() -> None:
    with pytest.raises(ConfigError, match="NUL") as error:
        load_kernel(elf_kernel(), command_line="a\0b")
    assert error.value.usage
