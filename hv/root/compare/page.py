"""A comparison as one page of HTML: no script, nothing from elsewhere, light and dark."""

from pathlib import Path
from string import Template

from hv.root.compare.bars import dots, legend, stacks
from hv.root.compare.chart import scale_of
from hv.root.compare.markup import Html, element, join, table
from hv.root.compare.numbers import LEVELS, path_cycles, percent, ratio_texts, short
from hv.root.compare.summary import NUMBER_COLUMNS, TEXT_COLUMNS, TITLE, summary_of
from hv.root.compare.words import (
    beside_sentence,
    exit_words,
    order_sentence,
    sources_sentence,
)
from hv.root.comparison import Comparison, PathReport, WorkReport

_TEMPLATE = "page.html"
_TITLE = "What the same work costs on emulated and on synthetic devices"
_NOTE = (
    "Instructions and exits are counted exactly. Cycles are no measurement: they are those counts times "
    "the figures of a cost model, each of which has a low, a typical and a high value. What holds for all "
    "three does not depend on which of them is right. Ratios are cycles over those of the baseline."
)


def to_html(comparison: Comparison) -> bytes:
    """The page as a file."""
    template = Template((Path(__file__).parent / _TEMPLATE).read_text(encoding="utf-8"))
    content = join(
        _header(comparison),
        _summary(comparison.works),
        *(_section(number, work) for number, work in enumerate(comparison.works, 1)),
    )
    return template.substitute(title=join(_TITLE), content=content).encode()


def _header(comparison: Comparison) -> Html:
    versions = ", ".join(f"{name} {number}" for name, number in comparison.versions.items())
    return element(
        "header",
        element("h1", _TITLE),
        element("p", _NOTE),
        element("p", f"Cost model {comparison.cost_model}. Versions: {versions}.", class_="dim"),
    )


def _anchor(number: int) -> str:
    return f"work-{number}"


def _summary(works: list[WorkReport]) -> Html:
    rows = []
    for number, work in enumerate(works, 1):
        summary = summary_of(work)
        name, *texts = summary.texts
        link = element("a", name, href=f"#{_anchor(number)}")
        rows.append([link, *texts, *summary.numbers])
    return table(TITLE, [*TEXT_COLUMNS, *NUMBER_COLUMNS], rows, texts=len(TEXT_COLUMNS))


def _section(number: int, work: WorkReport) -> Html:
    return element(
        "section",
        element("h2", f"{work.work}: {work.title}", id=f"{_anchor(number)}-title"),
        element("p", f"Held equal: {work.equal}"),
        _differences(work),
        _figures(work),
        element("p", order_sentence(work)),
        _charts(work),
        _by_cause(work),
        _checks(work),
        element("h3", "Where the exits come from"),
        *(_sources(path) for path in work.paths),
        id=_anchor(number),
        aria_labelledby=f"{_anchor(number)}-title",
    )


def _differences(work: WorkReport) -> Html:
    items = [element("li", element("strong", path.path), f": {path.shows}") for path in work.paths]
    return element("ul", *items, class_="paths")


def _figures(work: WorkReport) -> Html:
    head = ["path", "kind", "instructions", "exits", f"exits per {work.unit}"]
    head += [f"cycles per {work.unit}, {level}" for level in LEVELS]
    head += [f"ratio, {level}" for level in LEVELS]
    rows = [
        [
            path.path,
            path.kind,
            f"{path.insns:,}",
            f"{path.exits:,}",
            short(path.exits / work.units),
            *path_cycles(work, path).texts(),
            *ratio_texts(path.ratio),
        ]
        for path in work.paths
    ]
    amount = f"{work.units:,} × {work.unit}"
    return table(f"{amount}; the baseline is {work.baseline}", head, rows, texts=2)


def _charts(work: WorkReport) -> Html:
    scale = scale_of(work)
    totals = f"Cycles per {work.unit} ({scale.words}): dot typical, line from low to high"
    causes = "What the typical cycles were spent on (% of the path's own)"
    return element(
        "div",
        element("figure", element("figcaption", totals), dots(work)),
        element("figure", element("figcaption", causes), stacks(work), legend()),
        class_="charts",
    )


def _by_cause(work: WorkReport) -> Html:
    head = ["path", "cause", *LEVELS, "share of the typical cycles"]
    rows = [
        [
            path.path,
            cause.name,
            *(f"{getattr(cause.cycles, level):,}" for level in LEVELS),
            percent(cause.cycles.typical, path.cycles.typical),
        ]
        for path in work.paths
        for cause in path.causes
        if cause.cycles.high
    ]
    return element(
        "details",
        element("summary", "Cycles by cause, as a table"),
        table("Cycles of the whole run by cause", head, rows, texts=2),
    )


def _checks(work: WorkReport) -> Html:
    """What a reader compares to trust the rest."""
    head = ["path", "checksum", "interrupts injected", "cycles with halts", "the guest's own RDTSC"]
    rows = [
        [path.path, path.checksum]
        + [f"{number:,}" for number in (path.injections, path.elapsed, path.guest_cycles)]
        for path in work.paths
    ]
    return element(
        "details",
        element("summary", "Checks: the results of the paths, the guest's own watch"),
        table("Checksums and clocks, by the typical figures", head, rows, texts=2),
    )


def _sources(path: PathReport) -> Html:
    summary = join(
        element("strong", path.path), f": {sources_sentence(path)} {beside_sentence(path)}".rstrip()
    )
    return element("details", element("summary", summary), *_exit_tables(path))


def _exit_tables(path: PathReport) -> list[Html]:
    head = ["exits", "reason", "direction", "bits", "bytes", "instructions before"]
    head += [*(f"cycles, {level}" for level in LEVELS), "share of the typical cycles"]
    ranked = sorted(path.exit_lines, key=lambda line: -line.cycles.typical)
    rows = [
        [
            exit_words(line),
            line.reason,
            line.direction,
            f"{8 * line.width}" if line.width else "",
            f"{line.bytes:,}",
            f"{line.insns:,}",
            *(f"{getattr(line.cycles, level):,}" for level in LEVELS),
            percent(line.cycles.typical, path.cycles.typical),
        ]
        for line in ranked
    ]
    tables = [table(f"All exits of {path.path}", head, rows, texts=3)]
    if path.work_lines:
        tables.append(_work_table(path))
    return tables


def _work_table(path: PathReport) -> Html:
    rows = [
        [
            line.device,
            f"{line.requests:,}",
            f"{line.bytes:,}",
            *(f"{getattr(line.cycles, level):,}" for level in LEVELS),
        ]
        for line in path.work_lines
    ]
    head = ["device", "requests", "bytes", *(f"cycles, {level}" for level in LEVELS)]
    return table(f"What the devices did on {path.path}", head, rows, texts=1)
