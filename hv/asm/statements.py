"""Statements: labels, directives and instructions become items, in order, section by section."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hv.asm.expression import (
    Expression,
    ExpressionError,
    constant,
    parse_expression,
)
from hv.asm.instructions import parse_instruction
from hv.asm.items import Advance, Align, Assert, Constant, Data, Fill, Item, Label, Note, Raw, Times
from hv.asm.operands import REGISTERS, Reader
from hv.asm.source import Line, split_top, string_bytes, words

_NAME = r"(?:\.\.@)?[A-Za-z_.?@][\w.$?@]*"
_LABEL = re.compile(rf"({_NAME}|\d+)\s*:(?!:)\s*")
_WORD = re.compile(rf"(%?{_NAME})(?:\s+|$|(?=[\"'(\[]))")
_ASSIGNMENT = re.compile(rf"({_NAME})\s*=(?!=)\s*(.+)$")

_WIDTHS = {
    ".byte": 1, ".2byte": 2, ".word": 2, ".short": 2, ".hword": 2, ".value": 2,
    ".4byte": 4, ".long": 4, ".int": 4, ".dword": 4, ".8byte": 8, ".quad": 8,
    "db": 1, "dw": 2, "dd": 4, "dq": 8,
}  # fmt: skip
_RESERVES = {"resb": 1, "resw": 2, "resd": 4, "resq": 8}
_MODES = {
    ".code16": 16,
    ".code32": 32,
    ".code64": 64,
    "use16": 16,
    "use32": 32,
    "use64": 64,
    ".code16gcc": 16,
}
_BITS = {"16": 16, "32": 32, "64": 64}
_IGNORED = frozenset(
    words(
        ".globl .global global .extern extern .type .size .intel_syntax .file .ident .arch cpu "
        ".cpu .end %pragma %line"
    )
)
_SECTIONS = frozenset((".text", ".data", ".bss", ".rodata"))
_AFTER_NAME = frozenset(("equ", "times", *_RESERVES, "db", "dw", "dd", "dq"))


@dataclass
class Section:
    """A run of items that stay together."""

    name: str
    items: list[Item] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return all(isinstance(item, Note | Constant | Label) for item in self.items)


class StatementParser:
    """Reads expanded lines once, top to bottom; what it leaves behind is ``sections`` and
    ``origin``.
    """

    def __init__(self, include_dirs: tuple[Path, ...]) -> None:
        self.sections = [Section(".text")]
        self.origin: int | None = None
        self.entry_bits = 16
        self._include_dirs = include_dirs
        self._section = self.sections[0]
        self._bits = 16
        self._entered = False
        self._default_relative = False
        self._scope = ""
        self._numeric: dict[str, int] = {}
        self._directives: dict[str, Callable[[str, Line], None]] = {
            ".origin": self._set_origin,
            "org": self._set_origin,
            ".org": self._org,
            "bits": self._set_bits,
            "default": self._default,
            "section": self._set_section,
            "segment": self._set_section,
            ".section": self._set_section,
            ".equ": self._equ,
            ".set": self._equ,
            ".equiv": self._equ,
            ".ascii": self._ascii,
            ".asciz": self._asciz,
            ".string": self._asciz,
            ".incbin": self._incbin,
            "incbin": self._incbin,
            ".align": self._align,
            ".balign": self._align,
            "align": self._align,
            "alignb": self._align,
            ".p2align": self._power_align,
            ".fill": self._fill,
            ".skip": self._skip,
            ".space": self._skip,
            ".zero": self._skip,
            ".assert": self._assert,
            "times": self._times,
            ".att_syntax": self._att_syntax,
        }

    def parse(self, lines: Iterable[Line]) -> None:
        for line in lines:
            try:
                self._line(line)
            except ExpressionError as error:
                raise line.where.error(str(error)) from None

    # Naming of symbols in expressions.

    def full_name(self, name: str) -> str:
        """``.name`` belongs to the last label without a dot, as in NASM."""
        if name.startswith(".") and not name.startswith(".."):
            return self._scope + name
        return name

    def numeric_label(self, number: str, direction: str) -> str | None:
        met = self._numeric.get(number, 0)
        if direction == "f":
            return f"{number}#{met + 1}"
        return f"{number}#{met}" if met else None

    # One line.

    def _line(self, line: Line) -> None:
        text = line.text
        before = len(self._section.items)
        if text.startswith("[") and text.endswith("]"):
            text = text[1:-1].strip()  # [bits 16]: NASM's other spelling of a directive
        while (match := _LABEL.match(text)) and match[1].lower() not in REGISTERS:
            self._label(match[1], line)
            text = text[match.end() :]
        if text:
            self._statement(text, line)
        if len(self._section.items) == before:
            self._add(Note(line.where, line.source))

    def _add(self, item: Item) -> None:
        self._section.items.append(item)

    def _label(self, name: str, line: Line) -> None:
        if name.isdigit():
            self._numeric[name] = self._numeric.get(name, 0) + 1
            name = f"{name}#{self._numeric[name]}"
        elif name.startswith("."):
            name = self.full_name(name)
        else:
            self._scope = name
        self._add(Label(line.where, line.source, name))

    def _statement(self, text: str, line: Line) -> None:
        assignment = _ASSIGNMENT.match(text)
        if assignment is not None:
            self._equ(f"{assignment[1]}, {assignment[2]}", line)
            return
        match = _WORD.match(text)
        if match is None:
            raise line.where.error(f"cannot understand '{text}'")
        word, rest = match[1].lower(), text[match.end() :]
        if word in self._directives:
            self._directives[word](rest, line)
        elif word in _WIDTHS:
            self._data(word, rest, line)
        elif word in _RESERVES:
            self._add(
                Fill(line.where, line.source, self._expression(rest), _RESERVES[word], constant(0))
            )
        elif word in _MODES:
            self._mode(_MODES[word])
        elif word in _SECTIONS:
            self._set_section(word, line)
        elif word in _IGNORED:
            return
        elif not self._named(match[1], rest, line):
            if word[0] in ".%":
                raise line.where.error(f"unknown directive '{match[1]}'")
            self._instruction(text, line)

    def _named(self, name: str, rest: str, line: Line) -> bool:
        """``msg db 1``, ``size equ 5``, ``pad times 4 db 0``: a name in front without a colon."""
        match = _WORD.match(rest)
        word = match[1].lower() if match else ""
        if match is None or word not in _AFTER_NAME:
            return False
        if word == "equ":
            self._equ(f"{name}, {rest[match.end() :]}", line)
        else:
            self._label(name, line)
            self._statement(rest, line)
        return True

    def _instruction(self, text: str, line: Line) -> None:
        if not self._entered:
            self.entry_bits = self._bits
            self._entered = True
        reader = Reader(self, line.where, self._bits, self._default_relative)
        self._add(parse_instruction(text, reader, line.source))

    def _expression(self, text: str) -> Expression:
        return parse_expression(text, self)

    def _constant(self, text: str, line: Line) -> int:
        expression = self._expression(text)
        if expression.symbolic:
            raise line.where.error("a plain number is wanted here")
        return expression.evaluate(_CONSTANTS)

    # Directives.

    def _mode(self, bits: int) -> None:
        self._bits = bits

    def _set_bits(self, rest: str, line: Line) -> None:
        if rest.strip() not in _BITS:
            raise line.where.error("bits takes 16, 32 or 64")
        self._mode(_BITS[rest.strip()])

    def _default(self, rest: str, line: Line) -> None:
        self._default_relative = rest.strip().lower() == "rel"

    def _set_origin(self, rest: str, line: Line) -> None:
        value = self._constant(rest, line)
        if self.origin is not None and self.origin != value:
            raise line.where.error(f"the origin is {self.origin:#x} already")
        self.origin = value

    def _org(self, rest: str, line: Line) -> None:
        target, fill = self._with_fill(rest, line, 0)
        if self.origin is None and all(section.is_empty for section in self.sections):
            self._set_origin(rest, line)
        else:
            self._add(Advance(line.where, line.source, target, fill))

    def _with_fill(self, rest: str, line: Line, fill: int) -> tuple[Expression, Expression]:
        parts = split_top(rest, ",", line.where)
        if not 1 <= len(parts) <= 2:
            raise line.where.error("one number is wanted here, or two")
        value = self._expression(parts[1]) if len(parts) > 1 and parts[1] else constant(fill)
        return self._expression(parts[0]), value

    def _set_section(self, rest: str, line: Line) -> None:
        name = re.split(r"[\s,]", rest.strip())[0].strip("\"'").lower() or ".text"
        for section in self.sections:
            if section.name == name:
                self._section = section
                return
        self._section = Section(name)
        self.sections.append(self._section)

    def _equ(self, rest: str, line: Line) -> None:
        name, comma, value = rest.partition(",")
        if not comma or not re.fullmatch(_NAME, name.strip()):
            raise line.where.error("a name and a value are wanted here")
        full = self.full_name(name.strip())
        self._add(Constant(line.where, line.source, full, self._expression(value)))

    def _data(self, word: str, rest: str, line: Line) -> None:
        width = _WIDTHS[word]
        values: list[Expression | bytes] = []
        for part in split_top(rest, ",", line.where):
            if not part:
                raise line.where.error("a value is missing between the commas")
            values += self._datum(part, width, word[0] == ".")
        if not values:
            raise line.where.error(f"{word} needs a value")
        self._add(Data(line.where, line.source, width, values))

    def _datum(self, part: str, width: int, escapes: bool) -> list[Expression | bytes]:
        """A number, or a string padded to whole words (a single character is a number of any
        width).
        """
        if re.fullmatch(r"""'\\''|'[^']*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`""", part):
            text = string_bytes(part, escapes=escapes)
            return [text + bytes(-len(text) % width)]
        if part == "?":
            return [constant(0)]
        return [self._expression(part)]

    def _strings(self, rest: str, line: Line, end: bytes) -> None:
        out = b""
        for part in split_top(rest, ",", line.where):
            if part[:1] not in ("'", '"', "`"):
                raise line.where.error("a string in quotes is wanted here")
            out += string_bytes(part, escapes=True) + end
        self._add(Raw(line.where, line.source, out))

    def _ascii(self, rest: str, line: Line) -> None:
        self._strings(rest, line, b"")

    def _asciz(self, rest: str, line: Line) -> None:
        self._strings(rest, line, b"\0")

    def _incbin(self, rest: str, line: Line) -> None:
        name, *numbers = split_top(rest, ",", line.where)
        name = name.strip("\"'`")
        skip, count = [self._constant(text, line) for text in numbers] + [0, -1][len(numbers) :]
        for folder in (Path(line.where.file).parent, *self._include_dirs):
            if (folder / name).is_file():
                data = (folder / name).read_bytes()[skip:]
                self._add(Raw(line.where, line.source, data if count < 0 else data[:count]))
                return
        raise line.where.error(f"cannot find '{name}'")

    def _align(self, rest: str, line: Line) -> None:
        boundary, *options = split_top(rest, ",", line.where) or [""]
        fill = options[0].lower().removeprefix("db").strip() if options else ""
        value = self._expression(fill) if fill else constant(0x90 if self._in_code() else 0)
        limit = self._expression(options[1]) if len(options) > 1 else None
        self._add(Align(line.where, line.source, self._expression(boundary), value, limit))

    def _in_code(self) -> bool:
        return self._section.name == ".text"

    def _power_align(self, rest: str, line: Line) -> None:
        power = self._constant(rest.split(",")[0], line)
        if not 0 <= power <= 24:
            raise line.where.error(f"cannot align to 2 to the power of {power}")
        self._align(str(1 << power), line)

    def _fill(self, rest: str, line: Line) -> None:
        parts = split_top(rest, ",", line.where)
        if not 1 <= len(parts) <= 3:
            raise line.where.error(".fill takes count, size and value")
        unit = self._constant(parts[1], line) if len(parts) > 1 else 1
        if not 0 < unit <= 8:
            raise line.where.error(".fill's size is 1 to 8 bytes")
        value = self._expression(parts[2]) if len(parts) > 2 else constant(0)
        self._add(Fill(line.where, line.source, self._expression(parts[0]), unit, value))

    def _skip(self, rest: str, line: Line) -> None:
        count, fill = self._with_fill(rest, line, 0)
        self._add(Fill(line.where, line.source, count, 1, fill))

    def _times(self, rest: str, line: Line) -> None:
        count, statement = self._split_count(rest, line)
        section = self._section
        before = len(section.items)
        self._statement(statement, line)
        if len(section.items) != before + 1 or isinstance(section.items[-1], Label | Constant):
            raise line.where.error("times repeats one instruction or one piece of data")
        inner = section.items.pop()
        self._add(Times(line.where, line.source, self._expression(count), inner))

    def _split_count(self, rest: str, line: Line) -> tuple[str, str]:
        """Where the count ends and the statement begins: at the first split that reads as an
        expression.
        """
        for match in re.finditer(r"\s+|(?<=\))(?=\w)", rest):
            count, statement = rest[: match.start()], rest[match.end() :]
            if re.match(r"[A-Za-z]", statement) and re.search(r"[\w)$]$", count):
                try:
                    self._expression(count)
                except ExpressionError:
                    continue
                return count, statement
        raise line.where.error("times wants a count and something to repeat")

    def _assert(self, rest: str, line: Line) -> None:
        parts = split_top(rest, ",", line.where)
        message = f"not true: {parts[0]}" if parts else ""
        if not 1 <= len(parts) <= 2:
            raise line.where.error(".assert takes a condition and a message")
        if len(parts) == 2:
            message = string_bytes(parts[1], escapes=True).decode("utf-8", "replace")
        self._add(Assert(line.where, line.source, self._expression(parts[0]), message))

    def _att_syntax(self, rest: str, line: Line) -> None:
        raise line.where.error("AT&T syntax is not supported: this assembler speaks Intel syntax")


class _Constants:
    here = section_start = 0

    def value_of(self, name: str) -> int:
        raise ExpressionError(f"undefined symbol '{name}'")


_CONSTANTS = _Constants()
