"""The chart as a file: nothing overlaps, nothing is cut off, the same bytes each time."""

import importlib
import re
import sys
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hv.cost import Spread
from hv.errors import ConfigError
from hv.root.compare.chart import COLOURS, INK, shares
from hv.root.compare.plot import check_plot, draw, to_picture
from hv.root.comparison import CAUSES, Comparison
from tests.comparisons import DISK, comparison, many, work_report

LONG = "a-path-with-a-long-name"


def texts(figure: Any) -> list[tuple[str, Any]]:
    """All letters on the figure with their boxes, in pixels."""
    canvas = importlib.import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    canvas.draw()
    text_class = importlib.import_module("matplotlib.text").Text
    found = figure.findobj(lambda artist: isinstance(artist, text_class) and artist.get_visible())
    return [(text.get_text(), text.get_window_extent()) for text in found if text.get_text()]


def long_names() -> Comparison:
    paths = {f"{LONG}-{index}": path for index, path in enumerate(DISK.values())}
    return comparison(work_report("disk-read:64K", "A long title. " * 20, paths=paths))


@pytest.mark.parametrize(
    "data", [many(1), many(4), many(20), long_names()], ids=["1", "4", "20", "long"]
)
def test_no_letters_overlap_or_leave_the_sheet(data: Comparison) -> None:
    figure = draw(data)
    placed = texts(figure)
    assert len(placed) > 15
    sheet = figure.bbox
    for text, box in placed:
        assert sheet.x0 <= box.x0, text
        assert box.x1 <= sheet.x1, text
        assert sheet.y0 <= box.y0, text
        assert box.y1 <= sheet.y1, text
    for (one, box), (other, another) in combinations(placed, 2):
        assert not box.overlaps(another), (one, other)


def test_every_path_and_cause_is_named_with_its_unit() -> None:
    said = [text for text, _ in texts(draw(many(2)))]
    for name in ("pio-polled", "storvsc-queued", "stimer-direct", *CAUSES):
        assert name in said
    assert "cycles per MiB (logarithmic scale)" in said
    assert "cycles per tick (from 0)" in said
    assert any("made-up.1" in text for text in said)


def test_dollars_and_underscores_are_letters() -> None:
    title = r"costs $x_1$ and \alpha"
    said = [text for text, _ in texts(draw(comparison(work_report("x", title))))]
    assert any(title in text for text in said)


@pytest.mark.parametrize(("suffix", "start"), [(".svg", b"<?xml"), (".png", b"\x89PNG")])
def test_the_same_comparison_is_the_same_picture(suffix: str, start: bytes) -> None:
    picture = to_picture(many(2), suffix)
    assert picture.startswith(start)
    assert picture == to_picture(many(2), suffix)
    assert b"dc:date" not in picture


def test_the_users_own_style_does_not_matter() -> None:
    matplotlib = importlib.import_module("matplotlib")
    plain = to_picture(comparison(), ".svg")
    with matplotlib.rc_context({"axes.facecolor": "red", "axes.linewidth": 7.0}):
        assert to_picture(comparison(), ".svg") == plain


def test_a_chart_is_svg_or_png() -> None:
    for name in ("chart.gif", "chart", "chart.svg.gz"):
        with pytest.raises(ConfigError, match=r"\.svg or a \.png") as failure:
            check_plot(Path(name))
        assert failure.value.usage
    check_plot(Path("chart.svg"))


def test_a_chart_without_matplotlib_is_the_users_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match="plot") as failure:
        check_plot(Path("chart.svg"))
    assert not failure.value.usage


def test_shares_fill_the_bar_in_the_order_of_the_causes() -> None:
    for path in work_report("x").paths:
        parts = shares(path)
        assert parts[0].start == 0
        for one, other in pairwise(parts):
            assert other.start == pytest.approx(one.start + one.size)
            assert CAUSES.index(one.cause) < CAUSES.index(other.cause)
        assert parts[-1].start + parts[-1].size == pytest.approx(1)


def test_a_cause_without_cycles_has_no_share() -> None:
    path = work_report("x").paths[0]
    causes = [replace(cause, cycles=Spread(0, 0, 0)) for cause in path.causes]
    assert shares(replace(path, causes=causes)) == []
    assert [share.cause for share in shares(replace(path, causes=path.causes[:1]))] == [CAUSES[0]]


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    levels = [int(part, 16) / 255 for part in re.findall("..", colour.removeprefix("#"))]
    red, green, blue = (
        level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_letters_on_every_cause_can_be_read() -> None:
    assert len(set(COLOURS.values())) == len(CAUSES)
    for cause in CAUSES:
        dark, light = sorted((luminance(COLOURS[cause]), luminance(INK[cause])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5
