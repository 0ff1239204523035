"""Regular expressions that users write: for lines of text, refused in a line when they are none."""

import re
import warnings

from hv.errors import ConfigError


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern in which ^ and $ are of lines. ConfigError when it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", FutureWarning
            )  # of sets within sets, which we do not mean
            return re.compile(pattern, re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"pattern {pattern!r}: {error}", usage=True) from None
