"""``hv run`` as a person meets it: exit codes, what goes where, one line for every kind of bad input."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

HELLO = """
org 0x7c00
bits 16
    mov si, text
next:
    lodsb
    test al, al
    jz done
    mov dx, 0x3f8
    out dx, al
    jmp next
done:
    mov al, {code}
    out 0xf4, al
text: db "hello", 10, 0
"""
BOOT_SECTOR = """
org 0x7c00
bits 16
    mov si, text
next:
    lodsb
    test al, al
    jz wait_key
    mov ah, 0x0e
    int 0x10
    jmp next
wait_key:
    mov ah, 0
    int 0x16
    mov al, 0
    out 0xf4, al
text: db "Press a key", 0
times 510-($-$$) db 0
dw 0xaa55
"""


def hv(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "hv", *map(str, arguments)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    path = tmp_path / "hello.asm"
    path.write_text(HELLO.format(code=0))
    return path


def test_the_guests_output_alone_goes_to_stdout(hello: Path) -> None:
    run = hv("run", hello)
    assert (run.returncode, run.stdout) == (0, b"hello\n")
    assert b"pass" in run.stderr


def test_quiet_says_nothing(hello: Path) -> None:
    assert hv("run", hello, "-q").stderr == b""


def test_a_guest_that_says_fail_makes_the_exit_code_1(tmp_path: Path) -> None:
    path = tmp_path / "fail.asm"
    path.write_text(HELLO.format(code=5))
    run = hv("run", path, "--json", tmp_path / "result.json")
    result = json.loads((tmp_path / "result.json").read_bytes())
    assert run.returncode == 1
    assert (result["outcome"], result["guest_code"]) == ("fail", 5)


@pytest.mark.parametrize(
    ("source", "code", "outcome"),
    [
        ("cli\nhlt", 12, "stuck"),
        ("lidt [empty]\nint3\nempty: .word 0, 0, 0", 10, "triple fault"),
        ("again: jmp again", 124, "budget"),
        ("mov al, 0xfe\nout 0x64, al\nhlt", 13, "reset"),
    ],
)
def test_every_way_to_end_has_its_exit_code(
    tmp_path: Path, source: str, code: int, outcome: str
) -> None:
    path = tmp_path / "guest.asm"
    path.write_text(f".origin 0x7c00\n.code16\n{source}\n")
    run = hv("run", path, "--max-insns", "100k")
    assert run.returncode == code
    assert outcome.encode() in run.stderr


def test_a_newcomers_boot_sector_runs_from_source_and_from_its_image(tmp_path: Path) -> None:
    source, image = tmp_path / "boot.asm", tmp_path / "boot.img"
    source.write_text(BOOT_SECTOR)
    assert hv("asm", source, "-o", image).returncode == 0
    assert image.stat().st_size == 512
    for name in (source, image):
        run = hv("run", name, "--keys", "x", "--screen")
        assert run.returncode == 0
        assert b"Press a key" in run.stderr


def test_two_runs_give_the_same_bytes_with_and_without_the_accelerator(
    hello: Path, tmp_path: Path
) -> None:
    results = []
    for name, variables in (
        ("a", {"HV_ACCEL": "1", "PYTHONHASHSEED": "1"}),
        ("b", {"HV_ACCEL": "1", "PYTHONHASHSEED": "2"}),
        ("c", {"HV_ACCEL": "0", "PYTHONHASHSEED": "3"}),
    ):
        path = tmp_path / name
        assert hv("run", hello, "--json", path, **variables).returncode == 0
        results.append(path.read_bytes())
    assert results[0] == results[1] == results[2]


def test_statistics_result_csv_and_trace(hello: Path, tmp_path: Path) -> None:
    table, trace = tmp_path / "exits.csv", tmp_path / "trace.json"
    run = hv("run", hello, "--stats", "--csv", table, "--trace", trace)
    assert b"com1" in run.stderr
    header, *rows = table.read_text().splitlines()
    assert header == "reason,device,target,direction,width,count,insns,cycles,bytes"
    assert any(row.startswith("port_write,com1,port 0x03f8,out,1,6,") for row in rows)
    events = json.loads(trace.read_text())
    assert sum(event["name"] == "port_write port 0x03f8" for event in events) == 6


def test_serial_to_a_file(hello: Path, tmp_path: Path) -> None:
    run = hv("run", hello, "--serial", tmp_path / "out")
    assert run.stdout == b""
    assert (tmp_path / "out").read_bytes() == b"hello\n"


def test_a_picture_of_the_screen(tmp_path: Path) -> None:
    source = tmp_path / "boot.asm"
    source.write_text(BOOT_SECTOR)
    for name, head in (("screen.png", b"\x89PNG"), ("screen.txt", b"")):
        run = hv("run", source, "--keys", "x", "--screenshot", tmp_path / name)
        assert run.returncode == 0
        assert (tmp_path / name).read_bytes().startswith(head)
    assert "Press a key" in (tmp_path / "screen.txt").read_text()


def one_line(run: subprocess.CompletedProcess[bytes], code: int, *words: str) -> None:
    text = run.stderr.decode()
    assert run.returncode == code, text
    assert text.count("\n") == 1
    assert "Traceback" not in text
    for word in words:
        assert word in text


def broken_files(folder: Path) -> dict[str, Path]:
    files = {name: folder / name for name in ("empty", "odd", "locked", "folder", "config.toml")}
    files["empty"].write_bytes(b"")
    files["odd"].write_bytes(b"x" * 1000)
    files["folder"].mkdir()
    files["config.toml"].write_text("memory = \n")
    files["missing"] = folder / "missing"
    return files


@pytest.mark.parametrize("kind", ["missing", "empty", "odd", "folder"])
def test_a_broken_disk_is_one_line_and_exit_4(tmp_path: Path, kind: str) -> None:
    path = broken_files(tmp_path)[kind]
    one_line(hv("run", "--disk", path), 4, str(path))


@pytest.mark.parametrize("kind", ["missing", "empty", "odd", "folder"])
def test_a_broken_image_is_one_line_and_exit_4(tmp_path: Path, kind: str) -> None:
    path = broken_files(tmp_path)[kind]
    one_line(hv("run", path), 4, str(path))


def test_broken_configurations_are_one_line_and_exit_4(tmp_path: Path, hello: Path) -> None:
    files = broken_files(tmp_path)
    one_line(hv("run", hello, "--config", files["config.toml"]), 4, "config.toml")
    one_line(hv("run", hello, "--config", files["missing"]), 4, "missing")
    unknown = tmp_path / "unknown.toml"
    unknown.write_text("memmory = 5\n")
    one_line(hv("run", hello, "--config", unknown), 4, "unknown.toml", "memmory")
    one_line(hv("run", hello, "--set", "memory=2097153"), 4, "2097153")
    one_line(hv("run", hello, "--set", "colour=red"), 4, "colour")
    sector = tmp_path / "boot.asm"
    sector.write_text(BOOT_SECTOR)
    one_line(hv("run", sector, "--firmware", files["missing"]), 4, "missing")
    one_line(hv("run", hello, "--json", tmp_path / "no" / "where"), 4, "where")
    one_line(hv("run", hello, "--serial", tmp_path / "no" / "where"), 4, "where")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--bogus"], "--bogus"),
        (["--memory", "lots"], "lots"),
        (["--cpus", "4"], "--cpus"),
        (["--cpus", "many"], "--cpus"),
        (["--keys", "<nosuchkey>"], "nosuchkey"),
        (["--disk", "x,bus=scuzzy"], "scuzzy"),
        (["--disk", "x,wo"], "wo"),
        (["--mode", "17"], "17"),
        (["--set", "novalue"], "novalue"),
        (["--max-insns", "-5"], "-5"),
        (["--max-insns", "few"], "few"),
        (["--format", "nosuch"], "nosuch"),
    ],
)
def test_a_wrong_flag_is_one_line_and_exit_2(hello: Path, arguments: list[str], word: str) -> None:
    one_line(hv("run", hello, *arguments), 2, word)


def test_nothing_to_run_is_a_usage_error() -> None:
    one_line(hv("run"), 2, "image")


def test_an_unknown_sample_is_a_usage_error() -> None:
    one_line(hv("run", "@nosuch"), 2, "@nosuch", "hv guests")


def test_an_error_in_assembly_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.asm"
    path.write_text("nop\nfrobnicate ax\n")
    one_line(hv("run", path), 4, "bad.asm:2")
    one_line(hv("asm", path), 4, "bad.asm:2")


def test_an_unreadable_disk_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(4096))
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything: take a device that nobody can
        path.unlink()
        os.mkfifo(path, stat.S_IRUSR)
    one_line(hv("run", "--disk", path), 4, "disk.img")


def test_version_help_doctor_and_info(hello: Path) -> None:
    assert hv("--version").stdout.startswith(b"hv ")
    assert b"run" in hv("--help").stdout
    assert hv("doctor").returncode == 0
    shown = hv("info", hello).stdout.decode()
    assert "flat" in shown
    assert "0x00007c00" in shown
