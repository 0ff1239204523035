"""The page: whole by itself, escaped, well formed; everything in it can be reached without a picture."""

import re
from html.parser import HTMLParser

from msgspec.structs import replace

from hv.root.compare.markup import element, join
from hv.root.compare.page import to_html
from hv.root.comparison import CAUSES, Comparison
from tests.comparisons import comparison, many, work_report

EVIL = "<script>alert('\"&')</script>"
VOID = {"meta"}


class Page(HTMLParser):
    """The page's elements and texts. Raises when tags do not nest."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.seen if name in attributes]


def evil() -> Comparison:
    """Text that would be markup, wherever text comes from."""
    work = work_report(EVIL, EVIL, unit=EVIL, units=3)
    paths = [
        replace(
            path,
            path=EVIL + str(index),
            kind=EVIL,
            shows=EVIL,
            exit_lines=[replace(line, device=EVIL, target=EVIL) for line in path.exit_lines],
            work_lines=[replace(line, device=EVIL) for line in path.work_lines],
        )
        for index, path in enumerate(work.paths)
    ]
    work = replace(work, paths=paths, baseline=EVIL + "0", equal=EVIL)
    return replace(comparison(work), cost_model=EVIL, versions={EVIL: EVIL})


def test_text_cannot_become_markup() -> None:
    page = to_html(evil())
    assert b"<script" not in page
    assert b"alert('" not in page
    assert Page(page).text.count(EVIL) > 50
    assert all(EVIL in label or "<" not in label for label in Page(page).attributes("aria-label"))


def test_elements_escape_text_and_attributes_but_not_elements() -> None:
    inner = element("b", "1 < 2")
    assert element("p", inner, "&", class_='"', aria_label="<") == (
        '<p class="&quot;" aria-label="&lt;"><b>1 &lt; 2</b>&amp;</p>'
    )
    assert join(inner, "<") == "<b>1 &lt; 2</b>&lt;"


def test_nothing_comes_from_elsewhere() -> None:
    page = to_html(many(4))
    assert not re.search(rb"https?:|//|@import|url\(", page)
    parsed = Page(page)
    assert not {tag for tag, _ in parsed.seen} & {"script", "link", "img", "iframe", "object"}
    assert not any(name in ("src", "style") for _, found in parsed.seen for name in found)


def test_links_lead_to_the_workloads() -> None:
    page = Page(to_html(many(5)))
    names = page.attributes("id")
    assert len(set(names)) == len(names)
    links = page.attributes("href")
    assert len(links) == 5
    assert {link.removeprefix("#") for link in links} <= set(names)


def test_every_number_of_the_charts_is_in_a_table() -> None:
    data = many(2)
    page = Page(to_html(data))
    cells = set(page.texts)
    for work in data.works:
        assert f"Held equal: {work.equal}" in cells
        for path in work.paths:
            assert {f"{path.insns:,}", path.checksum, f"{path.guest_cycles:,}"} <= cells
            for cause in path.causes:
                assert cause.cycles.high == 0 or f"{cause.cycles.typical:,}" in cells
            for line in path.exit_lines:
                assert f"{line.cycles.high:,}" in cells
    assert set(CAUSES) <= cells


def test_it_says_which_model_and_versions_it_is_from() -> None:
    assert "Cost model made-up.1. Versions: hv 0.1.0, unicorn 2.1.4." in Page(to_html(many(1))).text


def test_tables_and_pictures_have_names_for_those_who_do_not_see() -> None:
    page = Page(to_html(many(2)))
    for tag, attributes in page.seen:
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
        if tag == "svg":
            assert attributes.get("aria-label") or attributes.get("aria-hidden") == "true"
        if tag == "table":
            assert attributes["aria-label"]


def test_all_shapes_of_comparisons_make_a_page() -> None:
    for data in (replace(comparison(), works=[]), many(20)):
        assert Page(to_html(data)).text
        assert to_html(data) == to_html(data)
