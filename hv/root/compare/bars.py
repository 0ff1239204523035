"""Charts of one workload as inline SVG. Places across are percentages, so that they fit any width with the
letters at their own size; colours of text and lines come from the page's style sheet.
"""

from hv.root.compare.chart import COLOURS, INK, Scale, scale_of, shares
from hv.root.compare.markup import Html, element
from hv.root.compare.numbers import path_cycles, percent, short_round
from hv.root.comparison import CAUSES, PathReport, WorkReport

# Pixels, from a row's top.
_ROW = 46
_NAME, _TRACK = 14, 28
_BAR, _BAR_HEIGHT, _BAR_TEXT = 20, 18, 33
_AXIS_HEIGHT, _AXIS_TEXT = 24, 16
_DOT = 5

_NAMED_FROM = 0.13
"""Shares below this have no room for their number on a telephone."""


def _across(fraction: float) -> str:
    return f"{100 * fraction:.2f}%"


def _drawing(label: str, height: int, *parts: Html) -> Html:
    return element(
        "svg", *parts, width="100%", height=height, role="img", aria_label=label, class_="chart"
    )


def dots(work: WorkReport) -> Html:
    """Cycles of one unit on each path: a dot at typical, a line from low to high."""
    scale = scale_of(work)
    height = _ROW * len(work.paths)
    rows = [_dot_row(work, path, scale, _ROW * row) for row, path in enumerate(work.paths)]
    label = f"Cycles per {work.unit} on each path, {scale.words}; the table has the numbers."
    return _drawing(label, height + _AXIS_HEIGHT, *_grid(scale, height), *rows)


def _grid(scale: Scale, height: int) -> list[Html]:
    parts = []
    for tick in scale.ticks:
        place = scale.at(tick)
        x = _across(place)
        parts.append(element("line", x1=x, x2=x, y1=0, y2=height, class_="grid"))
        parts.append(
            element(
                "text", short_round(tick), x=x, y=height + _AXIS_TEXT, text_anchor=_anchor(place)
            )
        )
    return parts


def _anchor(place: float) -> str:
    """Labels at the ends of an axis stay inside the drawing."""
    return "start" if place < 0.01 else "end" if place > 0.99 else "middle"


def _dot_row(work: WorkReport, path: PathReport, scale: Scale, top: int) -> Html:
    cycles = path_cycles(work, path)
    low, typical, high = cycles.texts()
    y = top + _TRACK
    ends = {"x1": _across(scale.at(cycles.low)), "x2": _across(scale.at(cycles.high))}
    return element(
        "g",
        element("title", f"{path.path}: {typical} cycles per {work.unit}, {low} to {high}"),
        element("text", path.path, x=0, y=top + _NAME, class_="name"),
        element("text", typical, x="100%", y=top + _NAME, text_anchor="end", class_="name"),
        element("line", y1=y, y2=y, class_="range", **ends),
        element("circle", cx=_across(scale.at(cycles.typical)), cy=y, r=_DOT),
    )


def stacks(work: WorkReport) -> Html:
    """What the typical cycles of each path were spent on, as parts of a bar of full width."""
    rows = [_stack_row(path, _ROW * row) for row, path in enumerate(work.paths)]
    label = "Shares of the typical cycles by cause on each path; the table has the numbers."
    return _drawing(label, _ROW * len(work.paths), *rows)


def _stack_row(path: PathReport, top: int) -> Html:
    parts = [element("text", path.path, x=0, y=top + _NAME, class_="name")]
    for share in shares(path):
        said = percent(share.size, 1)
        parts.append(
            element(
                "rect",
                element("title", f"{path.path}: {share.cause} {said}"),
                x=_across(share.start),
                y=top + _BAR,
                width=_across(share.size),
                height=_BAR_HEIGHT,
                fill=COLOURS[share.cause],
            )
        )
        if share.size >= _NAMED_FROM:
            middle = _across(share.start + share.size / 2)
            ink = {"fill": INK[share.cause], "class_": "share", "text_anchor": "middle"}
            parts.append(element("text", said, x=middle, y=top + _BAR_TEXT, **ink))
    return element("g", *parts)


def legend() -> Html:
    """Which colour is which cause."""
    entries = [
        element(
            "li",
            element(
                "svg",
                element("rect", width=14, height=14, fill=COLOURS[cause]),
                width=14,
                height=14,
                aria_hidden="true",
            ),
            cause,
        )
        for cause in CAUSES
    ]
    return element("ul", *entries, class_="legend", aria_label="Colours of the causes")
