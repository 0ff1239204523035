"""What a session was told by options and settings, checked."""

import pytest


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
