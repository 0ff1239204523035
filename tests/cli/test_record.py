"""``hv run --record`` and ``hv replay`` as a person meets them."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from hv.root.journal.file import load_journal
from hv.root.journal.records import Input, Serial
from tests.cli.test_console import ECHO, PATIENCE_S, read_until, start
from tests.cli.test_run import BOOT_SECTOR, HELLO, hv, one_line


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    path = tmp_path / "hello.asm"
    path.write_text(HELLO.format(code=0))
    return path


def test_what_a_person_types_is_recorded_and_runs_again(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    host, terminal = pty.openpty()
    flags = ("--record", str(journal), "--keys", "abc<wait:20ms>d", "--at", "1ms:power-button")
    process = start(ECHO, tmp_path, *flags, terminal=terminal)
    read_until(host, b">")
    for letter in (b"a", b"\x03", b"c"):
        os.write(host, letter)
        read_until(host, letter)
    os.write(host, b"\x1d")
    assert process.wait(PATIENCE_S) == 130
    os.close(terminal)
    os.close(host)
    given = [event for event in load_journal(journal).events if isinstance(event, Input)]
    assert [event.what for event in given] == [
        Serial("com1", letter) for letter in (b"a", b"\x03", b"c")
    ]
    run = hv("replay", journal)
    assert run.returncode == 0, run.stderr
    assert b"the same run" in run.stderr
    assert b"inputs: 3" in run.stderr


def test_a_replay_shows_nothing_of_the_guests(hello: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    run = hv("run", hello, "--record", journal, "-q")
    assert (run.returncode, run.stdout, run.stderr) == (0, b"hello\n", b"")
    again = hv("replay", journal, "-q")
    assert (again.returncode, again.stdout, again.stderr) == (0, b"", b"")


def test_a_changed_image_is_named_and_where_it_shows(tmp_path: Path) -> None:
    source, journal = tmp_path / "boot.asm", tmp_path / "journal"
    source.write_text(BOOT_SECTOR)
    assert hv("run", source, "--keys", "x", "--record", journal).returncode == 0
    source.write_text(BOOT_SECTOR.replace("Press a key", "Press a kex"))
    run = hv("replay", journal)
    text = run.stderr.decode()
    assert run.returncode == 1
    assert "boot.asm is not the image that was recorded" in text
    assert "diverged between instruction" in text
    assert "first divergent instruction: number" in text
    assert "ata0.drive0" in text
    fast = hv("replay", journal, "--no-search")
    assert fast.returncode == 1
    assert b"first divergent" not in fast.stderr


def test_a_journal_alone_is_enough_for_a_small_image(hello: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    assert hv("run", hello, "--record", journal).returncode == 0
    hello.unlink()
    assert hv("replay", journal).returncode == 0


def test_a_disk_that_changed_is_named(tmp_path: Path, hello: Path) -> None:
    disk, journal = tmp_path / "disk.img", tmp_path / "journal"
    disk.write_bytes(bytes(1 << 20))
    assert hv("run", hello, "--disk", f"{disk},rw", "--record", journal).returncode == 0
    assert hv("replay", journal).returncode == 0
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in (disk, journal, hello):
        path.rename(moved / path.name)
    assert hv("replay", moved / "journal").returncode == 0
    (moved / "disk.img").write_bytes(b"\1" + bytes((1 << 20) - 1))
    one_line(hv("replay", moved / "journal", "-q"), 1, "disk.img is not the file")


def test_a_run_that_was_interrupted_runs_again_to_there(tmp_path: Path) -> None:
    guest, journal = tmp_path / "loop.asm", tmp_path / "journal"
    guest.write_text(".origin 0x7c00\n.code16\nagain: jmp again\n")
    assert hv("run", guest, "--record", journal, "--timeout", "0.5").returncode == 124
    assert hv("replay", journal).returncode == 0


@pytest.mark.parametrize(
    ("content", "word"), [(None, "cannot read"), (b"", "no journal"), (b"x" * 500, "no journal")]
)
def test_a_bad_journal_is_one_line(tmp_path: Path, content: bytes | None, word: str) -> None:
    path = tmp_path / "journal"
    if content is not None:
        path.write_bytes(content)
    one_line(hv("replay", path), 4, str(path), word)


def test_a_cut_off_journal_is_one_line(hello: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    assert hv("run", hello, "--record", journal).returncode == 0
    journal.write_bytes(journal.read_bytes()[:-100])
    one_line(hv("replay", journal), 4, "line")


def test_a_run_from_a_checkpoint_is_recorded(tmp_path: Path) -> None:
    source, checkpoint, journal = (tmp_path / name for name in ("boot.asm", "here", "journal"))
    source.write_text(BOOT_SECTOR)
    assert hv("run", source, "--max-insns", "5000", "--checkpoint", checkpoint).returncode == 124
    run = hv("run", checkpoint, "--keys", "x", "--at", "1s:power-button", "--record", journal)
    assert run.returncode == 0, run.stderr
    again = hv("replay", journal)
    assert again.returncode == 0, again.stderr
    assert b"inputs: 2" in again.stderr
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[:-1])
    one_line(hv("replay", journal), 4, "is not the checkpoint")
    checkpoint.unlink()
    one_line(hv("replay", journal), 4, "neither there nor beside")


def test_two_results_are_compared(hello: Path, tmp_path: Path) -> None:
    first, second, trace = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "c.json"
    assert hv("run", hello, "--json", first, "--trace", trace).returncode == 0
    hello.write_text(HELLO.format(code=3))
    assert hv("run", hello, "--json", second).returncode == 1
    assert hv("diff", first, first).returncode == 0
    run = hv("diff", first, second)
    assert run.returncode == 1
    assert run.stdout.decode().startswith('first difference: outcome: "pass" became "fail"\n')
    one_line(hv("diff", first, trace), 4, "a result and a trace")
    one_line(hv("diff", first, tmp_path / "none"), 4, "none")


def test_the_recorder_is_refused_a_place_it_cannot_write(hello: Path, tmp_path: Path) -> None:
    one_line(hv("run", hello, "--record", tmp_path / "no" / "journal"), 4, "journal")
    one_line(hv("run", hello, "--record", tmp_path / "j", "--record-every", "0"), 2, "--record")


def test_help_names_both_commands() -> None:
    text = subprocess.run(
        [sys.executable, "-m", "hv", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert " replay " in text
    assert " diff " in text
