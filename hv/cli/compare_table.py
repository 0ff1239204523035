"""A comparison for a terminal or a pipe: one table a workload, and below it what it means in words."""

import sys
from textwrap import fill

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hv.root.compare.numbers import LEVELS, path_cycles, ratio_texts, short
from hv.root.compare.summary import NUMBER_COLUMNS, TEXT_COLUMNS, TITLE, summary_of
from hv.root.compare.words import beside_sentence, order_sentence, sources_sentence
from hv.root.comparison import Comparison, WorkReport

_PLAIN_WIDTH = 120
_ROOMY = 110
_HEAD_WIDTH = 9
_KIND_STYLES = {"emulated": "yellow", "synthetic": "green"}


def print_comparison(comparison: Comparison) -> None:
    """The product of ``hv compare``: goes to stdout."""
    width = None if sys.stdout.isatty() else _PLAIN_WIDTH
    console = Console(width=width, highlight=False)
    for work in comparison.works:
        console.print(Text(f"{work.work}: {work.title}", style="bold"))
        console.print(_figures(work, console.width))
        console.print(Text(f"Held equal: {work.equal}", style="dim"))
        console.print(Text(order_sentence(work)))
        console.print("Most cycles in exits go to:")
        console.print(_sources(work, console.width))
        console.print()
    if len(comparison.works) > 1:
        console.print(Text(TITLE, style="bold"))
        console.print(_summary(comparison.works, console.width))
    console.print(
        Text(f"Cycles by the cost model {comparison.cost_model}: a model, no measurement.")
    )


def _table(width: int) -> Table:
    """Columns close together where there is little room."""
    padding = (0, 1, 0, 0) if width >= _ROOMY else (0, 0, 0, 0)
    return Table(box=SIMPLE_HEAD, padding=padding, show_edge=False, pad_edge=False)


def _summary(works: list[WorkReport], width: int) -> Table:
    table = _table(width)
    for name in TEXT_COLUMNS:
        table.add_column(fill(name, _HEAD_WIDTH), vertical="bottom", no_wrap=True)
    for name in NUMBER_COLUMNS:
        table.add_column(fill(name, _HEAD_WIDTH), justify="right", vertical="bottom", no_wrap=True)
    for work in works:
        summary = summary_of(work)
        table.add_row(*map(Text, (*summary.texts, *summary.numbers)))
    return table


def _figures(work: WorkReport, width: int) -> Table:
    """Counts in full, cycles and ratios at the three levels of the model."""
    table = _table(width)
    table.add_column("\npath", no_wrap=True)
    for head in ("\ninstructions", "\nexits", *_per_unit_head(work)):
        table.add_column(head, justify="right", no_wrap=True)
    for words in (("cycles", "per", work.unit), ("ratio", "to the", "baseline")):
        for word, level in zip(words, LEVELS, strict=True):
            table.add_column(f"{word}\n{level}", justify="right", no_wrap=True)
    for path in work.paths:
        mark = " *" if path.path == work.baseline else ""
        table.add_row(
            Text(path.path + mark, style=_KIND_STYLES.get(path.kind, "")),
            f"{path.insns:,}",
            f"{path.exits:,}",
            *([short(path.exits / work.units)] if work.units != 1 else []),
            *path_cycles(work, path).texts(),
            *ratio_texts(path.ratio),
        )
    return table


def _per_unit_head(work: WorkReport) -> tuple[str, ...]:
    """One unit needs no column of its own."""
    return () if work.units == 1 else (f"exits per\n{work.unit}",)


def _sources(work: WorkReport, width: int) -> Text:
    """A paragraph a path, hanging behind its name."""
    names = max(len(path.path) for path in work.paths)
    paragraphs = [
        fill(
            f"{path.kind}: {sources_sentence(path)} {beside_sentence(path)}".rstrip(),
            width,
            initial_indent=f"  {path.path:{names}}  ",
            subsequent_indent=" " * (names + 4),
            break_on_hyphens=False,
        )
        for path in work.paths
    ]
    return Text("\n".join(paragraphs))
