"""Operands: what the author wrote, sorted into registers, memory, numbers and far pointers.

``[...]`` is memory and a bare name is its address, as in NASM; ``offset name`` says the same
aloud and ``dword ptr name`` means ``dword ptr [name]``. Sizes may be written with or without
``ptr``, segments before the bracket or in it.
"""

import re
from dataclasses import dataclass, replace

from hv.asm.expression import (
    Expression,
    ExpressionError,
    Naming,
    constant,
    parse_expression,
    tokenize,
)
from hv.asm.source import Where, words

SIZES = {
    "byte": 8, "word": 16, "dword": 32, "fword": 48, "qword": 64, "tword": 80, "tbyte": 80,
    "oword": 128, "xmmword": 128, "yword": 256, "ymmword": 256,
}  # fmt: skip
SIZE_WORDS = {
    8: "byte",
    16: "word",
    32: "dword",
    48: "fword",
    64: "qword",
    80: "xword",
    128: "xmmword",
    256: "ymmword",
}

SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")


def _registers() -> dict[str, int]:
    """Every register name with its size in bits; 0 where it plays no part in operand sizes."""
    table = dict.fromkeys(words("al cl dl bl ah ch dh bh spl bpl sil dil"), 8)
    for name in words("ax cx dx bx sp bp si di"):
        table |= {name: 16, "e" + name: 32, "r" + name: 64}
    for number in range(8, 16):
        table |= {f"r{number}b": 8, f"r{number}w": 16, f"r{number}d": 32, f"r{number}": 64}
    table |= dict.fromkeys(SEGMENTS, 0) | {"eip": 0, "rip": 0}
    for number in range(16):
        table |= dict.fromkeys((f"cr{number}", f"dr{number}", f"xmm{number}", f"ymm{number}"), 0)
    for number in range(8):
        table |= dict.fromkeys((f"mm{number}", f"st{number}", f"st({number})"), 0)
    return table | {"st": 0}


REGISTERS = _registers()


def resized(name: str, size: int) -> str:
    """The 16, 32 or 64-bit register of the same number."""
    if name[1].isdigit():
        return name.rstrip("bwd") + {16: "w", 32: "d", 64: ""}[size]
    return {16: "", 32: "e", 64: "r"}[size] + name[-2:]


_LONG_ONLY = re.compile(
    r"r(ip|[a-ds][xpi]|bp|1?\d[bwd]?)$|(sp|bp|si|di)l$|[xy]mm(8|9|1\d)$|cr(8|9|1\d)$|dr(8|9|1\d)$"
)


@dataclass(frozen=True)
class Register:
    name: str
    size: int


@dataclass(frozen=True)
class Memory:
    """``size`` and ``address_size`` are 0 where nothing says them. ``registers`` are (name,
    scale).
    """

    size: int
    segment: str
    registers: tuple[tuple[str, int], ...]
    displacement: Expression
    address_size: int = 0
    relative: bool = False
    far: bool = False


@dataclass(frozen=True)
class Immediate:
    """A number; ``distance`` is short, near or empty, for jumps."""

    size: int
    value: Expression
    distance: str = ""


@dataclass(frozen=True)
class FarPointer:
    size: int
    segment: Expression
    offset: Expression


Operand = Register | Memory | Immediate | FarPointer


@dataclass(frozen=True)
class Reader:
    """Parses operands of code in one mode."""

    naming: Naming
    where: Where
    bits: int
    default_relative: bool = False

    def operand(self, text: str) -> Operand:
        """One operand; raises ConfigError with the source line."""
        try:
            return self._operand(text.strip())
        except ExpressionError as error:
            raise self.where.error(f"cannot read '{text.strip()}': {error}") from None

    def _expression(self, text: str) -> Expression:
        if re.match(r"%[a-z]|\$\w", text.lstrip()):
            raise ExpressionError("this is AT&T syntax; registers and numbers have no % and $ here")
        expression = parse_expression(text, self.naming)
        for token in tokenize(text):
            if token.kind == "name" and token.text.lower() in REGISTERS:
                raise ExpressionError(
                    f"register {token.text} cannot stand in a constant expression"
                )
        return expression

    def _operand(self, text: str) -> Operand:
        size, words, rest = self._leading_words(text)
        register = _register_name(rest)
        if register is not None:
            self._check_mode(register)
            return Register(register, REGISTERS[register])
        segment, body = _split_segment(rest)
        if "[" in body:
            memory = self._memory(body, segment)
            return replace(memory, size=size or memory.size, far="far" in words or size == 48)
        if segment or "ptr" in words:
            return self._memory(f"[{body}]", segment, size)
        if "offset" not in words:
            pointer = self._far_pointer(rest, size)
            if pointer is not None:
                return pointer
        if not rest:
            raise ExpressionError("an operand is missing")
        distance = next((word for word in words if word in ("short", "near")), "")
        return Immediate(size, self._expression(rest), distance)

    @staticmethod
    def _leading_words(text: str) -> tuple[int, list[str], str]:
        """Sizes and keywords in front of an operand."""
        size = 0
        words = []
        while match := re.match(r"([A-Za-z]+)(?=[\s\[(])\s*", text):
            word = match[1].lower()
            if word in SIZES:
                size = SIZES[word]
            elif word in ("ptr", "short", "near", "far", "offset", "strict"):
                words.append(word)
            else:
                break
            text = text[match.end() :]
        return size, words, text

    def _check_mode(self, register: str) -> None:
        if self.bits != 64 and _LONG_ONLY.match(register):
            raise ExpressionError(f"{register} needs 64-bit code (.code64)")

    def _far_pointer(self, text: str, size: int) -> FarPointer | None:
        segment, colon, offset = text.partition(":")
        if not colon or text[:1] in "'\"`":
            return None
        inner_size, _, offset = self._leading_words(offset.strip())
        return FarPointer(inner_size or size, self._expression(segment), self._expression(offset))

    def _memory(self, text: str, segment: str, size: int = 0) -> Memory:
        """``[a][b]`` and ``table[a]`` add up, as in Intel's syntax."""
        inside = []
        for part in re.split(r"\[([^\[\]]*)\]", text):
            if part.strip():
                inside.append(part.strip())
        if any(char in part for part in inside for char in "[]"):
            raise ExpressionError("brackets do not match")
        first = inside[0] if inside else ""
        address_size = 0
        relative: bool | None = None
        while match := re.match(r"(rel|abs|byte|word|dword|qword)\s+", first, re.I):
            word = match[1].lower()
            if word in ("rel", "abs"):
                relative = word == "rel"
            else:
                address_size = SIZES[word] if word != "byte" else 0
            first = first[match.end() :]
        inner_segment, first = _split_segment(first)
        segment = segment or inner_segment
        registers, displacement = self._terms([first, *inside[1:]])
        rip = ("rip", 1) in registers
        if rip and (len(registers) > 1 or not displacement.symbolic):
            relative = False
        elif rip:
            registers, relative = (), True
        elif registers or self.bits != 64:
            relative = False
        elif relative is None:
            relative = self.default_relative and segment not in ("fs", "gs")
        return Memory(size, segment, registers, displacement, address_size, relative)

    def _terms(self, parts: list[str]) -> tuple[tuple[tuple[str, int], ...], Expression]:
        registers: list[tuple[str, int]] = []
        constants = ""
        for part in parts:
            for sign, term in _split_terms(part):
                scaled = self._scaled_register(term)
                if scaled is None:
                    constants += f"{sign}{term}"
                elif sign == "-":
                    raise ExpressionError(f"register {term} cannot be subtracted")
                else:
                    registers.append(scaled)
        return _pair(registers), self._expression(constants) if constants else constant(0)

    def _scaled_register(self, term: str) -> tuple[str, int] | None:
        name = _register_name(term)
        if name is not None:
            self._check_mode(name)
            return name, 1
        left, star, right = term.partition("*")
        if not star:
            return None
        for register, factor in ((left, right), (right, left)):
            name = _register_name(register.strip())
            if name is not None:
                self._check_mode(name)
                scale = self._expression(factor)
                if scale.symbolic:
                    raise ExpressionError(f"the scale in '{term}' must be a plain number")
                return name, scale.evaluate(_NO_SCOPE)
        return None


class _NoScope:
    here = section_start = 0

    def value_of(self, name: str) -> int:
        raise ExpressionError(f"undefined symbol '{name}'")


_NO_SCOPE = _NoScope()


def _register_name(text: str) -> str | None:
    name = re.sub(r"\s+", "", text.lower())
    return name if name in REGISTERS else None


def _split_segment(text: str) -> tuple[str, str]:
    match = re.match(r"([c-gs]s)\s*:\s*", text, re.I)
    if match is None or match[1].lower() not in SEGMENTS:
        return "", text
    return match[1].lower(), text[match.end() :]


def _split_terms(text: str) -> list[tuple[str, str]]:
    """Split a sum at its outermost plus and minus signs: [(sign, term)]."""
    terms: list[tuple[str, str]] = []
    depth = 0
    start = 0
    sign = "+"
    for position, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char in "+-" and depth == 0:
            before = text[start:position].strip()
            if before and before[-1] not in "*/%&|^<>~!":
                terms.append((sign, before))
                sign, start = char, position + 1
            elif not before:
                sign, start = ("-" if (sign == "-") != (char == "-") else "+"), position + 1
    last = text[start:].strip()
    if last or not terms:
        if not last:
            raise ExpressionError("an address is missing between the brackets")
        terms.append((sign, last))
    return terms


def _pair(registers: list[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """At most base and index; ``eax*3`` is ``eax + eax*2``; the stack pointer can only be the
    base.
    """
    if len(registers) == 1 and registers[0][1] in (3, 5, 9):
        name, scale = registers[0]
        registers = [(name, 1), (name, scale - 1)]
    if len(registers) == 2:
        if registers[0][1] != 1 or registers[1][0] in ("esp", "rsp"):
            registers.reverse()
        if registers[0][1] != 1 and registers[0][0] == registers[1][0]:
            raise ExpressionError("this address has one register too many")
    if len(registers) > 2:
        raise ExpressionError("an address has at most two registers")
    return tuple(registers)
