"""Just enough x86 decoding for exits: how many instructions lie before RIP, and what stands at RIP.

Capstone finds instruction boundaries; the instruction at RIP is looked at byte by byte, so that an exit
handler gets its length, its class and its immediate without reading guest memory again.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from capstone import CS_ARCH_X86, CS_MODE_16, CS_MODE_32, CS_MODE_64, Cs

MAX_INSN_LENGTH = 15
TRANSFER = 0x80
"""Set in a class byte when the instruction ends its block by nature (jump, call, return, string repeat)."""


class InsnClass(IntEnum):
    """What an exit handler wants to know of the instruction at RIP."""

    OTHER = 0
    IN_OUT = 1
    STRING_IO = 2
    SWINT = 3
    RDMSR = 4
    WRMSR = 5
    RDTSC = 6
    HLT = 7
    VMCALL = 8
    VMMCALL = 9
    SYSENTER = 10
    SYSCALL = 11
    UD = 12
    RDPMC = 13
    CR8 = 14
    INT1 = 15
    INT3_INTO = 16


_SEGMENT_PREFIX = {0x26: 1, 0x2E: 2, 0x36: 3, 0x3E: 4, 0x64: 5, 0x65: 6}  # ES CS SS DS FS GS + 1
OPSIZE_FLAG, ADDRSIZE_FLAG, REP_FLAG = 0x10, 0x20, 0x40

_ONE_BYTE = {
    0xE4: InsnClass.IN_OUT,
    0xE5: InsnClass.IN_OUT,
    0xE6: InsnClass.IN_OUT,
    0xE7: InsnClass.IN_OUT,
    0xEC: InsnClass.IN_OUT,
    0xED: InsnClass.IN_OUT,
    0xEE: InsnClass.IN_OUT,
    0xEF: InsnClass.IN_OUT,
    0x6C: InsnClass.STRING_IO,
    0x6D: InsnClass.STRING_IO,
    0x6E: InsnClass.STRING_IO,
    0x6F: InsnClass.STRING_IO,
    0xCC: InsnClass.INT3_INTO,
    0xCD: InsnClass.SWINT,
    0xCE: InsnClass.INT3_INTO,
    0xF1: InsnClass.INT1,
    0xF4: InsnClass.HLT,
}
_TWO_BYTE = {
    0x05: InsnClass.SYSCALL,
    0x0B: InsnClass.UD,
    0x20: InsnClass.CR8,
    0x22: InsnClass.CR8,
    0x30: InsnClass.WRMSR,
    0x31: InsnClass.RDTSC,
    0x32: InsnClass.RDMSR,
    0x33: InsnClass.RDPMC,
    0x34: InsnClass.SYSENTER,
    0xB9: InsnClass.UD,
    0xFF: InsnClass.UD,
}
_GROUP7 = {0xC1: InsnClass.VMCALL, 0xD9: InsnClass.VMMCALL, 0xF9: InsnClass.RDTSC}

_ENDS_BLOCK_ONE = (
    frozenset(range(0x70, 0x80))
    | frozenset(range(0xE0, 0xE4))
    | {0xC2, 0xC3, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF, 0xE8, 0xE9, 0xEA, 0xEB, 0x9A, 0xF4}
)
_STRING = frozenset({0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF})
_ENDS_BLOCK_TWO = frozenset(range(0x80, 0x90)) | {0x05, 0x07, 0x34, 0x35}
_IMMEDIATE = frozenset({0xE4, 0xE5, 0xE6, 0xE7, 0xCD})


class Prefixes:
    """What stood before the opcode."""

    __slots__ = ("flags", "opcode_at", "segment")

    def __init__(self, code: bytes, long_mode: bool) -> None:
        at = 0
        flags = segment = 0
        while at < len(code):
            byte = code[at]
            if byte == 0x66:
                flags |= OPSIZE_FLAG
            elif byte == 0x67:
                flags |= ADDRSIZE_FLAG
            elif byte in (0xF2, 0xF3):
                flags |= REP_FLAG
            elif byte in _SEGMENT_PREFIX:
                segment = _SEGMENT_PREFIX[byte]
            elif byte != 0xF0 and not (long_mode and 0x40 <= byte <= 0x4F):
                break
            at += 1
        self.opcode_at, self.flags, self.segment = at, flags, segment


def classify(code: bytes, long_mode: bool) -> int:
    """The instruction that ``code`` begins with: class | length << 8 | immediate << 16 | prefixes << 24.

    The class byte's bit 7 says that it is a control transfer. Of prefixes, bits 0-2 are the segment
    override plus one, bits 4-6 operand size, address size and repeat. The immediate is the vector of an
    INT, the opcode's last byte otherwise. 0 when there is nothing to see.
    """
    prefixes = Prefixes(code, long_mode)
    at = prefixes.opcode_at
    if at >= len(code):
        return 0
    opcode = code[at]
    packed_prefixes = (prefixes.segment | prefixes.flags) << 24
    if opcode == 0x0F:
        return _two_byte(code, at) | packed_prefixes
    kind: int = _ONE_BYTE.get(opcode, InsnClass.OTHER)
    length = at + 1
    immediate = opcode
    if opcode in _IMMEDIATE:
        length += 1
        if at + 1 < len(code):
            immediate = code[at + 1] if opcode == 0xCD else opcode
    if opcode == 0xCC:
        immediate = 3
    elif opcode == 0xCE:
        immediate = 4
    transfer = opcode in _ENDS_BLOCK_ONE or (
        (opcode in _STRING or 0x6C <= opcode <= 0x6F) and prefixes.flags & REP_FLAG
    )
    if opcode == 0xFF and at + 1 < len(code) and (code[at + 1] >> 3) & 7 in (2, 3, 4, 5):
        transfer = True
    return kind | (TRANSFER if transfer else 0) | length << 8 | immediate << 16 | packed_prefixes


def _two_byte(code: bytes, at: int) -> int:
    if at + 1 >= len(code):
        return 0
    opcode = code[at + 1]
    kind: int = _TWO_BYTE.get(opcode, InsnClass.OTHER)
    length = at + 2
    immediate = opcode
    if opcode == 0x01 and at + 2 < len(code):
        immediate = code[at + 2]
        kind = _GROUP7.get(immediate, InsnClass.OTHER)
        length += 1
    elif opcode in (0x20, 0x22) and at + 2 < len(code):
        immediate = code[at + 2]
        length += 1
    transfer = TRANSFER if opcode in _ENDS_BLOCK_TWO else 0
    return kind | transfer | length << 8 | immediate << 16


class Cr8Access(NamedTuple):
    """MOV to or from CR8: the general register, the direction, the instruction's length."""

    register: int
    write: bool
    length: int


def cr8_access(code: bytes, long_mode: bool) -> Cr8Access:
    """Take apart a MOV CR8 that the processor has already decoded."""
    at = Prefixes(code, long_mode).opcode_at
    rex = code[at - 1] if at and long_mode and code[at - 1] & 0xF0 == 0x40 else 0
    register = code[at + 2] & 7 | (rex & 1) << 3
    return Cr8Access(register, code[at + 1] == 0x22, at + 3)


class BlockDecoder:
    """Counts instruction boundaries with Capstone, one disassembler per code size."""

    def __init__(self) -> None:
        self._by_bits: dict[int, Cs] = {}

    def _disassembler(self, bits: int) -> Cs:
        if bits not in self._by_bits:
            mode = {16: CS_MODE_16, 32: CS_MODE_32, 64: CS_MODE_64}[bits]
            disassembler = Cs(CS_ARCH_X86, mode)
            disassembler.skipdata = True
            self._by_bits[bits] = disassembler
        return self._by_bits[bits]

    def count(self, code: bytes, bits: int) -> int:
        """How many instructions ``code`` holds, all of them whole."""
        return sum(1 for _ in self._disassembler(bits).disasm_lite(code, 0))

    def length(self, code: bytes, bits: int) -> int:
        """Bytes of the instruction that ``code`` begins with; 1 when it is none."""
        first = next(self._disassembler(bits).disasm_lite(code, 0, 1), None)
        return first[1] if first else 1

    def resolve(self, read: Callable[[int, int], bytes], pc: int, offset: int, bits: int) -> int:
        """Instructions in [pc, pc+offset) and what stands at pc+offset: count | classify() << 16."""
        before = self.count(read(pc, offset), bits) if offset else 0
        return before | classify(read(pc + offset, MAX_INSN_LENGTH), bits == 64) << 16
