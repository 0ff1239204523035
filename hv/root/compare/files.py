"""A comparison as JSON and CSV: the same bytes for the same runs.

JSON has everything (``hv.compare/1``). CSV is the table for a spreadsheet: one row a path, so that no column
mixes totals with their parts; cycles by cause are columns of the row, exits one by one are in the JSON alone.
"""

import csv
import io

import msgspec

from hv.root.compare.numbers import LEVELS
from hv.root.comparison import CAUSES, Comparison, PathReport, WorkReport

_OF_THE_WORK = ("work", "unit", "units", "baseline")
_OF_THE_PATH = (
    "path",
    "kind",
    "insns",
    "exits",
    "injections",
    "elapsed",
    "guest_cycles",
    "checksum",
)


def to_json(comparison: Comparison) -> bytes:
    """Indented, keys in the schema's order, a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(comparison), indent=2) + b"\n"


def _columns() -> list[str]:
    spreads = ("cycles", "ratio", *(cause.replace(" ", "_") for cause in CAUSES))
    return [
        *("cost_model", *_OF_THE_WORK, *_OF_THE_PATH),
        *(f"{name}_{level}" for name in spreads for level in LEVELS),
    ]


def _row(model: str, work: WorkReport, path: PathReport) -> list[object]:
    causes = {cause.name: cause.cycles for cause in path.causes}
    spreads = (path.cycles, path.ratio, *(causes.get(name) for name in CAUSES))
    return [
        model,
        *(getattr(work, name) for name in _OF_THE_WORK),
        *(getattr(path, name) for name in _OF_THE_PATH),
        *(getattr(spread, level, 0) for spread in spreads for level in LEVELS),
    ]


def to_csv(comparison: Comparison) -> bytes:
    """A header, then one row a path. Cycles are totals of the run, not for one unit."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_columns())
    for work in comparison.works:
        for path in work.paths:
            writer.writerow(_row(comparison.cost_model, work, path))
    return out.getvalue().encode()
