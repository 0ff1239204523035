"""VMMCALL and VMCALL: the processor's registers to the hypervisor's interface and back."""

from hv.cpu import state as s
from hv.cpu.exits import ExitReason, Vector
from hv.tlfs import SIGNAL_EVENT, AccessFault, HypercallRegisters, UndefinedOperation, VpInterface
from hv.vp.core import CS64, U32, U64, Core

_HYPERCALL = ExitReason.HYPERCALL.value
_PE = 1
_VM = s.Hflags.VM.value
_CALL_CODE = 0xFFFF
_FAST = 1 << 16

CODE_BITS = 16
"""An exit's target: the call code, and above it the connection that HvCallSignalEvent signals."""


def _connection(registers: HypercallRegisters, code: int) -> int:
    """What a fast HvCallSignalEvent signals, for the statistics; 0 for all other calls."""
    fast = registers.input_value & _FAST
    return registers.rdx & U32 if code == SIGNAL_EVENT and fast and registers.is_64bit else 0


class HypercallExit:
    """Answers hypercalls of one processor."""

    def __init__(self, core: Core, interface: VpInterface) -> None:
        self._core = core
        self._interface = interface

    def registers(self) -> HypercallRegisters:
        """The processor at its hypercall instruction."""
        state, q = self._core.state, self._core.state.q
        hflags = state.d[s.HFLAGS]
        return HypercallRegisters(
            rax=q[s.RAX],
            rbx=q[s.RBX],
            rcx=q[s.RCX],
            rdx=q[s.RDX],
            rsi=q[s.RSI],
            rdi=q[s.RDI],
            r8=q[s.R8],
            is_64bit=bool(hflags & CS64),
            protected_mode=bool(q[s.CR0] & _PE) and not hflags & _VM,
            cpl=hflags & 3,
            xmm=state.xmm,
        )

    def __call__(self, insn: int) -> None:
        """The exit handler: the state is saved, and restored when this returns."""
        core, q = self._core, self._core.state.q
        registers = self.registers()
        code = registers.input_value & _CALL_CODE
        core.exits.hit(_HYPERCALL, code | _connection(registers, code) << CODE_BITS, 0)
        try:
            result = self._interface.hypercall(registers)
        except UndefinedOperation:
            core.fault(Vector.UD)
            return
        except AccessFault:
            core.fault(Vector.GP, 0)
            return
        core.engine.save()  # devices may have dropped translations behind our back
        mask = U64 if registers.is_64bit else U32
        for word, value in ((s.RAX, result.rax), (s.RCX, result.rcx), (s.RDX, result.rdx)):
            if value is not None:
                q[word] = value & mask
        if result.done:
            core.advance(insn >> 8 & 0xFF)
        else:
            core.engine.restore()
