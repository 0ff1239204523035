"""``hv run``: traces, symbols, host time and cost models from the command line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_run import hv
from tests.root.trace_rules import read_trace

GUEST = """
org 0x7c00
bits 16
    mov cx, 100
probe:
    in al, 0x61
    loop probe
    mov al, {code}
    out 0xf4, al
"""
ENDLESS = "org 0x7c00\nbits 16\nagain: in al, 0x61\njmp again\n"
DISK_GUEST = "@ide_polled_read"


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    path = tmp_path / "guest.asm"
    path.write_text(GUEST.format(code=0))
    return path


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (GUEST.format(code=0), 0),
        (GUEST.format(code=9), 1),
        ("org 0x7c00\nbits 16\nin al, 0x61\ncli\nhlt\n", 12),
        (ENDLESS, 124),
    ],
)
def test_a_trace_is_whole_however_the_guest_ends(source: str, code: int, tmp_path: Path) -> None:
    path, trace = tmp_path / "guest.asm", tmp_path / "trace.json"
    path.write_text(source)
    assert hv("run", path, "--max-insns", "1000", "--trace", trace).returncode == code
    assert len(read_trace(trace).slices("devices", "port61")) > 0


def test_a_trace_is_whole_after_ctrl_c(tmp_path: Path) -> None:
    path, trace = tmp_path / "guest.asm", tmp_path / "trace.json"
    path.write_text(ENDLESS.replace("again:", "mov dx, 0x3f8\nout dx, al\nagain:"))
    flags = ("-q", "--trace", trace, "--trace-limit", "9")
    process = subprocess.Popen(
        [sys.executable, "-m", "hv", "run", path, *flags],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with process.stdout as output:
        assert len(output.read(1)) == 1  # it is in the middle of its run
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(60) == 130
        finally:
            process.kill()
    assert read_trace(trace).events <= 9


def test_what_a_trace_leaves_out_is_said(guest: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    run = hv("run", guest, "--trace", trace, "--trace-limit", "10")
    whole = read_trace(trace)
    assert f"trace: 10 events kept, {whole.dropped} dropped".encode() in run.stderr
    hv("run", guest, "--trace", trace, "--trace-last", "20")
    assert [row.name for row in read_trace(trace).slices("devices", "debug exit")] == [
        "port_write port 0x00f4"
    ]
    quiet = hv("run", guest, "--trace", trace, "--trace-limit", "10", "-q")
    assert quiet.stderr == b""


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (("--trace-last", "5"), 2, "--trace-last without --trace"),
        (("--trace-limit", "5"), 2, "--trace-limit without --trace"),
        (("--trace", "t.json", "--trace-last", "5", "--trace-limit", "5"), 2, "name one"),
        (("--trace", "t.json", "--trace-last", "many"), 2, "'many' is not a number"),
        (("--trace", "t.json", "--trace-last", "1e12"), 2, "at most 67,108,864"),
        (("--trace", "no/such/folder"), 4, "no/such/folder: No such file"),
        (("--trace", "/dev/full"), 4, "/dev/full: No space left on device"),
        (("--cost-model", "no-such-model"), 4, "no-such-model"),
    ],
)
def test_bad_flags_are_one_line(
    flags: tuple[str, ...], code: int, said: str, guest: Path, tmp_path: Path
) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "hv", "run", guest, "-q", *flags],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env=os.environ,
    )
    assert (run.returncode, run.stderr.count(b"\n")) == (code, 1)
    assert said in run.stderr.decode()


def test_exits_by_symbol_in_the_table_and_in_the_result(guest: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    run = hv("run", guest, "--by-symbol", "--stats", "--json", result)
    assert b"exits by guest symbol" in run.stderr
    rows = json.loads(result.read_bytes())["symbols"]
    assert [(row["symbol"], row["exits"], row["insns"]) for row in rows] == [("probe", 100, 199)]


def test_host_time_is_apart_and_changes_nothing_else(guest: Path, tmp_path: Path) -> None:
    plain, measured = tmp_path / "plain.json", tmp_path / "measured.json"
    without = hv("run", guest, "--stats", "--json", plain)
    run = hv("run", guest, "--stats", "--json", measured, "--host-time")
    assert b"differs from run to run" in run.stderr
    assert b"differs from run to run" not in without.stderr
    result = json.loads(measured.read_bytes())
    host = result.pop("host")
    assert result == json.loads(plain.read_bytes())
    assert measured.read_bytes().startswith(plain.read_bytes().rstrip(b"\n}"))
    assert host[0]["count"] == 100
    assert host[0]["host_ns"] > 0


def test_statistics_name_the_devices_work_and_the_cost_model(tmp_path: Path) -> None:
    run = hv("run", DISK_GUEST, "--stats")
    assert b"device work" in run.stderr
    assert b"programmed I/O" in run.stderr
    assert b"cost model: hv-2026.1" in run.stderr


def test_a_cost_model_of_zeros_leaves_pure_instructions(guest: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    assert hv("run", guest, "--cost-model", "zero", "--json", result).returncode == 0
    counted = json.loads(result.read_bytes())
    assert counted["cost_model"] == "zero"
    assert all(row["cycles"] == 0 for row in counted["exits"])
