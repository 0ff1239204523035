"""Linux kernels, seen through the zero page (Documentation/arch/x86/zero-page.rst and boot.rst)."""

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable
from pathlib import Path

import lz4.block
import pytest
import zstandard

from hv.errors import ConfigError
from hv.loaders import BootImage, LoadOptions, Mode, load_bytes
from hv.types import Gpa
from tests.loaders.images import MIB, bzimage, linux_elf, read_memory, with_size

ELF = linux_elf()
ENTRY = 16 * MIB


def lz4_legacy(data: bytes) -> bytes:
    """The kernel's ``lz4 -l``: magic, then blocks of 8 MiB with their packed size in front."""
    blocks = [
        lz4.block.compress(data[at : at + 8 * MIB], store_size=False)
        for at in range(0, len(data), 8 * MIB)
    ]
    return b"\x02\x21\x4c\x18" + b"".join(struct.pack("<I", len(b)) + b for b in blocks)


def kernel_xz(data: bytes) -> bytes:
    """As scripts/xz_wrap.sh: the x86 branch filter before LZMA2, CRC32 as check."""
    filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 6}]
    return lzma.compress(data, check=lzma.CHECK_CRC32, filters=filters)


def zstd_stream(data: bytes) -> bytes:
    """Streamed, so the frame does not state its size."""
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    return packer.compress(data) + packer.flush()


CODECS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    "xz": kernel_xz,
    "zstd": zstd_stream,
    "LZ4": lz4_legacy,
    "uncompressed": bytes,
}


def load_kernel(
    image: bytes | None = None,
    *,
    command_line: str = "console=ttyS0",
    initrd: tuple[Path, ...] = (),
    memory: int = 64 * MIB,
    unpack: bool = True,
    rsdp: Gpa | None = None,
    text_screen: bool = True,
) -> BootImage:
    options = LoadOptions(
        memory=memory,
        format="linux",
        command_line=command_line,
        initrd=initrd,
        unpack=unpack,
        rsdp=rsdp,
        text_screen=text_screen,
    )
    return load_bytes(bzimage(with_size(ELF, ELF)) if image is None else image, options, name="k")


def zero_page(image: BootImage) -> bytes:
    assert image.entry is not None
    return read_memory(image.segments, image.entry.registers["RSI"], 4096)


def word(image: BootImage, offset: int) -> int:
    (value,) = struct.unpack_from("<I", zero_page(image), offset)
    return int(value)


@pytest.mark.parametrize("codec", CODECS)
def test_the_payload_is_unpacked_and_entered_where_it_is_linked(codec: str) -> None:
    image = load_kernel(bzimage(with_size(CODECS[codec](ELF), ELF)))
    entry = image.entry
    assert entry is not None
    assert entry.mode is Mode.LONG64
    assert entry.rip == ENTRY
    assert read_memory(image.segments, ENTRY, 4) == b"\x90\xf4\0\0"
    assert read_memory(image.segments, 17 * MIB, 6) == b"percpu"
    assert "6.1.0-test" in image.summary[0]
    assert f"{codec} payload" in image.summary[0]


@pytest.mark.parametrize("codec", ["LZ4", "gzip", "zstd"])
def test_a_payload_of_many_blocks_is_unpacked_whole(codec: str) -> None:
    elf = ELF + bytes(range(256)) * (17 * MIB // 256)
    image = load_kernel(bzimage(with_size(CODECS[codec](elf), elf)))
    assert read_memory(image.segments, ENTRY, 2) == b"\x90\xf4"


@pytest.mark.parametrize("codec", [name for name in CODECS if name != "uncompressed"])
@pytest.mark.parametrize("claim", [0, 1, len(ELF) - 1, len(ELF) + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_payload_that_lies_about_its_size_is_refused(codec: str, claim: int) -> None:
    payload = CODECS[codec](ELF) + struct.pack("<I", claim)
    with pytest.raises(ConfigError, match=f"its {codec} payload"):
        load_kernel(bzimage(payload))


@pytest.mark.parametrize("codec", [name for name in CODECS if name != "uncompressed"])
def test_a_damaged_payload_is_refused(codec: str) -> None:
    stream = CODECS[codec](ELF)
    damaged = stream[: len(stream) // 2]
    with pytest.raises(ConfigError, match=f"its {codec} payload is damaged"):
        load_kernel(bzimage(with_size(damaged, ELF)))


def test_an_unknown_codec_is_left_to_the_kernels_own_decompressor() -> None:
    kernel = bzimage(b"\x89LZO" + bytes(100))
    image = load_kernel(kernel)
    entry = image.entry
    assert entry is not None
    assert entry.mode is Mode.LONG64
    assert entry.rip == ENTRY + 0x200
    code = kernel[3 * 512 :]
    assert read_memory(image.segments, ENTRY, len(code)) == code
    assert any(s.gpa == ENTRY and s.size == 4 * MIB for s in image.segments)  # init_size


def test_unpacking_can_be_left_to_the_guest() -> None:
    entry = load_kernel(unpack=False).entry
    assert entry is not None
    assert entry.rip == ENTRY + 0x200


def test_a_kernel_without_64_bit_entry_starts_in_32_bit_mode() -> None:
    image = load_kernel(bzimage(with_size(ELF, ELF), xloadflags=0))
    entry = image.entry
    assert entry is not None
    assert entry.mode is Mode.PROTECTED32
    assert entry.rip == ENTRY
    assert (entry.cs, entry.ds) == (0x10, 0x18)
    assert all(not entry.registers.get(name) for name in ("RBP", "RDI", "RBX"))


def test_a_kernel_older_than_preferred_addresses_goes_to_1_mib() -> None:
    entry = load_kernel(bzimage(with_size(ELF, ELF), version=0x0206)).entry
    assert entry is not None
    assert entry.rip == MIB


def test_the_setup_header_is_handed_back_with_our_answers() -> None:
    image = load_kernel()
    page = zero_page(image)
    assert page[0x202:0x206] == b"HdrS"
    assert page[0x206:0x208] == b"\x0f\x02"
    assert page[0x210] == 0xFF  # an unregistered loader
    assert page[0x211] & 1  # loaded high
    assert page[0x1FA:0x1FC] == b"\xff\xff"  # normal video mode
    assert page[0x1EF] == 0  # the sentinel: everything else counts


def test_a_long_setup_header_does_not_reach_the_memory_map() -> None:
    kernel = bytearray(bzimage(with_size(ELF, ELF)))
    kernel[0x201] = 0xFF
    kernel[0x290:0x302] = b"\xee" * (0x302 - 0x290)
    page = zero_page(load_kernel(bytes(kernel)))
    assert page[0x290:0x2D0] == bytes(0x40)


def test_the_command_line_is_a_string() -> None:
    image = load_kernel(command_line="console=ttyS0 quiet")
    pointer = word(image, 0x228)
    assert read_memory(image.segments, pointer, 20) == b"console=ttyS0 quiet\0"


def test_a_command_line_may_be_as_long_as_the_kernel_says() -> None:
    load_kernel(command_line="x" * 2047)
    with pytest.raises(ConfigError, match="has 2048 bytes, this kernel takes 2047") as error:
        load_kernel(command_line="x" * 2048)
    assert error.value.usage


def test_no_console_on_the_command_line_is_worth_a_word() -> None:
    assert any("--append console=ttyS0" in line for line in load_kernel(command_line="").summary)
    assert not any("--append" in line for line in load_kernel().summary)


def test_the_memory_map_is_the_pcs() -> None:
    page = zero_page(load_kernel(memory=64 * MIB))
    entries = [struct.unpack_from("<QQI", page, 0x2D0 + 20 * n) for n in range(page[0x1E8])]
    assert entries == [(0, 0x9FC00, 1), (0x9FC00, 0x60400, 2), (MIB, 63 * MIB, 1)]


def test_the_initrd_lies_at_the_top_of_memory_on_a_page(tmp_path: Path) -> None:
    path = tmp_path / "initrd"
    path.write_bytes(b"archive" * 1000)
    image = load_kernel(initrd=(path,), memory=64 * MIB)
    address, size = word(image, 0x218), word(image, 0x21C)
    assert size == 7000
    assert address == 64 * MIB - 8192
    assert read_memory(image.segments, address, size) == b"archive" * 1000


def test_the_initrd_lies_below_the_kernels_limit(tmp_path: Path) -> None:
    path = tmp_path / "initrd"
    path.write_bytes(b"x")
    kernel = bytearray(bzimage(with_size(ELF, ELF)))
    struct.pack_into("<I", kernel, 0x22C, 40 * MIB - 1)
    assert word(load_kernel(bytes(kernel), initrd=(path,)), 0x218) == 40 * MIB - 4096


def test_several_initrds_are_joined_on_4_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"12345")
    second.write_bytes(b"abcde")
    image = load_kernel(initrd=(first, second))
    assert word(image, 0x21C) == 13
    assert read_memory(image.segments, word(image, 0x218), 13) == b"12345\0\0\0abcde"


def test_an_initrd_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "initrd"
    path.write_bytes(bytes(20 * MIB))
    with pytest.raises(ConfigError, match=r"no room for the initrd \(20480 KiB\) in 32 MiB"):
        load_kernel(initrd=(path,), memory=32 * MIB)


def test_too_little_memory_for_the_kernel_says_how_much_it_needs() -> None:
    with pytest.raises(ConfigError, match=r"needs 17 MiB, has 8 MiB: use --memory"):
        load_kernel(memory=8 * MIB)


def test_the_screen_is_a_vga_in_text_mode() -> None:
    page = zero_page(load_kernel())
    assert page[0x06] == 3
    assert (page[0x07], page[0x0E], page[0x0F], page[0x10]) == (80, 25, 1, 16)


def test_a_machine_without_screen_leaves_it_out() -> None:
    assert zero_page(load_kernel(text_screen=False))[:0x40] == bytes(0x40)


def test_the_entropy_pool_gets_the_same_32_bytes_each_time() -> None:
    nodes = []
    for image in (load_kernel(), load_kernel()):
        (pointer,) = struct.unpack_from("<Q", zero_page(image), 0x250)
        nodes.append(read_memory(image.segments, pointer, 48))
    following, kind, length = struct.unpack_from("<QII", nodes[0])
    assert (following, kind, length) == (0, 9, 32)
    assert nodes[0] == nodes[1]


def test_acpi_tables_are_pointed_at_when_there_are_some() -> None:
    page = zero_page(load_kernel(rsdp=Gpa(0xE0000)))
    assert struct.unpack_from("<Q", page, 0x70) == (0xE0000,)
    assert zero_page(load_kernel())[0x70:0x78] == bytes(8)


def test_a_vmlinux_boots_without_setup_header() -> None:
    image = load_kernel(ELF)
    assert image.entry is not None
    assert image.entry.rip == ENTRY
    page = zero_page(image)
    assert page[0x202:0x208] == b"HdrS\x0f\x02"
    assert page[0x210] == 0xFF
    assert page[0x1FE:0x200] == b"\x55\xaa"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((0x206, b"\x05\x02"), "boot protocol 2.05 is too old"),
        ((0x211, b"\0"), "a zImage"),
        ((0x1F1, b"\x7f"), "truncated: the kernel behind its setup code is missing"),
        ((0x24C, b"\xff\xff\xff\x7f"), "truncated: its payload ends at"),
        ((0x258, b"\0\0\0\0\1\0\0\0"), "above 4 GiB"),
    ],
)
def test_a_kernel_that_cannot_be_booted_is_refused(change: tuple[int, bytes], reason: str) -> None:
    kernel = bytearray(bzimage(b"\x89LZO"))
    offset, data = change
    kernel[offset : offset + len(data)] = data
    with pytest.raises(ConfigError, match=reason):
        load_kernel(bytes(kernel))


def test_a_file_that_is_no_kernel_cannot_be_forced() -> None:
    with pytest.raises(ConfigError, match="neither a bzImage nor a vmlinux"):
        load_kernel(b"hello")


@pytest.mark.parametrize("size", [0x200, 0x206, 0x250, 0x263])
def test_a_truncated_setup_header_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match=r"truncated|neither"):
        load_kernel(bzimage(with_size(ELF, ELF))[:size])
