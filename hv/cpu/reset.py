"""The processor after RESET, in guest mode (AMD64 APM vol. 2, table 14-1; Intel SDM vol. 3, table 10-1)."""

from hv.cpu import state as s
from hv.cpu.exits import INTERCEPTED, INTERCEPTED_CR
from hv.cpu.state import CpuState, Hflags

_DATA = 0x9300  # present, writable, accessed
_CODE = 0x9B00
CPUID_SIGNATURE = 0x663
EFER_SVME = 1 << 12
GUEST_HFLAGS = (Hflags.GUEST | Hflags.SVME).value
_GIF = 1


def reset(state: CpuState, vmcb: int) -> None:
    """Architectural reset of all but the FPU's control words, which the engine sets.

    ``vmcb`` is the physical address of the engine's private control block.
    """
    state.bytes[0 : s.FPU_STATE] = bytes(s.FPU_STATE)
    q, d = state.q, state.d
    q[s.RDX] = CPUID_SIGNATURE
    q[s.RIP] = 0xFFF0
    q[s.RFLAGS] = 2
    d[s.DF] = 1
    d[s.CC_OP] = s.CC_OP_EFLAGS
    for index in (s.ES, s.SS, s.DS, s.FS, s.GS):
        state.set_segment(index, 0, 0, 0xFFFF, _DATA)
    state.set_segment(s.CS, 0xF000, 0xF0000, 0xFFFF, _CODE)
    state.set_segment(s.LDTR, 0, 0, 0xFFFF, 0x8200)
    state.set_segment(s.TR, 0, 0, 0xFFFF, 0x8B00)
    state.set_segment(s.GDTR, 0, 0, 0xFFFF, 0)
    state.set_segment(s.IDTR, 0, 0, 0xFFFF, 0)
    q[s.CR0] = 0x60000010
    d[s.A20_MASK] = 0xFFFFFFFF
    q[s.DR6], q[s.DR7] = 0xFFFF0FF0, 0x400
    d[s.EXCEPTION_IS_INT] = 0
    d[s.OLD_EXCEPTION] = 0xFFFFFFFF
    state.empty_fpu()
    enter_guest_mode(state, vmcb)


def enter_guest_mode(state: CpuState, vmcb: int) -> None:
    """Make the processor exit to us: the intercepts of ``exits.INTERCEPTED`` and every exception."""
    state.q[s.EFER] |= EFER_SVME
    state.d[s.HFLAGS] |= GUEST_HFLAGS | Hflags.ADDSEG.value
    state.d[s.HFLAGS2] |= _GIF
    state.q[s.VM_VMCB] = vmcb
    state.q[s.INTERCEPT] = INTERCEPTED
    state.h[s.INTERCEPT_CR_READ] = state.h[s.INTERCEPT_CR_WRITE] = INTERCEPTED_CR
    state.d[s.INTERCEPT_EXCEPTIONS] = 0xFFFFFFFF
