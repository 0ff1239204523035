"""Images without headers: disks go to the firmware, flat binaries where the user says."""

from pathlib import Path

import pytest

from hv.errors import ConfigError
from hv.loaders import LoadOptions, Mode, load, load_bytes
from tests.loaders.images import MIB, boot_sector, read_memory


def flat(origin: int | None, mode: Mode | None, memory: int = 16 * MIB) -> LoadOptions:
    return LoadOptions(memory=memory, format="flat", origin=origin, mode=mode)


def test_a_boot_sector_is_a_disk_and_starts_in_the_firmware() -> None:
    image = load_bytes(boot_sector(), LoadOptions(memory=MIB), name="boot")
    assert image.entry is None
    assert image.segments == ()
    assert image.disk is not None
    assert image.disk.source == boot_sector()
    assert not image.disk.floppy


def test_a_disk_file_is_left_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.write(boot_sector())
        file.truncate(8 << 40)  # sparse: reading it all would not end
    image = load(path, LoadOptions(memory=MIB))
    assert image.disk is not None
    assert image.disk.source == path


@pytest.mark.parametrize("kib", [160, 180, 320, 360, 720, 1200, 1440, 2880])
def test_an_image_of_a_floppys_size_is_a_floppy(kib: int) -> None:
    image = load_bytes(boot_sector() + bytes(kib * 1024 - 512), LoadOptions(memory=MIB), name="a")
    assert image.disk is not None
    assert image.disk.floppy


def test_a_disk_without_signature_can_be_forced_and_says_so() -> None:
    image = load_bytes(bytes(1024), LoadOptions(memory=MIB, format="disk"), name="blank")
    assert image.disk is not None
    assert any("no signature" in line for line in image.summary)


@pytest.mark.parametrize("size", [0, 511, 1000])
def test_a_disk_has_whole_sectors(size: int) -> None:
    with pytest.raises(ConfigError, match="no whole number of 512-byte sectors"):
        load_bytes(bytes(size), LoadOptions(memory=MIB, format="disk"), name="disk")


def test_a_flat_binary_in_the_first_segment_is_entered_at_0_origin() -> None:
    image = load_bytes(b"\xf4", flat(0x7C00, Mode.REAL16), name="code.bin")
    entry = image.entry
    assert entry is not None
    assert (entry.cs, entry.rip, entry.ds) == (0, 0x7C00, 0)
    assert entry.cr0 & 1 == 0
    assert entry.gdt is None
    assert read_memory(image.segments, 0x7C00, 1) == b"\xf4"


def test_a_flat_binary_above_64_kib_gets_a_segment_of_its_own() -> None:
    entry = load_bytes(b"\xf4", flat(0x12345, Mode.REAL16), name="code.bin").entry
    assert entry is not None
    assert 16 * entry.cs + entry.rip == 0x12345
    assert entry.rip < 0x10000


@pytest.mark.parametrize("mode", list(Mode))
def test_a_flat_binary_has_a_stack_of_its_own(mode: Mode) -> None:
    image = load_bytes(b"\xf4" * 4096, flat(0x8000, mode), name="code.bin")
    assert image.entry is not None
    top = image.entry.registers["RSP"] + (16 * image.entry.ss if mode is Mode.REAL16 else 0)
    assert read_memory(image.segments, top - 4096, 4096) == bytes(4096)


def test_a_32_bit_binary_is_entered_flat_without_paging() -> None:
    entry = load_bytes(b"\xf4", flat(MIB, Mode.PROTECTED32), name="code.bin").entry
    assert entry is not None
    assert (entry.rip, entry.cr0 & 0x80000001, entry.efer) == (MIB, 1, 0)


def test_a_64_bit_binary_is_entered_in_long_mode() -> None:
    entry = load_bytes(b"\xf4", flat(MIB, Mode.LONG64), name="code.bin").entry
    assert entry is not None
    assert (entry.rip, entry.cr0 & 0x80000001, entry.efer) == (MIB, 0x80000001, 0x500)


@pytest.mark.parametrize(("origin", "mode"), [(None, Mode.REAL16), (0x7C00, None), (None, None)])
def test_address_and_mode_are_for_the_user_to_say(origin: int | None, mode: Mode | None) -> None:
    with pytest.raises(ConfigError, match="--origin ADDRESS --mode") as error:
        load_bytes(b"\xf4", flat(origin, mode), name="code.bin")
    assert error.value.usage


@pytest.mark.parametrize(
    ("origin", "mode", "reason"),
    [
        (-1, Mode.PROTECTED32, "below zero"),
        (2 * MIB, Mode.REAL16, "real mode cannot reach"),
        (0x9FC00, Mode.REAL16, "no RAM"),
        (16 * MIB, Mode.PROTECTED32, "needs 17 MiB, has 16 MiB: use --memory"),
        (1 << 32, Mode.LONG64, "above 4 GiB"),
    ],
)
def test_a_place_that_is_no_ram_is_refused(origin: int, mode: Mode, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load_bytes(b"\xf4", flat(origin, mode), name="code.bin")


def test_an_empty_flat_binary_is_refused() -> None:
    with pytest.raises(ConfigError, match="is empty"):
        load_bytes(b"", flat(0x7C00, Mode.REAL16), name="code.bin")
