"""Gives every item its address: builds all of them again and again until no symbol moves."""

from collections.abc import Sequence
from itertools import chain

from hv.asm.encoder import UNKNOWN_INSTRUCTION, Encoder, EncoderDiedError
from hv.asm.encoding import UNKNOWN_HINT, Instruction
from hv.asm.expression import Expression, ExpressionError
from hv.asm.fixed import FIXED
from hv.asm.items import MAX_OUTPUT_BYTES, Item, Label, Note, Times
from hv.asm.source import Where
from hv.asm.statements import Section
from hv.errors import ConfigError

MAX_PASSES = 40
PATIENT_PASSES = 15
_NOP = b"\x90"
DATA_ALIGNMENT = 4


def _placed(section: Section) -> tuple[bool, bool]:
    """Code first, .bss last, what is between in the order of the source."""
    return section.name == ".bss", section.name != ".text"


class Program:
    """The layout of one program; implements ``items.Layout``."""

    def __init__(self, sections: Sequence[Section], origin: int, encoder: Encoder) -> None:
        self.final = False
        self.only_growing = False
        self.here = origin
        self.location = origin
        self.section_start = origin
        self.symbols: dict[str, int] = {}
        self._sections = sorted(sections, key=_placed)
        self._items = [
            [item for item in section.items if not isinstance(item, Note)]
            for section in self._sections
        ]
        self._origin = origin
        self._encoder = encoder
        self._missing: dict[tuple[int, str], Where] = {}
        self.labels: dict[str, Where] = {}

    def run(self) -> bytes:
        """The bytes of the program; raises ConfigError for the first line that cannot be built."""
        self._check_labels()
        self._check_names()
        for number in range(MAX_PASSES):
            self.only_growing = number >= PATIENT_PASSES
            before = dict(self.symbols)
            self._missing = {}
            self._pass()
            self._fetch()
            if not self._missing and before == self.symbols:
                break
        else:
            raise self._unsettled(before)
        self.final = True
        return self._pass()

    def _check_labels(self) -> None:
        for item in chain.from_iterable(self._items):
            if isinstance(item, Label):
                if item.name in self.labels:
                    first = self.labels[item.name]
                    raise item.where.error(f"label '{item.name}' is defined already at {first}")
                self.labels[item.name] = item.where

    def _check_names(self) -> None:
        """A word that is no instruction at all is named as such, before its operands are looked
        at.
        """
        items = chain.from_iterable(self._items)
        inner = (item.item if isinstance(item, Times) else item for item in items)
        found = [item for item in inner if isinstance(item, Instruction) and item.name not in FIXED]
        for item in found:
            self._missing.setdefault((item.bits, item.name), item.where)
        self._fetch()
        for item in found:
            answer = self._encoder.known(item.bits, item.name)
            if answer is not None and answer.complaint == UNKNOWN_INSTRUCTION:
                hint = "" if item.operands else f" {UNKNOWN_HINT}"
                raise item.where.error(f"unknown instruction '{item.name}'{hint}")

    def _unsettled(self, before: dict[str, int]) -> ConfigError:
        moving = next((n for n, v in self.symbols.items() if before.get(n) != v), "")
        where = self.labels.get(moving)
        message = f"the address of '{moving}' does not settle: it depends on itself"
        return where.error(message) if where else ConfigError(message)

    def _pass(self) -> bytes:
        image = bytearray()
        end: int | None = None  # where .bss begins, which the file does not carry
        for section, items in zip(self._sections, self._items, strict=True):
            if section.name == ".bss":
                end = len(image)
            if section.name != ".text" and not section.is_empty:
                pad = -len(image) % DATA_ALIGNMENT
                image += bytes(pad)
            self.section_start = self._origin + len(image)
            for item in items:
                self.here = self.location = item.address = self._origin + len(image)
                item.data = self._kept_size(item, item.build(self))
                image += item.data
                if len(image) > MAX_OUTPUT_BYTES:
                    raise item.where.error(
                        f"the output is larger than {MAX_OUTPUT_BYTES >> 20} MiB"
                    )
        return bytes(image[:end])

    def _kept_size(self, item: Item, data: bytes) -> bytes:
        """While nothing may shrink, an instruction that would gets NOPs behind it."""
        if not self.only_growing or not isinstance(item, Instruction):
            return data
        return data + _NOP * (len(item.data) - len(data))

    def _fetch(self) -> None:
        try:
            self._encoder.ask(list(self._missing))
        except EncoderDiedError as death:
            where = self._missing.get(death.request)
            raise (where.error(str(death)) if where else ConfigError(str(death))) from None

    # The Layout that items see.

    def value_of(self, name: str) -> int:
        value = self.symbols.get(name)
        if value is None:
            raise ExpressionError(f"undefined symbol '{name}'")
        return value

    def known(self, expression: Expression) -> int | None:
        try:
            return expression.evaluate(self)
        except ExpressionError:
            return None

    def value(self, expression: Expression, where: Where) -> int:
        try:
            return expression.evaluate(self)
        except ExpressionError as error:
            if self.final:
                raise where.error(str(error)) from None
            return self.location

    def define(self, name: str, value: int, where: Where) -> None:
        if name in self.labels and self.labels[name] is not where:
            raise where.error(f"'{name}' is a label already, at {self.labels[name]}")
        self.symbols[name] = value

    def encode(self, bits: int, text: str, where: Where) -> bytes | None:
        answer = self._encoder.known(bits, text)
        if answer is None:
            self._missing.setdefault((bits, text), where)
            return None
        if answer.complaint:
            if self.final:
                raise where.error(f"{answer.complaint}: {text}")
            return None
        return answer.code

    def advance(self, count: int) -> None:
        self.location += count
