"""Constant expressions: numbers, characters, symbols, ``$`` and the usual operators.

Numbers: ``10``, ``0x1F``, ``1Fh``, ``0b101``, ``101b``, ``0o17``, ``17q``; underscores may group
digits and a leading zero means nothing. ``'A'`` is its character code, ``'AB'`` has ``A`` in the
low byte. ``$`` or ``.`` is the address of the current statement, ``$$`` that of its section.
``1b`` and ``1f`` name the nearest numeric label before and after. Arithmetic has no width;
whoever stores the value checks that it fits. Comparisons give 1 or 0. Operators bind as in C;
``//`` is a comment here and no division.
"""

import operator
import re
from collections.abc import Callable
from typing import NamedTuple, Protocol

from hv.asm.source import string_bytes

MAX_NESTING = 64
MAX_BITS = 512


class ExpressionError(Exception):
    """What is wrong with an expression; the caller knows where it stands."""


class Scope(Protocol):
    """What an expression may ask while it is evaluated."""

    @property
    def here(self) -> int: ...

    @property
    def section_start(self) -> int: ...

    def value_of(self, name: str) -> int:
        """The value of a symbol; raises ExpressionError when it has none."""


class Naming(Protocol):
    """Turns a name as written into the full name of the symbol it means."""

    def full_name(self, name: str) -> str: ...

    def numeric_label(self, number: str, direction: str) -> str | None:
        """The symbol behind ``1b`` or ``1f``; None when there is none before it (then it is
        binary).
        """


class Expression(NamedTuple):
    """A parsed expression; ``symbolic`` when its value depends on addresses or names."""

    evaluate: Callable[[Scope], int]
    symbolic: bool


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>[0-9][0-9A-Za-z_]*)
    | (?P<name>(?:\.\.@)?[A-Za-z_.?@][\w.$?@]*)
    | (?P<string>'\\'' | '[^']*' | "(?:\\.|[^"\\])*" | `(?:\\.|[^`\\])*`)
    | (?P<op>\$\$|\$|<<|>>|<=|>=|==|!=|<>|&&|\|\||[-+*/%&|^~!<>()=])
    )""",
    re.VERBOSE,
)


class Token(NamedTuple):
    kind: str
    text: str


def tokenize(text: str) -> list[Token]:
    """Words of an expression; raises ExpressionError at the first character that is none."""
    tokens = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"'{text[position:].strip()}' is not an expression")
        tokens.append(Token(match.lastgroup or "", match[match.lastgroup or ""]))
        position = match.end()
    return tokens


_SUFFIX = {
    "h": 16,
    "H": 16,
    "b": 2,
    "B": 2,
    "y": 2,
    "o": 8,
    "O": 8,
    "q": 8,
    "Q": 8,
    "d": 10,
    "D": 10,
}
_PREFIX = {"0x": 16, "0h": 16, "0b": 2, "0o": 8, "0q": 8, "0d": 10}


def parse_number(text: str) -> int | None:
    """The value of a number as written, None when it is none."""
    digits = text.replace("_", "")
    for body, base in (
        (digits[2:], _PREFIX.get(digits[:2].lower())),
        (digits[:-1], _SUFFIX.get(digits[-1])),
        (digits, 10),
    ):
        if base is not None:
            try:
                return int(body, base)
            except ValueError:
                continue
    return None


def character_value(literal: str) -> int:
    """A quoted constant as a number, first character lowest; ``'\\n'`` is one character."""
    body = string_bytes(literal, escapes=literal[1:2] == "\\")
    if not 0 < len(body) <= 8:
        raise ExpressionError(f"{literal} is not a character constant")
    return int.from_bytes(body, "little")


def _divide(a: int, b: int) -> int:
    if b == 0:
        raise ExpressionError("division by zero")
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _multiply(a: int, b: int) -> int:
    if a.bit_length() + b.bit_length() > MAX_BITS:
        raise ExpressionError("the number is too large")
    return a * b


def _shift_left(a: int, b: int) -> int:
    if not 0 <= b <= MAX_BITS or a.bit_length() + b > MAX_BITS:
        raise ExpressionError(f"cannot shift by {b}")
    return a << b


def _shift_right(a: int, b: int) -> int:
    if b < 0:
        raise ExpressionError(f"cannot shift by {b}")
    return a >> b


# Operators by how tightly they bind, loosest first.
_LEVELS: list[dict[str, Callable[[int, int], int]]] = [
    {"||": lambda a, b: int(bool(a) or bool(b))},
    {"&&": lambda a, b: int(bool(a) and bool(b))},
    {"|": operator.or_},
    {"^": operator.xor},
    {"&": operator.and_},
    {
        op: test
        for names, test in (
            (("==", "="), lambda a, b: int(a == b)),
            (("!=", "<>"), lambda a, b: int(a != b)),
        )
        for op in names
    },
    {
        "<": lambda a, b: int(a < b),
        ">": lambda a, b: int(a > b),
        "<=": lambda a, b: int(a <= b),
        ">=": lambda a, b: int(a >= b),
    },
    {"<<": _shift_left, ">>": _shift_right},
    {"+": operator.add, "-": operator.sub},
    {"*": _multiply, "/": _divide, "%": lambda a, b: a - b * _divide(a, b)},
]
_UNARY: dict[str, Callable[[int], int]] = {
    "-": operator.neg,
    "+": operator.pos,
    "~": operator.invert,
    "!": lambda a: int(not a),
}


def _binary(action: Callable[[int, int], int], left: Expression, right: Expression) -> Expression:
    a, b = left.evaluate, right.evaluate
    if not (left.symbolic or right.symbolic):
        return constant(action(a(_NOWHERE), b(_NOWHERE)))
    return Expression(lambda scope: action(a(scope), b(scope)), True)


class _Nowhere:
    """The scope of constants: nobody asks it anything."""

    here = section_start = 0

    def value_of(self, name: str) -> int:
        raise ExpressionError(f"undefined symbol '{name}'")


_NOWHERE = _Nowhere()


def constant(value: int) -> Expression:
    return Expression(lambda scope: value, False)


HERE = Expression(lambda scope: scope.here, True)
SECTION_START = Expression(lambda scope: scope.section_start, True)


def symbol(name: str) -> Expression:
    return Expression(lambda scope: scope.value_of(name), True)


class _Parser:
    """Precedence climbing over a token list."""

    def __init__(self, tokens: list[Token], naming: Naming) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0
        self._naming = naming

    def parse(self) -> Expression:
        result = self._primary() if len(self._tokens) == 1 else self._level(0)
        if self._next < len(self._tokens):
            raise ExpressionError(f"unexpected '{self._tokens[self._next].text}'")
        return result

    def _operator(self) -> str:
        if self._next < len(self._tokens) and self._tokens[self._next].kind == "op":
            return self._tokens[self._next].text
        return ""

    def _level(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while (action := _LEVELS[level].get(self._operator())) is not None:
            self._next += 1
            left = _binary(action, left, self._level(level + 1))
        return left

    def _unary(self) -> Expression:
        action = _UNARY.get(self._operator())
        if action is None:
            return self._primary()
        self._next += 1
        self._enter()
        value = self._unary()
        self._depth -= 1
        return _binary(lambda a, _: action(a), value, constant(0))

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise ExpressionError("the expression is nested too deeply")

    def _primary(self) -> Expression:
        if self._next >= len(self._tokens):
            raise ExpressionError("the expression ends too early")
        kind, text = self._tokens[self._next]
        self._next += 1
        if kind == "number":
            return self._number(text)
        if text in ("$", "."):
            return HERE
        if kind == "name":
            return symbol(self._naming.full_name(text))
        if kind == "string":
            return constant(character_value(text))
        if text == "$$":
            return SECTION_START
        if text == "(":
            self._enter()
            inner = self._level(0)
            self._depth -= 1
            if self._operator() != ")":
                raise ExpressionError("')' is missing")
            self._next += 1
            return inner
        raise ExpressionError(f"unexpected '{text}'")

    def _number(self, text: str) -> Expression:
        if text[-1] in "bf" and text[:-1].isdigit():
            name = self._naming.numeric_label(text[:-1], text[-1])
            if name is not None:
                return symbol(name)
        value = parse_number(text)
        if value is None:
            raise ExpressionError(f"'{text}' is not a number")
        return constant(value)


def parse_expression(text: str, naming: Naming) -> Expression:
    """Parse all of ``text``; raises ExpressionError."""
    return _Parser(tokenize(text), naming).parse()
