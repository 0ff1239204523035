"""The item for an instruction that Keystone encodes: the question as text, the answer patched."""

import re
from dataclasses import dataclass, field

from hv.asm.addressing import OutOfRangeError, Patch, question
from hv.asm.fixed import PREFIXES
from hv.asm.items import Item, Layout, check_fits
from hv.asm.operands import Immediate, Memory, Operand, Register, resized
from hv.asm.source import words
from hv.errors import ConfigError

UNKNOWN_HINT = "(a label needs a colon, a macro its definition above)"
DESCRIPTOR_TABLES = frozenset(("lgdt", "lidt", "sgdt", "sidt"))
_WIDTH_OF_FIRST = frozenset(words("mov add or adc sbb and sub xor cmp test imul"))
_BYTE_NUMBER = frozenset(
    words("int in out rol ror rcl rcr shl shr sar shld shrd bt bts btr btc aam aad")
)
_ACCUMULATORS = frozenset(("al", "ax", "eax", "rax"))

# A number that no program uses stands for a symbol's value; it differs from the markers of
# addresses.
_MARKER_32 = 0x4B2D6F13
_MARKER_16 = 0x4B2D


@dataclass
class Instruction(Item):
    """One instruction; built anew only while it depends on addresses."""

    bits: int
    prefixes: bytes
    name: str
    operands: tuple[Operand, ...]
    _depends: bool = field(init=False, default=True)
    _settled: bytes | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._depends = any(
            (isinstance(operand, Memory) and (operand.relative or operand.displacement.symbolic))
            or (isinstance(operand, Immediate) and operand.value.symbolic)
            for operand in self.operands
        )

    @property
    def moves(self) -> bool:
        return self._depends

    def _complains(self, layout: Layout) -> bool:
        """A value that cannot change any more is judged at once."""
        return layout.final or not self._depends

    def build(self, layout: Layout) -> bytes:
        if self._settled is not None:
            return self._settled
        texts = []
        patches = []
        for operand in self._shortened(layout):
            text, patch = self._question(operand, layout)
            texts.append(text)
            if patch is not None:
                patches.append(patch)
        code = layout.encode(self.bits, f"{self.name} {', '.join(texts)}".strip(), self.where)
        if code is None:
            return self.data or b"\x90"
        result = self._finish(code, patches, layout)
        if not self._depends:
            self._settled = result
        return result

    def _finish(self, code: bytes, patches: list[Patch], layout: Layout) -> bytes:
        if self.name in DESCRIPTOR_TABLES and self.bits == 32 and code[0] == 0x66:
            code = code[1:]  # Keystone makes it the 16-bit form, which loads only 24 bits of base
        head = self.prefixes + self._override()
        for patch in patches:
            try:
                code = patch.apply(code, layout.location, len(head))
            except OutOfRangeError as error:
                if self._complains(layout):
                    raise self.where.error(str(error)) from None
        return head + code

    def _override(self) -> bytes:
        """The segment prefix: Keystone drops those that it takes for the default one."""
        for operand in self.operands:
            if isinstance(operand, Memory) and operand.segment:
                return bytes([PREFIXES[operand.segment]])
        return b""

    def _shortened(self, layout: Layout) -> tuple[Operand, ...]:
        """``mov rax, 5`` as ``mov eax, 5``, which clears the upper half."""
        if self.name != "mov" or len(self.operands) != 2:
            return self.operands
        first, number = self.operands
        if not isinstance(first, Register) or first.size != 64:
            return self.operands
        if not isinstance(number, Immediate):
            return self.operands
        if not 0 <= layout.value(number.value, self.where) < 1 << 32:
            return self.operands
        return Register(resized(first.name, 32), 32), number

    def _question(self, operand: Operand, layout: Layout) -> tuple[str, Patch | None]:
        if isinstance(operand, Register):
            name = operand.name
            return (f"st({name[2]})" if re.fullmatch(r"st\d", name) else name), None
        if isinstance(operand, Memory):
            return self._memory(operand, layout)
        assert isinstance(operand, Immediate)
        return self._number(operand, layout)

    def _memory(self, memory: Memory, layout: Layout) -> tuple[str, Patch | None]:
        accumulator = self.name == "mov" and any(
            isinstance(operand, Register) and operand.name in _ACCUMULATORS
            for operand in self.operands
        )
        value = layout.value(memory.displacement, self.where)
        try:
            return question(memory, self.bits, value, accumulator)
        except OutOfRangeError as error:
            if self._complains(layout):
                raise self.where.error(str(error)) from None
            return question(memory, self.bits, 0, accumulator)

    def _number(self, operand: Immediate, layout: Layout) -> tuple[str, Patch | None]:
        """An immediate, checked against its width and made signed where the width is known."""
        value = layout.value(operand.value, self.where)
        if self.name in _BYTE_NUMBER:
            if self._complains(layout):
                check_fits(value, 8, self.where)
            return hex(value & 0xFF), None
        first = self.operands[0]
        width = first.size if isinstance(first, Register | Memory) else 0
        if self.name not in _WIDTH_OF_FIRST or not width:
            return hex(value), None
        if self._complains(layout):
            check_fits(value, width, self.where)
        value &= (1 << width) - 1
        value -= (value >> width - 1) << width
        wide = self.name == "mov" and isinstance(first, Register)
        if wide and width == 64 and 0 <= value < 1 << 32:
            width = 32  # it was shortened
        if self._complains(layout) and not wide and not -(1 << 31) <= value < 1 << 31:
            raise self.where.error(
                f"{value:#x} does not fit: 64-bit forms hold 32 bits, sign-extended"
            )
        if width == 8 or width == 64 or not operand.value.symbolic or -128 <= value <= 127:
            return hex(value), None
        marker = _MARKER_16 if width == 16 else _MARKER_32
        return hex(marker), Patch(marker.to_bytes(width // 8, "little"), value)


class LongNop(Instruction):
    """``nop dword [...]``: asked for as PREFETCHNTA (0F 18 /0), which differs in its second byte
    (0F 1F /0).
    """

    def build(self, layout: Layout) -> bytes:
        code = super().build(layout)
        at = code.find(b"\x0f\x18")
        return code if at < 0 else code[:at] + b"\x0f\x1f" + code[at + 2 :]


@dataclass
class Unreadable(Instruction):
    """An instruction whose operands make no sense; perhaps it is no instruction either, which
    says more.
    """

    error: ConfigError

    def build(self, layout: Layout) -> bytes:
        raise self.error
