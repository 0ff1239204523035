"""The command line, end to end."""

import os
import subprocess
import sys

from hv.clock import host_seconds
from tests.bench.measure import alone


def _timed(*arguments: str) -> float:
    """As installed: with the byte code that the first run leaves."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "hv", *arguments]
    start = host_seconds()
    subprocess.run(command, capture_output=True, check=True, env=environment)
    return host_seconds() - start


def hello() -> None:
    _timed("run", "@hello")  # fills the cache of assembled firmware
    alone("hv run @hello", lambda: _timed("run", "@hello"), "<= 0.5 s")


def version() -> None:
    alone("hv --version", lambda: _timed("--version"), "<= 0.2 s")
