"""SYSCALL and SYSENTER, which the engine does not run by itself.

Follows the Intel SDM (edition 084, 2024) vol. 2 (SYSCALL, SYSENTER) and vol. 3, 5.8.7 and 5.8.8;
SYSCALL outside long mode follows the AMD64 APM vol. 3. SYSRET and SYSEXIT run natively.

The functions change the saved state and leave RIP at the architectural target. An instruction that
must not run is answered with the exception to deliver, the state untouched.

Left out: shadow stacks; the trap after the instruction when TF survives (the engine's).
"""

from hv.cpu.delivery_events import Event, EventKind
from hv.cpu.descriptors import SELECTOR_NO_RPL, refresh_mode
from hv.cpu.exits import Vector
from hv.cpu.state import (
    ARITHMETIC_FLAGS,
    CC_OP,
    CC_OP_EFLAGS,
    CC_SRC,
    CR0,
    CS,
    DF,
    EFER,
    HFLAGS,
    R11,
    RCX,
    RFLAGS,
    RIP,
    RSP,
    SS,
    CpuState,
    Hflags,
    Rflags,
)

# Where Unicorn 2.1.x keeps the registers behind these MSRs: words of the saved state.
SYSENTER_CS = 1200  # u32
SYSENTER_ESP, SYSENTER_EIP, STAR = 601, 602, 603
LSTAR, CSTAR, FMASK, KERNEL_GS_BASE = 605, 606, 607, 608

MSR_WORDS = {
    0x175: SYSENTER_ESP,
    0x176: SYSENTER_EIP,
    0xC000_0081: STAR,
    0xC000_0082: LSTAR,
    0xC000_0083: CSTAR,
    0xC000_0084: FMASK,
    0xC000_0102: KERNEL_GS_BASE,
}
"""MSR number to u64 word. SYSENTER_CS (0x174) is the one that is a u32."""

_SCE = 1 << 0
_PE = 1 << 0
_LMA, _CS64 = Hflags.LMA.value, Hflags.CS64.value
_RF, _VM, _IF = Rflags.RF.value, Rflags.VM.value, Rflags.IF.value
_DIRECTION = Rflags.DF.value
_ALL_32, _ALL_64 = (1 << 32) - 1, (1 << 64) - 1
_CODE_64 = 0x00AF_9B00  # present, ring 0, accessed, readable code, 4 GiB
_CODE_32 = 0x00CF_9B00
_DATA_32 = 0x00CF_9300


def syscall(state: CpuState, next_rip: int) -> Event | None:
    """Run SYSCALL; None, or the exception instead. Needs plain arithmetic flags in the state."""
    q = state.q
    mode = state.d[HFLAGS]
    if not (q[EFER] & _SCE and q[CR0] & _PE):
        return Event(Vector.UD, EventKind.EXCEPTION)
    selector = q[STAR] >> 32 & 0xFFFF
    if mode & _LMA:
        q[RCX] = next_rip & (_ALL_64 if mode & _CS64 else _ALL_32)
        q[R11] = state.rflags() & ~_RF
        _set_rflags(state, state.rflags() & ~(q[FMASK] & _ALL_32 | _RF))
        q[RIP] = q[LSTAR] if mode & _CS64 else q[CSTAR]
        _enter_ring_0(state, selector, _CODE_64)
    else:
        q[RCX] = next_rip & _ALL_32
        q[RFLAGS] &= ~(_IF | _VM | _RF)
        q[RIP] = q[STAR] & _ALL_32
        _enter_ring_0(state, selector, _CODE_32)
    return None


def sysenter(state: CpuState) -> Event | None:
    """Run SYSENTER; None, or the exception instead. Stored arithmetic flags are not touched."""
    q = state.q
    selector = state.d[SYSENTER_CS] & SELECTOR_NO_RPL
    if not q[CR0] & _PE or not selector:
        return Event(Vector.GP, EventKind.EXCEPTION, 0)
    long_mode = state.d[HFLAGS] & _LMA
    q[RFLAGS] &= ~(_IF | _VM | _RF)
    q[RSP] = q[SYSENTER_ESP] if long_mode else q[SYSENTER_ESP] & _ALL_32
    q[RIP] = q[SYSENTER_EIP] if long_mode else q[SYSENTER_EIP] & _ALL_32
    _enter_ring_0(state, selector, _CODE_64 if long_mode else _CODE_32)
    return None


def _enter_ring_0(state: CpuState, selector: int, code_flags: int) -> None:
    """Flat CS and SS at ``selector`` and the one behind it."""
    state.set_segment(CS, selector & SELECTOR_NO_RPL, 0, _ALL_32, code_flags)
    state.set_segment(SS, selector + 8 & 0xFFFF, 0, _ALL_32, _DATA_32)
    refresh_mode(state)


def _set_rflags(state: CpuState, flags: int) -> None:
    state.q[RFLAGS] = flags & ~(ARITHMETIC_FLAGS | _DIRECTION) | Rflags.ONE.value
    state.q[CC_SRC] = flags & ARITHMETIC_FLAGS
    state.d[CC_OP] = CC_OP_EFLAGS
    state.d[DF] = _ALL_32 if flags & _DIRECTION else 1
