"""Jumps, calls, returns and pushed numbers, encoded here (Intel SDM vol. 2).

A jump takes the short form where it reaches. In 16-bit code everything is 16-bit unless ``dword``
is said.
"""

from dataclasses import dataclass, field

from hv.asm.expression import Expression
from hv.asm.fixed import size_prefix
from hv.asm.items import Item, Layout, check_fits
from hv.asm.source import Where, words

_CONDITIONS = (
    "o", "no", "b c nae", "ae nb nc", "e z", "ne nz", "be na", "a nbe",
    "s", "ns", "p pe", "np po", "l nge", "ge nl", "le ng", "g nle",
)  # fmt: skip
CONDITIONAL_JUMPS = {
    "j" + name: code for code, names in enumerate(_CONDITIONS) for name in words(names)
}

# Jumps that only exist with an 8-bit displacement: opcode, and the counter's size where the name
# says one.
SHORT_ONLY = {
    "loopne": (0xE0, 0), "loopnz": (0xE0, 0), "loope": (0xE1, 0), "loopz": (0xE1, 0),
    "loop": (0xE2, 0),
    "jcxz": (0xE3, 16), "jecxz": (0xE3, 32), "jrcxz": (0xE3, 64),
}  # fmt: skip

RELATIVE = frozenset(("jmp", "call", *CONDITIONAL_JUMPS, *SHORT_ONLY))


@dataclass
class Relative(Item):
    """A jump or call with a displacement. ``short`` is None where only the near form exists, and
    so ``near``.
    """

    bits: int
    prefixes: bytes
    short: int | None
    near: bytes | None
    size: int
    target: Expression
    forced: str = ""
    grown: bool = field(default=False, init=False)

    def build(self, layout: Layout) -> bytes:
        target = layout.value(self.target, self.where)
        if self.short is not None and self.forced != "near" and not self.grown:
            displacement = target - (layout.location + len(self.prefixes) + 2)
            if self._reaches(displacement, layout.final):
                return self.prefixes + bytes([self.short, displacement & 0xFF])
            self.grown = layout.only_growing
        return self._near(target, layout)

    def _reaches(self, displacement: int, final: bool) -> bool:
        if -128 <= displacement <= 127:
            return True
        if self.near is not None and self.forced != "short":
            return False
        if final:
            past = displacement - 127 if displacement > 0 else -128 - displacement
            raise self.where.error(f"the target is {past} bytes too far away for a short jump")
        return True

    def _near(self, target: int, layout: Layout) -> bytes:
        assert self.near is not None
        size = self.size or min(self.bits, 32)
        width = 2 if size == 16 else 4
        head = self.prefixes + size_prefix(size, self.bits) + self.near
        displacement = target - (layout.location + len(head) + width)
        # A 16-bit displacement wraps inside its 64 KiB, a 32-bit one inside 4 GiB.
        if layout.final and not -(1 << 8 * width) < displacement < 1 << 8 * width:
            raise self.where.error(f"the target {target:#x} is out of reach")
        return head + (displacement & (1 << 8 * width) - 1).to_bytes(width, "little")


@dataclass
class Far(Item):
    """``jmp 8:label`` and ``call 8:label``."""

    bits: int
    opcode: int
    size: int
    segment: Expression
    offset: Expression

    def build(self, layout: Layout) -> bytes:
        size = self.size or self.bits
        segment = layout.value(self.segment, self.where)
        offset = layout.value(self.offset, self.where)
        if layout.final:
            check_fits(segment, 16, self.where)
            check_fits(offset, size, self.where)
        tail = (offset & (1 << size) - 1).to_bytes(size // 8, "little")
        head = size_prefix(size, self.bits) + bytes([self.opcode])
        return head + tail + (segment & 0xFFFF).to_bytes(2, "little")


@dataclass
class Push(Item):
    """``push number``: one byte where it fits."""

    bits: int
    prefixes: bytes
    size: int
    value: Expression
    grown: bool = field(default=False, init=False)

    def build(self, layout: Layout) -> bytes:
        size = self.size or self.bits
        value = layout.value(self.value, self.where)
        if layout.final:
            check_fits(value, size, self.where)
        value &= (1 << size) - 1
        value -= (value >> size - 1) << size
        width = 2 if size == 16 else 4
        if layout.final and not -(1 << 31) <= value < 1 << 31:
            raise self.where.error(f"push cannot hold {value:#x}; move it to a register first")
        head = self.prefixes + size_prefix(size, self.bits, default64=True)
        if -128 <= value <= 127 and not self.grown:
            return head + bytes([0x6A, value & 0xFF])
        self.grown = layout.only_growing
        return head + b"\x68" + (value & (1 << 8 * width) - 1).to_bytes(width, "little")


@dataclass
class Return(Item):
    """``ret 4``: drops bytes of arguments."""

    head: bytes
    count: Expression

    def build(self, layout: Layout) -> bytes:
        count = layout.value(self.count, self.where)
        if layout.final:
            check_fits(count, 16, self.where)
        return self.head + (count & 0xFFFF).to_bytes(2, "little")


def relative(
    name: str,
    bits: int,
    prefixes: bytes,
    size: int,
    target: Expression,
    forced: str,
    place: tuple[Where, str],
) -> Relative:
    """The item for a jump, a conditional jump, a loop or a call to an address."""
    if bits == 64 and size == 16:
        raise place[0].error(f"{name} word does not exist in 64-bit code")
    forced = forced or ("near" if size and name not in SHORT_ONLY else "")
    if name == "jmp":
        return Relative(*place, bits, prefixes, 0xEB, b"\xe9", size, target, forced)
    if name == "call":
        return Relative(*place, bits, prefixes, None, b"\xe8", size, target)
    if name in CONDITIONAL_JUMPS:
        code = CONDITIONAL_JUMPS[name]
        near = bytes([0x0F, 0x80 + code])
        return Relative(*place, bits, prefixes, 0x70 + code, near, size, target, forced)
    opcode, counter = SHORT_ONLY[name]
    if counter and counter != bits:
        if (counter, bits) in ((16, 64), (64, 16), (64, 32)):
            raise place[0].error(f"{name} does not exist in {bits}-bit code")
        prefixes += b"\x67"
    return Relative(*place, bits, prefixes, opcode, None, 0, target)
