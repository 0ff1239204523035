"""Numbers as reports print them: four significant digits, decimal prefixes, ratios."""

from dataclasses import dataclass

from hv.cost import Spread
from hv.root.comparison import PathReport, Ratio, WorkReport

LEVELS = ("low", "typical", "high")
"""The cost model's figures, as fields of ``Spread`` and ``Ratio``."""

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
_STEP = 1000
_EXACT_BELOW = 10_000


def _four_digits(value: float) -> str:
    decimals = 3 if value < 10 else 2 if value < 100 else 1
    return f"{value:,.{decimals}f}"


def short(value: float) -> str:
    """Whole numbers below 10,000 in full, else four digits and a prefix: 12345678 -> "12.35 M"."""
    if value < _EXACT_BELOW:
        return (
            f"{value:,.0f}" if value == int(value) or value >= _STEP - 0.05 else _four_digits(value)
        )
    prefix = 0
    while value >= _STEP - 0.05 and prefix < len(_PREFIXES) - 1:
        value, prefix = value / _STEP, prefix + 1
    return f"{_four_digits(value)} {_PREFIXES[prefix]}"


def short_round(value: float) -> str:
    """The same for round numbers, as axes have them: 500000 -> "500 k"."""
    prefix = 0
    while value >= _STEP and prefix < len(_PREFIXES) - 1:
        value, prefix = value / _STEP, prefix + 1
    return f"{value:g} {_PREFIXES[prefix]}".rstrip()


def ratio_text(value: float) -> str:
    """Three significant digits, at most four decimals: "1.00", "0.312", "0.0041", "12.3"."""
    if value < 1:
        return f"{value:.4f}" if value < 0.0995 else f"{value:.3f}"
    if value >= _EXACT_BELOW:
        return short(value)
    return (
        f"{value:,.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"
    )


def percent(part: float, whole: float) -> str:
    """ "31%"; "< 1%" for what is there but rounds to nothing."""
    share = 100 * part / whole if whole else 0.0
    return "< 1%" if 0 < share < 0.5 else f"{share:.0f}%"


@dataclass(frozen=True, slots=True)
class PerUnit:
    """One figure at the cost model's three levels, for one unit of work."""

    low: float
    typical: float
    high: float

    @classmethod
    def of(cls, spread: Spread, units: int) -> "PerUnit":
        return cls(spread.low / units, spread.typical / units, spread.high / units)

    def texts(self) -> tuple[str, str, str]:
        return short(self.low), short(self.typical), short(self.high)


def path_cycles(work: WorkReport, path: PathReport) -> PerUnit:
    """Cycles that ``path`` spends on one unit of ``work``."""
    return PerUnit.of(path.cycles, work.units)


def ratio_texts(ratio: Ratio) -> tuple[str, str, str]:
    return ratio_text(ratio.low), ratio_text(ratio.typical), ratio_text(ratio.high)
