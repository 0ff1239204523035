"""Damage to files, and what is said about it."""

import os
from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st

from hv.errors import ConfigError

T = TypeVar("T")

EXAMPLES = int(os.environ.get("HV_MUTATIONS", "300"))
"""How many pieces of damage a test tries; ``make soak`` asks for many more."""


def refusal(action: Callable[[], T]) -> tuple[T | None, str | None]:
    """What ``action`` returned, or the one line with which it refused."""
    try:
        return action(), None
    except ConfigError as error:
        text = str(error)
    assert text
    assert "\n" not in text
    return None, text


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """``content`` with a byte changed, a piece cut out, doubled or moved, or its end missing."""
    start = draw(st.integers(0, len(content) - 1))
    end = draw(st.integers(start, min(len(content), start + 400)))
    kind = draw(st.sampled_from(("byte", "cut", "double", "end", "insert", "move")))
    if kind == "byte":
        value = draw(st.integers(0, 255).filter(lambda value: value != content[start]))
        return content[:start] + bytes([value]) + content[start + 1 :]
    if kind == "cut":
        return content[:start] + content[end:]
    if kind == "double":
        return content[:end] + content[start:end] + content[end:]
    if kind == "end":
        return content[:start]
    if kind == "insert":
        return content[:start] + draw(st.binary(min_size=1, max_size=20)) + content[start:]
    to = draw(st.integers(0, start))
    return content[:to] + content[start:end] + content[to:start] + content[end:]
