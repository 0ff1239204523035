"""Exits answered: the engine calls in the middle of the guest's run, a bus answers, the guest goes on.

``insn`` is what the decoder knows of the instruction at RIP (hv.cpu.decode.classify): its class in bits
0-6, its length in bits 8-15, its immediate in bits 16-23. The state is saved when a method is called.
"""

from collections.abc import Callable
from typing import Protocol

from hv.cpu import state as s
from hv.cpu.cpuid import CpuidModel
from hv.cpu.decode import BlockDecoder, InsnClass, classify, cr8_access
from hv.cpu.delivery import Event, EventKind
from hv.cpu.delivery_events import Fault
from hv.cpu.exits import INTR_BASE, PUSHES_ERROR_CODE, ExitCode, ExitReason, Vector
from hv.cpu.io_permission import may_access_ports
from hv.cpu.msr import MsrBus, MsrFault
from hv.cpu.pace import EXTRA, FLAG_STOP, FLAGS, RDTSC_COST, RDTSC_EXITS
from hv.cpu.string_io import StringIo
from hv.cpu.syscall import syscall, sysenter
from hv.errors import InternalError
from hv.memory import SystemMemory
from hv.portbus import PortBus
from hv.stats import BYTES
from hv.vp.core import CS32, CS64, U32, U64, Core
from hv.vp.ending import End, Ending

_CLASS = 0x7F
_STRING_IO = InsnClass.STRING_IO.value
_VMCALL, _INT3_INTO = InsnClass.VMCALL.value, InsnClass.INT3_INTO.value
_INT1, _RDMSR, _SYSENTER = InsnClass.INT1.value, InsnClass.RDMSR.value, InsnClass.SYSENTER.value
_PORT_READ, _PORT_WRITE = ExitReason.PORT_READ.value, ExitReason.PORT_WRITE.value
_MSR_READ, _MSR_WRITE = ExitReason.MSR_READ.value, ExitReason.MSR_WRITE.value
_EXCEPTION, _SWINT = ExitReason.EXCEPTION.value, ExitReason.SOFTWARE_INTERRUPT.value
_HLT, _CPUID, _SYSCALL = ExitReason.HLT.value, ExitReason.CPUID.value, ExitReason.SYSCALL.value
_UD, _PF = Vector.UD.value, Vector.PF.value
_CODE_WINDOW = 15
_PAGE = 4096


class TaskPriority(Protocol):
    """The part of a local APIC that is CR8."""

    cr8: int


class _NoApic:
    """A processor without an APIC still has the register."""

    cr8 = 0


class ExitHandlers:
    """What the engine calls (hv.cpu.pace.Handlers)."""

    def __init__(
        self, core: Core, memory: SystemMemory, ports: PortBus, msrs: MsrBus, cpuid: CpuidModel
    ) -> None:
        self._core = core
        self._state = core.state
        self._pace = core.pace
        self._exits = core.exits
        self._ports = ports
        self._msrs = msrs
        self._cpuid = cpuid
        self._decoder = BlockDecoder()
        self._strings = StringIo(core.state, core.linear, memory, ports)
        self._by_number = self._intercepts()
        self.hypercall: Callable[[int], None] | None = None
        self.task_priority: TaskPriority = _NoApic()

    def _intercepts(self) -> dict[int, Callable[[int], None]]:
        core = self._core
        undefined = (
            ExitCode.VMRUN,
            ExitCode.VMLOAD,
            ExitCode.VMSAVE,
            ExitCode.STGI,
            ExitCode.CLGI,
            ExitCode.SKINIT,
        )
        table: dict[int, Callable[[int], None]] = {
            ExitCode.RDTSC: self._rdtsc,
            ExitCode.RDPMC: lambda _insn: core.fault(Vector.GP, 0),
            ExitCode.SWINT: self._software_interrupt,
            ExitCode.HLT: self._hlt,
            ExitCode.MSR: self._msr,
            ExitCode.SHUTDOWN: self._shutdown,
            ExitCode.VMMCALL: self._vmmcall,
            ExitCode.READ_CR8: self._cr8,
            ExitCode.WRITE_CR8: self._cr8,
            **dict.fromkeys(undefined, self.on_invalid),
            **{ExitCode.EXCEPTION + vector: self._exception(vector) for vector in range(32)},
        }
        return {INTR_BASE + code: handler for code, handler in table.items()}

    # Intercepts: nothing behind RIP has run.

    def on_intr(self, number: int, insn: int) -> None:
        """An intercept by its number."""
        handler = self._by_number.get(number)
        if handler is None:
            where = self._core.where()
            raise InternalError(f"Unicorn reported interrupt {number:#x} at {where}")
        handler(insn or self._insn_at_rip())

    def _insn_at_rip(self) -> int:
        state = self._state
        code = self._code(state.base(s.CS) + state.q[s.RIP], _CODE_WINDOW)
        return classify(code, bool(state.d[s.HFLAGS] & CS64))

    def _exception(self, vector: int) -> Callable[[int], None]:
        core, state = self._core, self._state
        has_error = vector in PUSHES_ERROR_CODE

        def handle(insn: int) -> None:
            if vector == _UD and insn & _CLASS == _INT1:  # Unicorn knows no INT1
                self._software_interrupt(insn)
                return
            self._exits.hit(_EXCEPTION, vector, 0)
            if vector == _PF:
                state.q[s.CR2] = core.engine.fault_address()
            core.fault(vector, state.d[s.ERROR_CODE] if has_error else None)

        return handle

    def _software_interrupt(self, insn: int) -> None:
        core = self._core
        vector, length = insn >> 16 & 0xFF, insn >> 8 & 0xFF
        if insn & _CLASS == _INT1:
            vector, kind = Vector.DB.value, EventKind.PRIVILEGED_SOFTWARE_EXCEPTION
        else:
            short = insn & _CLASS == _INT3_INTO
            kind = EventKind.SOFTWARE_EXCEPTION if short else EventKind.SOFTWARE_INTERRUPT
        self._exits.hit(_SWINT, vector, 0)
        next_rip = (self._state.q[s.RIP] + length) & core.rip_mask()
        core.settle_flags()
        core.deliver(Event(vector, kind, None, next_rip))
        core.retire()
        core.engine.restore()

    def _hlt(self, insn: int) -> None:
        core = self._core
        self._exits.hit(_HLT, 0, 0)
        core.advance(insn >> 8 & 0xFF)
        core.halted = True
        self._pace[FLAGS] |= FLAG_STOP

    def _shutdown(self, _insn: int) -> None:
        detail = f"triple fault at {self._core.where()}"
        self._core.finish(End(Ending.TRIPLE_FAULT, detail=detail))

    def _rdtsc(self, insn: int) -> None:
        pace = self._pace
        pace[EXTRA] += pace[RDTSC_COST]
        pace[RDTSC_EXITS] += 1
        self._set_edx_eax(self._core.read_tsc())
        self._core.advance(insn >> 8 & 0xFF)

    def _set_edx_eax(self, value: int) -> None:
        self._state.q[s.RAX] = value & U32
        self._state.q[s.RDX] = value >> 32 & U32

    def _msr(self, insn: int) -> None:
        core, q = self._core, self._state.q
        number = q[s.RCX] & U32
        reading = insn & _CLASS == _RDMSR
        self._exits.hit(_MSR_READ if reading else _MSR_WRITE, number, 8)[BYTES] += 8
        try:
            if reading:
                self._set_edx_eax(self._msrs.read(number))
            else:
                self._msrs.write(number, (q[s.RDX] & U32) << 32 | q[s.RAX] & U32)
        except MsrFault:
            core.fault(Vector.GP, 0)
        else:
            core.advance(insn >> 8 & 0xFF)

    def _vmmcall(self, insn: int) -> None:
        if self.hypercall is not None:
            self.hypercall(insn)
        else:
            self.on_invalid(insn)

    def _cr8(self, _insn: int) -> None:
        """MOV to or from CR8: the APIC's task priority."""
        core, state = self._core, self._state
        code = self._code(state.base(s.CS) + state.q[s.RIP], _CODE_WINDOW)
        access = cr8_access(code, bool(state.d[s.HFLAGS] & CS64))
        if access.write:
            value = state.q[access.register]
            if value >> 4:
                core.fault(Vector.GP, 0)
                return
            self.task_priority.cr8 = value
        else:
            state.q[access.register] = self.task_priority.cr8
        core.advance(access.length)

    def on_invalid(self, insn: int) -> None:
        """No such instruction: what the engine cannot decode, VMCALL, and AMD-V's own."""
        if insn & _CLASS == _INT1:
            self._software_interrupt(insn)
            return
        if insn & _CLASS == _VMCALL and self.hypercall is not None:
            self.hypercall(insn)
            return
        self._exits.hit(_EXCEPTION, _UD, 0)
        self._core.fault(_UD)

    # In the middle of a block: the processor itself finishes the instruction.

    def resolve(self, pc: int, offset: int) -> int:
        """For the counting: instructions in [pc, pc+offset), and what stands behind them."""
        hflags = self._state.d[s.HFLAGS]
        bits = 64 if hflags & CS64 else 32 if hflags & CS32 else 16
        return self._decoder.resolve(self._code, pc, offset, bits)

    def _code(self, linear: int, size: int) -> bytes:
        """Instruction bytes; those of the first page when the next one is not mapped."""
        peek = self._core.linear.peek
        whole = peek(linear, size)
        if whole is None:
            whole = peek(linear, min(size, _PAGE - (linear & (_PAGE - 1))))
        return whole or b""

    def on_in(self, port: int, size: int, insn: int) -> int:
        """IN or INS: the value."""
        row = self._exits.hit(_PORT_READ, port, size)
        if insn & _CLASS == _STRING_IO:
            value, moved = self._strings.read(port, size, insn)
            if moved > size:
                self._core.engine.restore()
        else:
            value, moved = self._ports.read(port, size), size
        row[BYTES] += moved
        return value

    def on_out(self, port: int, size_insn: int, value: int) -> None:
        """OUT or OUTS; ``size_insn`` is the width with ``insn`` above it."""
        size = moved = size_insn & 0xFF
        row = self._exits.hit(_PORT_WRITE, port, size)
        if size_insn >> 8 & _CLASS == _STRING_IO:
            moved = self._strings.write(port, size, size_insn >> 8, value)
            if moved > size:
                self._core.engine.restore()
        else:
            self._ports.write(port, value, size)
        row[BYTES] += moved
        if self._core.end is not None:
            self._core.stop_behind(size_insn >> 16 & 0xFF)

    def on_privileged(self, port: int, size: int) -> bool:
        """May this task touch the port? If not, its instruction faults."""
        core = self._core
        fault = Fault(Vector.GP, 0)
        try:
            if may_access_ports(self._state, core.linear, port, size):
                return True
        except Fault as met:
            fault = met
            if fault.vector == _PF:
                self._state.q[s.CR2] = fault.address
        self._exits.hit(_EXCEPTION, fault.vector, 0)
        core.settle_flags()
        core.deliver(fault.event())
        core.engine.abort()
        return False

    def on_cpuid(self) -> None:
        """CPUID: all four registers."""
        q = self._state.q
        leaf = q[s.RAX] & U32
        self._exits.hit(_CPUID, leaf, 0)
        q[s.RAX], q[s.RBX], q[s.RCX], q[s.RDX] = self._cpuid.read(leaf, q[s.RCX] & U32)
        self._core.engine.restore()

    def on_syscall(self, insn: int) -> None:
        """SYSCALL or SYSENTER. Unicorn adds the instruction's length to RIP when we return."""
        core, state, length = self._core, self._state, insn >> 8 & 0xFF
        self._exits.hit(_SYSCALL, insn & _CLASS, 0)
        if insn & _CLASS == _SYSENTER:
            refused = sysenter(
                state
            )  # its block stores the lazy flags again: they stay as they are
        else:
            core.settle_flags()
            refused = syscall(state, (state.q[s.RIP] + length) & U64)
        if refused is not None:
            core.settle_flags()
            core.deliver(refused)
            core.undo_retire()
        state.q[s.RIP] = (state.q[s.RIP] - length) & U64
        core.engine.restore()
