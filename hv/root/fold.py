"""Runs of events that repeat in a row, so that a long list can be shown short."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

_LONGEST = 64
"""Events in what repeats, at most."""
_WORTH = 5
"""Events that a fold must leave out."""


class Fold(NamedTuple):
    """``size`` events from ``start`` on, which come ``times`` times in a row."""

    start: int
    size: int
    times: int


def folds(events: Sequence[Hashable]) -> list[Fold]:
    """All events in order, each run that is long enough as one fold."""
    found: list[Fold] = []
    at = single = 0
    while at < len(events):
        best = max(
            (Fold(at, size, _times(events, at, size)) for size in range(1, _LONGEST + 1)),
            key=lambda fold: (fold.size * (fold.times - 1), -fold.size),
        )
        if best.size * (best.times - 1) < _WORTH:
            at += 1
            continue
        if single < at:
            found.append(Fold(single, at - single, 1))
        found.append(best)
        at = single = at + best.size * best.times
    if single < at:
        found.append(Fold(single, at - single, 1))
    return found


def _times(events: Sequence[Hashable], start: int, size: int) -> int:
    """How often the ``size`` events from ``start`` on come in a row."""
    at = start + size
    while at < len(events) and events[at] == events[at - size]:
        at += 1
    return (at - start) // size or 1


def round_of(events: Sequence[Hashable]) -> int:
    """The length of the shortest beginning that repeats to the end, twice at least; else that of all.

    By the borders of every beginning, as in the search of Knuth, Morris and Pratt.
    """
    border = [0] * len(events)
    for at in range(1, len(events)):
        size = border[at - 1]
        while size and events[at] != events[size]:
            size = border[size - 1]
        border[at] = size + (events[at] == events[size])
    period = len(events) - border[-1] if events else 0
    return period if 2 * period <= len(events) else len(events)
