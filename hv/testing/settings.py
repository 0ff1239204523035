"""What a session was told by options and settings, checked."""

from pathlib import Path

import pytest

from hv.testing.bench import Setup
from hv.testing.coverage import LINES
from hv.testing.keys import PARTS


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
    return Setup(
        coverage=config.stash.get(PARTS, None),
        lines=any(file.endswith(LINES) for file in config.getoption("--hv-cov")),
    )


def coverage_files(config: pytest.Config) -> list[Path]:
    """Where coverage goes, as seen from where pytest was called."""
    files = [config.invocation_params.dir / file for file in config.getoption("--hv-cov")]
    for file in files:
        if file.is_dir() or not file.parent.is_dir():
            raise pytest.UsageError(f"--hv-cov: {file} cannot be written")
    return files
