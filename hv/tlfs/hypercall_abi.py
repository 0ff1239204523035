"""The calling convention of hypercalls: registers in, registers out.

Follows the TLFS 6.0b, chapter Hypercall Interface. A 64-bit caller gives the input value in RCX, input in
RDX, output in R8 and gets RAX; a 32-bit caller uses EDX:EAX, EBX:ECX, EDI:ESI and gets EDX:EAX. A fast call's
two input registers hold the first 16 bytes of its input, XMM0 to XMM5 the 96 that follow.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from hv.tlfs.hypercall_status import Status

FAST_SIZE = 16
"""Bytes of input in general registers."""
XMM_FAST_SIZE = 112
"""The same, with XMM0 to XMM5."""

_U32 = 0xFFFFFFFF
_TWO_REGISTERS = struct.Struct("<QQ")
_XMM_REGISTERS = range(6)

_FAST = 1 << 16
_RESERVED = 0xF << 27 | 1 << 31 | 0xF << 44 | 0xF << 60  # bit 31 is for nested hypervisors
_VARIABLE_SHIFT, _VARIABLE_MASK = 17, 0x3FF
_REPS_SHIFT, _START_SHIFT, _REP_MASK = 32, 48, 0xFFF


class Control(NamedTuple):
    """A hypercall input value, taken apart."""

    code: int
    fast: bool
    variable: int
    """Size of the variable header in 8-byte units."""
    reps: int
    start: int
    reserved: bool
    """A bit is set that must be zero."""

    @staticmethod
    def of(value: int) -> "Control":
        return Control(
            value & 0xFFFF,
            bool(value & _FAST),
            value >> _VARIABLE_SHIFT & _VARIABLE_MASK,
            value >> _REPS_SHIFT & _REP_MASK,
            value >> _START_SHIFT & _REP_MASK,
            bool(value & _RESERVED),
        )


@dataclass(frozen=True, slots=True)
class HypercallResult:
    """Registers to write (None: leave), and whether to go on behind the instruction or execute it again."""

    rax: int | None
    rcx: int | None
    rdx: int | None
    done: bool


@dataclass(slots=True)  # not frozen: made for every hypercall, and freezing costs a microsecond
class HypercallRegisters:
    """A processor at its hypercall instruction. ``xmm(n)`` is the 128-bit value of XMMn."""

    rax: int = 0
    rbx: int = 0
    rcx: int = 0
    rdx: int = 0
    rsi: int = 0
    rdi: int = 0
    r8: int = 0
    is_64bit: bool = True
    """EFER.LMA and CS.L are both set."""
    protected_mode: bool = True
    """CR0.PE is set, and it is not virtual-8086 mode."""
    cpl: int = 0
    xmm: Callable[[int], int] = lambda _number: 0

    @property
    def input_value(self) -> int:
        return self.rcx if self.is_64bit else _pair(self.rdx, self.rax)

    @property
    def input(self) -> int:
        """Where the input is, or its first eight bytes."""
        return self.rdx if self.is_64bit else _pair(self.rbx, self.rcx)

    @property
    def output(self) -> int:
        """Where the output goes, or the second eight bytes of input."""
        return self.r8 if self.is_64bit else _pair(self.rdi, self.rsi)

    def fast_input(self, size: int) -> bytes:
        """The input block that is held in registers; ``size`` is at most XMM_FAST_SIZE."""
        block = _TWO_REGISTERS.pack(self.input, self.output)
        if size > FAST_SIZE:
            block += b"".join(self.xmm(n).to_bytes(16, "little") for n in _XMM_REGISTERS)
        return block[:size]

    def finished(self, status: Status, completed: int) -> HypercallResult:
        """The call has ended, after ``completed`` reps, where the start index is left, too."""
        result = completed << _REPS_SHIFT | status.value
        if not self.is_64bit:
            return HypercallResult(result & _U32, None, result >> 32, True)
        restarted = self._restarted(completed) if completed else None
        return HypercallResult(result, restarted, None, True)

    def continued(self, completed: int) -> HypercallResult:
        """The call has more to do than fits into one exit: it is made again from there."""
        value = self._restarted(completed)
        if not self.is_64bit:
            return HypercallResult(value & _U32, None, value >> 32, False)
        return HypercallResult(None, value, None, False)

    def _restarted(self, start: int) -> int:
        return self.input_value & ~(_REP_MASK << _START_SHIFT) | start << _START_SHIFT


def _pair(high: int, low: int) -> int:
    return (high & _U32) << 32 | low & _U32
