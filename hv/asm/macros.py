"""Macros of both dialects, and how a call fills in their bodies.

``.macro name a, b=5, rest:vararg`` ... ``.endm`` uses ``\\a``, ``\\@`` (a number of its own for
every call) and ``\\()`` (nothing, to end a name). ``%macro name 1-2 default`` ... ``%endmacro``
uses ``%1``, ``%0`` (how many) and ``%%label``.
"""

import re
from dataclasses import dataclass

from hv.asm.source import Line, Where, split_top


@dataclass(frozen=True)
class Macro:
    """A macro as defined. ``names`` is empty for the numbered kind."""

    name: str
    names: tuple[str, ...]
    defaults: tuple[str, ...]
    required: int
    most: int
    greedy: bool
    body: tuple[Line, ...]

    @property
    def numbered(self) -> bool:
        return not self.names and self.most > 0

    def accepts(self, count: int) -> bool:
        return self.required <= count and (self.greedy or count <= self.most)


_PARAMETER = re.compile(r"([A-Za-z_]\w*)(?::(req|vararg))?(?:=(.*))?$")


def dot_macro(header: str, body: tuple[Line, ...], where: Where) -> Macro:
    """A ``.macro`` from what follows the directive."""
    match = re.match(r"([A-Za-z_.][\w.]*)\s*,?\s*(.*)$", header)
    if match is None:
        raise where.error(".macro needs a name")
    text = match[2]
    words = split_top(text, ",", where) if "," in text else text.split()
    names, defaults = [], []
    required = 0
    greedy = False
    for number, word in enumerate(words, 1):
        parameter = _PARAMETER.match(word)
        if parameter is None:
            raise where.error(f"'{word}' is not a macro parameter")
        names.append(parameter[1])
        defaults.append(parameter[3] or "")
        greedy = parameter[2] == "vararg"
        required = number if parameter[2] == "req" else required
    return Macro(match[1], tuple(names), tuple(defaults), required, len(names), greedy, body)


def percent_macro(header: str, body: tuple[Line, ...], where: Where) -> Macro:
    """A ``%macro`` from what follows the directive."""
    match = re.match(r"([A-Za-z_.?@][\w.$?@]*)(?:\s+(\d+)(?:-(\d+|\*))?(\+)?)?\s*(.*)$", header)
    if match is None:
        raise where.error("%macro needs a name and a number of parameters")
    least = int(match[2] or 0)
    endless = match[3] == "*" or match[4] == "+"
    most = least if match[3] in (None, "*") else int(match[3])
    defaults = ("",) * least + tuple(split_top(match[5], ",", where))
    return Macro(match[1], (), defaults, least, max(most, len(defaults)), endless, body)


def arguments(macro: Macro, text: str, where: Where) -> list[str]:
    """Arguments of a call, defaults filled in."""
    given = split_top(text, ",", where)
    if macro.greedy and macro.most and len(given) > macro.most:
        given = [*given[: macro.most - 1], ", ".join(given[macro.most - 1 :])]
    given = [arg[1:-1] if arg.startswith("{") and arg.endswith("}") else arg for arg in given]
    if macro.numbered:
        return given + list(macro.defaults[len(given) :])
    values = list(macro.defaults)
    for position, arg in enumerate(given):
        name, equals, value = arg.partition("=")
        if equals and name.strip() in macro.names:
            values[macro.names.index(name.strip())] = value.strip()
        elif arg and position < len(values):
            values[position] = arg
    for name, value in zip(macro.names[: macro.required], values, strict=False):
        if not value:
            raise where.error(f"macro {macro.name} needs its parameter '{name}'")
    return [_unquote(value) for value in values]


def _unquote(value: str) -> str:
    """A named parameter that is one whole string loses its quotes, as in GNU as."""
    return value[1:-1] if re.fullmatch(r'"(\\.|[^"\\])*"', value) else value


def expand_body(macro: Macro, values: list[str], given: int, serial: int) -> list[str]:
    """The macro's lines with the arguments put in; ``serial`` makes its own labels unique."""
    if macro.numbered or not macro.names:

        def by_number(match: re.Match[str]) -> str:
            word = match[1]
            if word.startswith("%"):
                return f"..@{serial}.{word[1:]}"
            if word == "0":
                return str(given)
            return values[int(word) - 1] if int(word) <= len(values) else ""

        return [
            re.sub(r"%(%\w+|\d+)", by_number, line.text).replace("\\@", str(serial))
            for line in macro.body
        ]
    table = dict(zip(macro.names, values, strict=True))
    return substitute(macro.body, table, serial)


def substitute(body: tuple[Line, ...], table: dict[str, str], serial: int) -> list[str]:
    """Replace ``\\name`` by its value; other backslashes stay as they are (they are escapes in
    strings).
    """

    def by_name(match: re.Match[str]) -> str:
        if match[1] == "@":
            return str(serial)
        return "" if match[1] == "()" else table.get(match[1], match[0])

    return [re.sub(r"\\([A-Za-z_]\w*|@|\(\))", by_name, line.text) for line in body]
