"""Debian's gdb in front of `hv run --gdb`: commands in, what it answered out."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_MARK = "=== next ==="
_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Transcript:
    """What gdb wrote for each command, and how the machine ended."""

    answers: list[str]
    exit_code: int
    serial: str


def debug(
    arguments: Sequence[str],
    commands: Sequence[str],
    *,
    bits: int | None = None,
    command: str = "run",
) -> Transcript:
    """Run ``hv run ARGUMENTS --gdb`` and let gdb do ``commands``; "connect" is `target remote`."""
    option = f",bits={bits}" if bits else ""
    with subprocess.Popen(
        [sys.executable, "-m", "hv", command, *arguments, "--gdb", f"127.0.0.1:0{option}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as machine:
        watchdog = threading.Timer(_SECONDS, machine.kill)
        watchdog.start()
        try:
            assert machine.stderr is not None
            address = _address(machine.stderr)
            answers = _gdb([f"target remote {address}" if c == "connect" else c for c in commands])
            serial, rest = machine.communicate()
        finally:
            watchdog.cancel()
            machine.kill()
    assert b"Traceback" not in rest, rest.decode()
    return Transcript(answers, machine.returncode, serial.decode())


def converse(
    arguments: Sequence[str], lines: Sequence[tuple[str, str]], *, command: str = "run"
) -> Transcript:
    """The same with each command's answer compared with a pattern."""
    transcript = debug(arguments, [order for order, _ in lines], command=command)
    for (order, expected), answer in zip(lines, transcript.answers, strict=True):
        assert re.search(expected, answer), f"{order}: {answer}"
    return transcript


def _address(told: IO[bytes]) -> str:
    lines = []
    while line := told.readline().decode():
        lines.append(line)
        if found := re.search(r"target remote (\S+)", line):
            return found[1]
    raise AssertionError(lines)


def _gdb(commands: list[str]) -> list[str]:
    script = ["set pagination off", "set width 0", "set confirm off"]
    for command in commands:
        script += [f"echo {_MARK}\\n", command]
    arguments = [word for command in script for word in ("-ex", command)]
    run = subprocess.run(
        ["gdb", "-nx", "-q", "-batch", *arguments],
        env=os.environ | {"LC_ALL": "C", "DEBUGINFOD_URLS": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_SECONDS,
        check=False,
        text=True,
    )
    answers = [answer.strip("\n") for answer in run.stdout.split(f"{_MARK}\n")[1:]]
    assert len(answers) == len(commands), run.stdout
    return answers


def source(folder: Path, text: str) -> str:
    """An assembly file for ``hv run``."""
    path = folder / "guest.asm"
    path.write_text(text)
    return str(path)
