"""The saved processor state: Unicorn's context as named words.

A ``CpuState`` is a view over the bytes that ``uc_context_save`` fills: reading and writing it costs an
index, not a library call. The layout belongs to one build of Unicorn (2.1.x, x86, 64-bit host);
``hv.cpu.selfcheck`` proves at start-up that the installed one still has it.

``state.q`` indexes u64 words, ``state.d`` u32 words, ``state.h`` u16 words. Registers by number follow the
x86 encoding (RAX RCX RDX RBX RSP RBP RSI RDI R8..R15; ES CS SS DS FS GS).
"""

from enum import IntFlag
from typing import NamedTuple

STATE_SIZE = 5568
"""Bytes of processor state behind the context's header."""

FPU_STATE = 600
"""First byte of the x87, MMX and SSE state; the model-specific registers follow behind it."""
_XMM, _XMM_STRIDE = 824, 64
_FPU_TOP = 151  # u32: which register is ST(0)
_FPU_STATUS, _FPU_CONTROL = 304, 305  # u16, the status without TOP
_FPU_TAGS = slice(612, 620)  # one byte a register, 1 = empty
_X87, _X87_STRIDE, _X87_SIZE = 624, 16, 10
_STATUS_TOP_SHIFT = 11
FPU_OPCODE = 376  # u16
FPU_IP, FPU_DP = 95, 96  # u64
_MXCSR = 204  # u32

PRIVATE_STATE = 4904
"""From here on the engine keeps words of its own among the rest."""

# u64 words: state.q[...]
RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI = range(8)
R8, R9, R10, R11, R12, R13, R14, R15 = range(8, 16)
RIP = 16
RFLAGS = 17  # without CF PF AF ZF SF OF and DF: those live in CC_* and DF
CC_DST, CC_SRC, CC_SRC2 = 18, 19, 20
CR0, CR2, CR3, CR4, CR8 = 53, 55, 56, 57, 61
EFER = 74
EXCEPTION_NEXT_RIP = 674
DR0, DR6, DR7 = 675, 681, 682
BREAKPOINTS = slice(683, 687)
"""Pointers of the engine's own, one for each of DR0 to DR3; zero while it is not armed."""
VM_VMCB, TSC_OFFSET, INTERCEPT = 688, 689, 690

# u32 words: state.d[...]
CC_OP = 42
DF = 43  # +1 or -1 (0xFFFFFFFF)
HFLAGS, HFLAGS2 = 44, 45
A20_MASK = 124
ERROR_CODE, EXCEPTION_IS_INT = 1346, 1347
OLD_EXCEPTION = 1374
INTERCEPT_EXCEPTIONS = 1384

# u16 words: state.h[...]
INTERCEPT_CR_READ, INTERCEPT_CR_WRITE = 2764, 2765

# Descriptor caches: 24 bytes each: selector u32, pad, base u64, limit u32, flags u32.
ES, CS, SS, DS, FS, GS, LDTR, TR, GDTR, IDTR = range(10)
_SEGMENT_Q = 23  # first u64 word of ES
_SEGMENT_D = 46


class Hflags(IntFlag):
    """Unicorn's cached mode bits; they must agree with the segments and control registers."""

    CPL = 3
    INHIBIT_IRQ = 1 << 3
    CS32 = 1 << 4
    SS32 = 1 << 5
    ADDSEG = 1 << 6
    PE = 1 << 7
    TF = 1 << 8
    MP = 1 << 9
    EM = 1 << 10
    TS = 1 << 11
    IOPL = 3 << 12
    LMA = 1 << 14
    CS64 = 1 << 15
    RF = 1 << 16
    VM = 1 << 17
    AC = 1 << 18
    SMM = 1 << 19
    SVME = 1 << 20
    GUEST = 1 << 21
    OSFXSR = 1 << 22


class Rflags(IntFlag):
    """RFLAGS (Intel SDM vol. 1, 3.4.3)."""

    CF = 1 << 0
    ONE = 1 << 1
    PF = 1 << 2
    AF = 1 << 4
    ZF = 1 << 6
    SF = 1 << 7
    TF = 1 << 8
    IF = 1 << 9
    DF = 1 << 10
    OF = 1 << 11
    IOPL = 3 << 12
    NT = 1 << 14
    RF = 1 << 16
    VM = 1 << 17
    AC = 1 << 18
    VIF = 1 << 19
    VIP = 1 << 20
    ID = 1 << 21


_DIRECTION = Rflags.DF.value
ARITHMETIC_FLAGS = 0x8D5
"""CF PF AF ZF SF OF: kept lazily in CC_OP, CC_DST, CC_SRC, CC_SRC2."""

CC_OP_EFLAGS = 1
"""CC_OP value that says: CC_SRC holds the arithmetic flags themselves."""


class Segment(NamedTuple):
    """A descriptor cache. ``flags`` is the descriptor's high dword (type, DPL, P, L, D/B, G in place)."""

    selector: int
    base: int
    limit: int
    flags: int

    @property
    def dpl(self) -> int:
        return (self.flags >> 13) & 3


class CpuState:
    """Named access to one processor's saved state; shares memory with whatever buffer it is given."""

    __slots__ = ("bytes", "d", "h", "q")

    def __init__(self, buffer: memoryview | bytearray) -> None:
        view = memoryview(buffer)
        if view.nbytes != STATE_SIZE or view.readonly:
            raise ValueError(f"need {STATE_SIZE} writable bytes, got {view.nbytes}")
        self.bytes = view.cast("B")
        self.q = self.bytes.cast("Q")
        self.d = self.bytes.cast("I")
        self.h = self.bytes.cast("H")

    def segment(self, index: int) -> Segment:
        """Descriptor cache ``index`` (ES..IDTR)."""
        d = _SEGMENT_D + 6 * index
        words = self.d
        return Segment(words[d], self.q[_SEGMENT_Q + 3 * index + 1], words[d + 4], words[d + 5])

    def set_segment(self, index: int, selector: int, base: int, limit: int, flags: int) -> None:
        """Load descriptor cache ``index``; the caller keeps HFLAGS in step."""
        d = _SEGMENT_D + 6 * index
        words = self.d
        words[d] = selector
        self.q[_SEGMENT_Q + 3 * index + 1] = base
        words[d + 4] = limit
        words[d + 5] = flags

    def selector(self, index: int) -> int:
        return self.d[_SEGMENT_D + 6 * index]

    def base(self, index: int) -> int:
        return self.q[_SEGMENT_Q + 3 * index + 1]

    def limit(self, index: int) -> int:
        return self.d[_SEGMENT_D + 6 * index + 4]

    def architectural(self) -> bytes:
        """The bytes that software could ever tell apart, without the engine's private words.

        The arithmetic flags must be plain (CC_OP_EFLAGS).
        """
        general = bytes(self.bytes[: RFLAGS * 8]) + self.rflags().to_bytes(8, "little")
        return general + bytes(self.bytes[HFLAGS * 4 : PRIVATE_STATE])

    def xmm(self, number: int) -> int:
        """128 bits of an SSE register."""
        at = _XMM + _XMM_STRIDE * number
        return int.from_bytes(self.bytes[at : at + 16], "little")

    def set_xmm(self, number: int, value: int) -> None:
        """Write 128 bits of an SSE register."""
        at = _XMM + _XMM_STRIDE * number
        self.bytes[at : at + 16] = value.to_bytes(16, "little")

    def x87(self, number: int) -> int:
        """80 bits of ST(number)."""
        at = _X87 + _X87_STRIDE * ((self.d[_FPU_TOP] + number) & 7)
        return int.from_bytes(self.bytes[at : at + _X87_SIZE], "little")

    def fpu_control(self) -> int:
        return self.h[_FPU_CONTROL]

    def fpu_status(self) -> int:
        """The status word with TOP in it."""
        top = (self.d[_FPU_TOP] & 7) << _STATUS_TOP_SHIFT
        return self.h[_FPU_STATUS] & ~(7 << _STATUS_TOP_SHIFT) | top

    def fpu_tags(self) -> int:
        """The tag word; a register that is not empty counts as valid."""
        return sum(3 << 2 * n for n, empty in enumerate(self.bytes[_FPU_TAGS]) if empty)

    def mxcsr(self) -> int:
        return self.d[_MXCSR]

    def empty_fpu(self) -> None:
        """Mark all x87 registers empty, as RESET and FNINIT do."""
        self.bytes[_FPU_TAGS] = b"\1" * 8

    def rflags(self) -> int:
        """RFLAGS as the guest would push them; valid once the engine made the lazy flags plain.

        The engine stores the arithmetic flags as CC_OP_EFLAGS before it hands a state to event delivery.
        """
        flags = self.q[RFLAGS] & ~(ARITHMETIC_FLAGS | _DIRECTION) | 2
        flags |= self.q[CC_SRC] & ARITHMETIC_FLAGS
        return flags | (_DIRECTION if self.d[DF] != 1 else 0)
