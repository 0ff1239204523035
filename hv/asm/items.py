"""What a statement becomes: something with an address that can turn itself into bytes.

Addresses are not known at first, so every item is built again and again until nothing moves any
more; an item must give its best guess while ``layout.final`` is false and may complain only when
it is true.
"""

from dataclasses import dataclass, field
from typing import Protocol

from hv.asm.expression import Expression
from hv.asm.source import Where

MAX_OUTPUT_BYTES = 64 << 20


class Layout(Protocol):
    """What an item may ask while it is built; also the Scope of its expressions."""

    final: bool
    only_growing: bool
    """Sizes have been chasing each other: from now on nothing may shrink, so that it ends."""

    @property
    def here(self) -> int: ...

    @property
    def section_start(self) -> int: ...

    @property
    def location(self) -> int:
        """Address of the byte being made; differs from ``here`` inside ``times``."""

    def value_of(self, name: str) -> int: ...

    def value(self, expression: Expression, where: Where) -> int:
        """The value of an expression; 0 or a guess while it is not known yet."""

    def known(self, expression: Expression) -> int | None:
        """The value, None while some symbol in it has none."""

    def define(self, name: str, value: int, where: Where) -> None:
        """Give a symbol its value."""

    def encode(self, bits: int, text: str, where: Where) -> bytes | None:
        """Keystone's bytes; None while they are not there yet or not possible yet."""

    def advance(self, count: int) -> None:
        """Move ``location`` on inside a statement."""


@dataclass
class Item:
    """One statement. ``address`` and ``data`` are as of the last time it was built."""

    where: Where
    source: str
    address: int = field(default=0, init=False)
    data: bytes = field(default=b"", init=False)

    @property
    def moves(self) -> bool:
        """Whether the bytes depend on where exactly they stand."""
        return True

    def build(self, layout: Layout) -> bytes:
        """The bytes of this statement at ``layout.here``."""
        return b""


@dataclass
class Note(Item):
    """A line without code: a comment or an empty line, kept for the listing."""


@dataclass
class Label(Item):
    name: str

    def build(self, layout: Layout) -> bytes:
        layout.define(self.name, layout.here, self.where)
        return b""


@dataclass
class Constant(Item):
    """``.equ``, ``.set``, ``=`` and ``equ``."""

    name: str
    value: Expression

    def build(self, layout: Layout) -> bytes:
        value = layout.value(self.value, self.where) if layout.final else layout.known(self.value)
        if value is not None:
            layout.define(self.name, value, self.where)
        return b""


@dataclass
class Raw(Item):
    """Bytes that depend on nothing: strings, included files."""

    content: bytes

    @property
    def moves(self) -> bool:
        return False

    def build(self, layout: Layout) -> bytes:
        return self.content


@dataclass
class RawCode(Raw):
    """An instruction that has but one form."""


@dataclass
class Data(Item):
    """Numbers of ``width`` bytes, little-endian; strings among them are there already as bytes."""

    width: int
    values: list[Expression | bytes]

    @property
    def moves(self) -> bool:
        return False

    def build(self, layout: Layout) -> bytes:
        out = bytearray()
        for value in self.values:
            if isinstance(value, bytes):
                out += value
            else:
                number = layout.value(value, self.where)
                if layout.final:
                    check_fits(number, 8 * self.width, self.where)
                out += (number & (1 << 8 * self.width) - 1).to_bytes(self.width, "little")
        return bytes(out)


@dataclass
class Fill(Item):
    """``count`` copies of ``unit`` bytes of a value: .fill .skip .space resb."""

    count: Expression
    unit: int
    value: Expression

    @property
    def moves(self) -> bool:
        return False

    def build(self, layout: Layout) -> bytes:
        count = checked_count(layout.value(self.count, self.where), self.unit, layout, self.where)
        value = layout.value(self.value, self.where) & (1 << 8 * self.unit) - 1
        return value.to_bytes(self.unit, "little") * count


@dataclass
class Align(Item):
    boundary: Expression
    fill: Expression
    limit: Expression | None = None

    def build(self, layout: Layout) -> bytes:
        boundary = layout.value(self.boundary, self.where)
        if not 0 < boundary <= MAX_OUTPUT_BYTES:
            if layout.final:
                raise self.where.error(f"cannot align to {boundary}")
            return b""
        count = -layout.here % boundary
        if self.limit is not None and count > layout.value(self.limit, self.where):
            return b""
        return bytes([layout.value(self.fill, self.where) & 0xFF]) * count


@dataclass
class Advance(Item):
    """``.org``: go on at a later address, or offset into the section when the number is below its
    start.
    """

    target: Expression
    fill: Expression

    def build(self, layout: Layout) -> bytes:
        target = layout.value(self.target, self.where)
        if target < layout.section_start:
            target += layout.section_start
        count = target - layout.here
        if count < 0 and layout.final:
            raise self.where.error(f".org goes back: the code before it is {-count} bytes too long")
        count = checked_count(max(count, 0), 1, layout, self.where)
        return bytes([layout.value(self.fill, self.where) & 0xFF]) * count


@dataclass
class Times(Item):
    """``times N statement``."""

    count: Expression
    item: Item

    def build(self, layout: Layout) -> bytes:
        number = layout.value(self.count, self.where)
        if number < 0 and layout.final:
            raise self.where.error(
                f"times {number}: the code before it is {-number} bytes too long"
            )
        count = checked_count(max(number, 0), 1, layout, self.where)
        first = self.item.data = self.item.build(layout)
        count = checked_count(count, len(first), layout, self.where)
        if not self.item.moves:
            return first * count
        out = bytearray()
        for _ in range(count):
            code = self.item.build(layout)
            layout.advance(len(code))
            out += code
        return bytes(out)


@dataclass
class Assert(Item):
    condition: Expression
    message: str

    def build(self, layout: Layout) -> bytes:
        if layout.final and not layout.value(self.condition, self.where):
            raise self.where.error(self.message)
        return b""


_NO_CODE = (Note, Label, Constant, Raw, Data, Fill, Align, Advance, Assert)


def is_code(item: Item) -> bool:
    """Whether a statement is instructions, and not data or a remark."""
    if isinstance(item, Times):
        return is_code(item.item)
    return isinstance(item, RawCode) or not isinstance(item, _NO_CODE)


def checked_count(count: int, unit: int, layout: Layout, where: Where) -> int:
    """``count`` when that many units can be made."""
    if 0 <= count * max(unit, 1) <= MAX_OUTPUT_BYTES:
        return count
    if layout.final:
        what = f"{count} is negative" if count < 0 else f"{count} times {unit} bytes is too much"
        raise where.error(what)
    return 0


def check_fits(value: int, bits: int, where: Where) -> None:
    """Complain about a number that is lost when stored, as signed or unsigned."""
    if not -(1 << bits - 1) <= value < 1 << bits:
        raise where.error(f"{value:#x} does not fit in {bits} bits")
