"""Source text as lines that know where they came from.

Comments start with ``;``, ``#`` or ``//`` and run to the end of the line, ``/* ... */`` may span
lines, and a backslash at the very end of a line joins the next one. Quotes are ``'``, ``"`` and
the backtick; inside them none of this applies. A backslash before the same quote does not end a
string in ``"..."``.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hv.errors import ConfigError

MAX_SOURCE_BYTES = 16 << 20


def words(text: str) -> tuple[str, ...]:
    """A table of words, written as one string."""
    return tuple(text.split())


class Where(NamedTuple):
    """A line of a source file; ``via`` is the place that used the macro it stands in."""

    file: str
    line: int
    macro: str = ""
    via: "Where | None" = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def error(self, message: str) -> ConfigError:
        """One line for the user: file, line, what is wrong, and which macro put it there."""
        place = f" (in macro {self.macro}, used at {self.via})" if self.via else ""
        return ConfigError(f"{self}: {message}{place}")


class Line(NamedTuple):
    """A line without its comment; ``source`` is what the author wrote, for the listing."""

    where: Where
    text: str
    source: str


def read_source(path: Path, where: Where | None = None) -> str:
    """The text of a source file; ``where`` is the include line that asked for it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise (where.error(message) if where else ConfigError(message)) from None
    if len(data) > MAX_SOURCE_BYTES or b"\0" in data:
        raise ConfigError(f"{path}: this is not assembly source text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


_COMMENT_OR_QUOTE = re.compile(r"""[;#'"`]|//|/\*""")


def skip_string(text: str, start: int) -> int:
    """Index behind the string that opens at ``start``; -1 when it never closes."""
    quote = text[start]
    position = start + 1
    while position < len(text):
        if text[position] == "\\" and quote != "'":
            position += 2
        elif text[position] == quote:
            return position + 1
        elif text.startswith("\\" + quote + quote, position):  # '\''
            return position + 3
        else:
            position += 1
    return -1


def _strip_comment(text: str, inside: bool, where: Where) -> tuple[str, bool]:
    """``text`` without comments, and whether a block comment is still open behind it."""
    kept: list[str] = []
    position = 0
    while True:
        if inside:
            end = text.find("*/", position)
            if end < 0:
                return "".join(kept), True
            position, inside = end + 2, False
            kept.append(" ")
        match = _COMMENT_OR_QUOTE.search(text, position)
        if match is None:
            kept.append(text[position:])
            return "".join(kept), False
        kept.append(text[position : match.start()])
        if match[0] == "/*":
            position, inside = match.end(), True
        elif match[0] in ("'", '"', "`"):
            end = skip_string(text, match.start())
            if end < 0:
                raise where.error(f"this {match[0]} is never closed")
            kept.append(text[match.start() : end])
            position = end
        else:
            return "".join(kept), False


def split_lines(text: str, file: str) -> Iterator[Line]:
    """The lines of a file, comments removed, continued lines joined; empty ones are kept for the
    listing.
    """
    inside = False
    joined = ""
    first = 0
    for number, raw in enumerate(text.splitlines(), 1):
        where = Where(file, number)
        stripped, inside = _strip_comment(raw, inside, where)
        first = first or number
        if stripped.endswith("\\"):
            joined += stripped[:-1] + " "
            continue
        yield Line(Where(file, first), (joined + stripped).strip(), raw.rstrip())
        joined, first = "", 0
    if joined:
        yield Line(Where(file, first), joined.strip(), joined.rstrip())


_OPEN = {"(": ")", "[": "]", "{": "}"}


def split_top(text: str, separator: str, where: Where) -> list[str]:
    """Split at ``separator`` outside strings and brackets; an empty text gives no parts."""
    parts = []
    closers: list[str] = []
    start = position = 0
    while position < len(text):
        char = text[position]
        if char in "'\"`":
            position = skip_string(text, position)
            if position < 0:
                raise where.error(f"this {char} is never closed")
            continue
        if char in _OPEN:
            closers.append(_OPEN[char])
        elif char in ")]}":
            if not closers or closers.pop() != char:
                raise where.error(f"'{char}' without its opening bracket")
        elif char == separator and not closers:
            parts.append(text[start:position].strip())
            start = position + 1
        position += 1
    if closers:
        raise where.error(f"'{closers[-1]}' is missing")
    rest = text[start:].strip()
    if parts or rest:
        parts.append(rest)
    return parts


_ESCAPES = {"n": 10, "t": 9, "r": 13, "0": 0, "a": 7, "b": 8, "e": 27, "f": 12, "v": 11}
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)


def _escape(match: re.Match[bytes]) -> bytes:
    code = match[1].decode("latin-1")
    if code[0] == "x" and len(code) > 1:
        return bytes([int(code[1:], 16)])
    if code[0] in "01234567":
        return bytes([int(code, 8) & 0xFF])
    if code in _ESCAPES:
        return bytes([_ESCAPES[code]])
    return match[1]


def string_bytes(literal: str, *, escapes: bool) -> bytes:
    """The bytes of a quoted string. A backtick string always knows escapes, as in NASM."""
    body = literal[1:-1].encode("utf-8")
    return _ESCAPE.sub(_escape, body) if escapes or literal[0] == "`" else body
