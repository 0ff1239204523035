"""An image file is read for its checksum once, as long as it stays what it is."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hv.clock import host_wall_ns
from hv.root.checkpoint import contents
from hv.root.checkpoint.contents import content_checksum
from hv.root.disk import FileDisk

SIZE = 3 << 20
LATER_NS = 10_000_000_000

Reads = list[int]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Where image files were read."""
    seen: Reads = []
    read = FileDisk.read

    def counted(self: FileDisk, lba: int, count: int) -> bytes:
        seen.append(lba)
        return read(self, lba, count)

    monkeypatch.setattr(FileDisk, "read", counted)
    return seen


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) + bytes(SIZE - 256))
    return path


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let ten seconds pass."""

    def wait() -> None:
        monkeypatch.setattr(contents, "host_wall_ns", lambda: host_wall_ns() + LATER_NS)

    return wait


def checksum(path: Path, *, read_only: bool = True) -> bytes:
    disk = FileDisk(path, read_only=read_only)
    try:
        return content_checksum(disk)
    finally:
        disk.close()


def test_a_settled_file_is_read_once(image: Path, reads: Reads, later: Callable[[], None]) -> None:
    later()
    first = checksum(image)
    assert reads == [0, 2048, 4096]
    assert checksum(image) == first
    assert len(reads) == 3


def test_a_change_of_one_byte_shows(image: Path, reads: Reads, later: Callable[[], None]) -> None:
    later()
    before = checksum(image)
    times = image.stat()
    with image.open("r+b") as file:
        file.seek(SIZE - 1)
        file.write(b"x")
    while image.stat().st_ctime_ns == times.st_ctime_ns:  # as coarse as a tick
        os.utime(image, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert checksum(image) != before
    assert len(reads) == 6


def test_a_file_just_written_is_read_each_time(image: Path, reads: Reads) -> None:
    assert checksum(image) == checksum(image)
    assert len(reads) == 6


def test_so_is_one_that_the_guest_may_write(
    image: Path, reads: Reads, later: Callable[[], None]
) -> None:
    later()
    assert checksum(image, read_only=False) == checksum(image, read_only=False)
    assert len(reads) == 6
