"""A chart as SVG or PNG, drawn by matplotlib: one panel a workload.

The same comparison gives the same bytes, with the same matplotlib.
"""

import io
from importlib import import_module
from pathlib import Path
from textwrap import wrap
from typing import Any

from hv.errors import ConfigError
from hv.root.compare.chart import COLOURS, INK, Scale, scale_of, shares
from hv.root.compare.numbers import path_cycles, percent, short, short_round
from hv.root.comparison import CAUSES, Comparison, WorkReport

_FORMATS = (".svg", ".png")
_NEEDS_PLOT = "charts need the extra 'plot': pip install 'hv-emulator[plot]'"
_SETTINGS = {"svg.hashsalt": "hv.compare", "font.family": "DejaVu Sans", "font.size": 9}

# Inches.
_WIDTH, _MARGIN = 12.0, 0.25
_LETTER = 0.083
_VALUES, _GAP = 0.85, 0.2
_DOTS_PART = 0.5
_ROW, _TITLE_LINE, _AXIS, _BETWEEN = 0.32, 0.2, 0.5, 0.2
_HEAD = 0.85
_TITLE_LETTERS = 125

_DPI = 144
_NAMED_FROM = 0.12
"""Shares below this have no room for their number."""


def check_plot(path: Path) -> None:
    """ConfigError when ``path`` names no kind of picture, or nothing here can draw."""
    if path.suffix not in _FORMATS:
        raise ConfigError(f"{path}: a chart is a .svg or a .png", usage=True)
    _matplotlib()


def to_picture(comparison: Comparison, suffix: str) -> bytes:
    """The chart as a file of the kind ``.svg`` or ``.png``."""
    with _settings():
        figure = draw(comparison)
        out = io.BytesIO()
        kind = suffix.removeprefix(".")
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(out, format=kind, dpi=_DPI, metadata=metadata)
    return out.getvalue()


def _matplotlib(module: str = "") -> Any:
    try:
        return import_module(f"matplotlib.{module}" if module else "matplotlib")
    except ImportError:
        raise ConfigError(_NEEDS_PLOT) from None


def _settings() -> Any:
    """The library's own defaults, not the user's style file."""
    matplotlib = _matplotlib()
    ours = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith("backend")}
    return matplotlib.rc_context({**ours, **_SETTINGS})


class _Sheet:
    """A figure on which things are placed in inches from its top left corner."""

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = _matplotlib("figure").Figure(figsize=(_WIDTH, height), facecolor="white")

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        bottom = self.height - top - height
        box = (left / _WIDTH, bottom / self.height, width / _WIDTH, height / self.height)
        axes = self.figure.add_axes(box)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.set_yticks([])
        axes.tick_params(length=3)
        return axes

    def text(self, left: float, top: float, text: str, **style: Any) -> None:
        x, y = left / _WIDTH, 1 - top / self.height
        self.figure.text(x, y, text, va="top", parse_math=False, **style)


def _title(work: WorkReport) -> list[str]:
    return wrap(f"{work.work}: {work.title}", _TITLE_LETTERS)


def _panel_height(work: WorkReport) -> float:
    return _TITLE_LINE * len(_title(work)) + _ROW * len(work.paths) + _AXIS + _BETWEEN


def draw(comparison: Comparison) -> Any:
    """The chart as matplotlib's Figure."""
    sheet = _Sheet(_HEAD + sum(map(_panel_height, comparison.works)) + _MARGIN)
    sheet.text(
        _MARGIN,
        _MARGIN,
        f"Cycles by the cost model {comparison.cost_model}: dot typical, line from low to high",
        weight="bold",
        size=11,
    )
    patch = _matplotlib("patches").Patch
    sheet.figure.legend(
        handles=[patch(color=COLOURS[cause], label=cause) for cause in CAUSES],
        loc="upper left",
        bbox_to_anchor=((_MARGIN - 0.08) / _WIDTH, 1 - (_MARGIN + 0.22) / sheet.height),
        ncols=len(CAUSES),
        frameon=False,
        handlelength=1.2,
        borderaxespad=0,
    )
    names = max((len(path.path) for work in comparison.works for path in work.paths), default=0)
    top = _HEAD
    for work in comparison.works:
        _draw_panel(sheet, work, top, _MARGIN + names * _LETTER + 0.1)
        top += _panel_height(work)
    return sheet.figure


def _draw_panel(sheet: _Sheet, work: WorkReport, top: float, left: float) -> None:
    title = _title(work)
    sheet.text(_MARGIN, top, "\n".join(title), weight="bold")
    top += _TITLE_LINE * len(title)
    room = _WIDTH - _MARGIN - left - _VALUES - _GAP
    height = _ROW * len(work.paths)
    dots = sheet.axes(left, top, room * _DOTS_PART, height)
    bars_left = left + room * _DOTS_PART + _VALUES + _GAP
    bars = sheet.axes(bars_left, top, room * (1 - _DOTS_PART), height)
    for axes in (dots, bars):
        axes.set_ylim(len(work.paths) - 0.5, -0.5)
    _draw_dots(dots, work, scale_of(work))
    _draw_shares(bars, work)


def _draw_dots(axes: Any, work: WorkReport, scale: Scale) -> None:
    """Totals: positions are computed here, so that every tick is where its value is."""
    axes.set_xlim(0, 1)
    axes.set_xticks(
        [scale.at(tick) for tick in scale.ticks], [short_round(tick) for tick in scale.ticks]
    )
    axes.grid(axis="x", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"cycles per {work.unit} ({scale.words})", parse_math=False)
    for row, path in enumerate(work.paths):
        cycles = path_cycles(work, path)
        ends = [scale.at(cycles.low), scale.at(cycles.high)]
        axes.plot(ends, [row, row], color="#444444", linewidth=2, clip_on=False)
        axes.plot([scale.at(cycles.typical)], [row], "o", color="#000000", clip_on=False)
        beside = {"transform": axes.get_yaxis_transform(), "va": "center", "parse_math": False}
        axes.text(-0.015, row, path.path, ha="right", **beside)
        axes.text(1.03, row, short(cycles.typical), ha="left", **beside)


def _draw_shares(axes: Any, work: WorkReport) -> None:
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the typical cycles (%)")
    for row, path in enumerate(work.paths):
        for share in shares(path):
            axes.barh(
                row,
                100 * share.size,
                left=100 * share.start,
                height=0.72,
                color=COLOURS[share.cause],
                edgecolor="white",
                linewidth=0.4,
            )
            if share.size >= _NAMED_FROM:
                middle = 100 * (share.start + share.size / 2)
                axes.text(
                    middle,
                    row,
                    percent(share.size, 1),
                    color=INK[share.cause],
                    ha="center",
                    va="center",
                    size=8,
                )
