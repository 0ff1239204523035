"""Instructions: what this package encodes itself, and the text that Keystone is asked about.

Keystone only ever sees one instruction with numbers for names, and is kept away from what it gets
silently wrong (all compared with another assembler): near branches, returns and pushed numbers in
16-bit code, instructions without operands, LGDT in 32-bit code, an index without a base in 16-bit
code, absolute addresses in 64-bit code, numbers that do not fit.
"""

import re
from dataclasses import replace

from hv.asm import branches
from hv.asm.encoding import DESCRIPTOR_TABLES, UNKNOWN_HINT, Instruction, LongNop, Unreadable
from hv.asm.fixed import (
    ADDRESS_SIZE_PREFIXES,
    FIXED,
    OPERAND_SIZE_PREFIXES,
    PREFIXES,
    RETURNS,
    SEGMENT_STACK,
    Fixed,
    encode_fixed,
    size_prefix,
)
from hv.asm.items import Item, RawCode
from hv.asm.operands import (
    SEGMENTS,
    FarPointer,
    Immediate,
    Memory,
    Operand,
    Reader,
    Register,
    resized,
)
from hv.asm.source import split_top, words
from hv.errors import ConfigError

_SUFFIXED = {
    name + letter: (name, size)
    for name in ("jmp", "call", "push", "pop")
    for letter, size in {"w": 16, "l": 32, "d": 32, "q": 64}.items()
}
_FAR = {"ljmp": "jmp", "lcall": "call"}
_ALIASES = {"movabs": "mov", "retn": "ret", "sal": "shl"}

_NEEDS_SIZE = frozenset(
    words(
        "inc dec neg not mul imul div idiv add or adc sbb and sub xor cmp mov test "
        "rol ror rcl rcr shl shr sar bt bts btr btc movzx movsx"
    )
)
_LONG_ONLY = frozenset(words("cmpxchg16b fxsave64 fxrstor64 xsave64 xrstor64"))


def parse_instruction(text: str, reader: Reader, source: str) -> Item:
    """The item for one instruction; raises ConfigError."""
    where = reader.where
    prefixes, text = _take_prefixes(text, reader)
    match = re.match(r"([A-Za-z_][\w.$]*)(?:\s+(.*))?$", text)
    if match is None:
        raise where.error(f"cannot understand '{text}'")
    name = match[1].lower()
    if not re.fullmatch(r"[a-z][a-z0-9]*", name):
        raise where.error(f"unknown instruction '{match[1]}' {UNKNOWN_HINT}")
    rest = (match[2] or "").strip()
    place = (where, source)
    if not rest and name in FIXED:
        return _fixed(FIXED[name], prefixes, reader, source)
    if name in RETURNS:
        return _return(name, rest, prefixes, reader, source)
    size = 0
    if name in _SUFFIXED and name not in FIXED:
        name, size = _SUFFIXED[name]
    try:
        operands = [reader.operand(part) for part in split_top(rest, ",", where)]
    except ConfigError as error:
        return Unreadable(*place, reader.bits, b"", name, (), error)
    if name in _FAR or (name in ("jmp", "call") and operands and _is_far(operands[0])):
        return _far(name, operands, prefixes, reader, source)
    item = _own_form(name, operands, size, prefixes, reader, source)
    if item is not None:
        return item
    operands = [_with_default_size(name, operand, size, reader) for operand in operands]
    if not operands and name not in FIXED:
        return Instruction(*place, reader.bits, prefixes, name, ())
    _check(name, operands, reader)
    if name == "nop" and isinstance(operands[0], Memory):
        return _nop(operands[0], prefixes, reader, source)
    operands = _selector_width(name, operands, reader.bits)
    return Instruction(*place, reader.bits, prefixes, _ALIASES.get(name, name), tuple(operands))


def _own_form(
    name: str, operands: list[Operand], size: int, prefixes: bytes, reader: Reader, source: str
) -> Item | None:
    """Jumps to an address and pushes that are encoded here; None for all other instructions."""
    if len(operands) != 1:
        return None
    operand = operands[0]
    place = (reader.where, source)
    if isinstance(operand, Register) and (name, operand.name) in SEGMENT_STACK:
        entry = SEGMENT_STACK[name, operand.name]._replace(size=size)
        return _fixed(entry, prefixes, reader, source)
    if not isinstance(operand, Immediate):
        return None
    size = size or operand.size
    if name in branches.RELATIVE:
        target, forced = operand.value, operand.distance
        return branches.relative(name, reader.bits, prefixes, size, target, forced, place)
    if name == "push":
        slot = 0 if size == 8 else size  # `push byte 5` asks for an encoding, not for a stack slot
        return branches.Push(*place, reader.bits, prefixes, slot, operand.value)
    return None


def _fixed(entry: Fixed, prefixes: bytes, reader: Reader, source: str) -> RawCode:
    code = encode_fixed(entry, reader.bits)
    if code is None:
        raise reader.where.error(f"there is no such instruction in {reader.bits}-bit code")
    return RawCode(reader.where, source, prefixes + code)


def _take_prefixes(text: str, reader: Reader) -> tuple[bytes, str]:
    prefixes = b""
    while match := re.match(r"([A-Za-z]+[0-9]*)(?=\s|$)", text):
        word = match[1].lower()
        if word in PREFIXES:
            prefixes += bytes([PREFIXES[word]])
        elif word in OPERAND_SIZE_PREFIXES:
            if word == "o64" and reader.bits != 64:
                raise reader.where.error("o64 needs 64-bit code")
            prefixes += size_prefix(OPERAND_SIZE_PREFIXES[word], reader.bits)
        elif word in ADDRESS_SIZE_PREFIXES:
            if {ADDRESS_SIZE_PREFIXES[word], reader.bits} == {16, 64}:
                raise reader.where.error(f"{word} does not exist in {reader.bits}-bit code")
            prefixes += b"" if ADDRESS_SIZE_PREFIXES[word] == reader.bits else b"\x67"
        else:
            break
        text = text[match.end() :].lstrip()
        if not text:
            raise reader.where.error(
                f"'{word}' needs an instruction on its line (';' starts a comment)"
            )
    return prefixes, text


def _return(name: str, rest: str, prefixes: bytes, reader: Reader, source: str) -> Item:
    opcode, size = RETURNS[name]
    near = opcode == 0xC3
    if (size == 64 and reader.bits != 64) or (near and size == 32 and reader.bits == 64):
        raise reader.where.error(f"{name} does not exist in {reader.bits}-bit code")
    head = prefixes + size_prefix(size, reader.bits, default64=near)
    if not rest:
        return RawCode(reader.where, source, head + bytes([opcode]))
    count = reader.operand(rest)
    if not isinstance(count, Immediate):
        raise reader.where.error(f"{name} takes a number of bytes or nothing")
    return branches.Return(reader.where, source, head + bytes([opcode - 1]), count.value)


def _nop(memory: Memory, prefixes: bytes, reader: Reader, source: str) -> Item:
    """The long NOP, which Keystone takes for a prefetch."""
    prefixes += size_prefix(memory.size, reader.bits)
    plain = replace(memory, size=0)
    return LongNop(reader.where, source, reader.bits, prefixes, "prefetchnta", (plain,))


def _selector_width(name: str, operands: list[Operand], bits: int) -> list[Operand]:
    """Selectors are 16 bits wide whatever register holds them: take the form without a prefix."""
    if len(operands) != 2 or not all(isinstance(operand, Register) for operand in operands):
        return operands
    first, second = operands
    assert isinstance(first, Register)
    assert isinstance(second, Register)
    if name == "mov" and first.name in SEGMENTS:
        size = min(bits, 32)
    elif name in ("lar", "lsl"):
        size = first.size
    else:
        return operands
    if second.size not in (16, 32, 64):
        return operands
    return [first, Register(resized(second.name, size), size)]


def _is_far(operand: Operand) -> bool:
    return isinstance(operand, FarPointer) or (isinstance(operand, Memory) and operand.far)


def _far(name: str, operands: list[Operand], prefixes: bytes, reader: Reader, source: str) -> Item:
    """Far jumps and calls: ``8:label``, ``8, label`` or through memory."""
    where = reader.where
    base = _FAR.get(name, name)
    if len(operands) == 2 and all(isinstance(operand, Immediate) for operand in operands):
        segment, offset = operands
        assert isinstance(segment, Immediate)
        assert isinstance(offset, Immediate)
        operands = [FarPointer(0, segment.value, offset.value)]
    target = operands[0] if len(operands) == 1 else None
    if isinstance(target, FarPointer):
        if reader.bits == 64:
            raise where.error(
                "64-bit code has no direct far jump; use retfq, iretq or jmp far [pointer]"
            )
        opcode = 0xEA if base == "jmp" else 0x9A
        return branches.Far(
            where, source, reader.bits, opcode, target.size, target.segment, target.offset
        )
    if not isinstance(target, Memory):
        raise where.error(f"a far {base} wants segment:offset or memory")
    if target.size == 64:
        raise where.error("a far pointer in memory is word:dword or word:word")
    # The size written is that of the offset; a fword is a 32-bit one and its selector.
    size = 32 if target.size == 48 else target.size
    prefix = size_prefix(size, reader.bits)
    plain = replace(target, size=0)
    return Instruction(where, source, reader.bits, prefixes + prefix, "l" + base, (plain,))


def _with_default_size(name: str, operand: Operand, size: int, reader: Reader) -> Operand:
    """Sizes that go without saying: stack and jump operands in memory; none at all for LGDT and
    its kin.
    """
    if not isinstance(operand, Memory):
        return operand
    if name in DESCRIPTOR_TABLES:
        size = 0
    elif operand.size:
        return operand
    elif name in ("push", "pop", "jmp", "call"):
        size = size or reader.bits
    return replace(operand, size=size)


def _check(name: str, operands: list[Operand], reader: Reader) -> None:
    """Refuse what Keystone would guess at."""
    where = reader.where
    memories = [operand for operand in operands if isinstance(operand, Memory)]
    if len(memories) > 1 or any(isinstance(operand, FarPointer) for operand in operands):
        raise where.error("these operands do not fit the instruction")
    quad = name in _NEEDS_SIZE and memories and memories[0].size == 64
    if reader.bits != 64 and (quad or name in _LONG_ONLY):
        raise where.error(f"quadwords need 64-bit code; this is {reader.bits}-bit code")
    if not memories or memories[0].size or name not in _NEEDS_SIZE:
        return
    registers = [operand for operand in operands if isinstance(operand, Register)]
    says = bool(registers)
    if name in ("movzx", "movsx"):
        says = False
    elif name in ("rol", "ror", "rcl", "rcr", "shl", "shr", "sar"):
        says = isinstance(operands[0], Register)
    if not says:
        raise where.error("say the operand's size: byte, word, dword or qword")
