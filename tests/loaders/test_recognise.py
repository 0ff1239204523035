"""Which files are taken for what, and what people are told about the rest."""

from pathlib import Path

import pytest

from hv.errors import ConfigError
from hv.loaders import LoadOptions, Mode, load, load_bytes
from tests.loaders.images import (
    MIB,
    ElfImage,
    ElfSegment,
    boot_sector,
    bzimage,
    linux_elf,
    multiboot_header,
    with_size,
)

OPTIONS = LoadOptions(memory=64 * MIB)
ELF32 = ElfImage(segments=[ElfSegment(MIB, b"\xf4")]).build()
ELF32_MULTIBOOT = ElfImage(segments=[ElfSegment(MIB, multiboot_header())]).build()
FREEBSD_NOTE = b"\x04\0\0\0\x08\0\0\0\x06\0\0\0Xen\0FreeBSD\0"
ELF64_FREEBSD = ElfImage(
    bits=64, segments=[ElfSegment(MIB, b"\xf4"), ElfSegment(0, FREEBSD_NOTE, type=4)]
).build()
DISK = boot_sector() + bytes(63 * 512)
GRUB_DISK = boot_sector() + multiboot_header(0x10000, 0, 0, 0, 0, 0) + bytes(512 - 32)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (boot_sector(), "boot-sector"),
        (DISK, "disk"),
        (GRUB_DISK, "disk"),
        (ELF32, "elf"),
        (ELF64_FREEBSD, "elf"),
        (ELF32_MULTIBOOT, "multiboot"),
        (bzimage(with_size(linux_elf(), linux_elf())), "linux"),
        (linux_elf(), "linux"),
    ],
)
def test_an_image_is_known_by_its_bytes(image: bytes, kind: str) -> None:
    assert load_bytes(image, OPTIONS, name="image").kind == kind


def test_a_file_and_its_bytes_give_the_same_image(tmp_path: Path) -> None:
    path = tmp_path / "kernel.elf"
    path.write_bytes(ELF32)
    from_file = load(path, OPTIONS)
    from_bytes = load_bytes(ELF32, OPTIONS, name=str(path))
    assert from_file.segments == from_bytes.segments
    assert from_file.entry == from_bytes.entry


def test_the_banner_says_what_was_recognised_and_how_to_override_it() -> None:
    banner = load_bytes(boot_sector(), OPTIONS, name="boot.img").banner
    assert banner.startswith("boot.img: recognised as boot sector")
    assert "--format" in banner


def test_a_format_overrides_recognition() -> None:
    options = LoadOptions(memory=64 * MIB, format="elf")
    assert load_bytes(ELF32_MULTIBOOT, options, name="image").kind == "elf"


def test_a_bin_file_with_an_origin_is_flat() -> None:
    options = LoadOptions(memory=64 * MIB, origin=0x7C00, mode=Mode.REAL16)
    assert load_bytes(boot_sector(), options, name="code.bin").kind == "flat"


@pytest.mark.parametrize(
    ("image", "advice"),
    [
        (b"", "is empty"),
        (b"hello", "--format flat --origin ADDRESS --mode 16|32|64"),
        (bytes(512), "neither a kernel nor a bootable disk"),
        (boot_sector() + b"x", "neither a kernel nor a bootable disk"),
        (b"QFI\xfb" + bytes(600), "qcow2"),
        (b"\x1f\x8b" + bytes(600), "gzip"),
        (bytes(0x8001) + b"CD001" + bytes(2048), "--cdrom"),
    ],
)
def test_an_unknown_file_is_refused_with_advice(image: bytes, advice: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_bytes(image, OPTIONS, name="thing.img")
    assert str(error.value).startswith("thing.img: ")
    assert advice in str(error.value)
    assert not error.value.usage


def test_an_unknown_format_lists_the_known_ones() -> None:
    options = LoadOptions(memory=64 * MIB, format="coff")
    with pytest.raises(ConfigError, match="linux, boot-sector, disk") as error:
        load_bytes(ELF32, options, name="image")
    assert error.value.usage


@pytest.mark.parametrize(
    "options",
    [
        LoadOptions(memory=64 * MIB, command_line="quiet"),
        LoadOptions(memory=64 * MIB, initrd=(Path("initrd.img"),)),
        LoadOptions(memory=64 * MIB, origin=0x7C00),
        LoadOptions(memory=64 * MIB, mode=Mode.LONG64),
    ],
)
def test_an_option_that_a_kind_would_ignore_is_refused(options: LoadOptions) -> None:
    with pytest.raises(ConfigError, match="means nothing to an image of kind boot-sector") as error:
        load_bytes(boot_sector(), options, name="boot.img")
    assert error.value.usage


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^cannot read .*gone: No such file or directory$"):
        load(tmp_path / "gone", OPTIONS)


@pytest.mark.parametrize("name", ["bad\0name", "x" * 5000])
def test_a_name_that_no_file_can_have_is_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load(name, OPTIONS)


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a regular file"):
        load(tmp_path, OPTIONS)


def test_a_machine_without_memory_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1 MiB"):
        load_bytes(ELF32, LoadOptions(memory=4096), name="image")
