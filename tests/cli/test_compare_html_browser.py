"""The page of ``hv compare`` in a browser: nothing overlaps, sticks out or is too faint to read.

At the widths of telephones and desks. The page has no script of its own: the test adds one to a copy, which
measures and leaves what it finds in the page.
"""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hv.root.compare.page import to_html
from tests.comparisons import DISK, comparison, many, work_report

pytestmark = pytest.mark.browser

WIDTHS = (320, 390, 768, 1280)
MEASURE = """
const found = [];
const root = document.documentElement;
const inside = (one, box) => one.left > box.left - 1 && one.right < box.right + 1;
const apart = (one, other) => one.right <= other.left + 0.5 || other.right <= one.left + 0.5
    || one.bottom <= other.top + 0.5 || other.bottom <= one.top + 0.5;
const channel = part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
function luminance(colour) {
    const [red, green, blue] = colour.match(/[\\d.]+/g).map(part => channel(part / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
function contrast(one, other) {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
}
function background(element) {
    for (; element; element = element.parentElement) {
        const colour = getComputedStyle(element).backgroundColor;
        if (!colour.endsWith(", 0)")) return colour;
    }
}
function measure(width) {
    root.style.width = width + "px";
    const page = root.getBoundingClientRect();
    let seen = 0;
    for (const element of document.body.querySelectorAll("*")) {
        if (element.closest(".scroll table, script, title")) continue;
        const box = element.getBoundingClientRect();
        if (box.width === 0) continue;
        seen++;
        if (!inside(box, page)) found.push([width, "sticks out", element.outerHTML.slice(0, 80)]);
    }
    for (const cell of document.querySelectorAll("th, td")) {
        if (cell.scrollWidth > cell.clientWidth + 1) found.push([width, "cell", cell.textContent]);
    }
    for (const chart of document.querySelectorAll("svg.chart")) {
        const texts = [...chart.querySelectorAll("text")];
        const boxes = texts.map(text => text.getBoundingClientRect());
        const frame = chart.getBoundingClientRect();
        boxes.forEach((box, index) => {
            seen++;
            if (box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
                found.push([width, "outside its chart", texts[index].textContent]);
            for (let other = 0; other < index; other++)
                if (!apart(box, boxes[other]))
                    found.push([width, "overlap", texts[index].textContent, texts[other].textContent]);
        });
    }
    return seen;
}
for (const details of document.querySelectorAll("details")) details.open = true;
const seen = WIDTHS.map(measure);
for (const element of document.body.querySelectorAll("h1, h2, h3, p, li, th, td, a, summary, figcaption")) {
    const ratio = contrast(getComputedStyle(element).color, background(element));
    if (!(ratio >= 4.5)) found.push(["faint", ratio, element.textContent.slice(0, 40)]);
}
for (const text of document.querySelectorAll("svg.chart text:not(.share)")) {
    const ratio = contrast(getComputedStyle(text).fill, background(text));
    if (!(ratio >= 4.5)) found.push(["faint", ratio, text.textContent]);
}
const report = document.createElement("pre");
report.id = "report";
report.textContent = JSON.stringify({seen, found, paper: getComputedStyle(document.body).backgroundColor});
document.body.append(report);
"""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1300,900",
)
SCHEMES = {"dark": 0, "light": 1}


def browse(page: bytes, folder: Path, scheme: str) -> dict[str, Any]:
    """What MEASURE finds in ``page`` when the user prefers ``scheme``."""
    browser = shutil.which("chromium")
    assert browser, "this test needs Debian's package chromium"
    script = f"<script>{MEASURE.replace('WIDTHS', str(list(WIDTHS)))}</script></body>"
    file = folder / "page.html"
    file.write_bytes(page.replace(b"</body>", script.encode()))
    run = subprocess.run(
        [
            browser,
            *FLAGS,
            f"--user-data-dir={folder / 'profile'}",
            f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
            "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    report = re.search(r'<pre id="report">(.*?)</pre>', run.stdout, re.DOTALL)
    assert report, run.stdout[-2000:] + run.stderr[-2000:]
    result: dict[str, Any] = json.loads(html.unescape(report[1]))
    return result


def page_of_everything() -> bytes:
    """Workloads of all shapes, and one with names as long as they get."""
    paths = {f"{name}-with-a-longer-name"[:24]: path for name, path in DISK.items()}
    return to_html(comparison(*many(8).works, work_report("a-workload:256K", paths=paths)))


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_everything_can_be_read_at_every_width(tmp_path: Path, scheme: str) -> None:
    report = browse(page_of_everything(), tmp_path, scheme)
    assert report["paper"] == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]
    assert min(report["seen"]) > 500
    assert report["found"] == []


@pytest.mark.parametrize(
    ("broken", "finding"),
    [
        (b"<style>svg.chart { height: 40px; }</style>", "outside its chart"),
        (b"<style>.chart text.name { font-size: 40px !important; }</style>", "overlap"),
        (b"<style>.scroll { overflow: visible; width: 2000px; }</style>", "sticks out"),
        (b"<style>td { max-width: 9px; }</style>", "cell"),
        (b"<style>p { color: #cccccc; }</style>", "faint"),
    ],
)
def test_the_measure_finds_what_is_broken(tmp_path: Path, broken: bytes, finding: str) -> None:
    page = page_of_everything().replace(b"</head>", broken + b"</head>")
    found = browse(page, tmp_path, "light")["found"]
    assert finding in {word for row in found for word in row}
