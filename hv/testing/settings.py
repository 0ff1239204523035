"""What a session was told by options and settings, checked."""

from pathlib import Path

import pytest

from hv.testing.bench import Setup
from hv.testing.coverage import LINES
from hv.testing.keys import PARTS


def check(config: pytest.Config) -> None:
    """UsageError, one line, for what cannot be."""
    patience_s(config)
    pulse_every(config)


def patience_s(config: pytest.Config) -> float | None:
    """Seconds of the host's that a request to the child may take; None: for ever."""
    given = config.getoption("--hv-timeout")
    name = "hv_timeout" if given is None else "--hv-timeout"
    text = str(config.getini("hv_timeout") if given is None else given)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise pytest.UsageError(f"{name}: {text!r} is no number of seconds")
    return seconds or None


def setup_of(config: pytest.Config) -> Setup:
    """What every machine of the session is made with."""
    cache = getattr(config, "cache", None)
    return Setup(
        coverage=config.stash.get(PARTS, None),
        lines=any(file.endswith(LINES) for file in config.getoption("--hv-cov")),
        pulse_every=pulse_every(config),
        cache=None if cache is None else cache.mkdir("hv-boots"),
    )


def pulse_every(config: pytest.Config) -> int | None:
    """Instructions after which machines are saved and go on restored."""
    given = config.getoption("--hv-pulse")
    if given is None:
        return None
    try:
        insns = int(given)
    except ValueError:
        insns = 0
    if insns < 1:
        raise pytest.UsageError(f"--hv-pulse: {given!r} is no number of instructions")
    return insns


def coverage_files(config: pytest.Config) -> list[Path]:
    """Where coverage goes, as seen from where pytest was called."""
    files = [config.invocation_params.dir / file for file in config.getoption("--hv-cov")]
    for file in files:
        if file.is_dir() or not file.parent.is_dir():
            raise pytest.UsageError(f"--hv-cov: {file} cannot be written")
    return files
