"""A person at the terminal: typing to the guest, leaving by Ctrl-], Ctrl-C and time-out."""

import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hv.clock import host_seconds

LOOP = ".origin 0x7c00\n.code16\nagain: jmp again\n"
ECHO = """
.origin 0x7c00
.code16
    mov al, '>'
    call send
next:
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jz next
    mov dx, 0x3f8
    in al, dx
    call send
    jmp next
send:
    mov dx, 0x3f8
    out dx, al
    ret
"""
PATIENCE_S = 60
CTRL_RIGHT_BRACKET = b"\x1d"


def start(
    source: str, folder: Path, *flags: str, terminal: int | None = None
) -> subprocess.Popen[bytes]:
    path = folder / "guest.asm"
    path.write_text(source)
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if terminal is not None:
        streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
    return subprocess.Popen([sys.executable, "-m", "hv", "run", str(path), *flags], **streams)  # type: ignore[call-overload, no-any-return]


def read_until(descriptor: int, word: bytes) -> bytes:
    seen = b""
    end = host_seconds() + PATIENCE_S
    while word not in seen:
        ready, _, _ = select.select([descriptor], [], [], end - host_seconds())
        assert ready, seen
        seen += os.read(descriptor, 1000)
    return seen


def test_what_is_typed_reaches_the_guest_and_ctrl_bracket_leaves(tmp_path: Path) -> None:
    host, terminal = pty.openpty()
    process = start(ECHO, tmp_path, terminal=terminal)
    banner = read_until(host, b">")
    assert b"leave with Ctrl-]" in banner
    os.write(host, b"ab\x03c")  # Ctrl-C belongs to the guest here
    assert b"ab\x03c" in read_until(host, b"c")
    os.write(host, CTRL_RIGHT_BRACKET)
    assert process.wait(PATIENCE_S) == 130
    os.close(terminal)
    os.close(host)


def test_an_interrupt_ends_the_run_with_130(tmp_path: Path) -> None:
    process = start(LOOP, tmp_path, "--trace", str(tmp_path / "trace.json"))
    deadline = host_seconds() + PATIENCE_S
    while not (tmp_path / "trace.json").exists() and host_seconds() < deadline:
        select.select([], [], [], 0.05)  # it is written once the machine runs
    select.select([], [], [], 0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert b"Traceback" not in errors


@pytest.mark.parametrize("seconds", ["0.3"])
def test_a_time_out_ends_the_run_with_124(tmp_path: Path, seconds: str) -> None:
    process = start(LOOP, tmp_path, "--timeout", seconds)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 124
    assert b"budget" in errors


def test_a_file_on_stdin_is_typed(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"xyz")
    path = tmp_path / "guest.asm"
    path.write_text(ECHO)
    with (tmp_path / "input").open("rb") as file:
        run = subprocess.run(
            [sys.executable, "-m", "hv", "run", str(path), "--max-insns", "100k"],
            stdin=file,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert run.stdout == b">xyz"
