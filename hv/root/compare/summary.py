"""One line a workload: its cheapest path beside its baseline."""

from dataclasses import dataclass

from hv.root.compare.numbers import path_cycles, ratio_texts, short
from hv.root.compare.words import order_of
from hv.root.comparison import WorkReport

TITLE = "All workloads: the cheapest path by the typical figures beside the baseline"
TEXT_COLUMNS = ("workload", "baseline", "cheapest path", "order holds", "unit")
NUMBER_COLUMNS = (
    "baseline, cycles per unit",
    "cheapest, cycles per unit",
    "ratio, low",
    "ratio, typical",
    "ratio, high",
)


@dataclass(frozen=True, slots=True)
class Summary:
    """Cells under ``TEXT_COLUMNS`` and ``NUMBER_COLUMNS``."""

    texts: tuple[str, ...]
    numbers: tuple[str, ...]


def summary_of(work: WorkReport) -> Summary:
    """``order holds``: the paths come in the same order at low, typical and high figures."""
    paths = {path.path: path for path in work.paths}
    order = order_of(work)
    cheapest, baseline = paths[order.cheapest_first[0]], paths[work.baseline]
    return Summary(
        (work.work, baseline.path, cheapest.path, "yes" if order.holds else "no", work.unit),
        (
            short(path_cycles(work, baseline).typical),
            short(path_cycles(work, cheapest).typical),
            *ratio_texts(cheapest.ratio),
        ),
    )
