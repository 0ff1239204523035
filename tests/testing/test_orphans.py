"""A session that is killed takes the process along that runs its guests."""

import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

from hv.clock import host_seconds

PATIENCE_S = 60.0
USER_TIME, A_WHILE = 11, 50
TEST = """
import os

def test_it_never_ends(vm):
    machine = vm("@endless_loop")
    print("child", machine.memory._child.pid, flush=True)
    machine.run()
"""


def status(pid: int) -> list[str]:
    """What /proc has of a process behind its name: its state first. Empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def is_there(pid: int) -> bool:
    return status(pid)[:1] not in ([], ["Z"])


def ticks(pid: int) -> int:
    """How long it has computed."""
    return int(status(pid)[USER_TIME])


def test_the_child_of_a_killed_session_ends_in_the_middle_of_its_guest(tmp_path: Path) -> None:
    (tmp_path / "test_endless.py").write_text(TEST)
    session = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "hv.testing.plugin"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert session.stdout is not None
    with session.stdout:
        line = next(line for line in session.stdout if line.startswith("child "))
        pid = int(line.split()[1])
        start = ticks(pid)
        while ticks(pid) < start + A_WHILE:
            Event().wait(0.1)
        session.send_signal(signal.SIGKILL)
        session.wait()
    give_up = host_seconds() + PATIENCE_S
    while is_there(pid) and host_seconds() < give_up:
        Event().wait(0.1)
    assert not is_there(pid)
