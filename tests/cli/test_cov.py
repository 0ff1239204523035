"""``hv run --cov`` and ``hv cov`` as a person meets them."""

from pathlib import Path

import pytest

from tests.cli.test_run import HELLO, hv, one_line


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    path = tmp_path / "hello.asm"
    path.write_text(HELLO.format(code=0))
    return path


def test_coverage_says_nothing_and_changes_nothing(hello: Path, tmp_path: Path) -> None:
    with_it, without = tmp_path / "a.json", tmp_path / "b.json"
    run = hv("run", hello, "-q", "--json", with_it, "--cov", tmp_path / "a.info")
    assert (run.returncode, run.stdout, run.stderr) == (0, b"hello\n", b"")
    assert hv("run", hello, "-q", "--json", without).returncode == 0
    assert with_it.read_bytes() == without.read_bytes()
    assert (tmp_path / "a.info").read_text().startswith(f"TN:\nSF:{hello}\nDA:4,1\n")


def test_a_recorded_run_may_be_covered(hello: Path, tmp_path: Path) -> None:
    journal, out = tmp_path / "journal", tmp_path / "out.drcov"
    assert hv("run", hello, "--record", journal, "--cov", out).returncode == 0
    assert hv("replay", journal).returncode == 0
    assert out.read_bytes().startswith(b"DRCOV VERSION: 2\n")


def test_coverage_that_cannot_be_had_is_one_line(hello: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(510) + b"\x55\xaa")
    info = tmp_path / "out.info"
    one_line(hv("run", disk, "--cov", info, "--max-insns", "10"), 4, "lines are known of")
    one_line(hv("run", "--disk", disk, "--cov", info, "--max-insns", "10"), 2, "needs an image")
    one_line(hv("run", hello, "-q", "--serial", "null", "--cov", tmp_path), 4, str(tmp_path))


def test_files_that_do_not_merge_are_one_line(hello: Path, tmp_path: Path) -> None:
    info, blocks, out = tmp_path / "a.info", tmp_path / "a.drcov", tmp_path / "out"
    assert hv("run", hello, "--cov", info, "--cov", blocks).returncode == 0
    one_line(hv("cov", info, blocks, "-o", out), 4, "do not merge")
    one_line(hv("cov", info, tmp_path / "none", "-o", out), 4, "none")
    one_line(hv("cov", hello, "-o", out), 4, "hello.asm, line")
    blocks.write_bytes(blocks.read_bytes()[:-3])
    one_line(hv("cov", blocks, "-o", out), 4, "a.drcov", "damaged")
    assert not out.exists()
