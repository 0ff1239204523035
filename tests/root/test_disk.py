"""Host disk images: what opens, what is refused and why, and where writes go."""

import errno
import os
import sys
from pathlib import Path

import pytest

from hv.errors import ConfigError
from hv.root.disk import MemoryDisk, OverlayDisk, floppy_geometry, open_disk

SECTOR = 512


def pattern(*lbas: int) -> bytes:
    """Sectors that say where they belong."""
    return b"".join(f"sector {lba:8d} ".encode() * 32 for lba in lbas)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(pattern(*range(16)))
    return path


def refusal(path: Path, mode: str = "overlay") -> str:
    with pytest.raises(ConfigError) as caught:
        open_disk(path, mode)  # type: ignore[arg-type]
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


class TestOpening:
    @pytest.mark.parametrize("mode", ["overlay", "ro", "rw"])
    def test_a_disk_has_the_sectors_of_its_file(self, image: Path, mode: str) -> None:
        disk = open_disk(image, mode)  # type: ignore[arg-type]
        assert disk.sectors == 16
        assert disk.read(0, 16) == pattern(*range(16))
        assert disk.read(5, 2) == pattern(5, 6)
        disk.close()

    def test_only_ro_is_read_only(self, image: Path) -> None:
        for mode, read_only in (("overlay", False), ("ro", True), ("rw", False)):
            disk = open_disk(image, mode)  # type: ignore[arg-type]
            assert disk.read_only is read_only
            disk.close()

    def test_closing_twice_is_harmless(self, image: Path) -> None:
        disk = open_disk(image)
        disk.close()
        disk.close()

    def test_after_close_an_access_is_a_medium_error(self, image: Path) -> None:
        disk = open_disk(image, "ro")
        disk.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            disk.read(0, 1)

    def test_many_openings_leak_no_descriptor(self, image: Path, tmp_path: Path) -> None:
        odd = tmp_path / "odd"
        odd.write_bytes(b"x")
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            open_disk(image).close()
            refusal(odd)
        assert len(os.listdir("/proc/self/fd")) == before


class TestRefusals:
    def test_a_missing_file(self, tmp_path: Path) -> None:
        assert "no such file" in refusal(tmp_path / "none.img")

    def test_a_directory(self, tmp_path: Path) -> None:
        assert "is a directory" in refusal(tmp_path)
        assert "is a directory" in refusal(tmp_path, "rw")

    def test_an_error_of_the_host_when_opening(
        self, image: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def deny(*_: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", deny)
        assert "permission denied" in refusal(image)

    def test_an_empty_file(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.img"
        path.touch()
        assert "empty" in refusal(path)

    @pytest.mark.parametrize("size", [1, 511, 513, 1474559])
    def test_a_file_of_no_whole_sectors(self, tmp_path: Path, size: int) -> None:
        path = tmp_path / "cut.img"
        path.write_bytes(bytes(size))
        message = refusal(path)
        assert f"{size} bytes" in message
        assert "512" in message

    def test_a_fifo_is_refused_and_not_waited_for(self, tmp_path: Path) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        assert "neither a file nor a block device" in refusal(path)
        assert "neither a file nor a block device" in refusal(path, "rw")

    @pytest.mark.parametrize(
        ("magic", "name"),
        [(b"QFI\xfb\0\0\0\3", "qcow2"), (b"KDMV", "VMDK"), (b"\x1f\x8b\x08", "gzip")],
    )
    def test_formats_with_a_structure_of_their_own(
        self, tmp_path: Path, magic: bytes, name: str
    ) -> None:
        path = tmp_path / "fancy.img"
        path.write_bytes(magic.ljust(4 * SECTOR, b"\0"))
        message = refusal(path)
        assert name in message
        assert "raw" in message

    def test_a_path_with_a_null_byte(self) -> None:
        with pytest.raises(ConfigError, match="null"):
            open_disk("a\0b")

    def test_an_unknown_mode_is_a_usage_error(self, image: Path) -> None:
        with pytest.raises(ConfigError, match="overlay, ro, rw") as caught:
            open_disk(image, "wr")  # type: ignore[arg-type]
        assert caught.value.usage


class TestOverlay:
    def test_is_what_opens_without_a_mode(self, image: Path) -> None:
        assert isinstance(open_disk(image), OverlayDisk)

    def test_reads_back_what_was_written_over_the_rest(self, image: Path) -> None:
        disk = open_disk(image)
        disk.write(3, pattern(100, 101))
        assert disk.read(0, 16) == pattern(0, 1, 2, 100, 101, *range(5, 16))
        assert disk.read(3, 1) == pattern(100)
        assert disk.read(4, 2) == pattern(101, 5)
        assert disk.read(8, 2) == pattern(8, 9)

    def test_never_touches_the_file(self, image: Path) -> None:
        image.chmod(0o444)
        before = image.stat()
        disk = open_disk(image)
        disk.write(0, pattern(*range(50, 66)))
        disk.flush()
        disk.close()
        assert image.read_bytes() == pattern(*range(16))
        assert image.stat().st_mtime_ns == before.st_mtime_ns

    def test_lists_changes_in_order_joined_into_runs(self, image: Path) -> None:
        disk = open_disk(image)
        for lba in (9, 2, 1, 15, 3):
            disk.write(lba, pattern(lba + 100))
        disk.write(2, pattern(77))
        assert list(disk.changes()) == [
            (1, pattern(101, 77, 103)),
            (9, pattern(109)),
            (15, pattern(115)),
        ]

    def test_can_forget(self, image: Path) -> None:
        disk = open_disk(image)
        disk.write(0, pattern(9))
        disk.discard()
        assert list(disk.changes()) == []
        assert disk.read(0, 1) == pattern(0)

    def test_saves_a_merged_image(self, image: Path, tmp_path: Path) -> None:
        disk = open_disk(image)
        disk.write(6, pattern(60))
        target = tmp_path / "merged.img"
        disk.save(target)
        assert target.read_bytes() == pattern(0, 1, 2, 3, 4, 5, 60, *range(7, 16))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["disk.img", "merged.img"]

    def test_can_save_over_its_own_base(self, image: Path) -> None:
        disk = open_disk(image)
        disk.write(15, pattern(99))
        disk.save(image)
        assert image.read_bytes() == pattern(*range(15), 99)
        assert disk.read(14, 2) == pattern(14, 99)

    def test_saves_large_empty_disks_as_holes(self, tmp_path: Path) -> None:
        image = tmp_path / "large.img"
        size = 64 << 20
        with image.open("wb") as file:
            file.truncate(size)
        disk = open_disk(image)
        disk.write(70000, pattern(1))
        target = tmp_path / "out.img"
        disk.save(target)
        assert target.stat().st_size == size
        assert target.stat().st_blocks * 512 < size // 8
        copy = open_disk(target, "ro")
        assert copy.read(69999, 3) == bytes(SECTOR) + pattern(1) + bytes(SECTOR)
        copy.close()

    def test_a_save_that_fails_says_so_and_leaves_nothing(self, image: Path) -> None:
        disk = open_disk(image)
        with pytest.raises(ConfigError, match="cannot save: no such file"):
            disk.save(image.parent / "nowhere" / "x.img")
        blocked = image.parent / "blocked"
        blocked.mkdir()
        with pytest.raises(ConfigError, match="blocked: cannot save"):
            disk.save(blocked)
        assert sorted(path.name for path in image.parent.iterdir()) == ["blocked", "disk.img"]

    def test_stands_on_any_disk(self) -> None:
        base = MemoryDisk(pattern(0, 1, 2))
        disk = OverlayDisk(base)
        disk.write(1, pattern(8))
        assert disk.read(0, 3) == pattern(0, 8, 2)
        assert base.read(0, 3) == pattern(0, 1, 2)


class TestWritable:
    def test_writes_reach_the_file(self, image: Path) -> None:
        disk = open_disk(image, "rw")
        disk.write(15, pattern(42))
        disk.flush()
        disk.close()
        assert image.read_bytes() == pattern(*range(15), 42)

    def test_flush_asks_the_host_to_sync(
        self, image: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[int] = []
        monkeypatch.setattr(os, "fdatasync", synced.append)
        disk = open_disk(image, "rw")
        disk.flush()
        disk.close()
        assert len(synced) == 1

    def test_a_file_that_shrank_is_a_medium_error(self, image: Path) -> None:
        disk = open_disk(image, "ro")
        os.truncate(image, 4 * SECTOR)
        assert disk.read(0, 4) == pattern(0, 1, 2, 3)
        with pytest.raises(OSError, match="ends before sector 6"):
            disk.read(2, 4)
        disk.close()

    def test_a_full_host_is_a_medium_error(
        self, image: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        disk = open_disk(image, "rw")
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space"):
            disk.write(0, pattern(0))
        disk.close()

    def test_a_short_transfer_of_the_host_is_completed(
        self, image: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pread, pwrite = os.pread, os.pwrite
        monkeypatch.setattr(os, "pread", lambda fd, size, at: pread(fd, min(size, 700), at))
        monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:700], at))
        disk = open_disk(image, "rw")
        disk.write(2, pattern(20, 21, 22))
        assert disk.read(0, 6) == pattern(0, 1, 20, 21, 22, 5)
        disk.close()

    def test_a_disk_larger_than_memory_opens(self, tmp_path: Path) -> None:
        image = tmp_path / "huge.img"
        with image.open("wb") as file:
            file.truncate(1 << 40)
        disk = open_disk(image)
        assert disk.sectors == 1 << 31
        assert disk.read((1 << 31) - 1, 1) == bytes(SECTOR)
        disk.close()


class TestMemoryDisk:
    def test_starts_empty_or_with_contents(self) -> None:
        assert MemoryDisk(4 * SECTOR).read(0, 4) == bytes(4 * SECTOR)
        assert MemoryDisk(pattern(0, 1)).read(1, 1) == pattern(1)

    def test_keeps_its_own_copy(self) -> None:
        contents = bytearray(pattern(0))
        disk = MemoryDisk(bytes(contents))
        disk.write(0, pattern(7))
        assert disk.read(0, 1) == pattern(7)
        assert contents == pattern(0)

    @pytest.mark.parametrize("contents", [0, -512, 100, b"", b"x" * 513])
    def test_is_whole_sectors(self, contents: int | bytes) -> None:
        with pytest.raises(ConfigError, match="memory disk"):
            MemoryDisk(contents)

    def test_can_be_read_only(self) -> None:
        assert MemoryDisk(SECTOR, read_only=True).read_only
        assert not MemoryDisk(SECTOR).read_only


@pytest.mark.parametrize(
    ("kib", "geometry"),
    [
        (160, (40, 1, 8)),
        (180, (40, 1, 9)),
        (320, (40, 2, 8)),
        (360, (40, 2, 9)),
        (720, (80, 2, 9)),
        (1200, (80, 2, 15)),
        (1440, (80, 2, 18)),
        (2880, (80, 2, 36)),
    ],
)
def test_floppy_sizes_are_recognised(kib: int, geometry: tuple[int, int, int]) -> None:
    assert floppy_geometry(kib * 1024) == geometry
    cylinders, heads, sectors = geometry
    assert cylinders * heads * sectors * SECTOR == kib * 1024


@pytest.mark.parametrize("size", [0, 512, 1440 * 1024 + 512, 1440 * 1000, sys.maxsize])
def test_other_sizes_are_no_floppies(size: int) -> None:
    assert floppy_geometry(size) is None
