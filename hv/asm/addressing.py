"""Memory operands as Keystone is asked about them.

Keystone sees a marker where a symbol's value belongs, and the value is put into its answer: so a
question is asked once, however often addresses move. The same trick makes what Keystone gets
wrong: an index without a base in 16-bit code (it drops the index) and absolute or relative
addresses in 64-bit code are asked for with a base and patched.
"""

from typing import NamedTuple

from hv.asm.operands import REGISTERS, SIZE_WORDS, Memory

# Displacements that no program uses, found again in Keystone's answer.
MARKER_32 = 0x5A3C7E11
MARKER_16 = 0x5A3C

_SIB_NOTHING = 0x25  # no index, and base 101, which under mod 00 is no base either
_RM_MASK = 0x3F


class OutOfRangeError(Exception):
    """The address does not fit; says what."""


class Patch(NamedTuple):
    """A value to put where the marker is."""

    marker: bytes
    value: int
    relative: bool = False
    no_base: bool = False
    absolute: bool = False

    def apply(self, code: bytes, address: int, head: int) -> bytes:
        """``code`` at ``address`` behind ``head`` bytes of prefixes, with the value in place."""
        at = code.find(self.marker)
        if at < 0:
            raise OutOfRangeError("cannot place this address")
        value = self.value - (address + head + len(code)) if self.relative else self.value
        width = len(self.marker)
        if self.relative and not -(1 << 31) <= value < 1 << 31:
            raise OutOfRangeError(f"{self.value:#x} is out of reach of a relative address")
        out = bytearray(code)
        if self.no_base or self.absolute:
            out[at - 2] &= _RM_MASK  # ModRM: mod 00
        if self.absolute:
            out[at - 1] = _SIB_NOTHING
        out[at : at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
        return bytes(out)


def address_size(memory: Memory, bits: int) -> int:
    for name, _ in memory.registers:
        return REGISTERS[name] or 64
    return memory.address_size or bits


def question(
    memory: Memory, bits: int, value: int, moves_accumulator: bool
) -> tuple[str, Patch | None]:
    """Keystone's text for a memory operand whose displacement is ``value``."""
    address, patch = _address(memory, bits, value, moves_accumulator)
    size = f"{SIZE_WORDS[memory.size]} ptr " if memory.size else ""
    return f"{size}[{address}]", patch


def _address(
    memory: Memory, bits: int, value: int, moves_accumulator: bool
) -> tuple[str, Patch | None]:
    marker = MARKER_32.to_bytes(4, "little")
    if memory.relative:
        return f"rip + {MARKER_32:#x}", Patch(marker, value, relative=True)
    size = address_size(memory, bits)
    base, spare = ("rbp", "rax") if size == 64 else ("ebp", "eax")
    far_away = memory.address_size == 64 or not _fits(value, 64)
    if bits == 64 and moves_accumulator and far_away and not memory.registers:
        return hex(value & (1 << 64) - 1), None  # the form with 64 bits of address
    _check(value, size, bool(memory.registers))
    if not memory.registers and (bits == 64 or (bits, size) == (16, 32)):
        return f"{base} + {spare}*1 + {MARKER_32:#x}", Patch(marker, value, absolute=True)
    if bits == 16 and size == 32 and len(memory.registers) == 1 and memory.registers[0][1] != 1:
        name, scale = memory.registers[0]
        return f"{base} + {name}*{scale} + {MARKER_32:#x}", Patch(marker, value, no_base=True)
    return _plain(memory, size, value)


def _plain(memory: Memory, size: int, value: int) -> tuple[str, Patch | None]:
    """Registers and displacement as they are; a marker for a displacement of more than a byte."""
    terms = [f"{name}*{scale}" if scale != 1 else name for name, scale in memory.registers]
    width = min(size, 32)
    value &= (1 << width) - 1
    value -= (value >> width - 1) << width
    if memory.registers and (not memory.displacement.symbolic or -128 <= value <= 127):
        sign = "-" if value < 0 else "+"
        return " + ".join(terms) + (f" {sign} {abs(value):#x}" if value else ""), None
    marker = MARKER_16 if size == 16 else MARKER_32
    return " + ".join([*terms, hex(marker)]), Patch(marker.to_bytes(width // 8, "little"), value)


def _fits(value: int, size: int) -> bool:
    """Whether an address fits; 64-bit ones hold 32 bits that are sign-extended."""
    return -(1 << min(size, 32) - 1) <= value < 1 << (31 if size == 64 else size)


def _check(value: int, size: int, indexed: bool) -> None:
    if not _fits(value, size):
        what = "displacement" if indexed else "address"
        raise OutOfRangeError(f"{value:#x} does not fit in a {min(size, 32)}-bit {what}")
