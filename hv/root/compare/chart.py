"""What all charts share: the colours of the causes, and the scale on which cycles are drawn.

Paths of one workload can lie four decades apart, and a stacked bar on a logarithmic scale lies about its
parts. So a chart has two halves: totals as dots with a line from low to high, on a logarithmic scale where
they need one; beside them what the typical cycles were spent on, as shares of a bar of equal length.
"""

import math
from dataclasses import dataclass

from hv.root.compare.numbers import PerUnit, path_cycles
from hv.root.comparison import CAUSES, PathReport, WorkReport

_PALETTE = ("#0072b2", "#e69f00", "#d55e00", "#56b4e9", "#009e73", "#cc79a7")
"""Told apart by people with any kind of colour vision (M. Okabe, K. Ito, Color Universal Design, 2008)."""
COLOURS = dict(zip(CAUSES, _PALETTE, strict=True))

_WHITE, _BLACK = "#ffffff", "#000000"
INK = dict.fromkeys(CAUSES, _BLACK) | {CAUSES[0]: _WHITE}
"""The colour of text on a cause's colour."""

_LOG_FROM = 10
_MOST_TICKS = 6


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a value lies between the ends of an axis, and which values are named on it."""

    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]

    @classmethod
    def over(cls, figures: list[PerUnit]) -> "Scale":
        """For all of ``figures``: from 0, or logarithmic when they span a decade or more."""
        smallest = min(figure.low for figure in figures)
        largest = max(figure.high for figure in figures)
        if smallest > 0 and largest >= _LOG_FROM * smallest:
            return cls._decades(smallest, largest)
        return cls._from_zero(largest)

    @classmethod
    def _decades(cls, smallest: float, largest: float) -> "Scale":
        first, last = math.floor(math.log10(smallest)), math.ceil(math.log10(largest))
        step = math.ceil((last - first + 1) / _MOST_TICKS)
        ticks = tuple(10.0**decade for decade in range(first, last + 1, step))
        return cls(10.0**first, 10.0**last, True, ticks)

    @classmethod
    def _from_zero(cls, largest: float) -> "Scale":
        largest = max(largest, 1.0)
        decade = 10.0 ** math.floor(math.log10(largest))
        rounds = (decade * part for part in (0.2, 0.5, 1, 2))
        step = next(size for size in rounds if largest <= size * (_MOST_TICKS - 1))
        steps = math.ceil(largest / step)
        return cls(0.0, steps * step, False, tuple(n * step for n in range(steps + 1)))

    def at(self, value: float) -> float:
        """0 to 1 along the axis."""
        if not self.log:
            return value / self.high
        span = math.log10(self.high) - math.log10(self.low)
        return (math.log10(max(value, self.low)) - math.log10(self.low)) / span

    @property
    def words(self) -> str:
        return "logarithmic scale" if self.log else "from 0"


def scale_of(work: WorkReport) -> Scale:
    """The axis for the cycles of one unit of ``work``, on all its paths."""
    return Scale.over([path_cycles(work, path) for path in work.paths])


@dataclass(frozen=True, slots=True)
class Share:
    """A piece of a path's bar: ``start`` and ``size`` are fractions of its typical cycles."""

    cause: str
    start: float
    size: float


def shares(path: PathReport) -> list[Share]:
    """What the typical cycles were spent on, in the order of ``CAUSES``; nothing that is 0."""
    spent = {cause.name: cause.cycles.typical for cause in path.causes}
    whole = sum(spent.values())
    found, before = [], 0
    for name in CAUSES:
        cycles = spent.get(name, 0)
        if cycles:
            found.append(Share(name, before / whole, cycles / whole))
        before += cycles
    return found
