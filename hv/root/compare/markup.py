"""HTML and SVG put together so that text cannot become markup: every string is escaped, elements are not."""

from html import escape


class Html(str):
    """Finished markup."""

    __slots__ = ()


def element(name: str, *children: str, **attributes: str | float) -> Html:
    """``element("td", text, class_="low")``; an underscore in an attribute's name is a hyphen."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
    )
    return Html(f"<{name}{pairs}>{join(*children)}</{name}>")


def join(*parts: str) -> Html:
    """One after the other, text escaped."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def table(caption: str, head: list[str], rows: list[list[str]], *, texts: int) -> Html:
    """A caption, and a table in a box that scrolls sideways by itself.

    The first cell of a row names the row; the first ``texts`` columns are no numbers.
    """
    kinds = ["text" if column < texts else "number" for column in range(len(head))]
    headings = [
        element("th", text, scope="col", class_=kind)
        for text, kind in zip(head, kinds, strict=True)
    ]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row", class_="text"),
            *(
                element("td", text, class_=kind)
                for text, kind in zip(row[1:], kinds[1:], strict=True)
            ),
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("thead", element("tr", *headings)),
        element("tbody", *body),
        aria_label=caption,
    )
    box = element("div", whole, class_="scroll", role="region", aria_label=caption, tabindex=0)
    return join(element("p", caption, class_="caption"), box)
