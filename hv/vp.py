"""The virtual processor: exit in, bus out, resume; and the loop that injects what waits.

The engine calls one of the ``on_...`` methods in the middle of ``Engine.run``; it is answered there and the
guest goes on. ``run`` gets control only at a block boundary: a timer is due, an interrupt can be taken, the
processor halts or the run ends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from hv.clock import VirtualClock
from hv.cost import ExitCosts
from hv.cpu import state as s
from hv.cpu.cpuid import CpuidModel
from hv.cpu.decode import BlockDecoder, InsnClass, classify
from hv.cpu.delivery import Event, EventKind, Shutdown, TaskGateRefused, deliver
from hv.cpu.delivery_events import Fault
from hv.cpu.engine import Engine
from hv.cpu.exits import INTR_BASE, PUSHES_ERROR_CODE, ExitCode, ExitReason, Vector
from hv.cpu.io_permission import may_access_ports
from hv.cpu.msr import MsrBus, MsrFault
from hv.cpu.pace import (
    COUNT,
    CPUID_COST,
    DEADLINE,
    EXTRA,
    FLAG_STOP,
    FLAG_WINDOW,
    FLAGS,
    MMIO_COST,
    NOW,
    PORT_COST,
    RDTSC_COST,
    RDTSC_EXITS,
    TSC_ADJUST,
)
from hv.cpu.paging import LinearMemory
from hv.cpu.reset import reset
from hv.cpu.string_io import StringIo
from hv.cpu.syscall import syscall, sysenter
from hv.errors import InternalError
from hv.memory import SystemMemory
from hv.portbus import PortBus
from hv.stats import ExitCounter

_U32 = 0xFFFFFFFF
_U64 = 0xFFFFFFFFFFFFFFFF
_IF, _TF = s.Rflags.IF.value, s.Rflags.TF.value
_INHIBIT = s.Hflags.INHIBIT_IRQ.value
_CS64, _CS32 = s.Hflags.CS64.value, s.Hflags.CS32.value
_NMI_BLOCKED = 1 << 2  # HFLAGS2; IRET clears it
_DR6_BS = 1 << 14
_STRING_IO = InsnClass.STRING_IO.value
_PORT_READ, _PORT_WRITE = ExitReason.PORT_READ.value, ExitReason.PORT_WRITE.value
_EXCEPTION, _SWINT = ExitReason.EXCEPTION.value, ExitReason.SOFTWARE_INTERRUPT.value
_FETCH_ERRORS = frozenset({8, 14, 21})  # Unicorn: fetch from what is not memory


class Ending(Enum):
    """How a run can end by itself."""

    DEBUG_EXIT = "debug exit"
    POWERED_OFF = "powered off"
    RESET = "reset"
    TRIPLE_FAULT = "triple fault"
    PANIC = "panic"
    STUCK = "stuck"
    BUDGET = "budget"
    UNSUPPORTED = "unsupported"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class End:
    """The ending and what there is to say about it."""

    ending: Ending
    code: int = 0
    detail: str = ""


class InterruptController(Protocol):
    """Where external interrupts come from."""

    def acknowledge(self) -> int:
        """The interrupt acknowledge cycle: the vector to deliver."""


class VirtualProcessor:
    """One processor of a partition, with its own saved state, buses and counters."""

    def __init__(
        self,
        memory: SystemMemory,
        ports: PortBus,
        msrs: MsrBus,
        cpuid: CpuidModel,
        interrupts: Callable[[], InterruptController],
    ) -> None:
        self.engine = Engine(self)
        self.state = self.engine.state
        self.pace = self.engine.pace
        self.clock = VirtualClock(self._now, self._let_pass, self._earlier_deadline)
        self.costs = ExitCosts()
        for word, cost in (
            (PORT_COST, self.costs.port),
            (MMIO_COST, self.costs.mmio),
            (CPUID_COST, self.costs.cpuid),
            (RDTSC_COST, self.costs.rdtsc),
        ):
            self.pace[word] = cost
        self.linear = LinearMemory(self.state, memory)
        self.exits = ExitCounter()
        self.msrs = msrs
        self.halted = False
        self.end: End | None = None
        self._ports = ports
        self._cpuid = cpuid
        self._interrupts = interrupts
        self._interrupt_level = False
        self._nmi_pending = False
        self._decoder = BlockDecoder()
        self._strings = StringIo(self.state, self.linear, memory, ports)
        self._intr = self._exit_table()
        memory.on_write = self.engine.invalidate

    def _exit_table(self) -> dict[int, Callable[[int], None]]:
        table: dict[int, Callable[[int], None]] = {
            INTR_BASE + ExitCode.RDTSC: self._rdtsc,
            INTR_BASE + ExitCode.RDPMC: lambda _insn: self._raise(Vector.GP, 0),
            INTR_BASE + ExitCode.SWINT: self._software_interrupt,
            INTR_BASE + ExitCode.HLT: self._hlt,
            INTR_BASE + ExitCode.MSR: self._msr,
            INTR_BASE + ExitCode.SHUTDOWN: lambda _insn: self._finish(Ending.TRIPLE_FAULT),
        }
        for code in (
            ExitCode.VMMCALL,
            ExitCode.VMRUN,
            ExitCode.VMLOAD,
            ExitCode.VMSAVE,
            ExitCode.STGI,
            ExitCode.CLGI,
            ExitCode.SKINIT,
        ):
            table[INTR_BASE + code] = lambda _insn: self._raise(Vector.UD)
        for vector in range(32):
            table[INTR_BASE + ExitCode.EXCEPTION + vector] = self._exception_exit(vector)
        return table

    # -- from outside ----------------------------------------------------------------------------------

    def reset(self) -> None:
        """Back to the reset vector, in guest mode."""
        self.engine.reset_fpu()
        self.engine.save()
        reset(self.state, self.engine.vmcb_address)
        self.engine.restore()
        self.engine.flush_tlb()
        self.halted = False

    def finish(self, end: End) -> None:
        """End the run at the next block boundary; the first reason given stands."""
        if self.end is None:
            self.end = end
        self.pace[FLAGS] |= FLAG_STOP

    def _finish(self, ending: Ending, code: int = 0, detail: str = "") -> None:
        self.finish(End(ending, code, detail))

    def set_interrupt(self, level: bool) -> None:
        """The INTR pin."""
        self._interrupt_level = level
        self._want_window()

    def nmi(self) -> None:
        """The NMI pin: one edge."""
        self._nmi_pending = True
        self.pace[FLAGS] |= FLAG_STOP

    def retired(self) -> int:
        """Instructions retired, exact as of the exit being handled."""
        return self.pace[NOW]

    def set_tsc(self, value: int) -> None:
        """WRMSR to the time stamp counter."""
        self.pace[TSC_ADJUST] = (value - self._now()) & _U64

    def read_tsc(self) -> int:
        """The time stamp counter."""
        return (self._now() + self.pace[TSC_ADJUST]) & _U64

    def _now(self) -> int:
        return self.pace[NOW] + self.pace[EXTRA]

    def _let_pass(self, ns: int) -> None:
        self.pace[EXTRA] += ns

    def _want_window(self) -> None:
        if self._interrupt_level:
            self.pace[FLAGS] |= FLAG_WINDOW
        else:
            self.pace[FLAGS] &= ~FLAG_WINDOW & _U64

    def _earlier_deadline(self, when_ns: int) -> None:
        if when_ns < self.pace[DEADLINE]:
            self.pace[DEADLINE] = max(0, when_ns)

    # -- the loop --------------------------------------------------------------------------------------

    def run(self, until: int) -> End | None:
        """Run until ``until`` retired instructions (stops within one block) or the run's own end.

        Returns the end, or None when ``until`` was reached.
        """
        pace, clock = self.pace, self.clock
        while self.end is None:
            clock.run_due()
            self._inject()
            if self.end is not None or pace[COUNT] >= until:
                break
            if self.halted:
                self._wait()
                continue
            next_timer = clock.next_deadline()
            budget = until + pace[EXTRA]
            pace[DEADLINE] = budget if next_timer is None else max(0, min(budget, next_timer))
            pace[FLAGS] &= ~FLAG_STOP & _U64
            status = self.engine.run()
            if status:
                self._engine_gave_up(status)
        return self.end

    def _wait(self) -> None:
        """Halted: time passes until the next timer, which may wake the processor."""
        deadline = self.clock.next_deadline()
        can_wake = self.state.q[s.RFLAGS] & _IF
        if deadline is None or not can_wake:
            self._finish(Ending.STUCK, detail=self._where_stuck())
        else:
            self.clock.skip_to(deadline)

    def _where_stuck(self) -> str:
        flag = 1 if self.state.q[s.RFLAGS] & _IF else 0
        line = "high" if self._interrupt_level else "low"
        return f"halted at {self.where()} with IF={flag}, INTR {line}, and nothing that could wake it"

    def architectural_state(self) -> bytes:
        """What a snapshot must hold of the processor, with the lazy flags in plain form."""
        self._settle_flags()
        return self.state.architectural()

    def where(self) -> str:
        """CS:RIP as a person reads it."""
        rip = self.state.q[s.RIP]
        digits = 16 if self.state.d[s.HFLAGS] & _CS64 else 8 if self.state.d[s.HFLAGS] & _CS32 else 4
        return f"{self.state.selector(s.CS):04x}:{rip:0{digits}x}"

    def _engine_gave_up(self, status: int) -> None:
        if status in _FETCH_ERRORS:
            self._settle_flags()
            self._deliver(Event(Vector.UD, EventKind.EXCEPTION))  # an open bus reads FF FF: undefined
            self.engine.restore()
            return
        raise InternalError(f"Unicorn stopped with error {status} at {self.where()}")

    # -- events ----------------------------------------------------------------------------------------

    def _inject(self) -> None:
        """Deliver a waiting NMI or interrupt when the processor can take it. The state is saved."""
        state = self.state
        if state.d[s.HFLAGS] & _INHIBIT and not self.halted:
            return
        if self._nmi_pending and not state.d[s.HFLAGS2] & _NMI_BLOCKED:
            self._nmi_pending = False
            event = Event(Vector.NMI, EventKind.NMI)
            self.exits.hit(ExitReason.INTERRUPT, Vector.NMI, 0, self.pace[NOW], 0)
        elif self._interrupt_level and state.q[s.RFLAGS] & _IF:
            vector = self._interrupts().acknowledge()
            event = Event(vector, EventKind.EXTERNAL)
            self.exits.hit(ExitReason.INTERRUPT.value, vector, 0, self.pace[NOW], 0)
        else:
            return
        self.halted = False
        self.pace[EXTRA] += self.costs.injection
        self._settle_flags()
        self._deliver(event)
        self.engine.restore()

    def _settle_flags(self) -> None:
        """Put the arithmetic flags in plain form, for whoever pushes RFLAGS."""
        state = self.state
        state.q[s.CC_SRC] = self.engine.read_rflags() & s.ARITHMETIC_FLAGS
        state.d[s.CC_OP] = s.CC_OP_EFLAGS

    def _deliver(self, event: Event) -> None:
        """Change the state to the handler's first instruction; the caller restores."""
        outcome = deliver(self.state, self.linear, event)
        self.state.d[s.HFLAGS] &= ~_INHIBIT & _U32
        if isinstance(outcome, Shutdown):
            self._finish(Ending.TRIPLE_FAULT, detail=f"triple fault at {self.where()}")
        elif isinstance(outcome, TaskGateRefused):
            detail = f"vector {outcome.vector} has a task gate: hardware task switches are not modelled"
            self._finish(Ending.UNSUPPORTED, detail=detail)

    def _raise(self, vector: int, error_code: int | None = None) -> None:
        """A fault of the instruction at RIP."""
        self._settle_flags()
        self._deliver(Event(vector, EventKind.EXCEPTION, error_code))
        self.engine.restore()

    def _advance(self, insn: int) -> None:
        """The instruction at RIP was done here: step over it and go on."""
        state, pace = self.state, self.pace
        length = insn >> 8 & 0xFF
        hflags = state.d[s.HFLAGS]
        mask = _U64 if hflags & _CS64 else _U32 if hflags & _CS32 else 0xFFFF
        state.q[s.RIP] = (state.q[s.RIP] + length) & mask
        state.d[s.HFLAGS] = hflags & ~_INHIBIT
        pace[NOW] += 1
        pace[COUNT] = pace[NOW]
        if state.q[s.RFLAGS] & _TF:
            state.q[s.DR6] |= _DR6_BS
            self._settle_flags()
            self._deliver(Event(Vector.DB, EventKind.EXCEPTION))
        self.engine.restore()

    # -- exits: intercepts -----------------------------------------------------------------------------

    def on_intr(self, number: int, insn: int) -> None:
        """An intercept. The state is saved; nothing behind RIP has run."""
        handler = self._intr.get(number)
        if handler is None:
            raise InternalError(f"Unicorn reported interrupt {number:#x} at {self.where()}")
        handler(insn or self._insn_at_rip())

    def _insn_at_rip(self) -> int:
        state = self.state
        code = self.linear.peek(state.base(s.CS) + state.q[s.RIP], 15)
        return classify(code or b"", bool(state.d[s.HFLAGS] & _CS64))

    def _exception_exit(self, vector: int) -> Callable[[int], None]:
        has_error = vector in PUSHES_ERROR_CODE

        def handle(_insn: int) -> None:
            state = self.state
            self.exits.hit(_EXCEPTION, vector, 0, self.pace[NOW], 0)
            if vector == Vector.PF:
                state.q[s.CR2] = self.engine.fault_address()
            error = state.d[s.ERROR_CODE] if has_error else None
            self._settle_flags()
            self._deliver(Event(vector, EventKind.EXCEPTION, error))
            self.engine.restore()

        return handle

    def _software_interrupt(self, insn: int) -> None:
        state, pace = self.state, self.pace
        vector = insn >> 16 & 0xFF
        kind = EventKind.SOFTWARE_INTERRUPT
        if (insn & 0x7F) == InsnClass.INT1:
            vector, kind = Vector.DB, EventKind.PRIVILEGED_SOFTWARE_EXCEPTION
        elif insn >> 8 & 0xFF == 1:
            kind = EventKind.SOFTWARE_EXCEPTION
        self.exits.hit(_SWINT, vector, 0, pace[NOW], 0)
        mask = _U64 if state.d[s.HFLAGS] & _CS64 else _U32 if state.d[s.HFLAGS] & _CS32 else 0xFFFF
        self._settle_flags()
        before = state.q[s.RIP]
        next_rip = (before + (insn >> 8 & 0xFF)) & mask
        self._deliver(Event(vector, kind, None, next_rip))
        pace[NOW] += 1
        pace[COUNT] = pace[NOW]
        self.engine.restore()

    def _hlt(self, insn: int) -> None:
        self.pace[EXTRA] += self.costs.hlt
        self.exits.hit(ExitReason.HLT.value, 0, 0, self.pace[NOW], 0)
        self._advance(insn)
        self.halted = True
        self.pace[FLAGS] |= FLAG_STOP

    def _rdtsc(self, insn: int) -> None:
        self.pace[EXTRA] += self.pace[RDTSC_COST]
        self._set_edx_eax(self.read_tsc())
        self.pace[RDTSC_EXITS] += 1
        self._advance(insn)

    def _set_edx_eax(self, value: int) -> None:
        self.state.q[s.RAX] = value & _U32
        self.state.q[s.RDX] = value >> 32 & _U32

    def _msr(self, insn: int) -> None:
        state = self.state
        number = state.q[s.RCX] & _U32
        self.pace[EXTRA] += self.costs.msr
        try:
            if insn & 0x7F == InsnClass.RDMSR:
                self.exits.hit(ExitReason.MSR_READ.value, number, 8, self.pace[NOW], 8)
                self._set_edx_eax(self.msrs.read(number))
            else:
                self.exits.hit(ExitReason.MSR_WRITE.value, number, 8, self.pace[NOW], 8)
                self.msrs.write(number, (state.q[s.RDX] & _U32) << 32 | state.q[s.RAX] & _U32)
        except MsrFault:
            self._raise(Vector.GP, 0)
        else:
            self._advance(insn)

    def on_invalid(self, insn: int) -> None:
        """An instruction the engine does not know: VMCALL, or none at all. Both are #UD here."""
        self.exits.hit(_EXCEPTION, Vector.UD, 0, self.pace[NOW], 0)
        self._raise(Vector.UD)

    # -- exits: in the middle of a block ---------------------------------------------------------------

    def resolve(self, pc: int, offset: int) -> int:
        """For the counting: instructions in [pc, pc+offset) and what stands behind them."""
        hflags = self.state.d[s.HFLAGS]
        bits = 64 if hflags & _CS64 else 32 if hflags & _CS32 else 16
        return self._decoder.resolve(self._code, pc, offset, bits)

    def _code(self, linear: int, size: int) -> bytes:
        whole = self.linear.peek(linear, size)
        if whole is not None:
            return whole
        return self.linear.peek(linear, min(size, 4096 - (linear & 4095))) or b""

    def on_in(self, port: int, size: int, insn: int) -> int:
        """IN or INS: the value."""
        if insn & 0x7F == _STRING_IO:
            value, moved = self._strings.read(port, size, insn)
            if moved > size:
                self.engine.restore()
        else:
            value, moved = self._ports.read(port, size), size
        self.exits.hit(_PORT_READ, port, size, self.pace[NOW], moved)
        return value

    def on_out(self, port: int, size_insn: int, value: int) -> None:
        """OUT or OUTS."""
        size = moved = size_insn & 0xFF
        if size_insn >> 8 & 0x7F == _STRING_IO:
            moved = self._strings.write(port, size, size_insn >> 8, value)
            if moved > size:
                self.engine.restore()
        else:
            self._ports.write(port, value, size)
        self.exits.hit(_PORT_WRITE, port, size, self.pace[NOW], moved)

    def on_privileged(self, port: int, size: int) -> bool:
        """May this task touch the port? If not, its instruction faults."""
        try:
            if may_access_ports(self.state, self.linear, port, size):
                return True
            fault = Fault(Vector.GP, 0)
        except Fault as met:
            fault = met
        if fault.vector == Vector.PF:
            self.state.q[s.CR2] = fault.address
        self.exits.hit(_EXCEPTION, fault.vector, 0, self.pace[NOW], 0)
        self._settle_flags()
        self._deliver(fault.event())
        self.engine.abort()
        return False

    def on_cpuid(self) -> None:
        """CPUID: all four registers."""
        q = self.state.q
        self.exits.hit(ExitReason.CPUID.value, q[s.RAX] & _U32, 0, self.pace[NOW], 0)
        q[s.RAX], q[s.RBX], q[s.RCX], q[s.RDX] = self._cpuid.read(q[s.RAX] & _U32, q[s.RCX] & _U32)
        self.engine.restore()

    def on_syscall(self, insn: int) -> None:
        """SYSCALL or SYSENTER. Unicorn adds the instruction's length to RIP when we return."""
        state, length = self.state, insn >> 8 & 0xFF
        self.exits.hit(ExitReason.SYSCALL.value, insn & 0x7F, 0, self.pace[NOW], 0)
        self._settle_flags()
        if insn & 0x7F == InsnClass.SYSENTER:
            refused = sysenter(state)
        else:
            refused = syscall(state, (state.q[s.RIP] + length) & _U64)
        if refused is not None:
            self._deliver(refused)
        state.q[s.RIP] = (state.q[s.RIP] - length) & _U64
        self.engine.restore()


__all__ = ["End", "Ending", "InterruptController", "VirtualProcessor"]
