"""The preprocessor: includes, conditions, macros, repetition and single-line definitions.

Both spellings are understood: ``.include .if .ifdef .ifndef .ifb .ifnb .elseif .else .endif
.macro .rept .irp .error`` and ``%include %if %ifdef %ifndef %elif %else %endif %macro %rep
%define %undef %assign %error``. Conditions and counts are evaluated on the spot, so they may use
constants defined above them, but no addresses. Left out: ``%define`` with parameters, ``%substr``
and its family, contexts.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from hv.asm.expression import ExpressionError, parse_expression
from hv.asm.macros import Macro, arguments, dot_macro, expand_body, percent_macro, substitute
from hv.asm.source import Line, Where, read_source, split_lines, split_top, string_bytes

MAX_DEPTH = 64
MAX_LINES = 1_000_000

_DIRECTIVE = re.compile(r"\s*([.%])([A-Za-z]+)\b\s*(.*)$")
_LABELS = re.compile(r"\s*((?:[A-Za-z_.?@][\w.$?@]*|\d+)\s*:\s*)*")
_WORD = re.compile(r"([A-Za-z_.?@][\w.$?@]*)\s*(.*)$")
_IDENTIFIER = re.compile(
    r"""'[^']*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|\\?[A-Za-z_.?@][\w.$?@]*"""
)
_CONSTANT = re.compile(
    r"(?:[.%](?:equ|equiv|set)\s+([\w.$?@]+)\s*,|([A-Za-z_.?@][\w.$?@]*)\s*(?:=(?!=)|\bequ\b))\s*(.+)$",
    re.I,
)

_OPENERS = {"macro": "macro", "rept": "rept", "rep": "rept", "irp": "rept"}
_TAKES_A_NAME = {"define", "xdefine", "assign", "undef", "macro", "irp"}
_CLOSERS = {"endm": "macro", "endmacro": "macro", "endr": "rept", "endrep": "rept"}


class Expander:
    """Turns a source file into one flat run of lines; knows constants, definitions and macros met
    so far.
    """

    def __init__(self, include_dirs: tuple[Path, ...], defines: dict[str, str]) -> None:
        self._include_dirs = include_dirs
        self._defines = dict(defines)
        self._constants: dict[str, int] = {}
        self._labels: set[str] = set()
        self._macros: dict[str, list[Macro]] = {}
        self._open_files: list[Path] = []
        self._depth = 0
        self._serial = 0
        self._count = 0
        self._directives: dict[str, Callable[[str, Where, Iterator[Line]], Iterator[Line]]] = {
            "include": self._include,
            ".macro": self._dot_macro,
            "%macro": self._percent_macro,
            "rept": self._repeat,
            "rep": self._repeat,
            "irp": self._repeat_for,
            "define": self._define,
            "xdefine": self._define,
            "assign": self._assign,
            "undef": self._undefine,
            "error": self._error,
        }

    def file(self, path: Path, where: Where | None = None) -> Iterator[Line]:
        """All lines of a file and of what it includes."""
        resolved = path.resolve()
        if where is not None and resolved in self._open_files:
            raise where.error(f"{path} includes itself")
        text = read_source(path, where)
        self._open_files.append(resolved)
        yield from self.run(split_lines(text, str(path)), where)
        self._open_files.pop()

    def run(self, lines: Iterator[Line], where: Where | None = None) -> Iterator[Line]:
        """Expand a run of lines whose conditions balance in themselves."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise (where or next(lines).where).error("macros and includes are nested too deeply")
        conditions = _Conditions(self._holds)
        for line in lines:
            directive = _DIRECTIVE.match(line.text)
            word = directive[2].lower() if directive else ""
            if directive and conditions.handle(word, directive[3], line.where):
                yield line._replace(text="")
            elif not conditions.active:
                continue
            else:
                self._count += 1
                if self._count > MAX_LINES:
                    raise line.where.error(f"more than {MAX_LINES} lines after expansion")
                yield from self._expand(line, word, directive, lines)
        conditions.finish()
        self._depth -= 1

    def _expand(
        self, line: Line, word: str, directive: re.Match[str] | None, lines: Iterator[Line]
    ) -> Iterator[Line]:
        if directive is not None:
            sigil, rest = directive[1], directive[3]
            action = self._directives.get(word) or self._directives.get(sigil + word)
            if action is not None:
                yield line._replace(text="")
                if word not in _TAKES_A_NAME:
                    rest = self._apply_defines(rest)
                yield from action(rest, line.where, lines)
                return
        if word in _CLOSERS:
            raise line.where.error(f"'{line.text.split()[0]}' without its beginning")
        text = self._apply_defines(line.text)
        self._learn(text)
        labels = _LABELS.match(text)
        start = labels.end() if labels else 0
        self._labels.update(re.findall(r"[A-Za-z_.?@][\w.$?@]*", text[:start]))
        call = _WORD.match(text, start)
        if call is None or call[1] not in self._macros:
            yield line._replace(text=text)
            return
        if start:
            yield line._replace(text=text[:start])
        yield from self._call(call[1], call[2], line)

    def _apply_defines(self, text: str, depth: int = 0) -> str:
        if not self._defines or depth > MAX_DEPTH:
            return text

        def replace(match: re.Match[str]) -> str:
            value = self._defines.get(match[0])
            return match[0] if value is None else self._apply_defines(value, depth + 1)

        return _IDENTIFIER.sub(replace, text)

    def _learn(self, text: str) -> None:
        """Remember a constant whose value is known here, for conditions below."""
        match = _CONSTANT.match(text.lstrip())
        if match is None:
            return
        name = match[1] or match[2]
        try:
            self._constants[name] = self._value(match[3])
        except ExpressionError:
            self._constants.pop(name, None)

    def _value(self, text: str) -> int:
        return parse_expression(text, self).evaluate(self)

    # Scope and Naming of conditions: constants only.

    @property
    def here(self) -> int:
        raise ExpressionError("an address is not known here; only constants defined above are")

    section_start = here

    def value_of(self, name: str) -> int:
        value = self._constants.get(name)
        if value is None:
            known = "an address" if name in self._labels else "not defined above"
            raise ExpressionError(f"'{name}' is {known}; only constants defined above count here")
        return value

    def full_name(self, name: str) -> str:
        return name

    def numeric_label(self, number: str, direction: str) -> str | None:
        return None

    def _evaluate(self, text: str, where: Where) -> int:
        try:
            return self._value(text)
        except ExpressionError as error:
            raise where.error(str(error)) from None

    def _holds(self, kind: str, text: str, where: Where) -> bool:
        """Whether the condition ``.if<kind> text`` is true."""
        if kind in ("def", "ndef"):
            name = text.strip()
            known = (self._defines, self._constants, self._labels, self._macros)
            return any(name in names for names in known) == (kind == "def")
        text = self._apply_defines(text)
        if kind in ("b", "nb"):
            return (not text.strip()) == (kind == "b")
        if kind in ("idn", "nidn", "idni"):
            parts = [
                part.lower() if kind == "idni" else part for part in split_top(text, ",", where)
            ]
            return (len(parts) == 2 and parts[0] == parts[1]) == (kind != "nidn")
        return self._evaluate(text, where) != 0

    # Directives.

    def _include(self, text: str, where: Where, _: Iterator[Line]) -> Iterator[Line]:
        name = text.strip().strip("\"'<>`")
        for folder in (Path(where.file).parent, *self._include_dirs):
            if (folder / name).is_file():
                return self.file(folder / name, where)
        raise where.error(f"cannot find the include file '{name}'")

    def _block(self, kind: str, where: Where, lines: Iterator[Line]) -> tuple[Line, ...]:
        """Lines up to the directive that closes this block, which may hold others of its kind."""
        body: list[Line] = []
        depth = 1
        for line in lines:
            directive = _DIRECTIVE.match(line.text)
            word = directive[2].lower() if directive else ""
            depth += (_OPENERS.get(word) == kind) - (_CLOSERS.get(word) == kind)
            if depth == 0:
                return tuple(body)
            body.append(line)
        raise where.error(f"this .{kind} is never closed")

    def _dot_macro(self, text: str, where: Where, lines: Iterator[Line]) -> Iterator[Line]:
        self._keep_macro(dot_macro(text, self._block("macro", where, lines), where), where)
        return iter(())

    def _percent_macro(self, text: str, where: Where, lines: Iterator[Line]) -> Iterator[Line]:
        self._keep_macro(percent_macro(text, self._block("macro", where, lines), where), where)
        return iter(())

    def _keep_macro(self, macro: Macro, where: Where) -> None:
        known = self._macros.setdefault(macro.name, [])
        if any(m.most == macro.most or not (m.numbered and macro.numbered) for m in known):
            raise where.error(f"macro {macro.name} is defined twice")
        known.append(macro)

    def _call(self, name: str, text: str, line: Line) -> Iterator[Line]:
        where = line.where
        given = len(split_top(text, ",", where))
        macro = next((m for m in self._macros[name] if m.accepts(given)), self._macros[name][0])
        if (given > macro.most and not macro.greedy) or (macro.numbered and given < macro.required):
            raise where.error(f"macro {name} does not take {given} arguments")
        values = arguments(macro, text, where)
        self._serial += 1
        texts = expand_body(macro, values, given, self._serial)
        yield line._replace(text="")
        yield from self.run(self._placed(macro.body, texts, name, where), where)

    @staticmethod
    def _placed(
        body: tuple[Line, ...], texts: list[str], name: str, where: Where
    ) -> Iterator[Line]:
        for line, text in zip(body, texts, strict=True):
            inner = Where(line.where.file, line.where.line, name, where)
            yield Line(inner, text, text)

    def _repeat(self, text: str, where: Where, lines: Iterator[Line]) -> Iterator[Line]:
        body = self._block("rept", where, lines)
        count = self._evaluate(text, where)
        if count * max(len(body), 1) > MAX_LINES:
            raise where.error(f"{count} repetitions make more than {MAX_LINES} lines")
        for _ in range(count):
            yield from self.run(iter(body), where)

    def _repeat_for(self, text: str, where: Where, lines: Iterator[Line]) -> Iterator[Line]:
        body = self._block("rept", where, lines)
        name, *values = split_top(text if "," in text else text.replace(" ", ","), ",", where)
        for value in values:
            self._serial += 1
            texts = substitute(body, {name: value}, self._serial)
            placed = (old._replace(text=new) for old, new in zip(body, texts, strict=True))
            yield from self.run(placed, where)

    def _define(self, text: str, where: Where, _: Iterator[Line]) -> Iterator[Line]:
        match = re.match(r"([A-Za-z_.?@][\w.$?@]*)(\()?\s*(.*)$", text)
        if match is None or match[2]:
            raise where.error("%define takes a name and a text; for parameters use a macro")
        self._defines[match[1]] = match[3].strip()
        return iter(())

    def _assign(self, text: str, where: Where, _: Iterator[Line]) -> Iterator[Line]:
        name, value = (*text.split(None, 1), "", "")[:2]
        self._defines[name] = str(self._evaluate(self._apply_defines(value), where))
        return iter(())

    def _undefine(self, text: str, where: Where, _: Iterator[Line]) -> Iterator[Line]:
        self._defines.pop(text.strip(), None)
        return iter(())

    def _error(self, text: str, where: Where, _: Iterator[Line]) -> Iterator[Line]:
        message = text.strip()
        if message[:1] in ("'", '"', "`"):
            message = string_bytes(message, escapes=True).decode("utf-8", "replace")
        raise where.error(message or "the source says .error")


class _Conditions:
    """The nest of open .if blocks of one file or macro."""

    def __init__(self, holds: Callable[[str, str, Where], bool]) -> None:
        self._holds = holds
        self._stack: list[
            tuple[bool, bool, bool, Where]
        ] = []  # outer active, taken yet, active now, where
        self.active = True

    def handle(self, word: str, text: str, where: Where) -> bool:
        """Act on a conditional directive; False when ``word`` is none."""
        if re.fullmatch(r"if(n?def|n?b|n?idn|idni)?", word):
            holds = self.active and self._holds(word[2:], text, where)
            self._stack.append((self.active, holds, holds, where))
        elif word in ("else", "elseif", "elif", "endif"):
            if not self._stack:
                raise where.error(f"'{word}' without its if")
            outer, taken, _, opened = self._stack.pop()
            if word != "endif":
                now = outer and not taken and (word == "else" or self._holds("", text, where))
                self._stack.append((outer, taken or now, now, opened))
        else:
            return False
        self.active = self._stack[-1][2] if self._stack else True
        return True

    def finish(self) -> None:
        if self._stack:
            raise self._stack[-1][3].error("this if is never closed")
