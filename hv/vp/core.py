"""The processor as its exits see it: saved state, virtual time, stepping over, delivering events.

Whoever works here holds a saved state (``Engine.save`` has run) and restores it when done.
"""

from collections.abc import Callable

from hv.cpu import state as s
from hv.cpu.delivery import Event, EventKind, Shutdown, TaskGateRefused, deliver
from hv.cpu.engine import Engine
from hv.cpu.exits import Vector
from hv.cpu.pace import (
    BLOCK,
    COUNT,
    CPI,
    CPI_SHIFT,
    EXTRA,
    FLAG_STOP,
    FLAGS,
    NOW,
    RDTSC_COST,
    RDTSC_EXITS,
    TSC_ADJUST,
)
from hv.cpu.paging import LinearMemory
from hv.memory import SystemMemory
from hv.stats import Moment
from hv.vp.accounting import Accounting, Pricing
from hv.vp.ending import End, Ending

U32 = 0xFFFFFFFF
U64 = 0xFFFFFFFFFFFFFFFF
INHIBIT = s.Hflags.INHIBIT_IRQ.value
CS64, CS32 = s.Hflags.CS64.value, s.Hflags.CS32.value
_TF = s.Rflags.TF.value
_DR6_BS = 1 << 14


class Core:
    """One virtual processor's state and what can be done to it."""

    def __init__(self, memory: SystemMemory) -> None:
        self.engine = Engine()
        self.state = self.engine.state
        self.pace = self.engine.pace
        self.linear = LinearMemory(self.state, memory)
        self.exits = Accounting(self.pace)
        self.pace[CPI] = 1 << CPI_SHIFT
        self.idle_ns = 0
        self.halted = False
        self.end: End | None = None
        self._tsc_listeners: list[Callable[[], None]] = []

    # Time.

    def now(self) -> int:
        """Virtual ns, exact as of the exit being handled."""
        return (self.pace[NOW] * self.pace[CPI] >> CPI_SHIFT) + self.pace[EXTRA]

    def charge_by(self, pricing: Pricing, cpi: int, rdtsc: int) -> None:
        """What time passes: ``cpi`` in 1/1024 cycles for an instruction, ``rdtsc`` for one RDTSC more."""
        self.pace[CPI] = cpi
        self.pace[RDTSC_COST] = rdtsc
        self.exits.charge_by(pricing)

    def moment(self) -> Moment:
        """Everything counted so far, exact as of the exit being handled."""
        return Moment(
            self.retired(),
            self.now(),
            self.idle_ns,
            self.rdtsc_exits,
            self.exits.exits(),
            self.exits.work(),
        )

    def let_pass(self, ns: int) -> None:
        """Time goes by without instructions."""
        self.pace[EXTRA] += ns

    def retired(self) -> int:
        """Instructions retired, exact as of the exit being handled."""
        return self.pace[NOW]

    def read_tsc(self) -> int:
        """The time stamp counter."""
        return (self.now() + self.pace[TSC_ADJUST]) & U64

    def set_tsc(self, value: int) -> None:
        """WRMSR to the time stamp counter."""
        self.pace[TSC_ADJUST] = (value - self.now()) & U64
        for listener in self._tsc_listeners:
            listener()

    def when_tsc_written(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after every ``set_tsc``."""
        self._tsc_listeners.append(listener)

    @property
    def rdtsc_exits(self) -> int:
        """RDTSC and RDTSCP executed; counted apart because the accelerator answers them alone."""
        return self.pace[RDTSC_EXITS]

    # Ending.

    def finish(self, end: End) -> None:
        """End the run at the next block boundary; the first reason given stands."""
        if self.end is None:
            self.end = end
        self.pace[FLAGS] |= FLAG_STOP

    def where(self) -> str:
        """CS:RIP as a person reads it."""
        hflags = self.state.d[s.HFLAGS]
        digits = 16 if hflags & CS64 else 8 if hflags & CS32 else 4
        return f"{self.state.selector(s.CS):04x}:{self.state.q[s.RIP]:0{digits}x}"

    def linear_rip(self) -> int:
        """Linear address of the instruction that exits."""
        return (self.state.base(s.CS) + self.state.q[s.RIP]) & U64

    def privilege_level(self) -> int:
        """CPL."""
        return self.state.d[s.HFLAGS] & s.Hflags.CPL.value

    # Events.

    def rip_mask(self) -> int:
        """How wide RIP is in the current code segment."""
        hflags = self.state.d[s.HFLAGS]
        return U64 if hflags & CS64 else U32 if hflags & CS32 else 0xFFFF

    def settle_flags(self) -> None:
        """Put the arithmetic flags in plain form, for whoever pushes RFLAGS."""
        state = self.state
        state.q[s.CC_SRC] = self.engine.read_rflags() & s.ARITHMETIC_FLAGS
        state.d[s.CC_OP] = s.CC_OP_EFLAGS

    def deliver(self, event: Event) -> None:
        """Change the state to the handler's first instruction. Flags must be settled."""
        outcome = deliver(self.state, self.linear, event)
        self.state.d[s.HFLAGS] &= ~INHIBIT & U32
        if isinstance(outcome, Shutdown):
            self.finish(End(Ending.TRIPLE_FAULT, detail=f"triple fault at {self.where()}"))
        elif isinstance(outcome, TaskGateRefused):
            detail = f"vector {outcome.vector} has a task gate: task switches are not modelled"
            self.finish(End(Ending.UNSUPPORTED, detail=detail))

    def fault(self, vector: int, error_code: int | None = None) -> None:
        """The instruction at RIP faults; the processor goes on with the handler."""
        self.settle_flags()
        self.deliver(Event(vector, EventKind.EXCEPTION, error_code))
        self.engine.restore()

    def retire(self) -> None:
        """Count the instruction that was done here instead of by the processor."""
        pace = self.pace
        pace[NOW] += 1
        pace[COUNT] = pace[NOW]

    def undo_retire(self) -> None:
        """The block's last instruction, at RIP, has faulted after all."""
        self.pace[COUNT] = self.pace[NOW]
        self.pace[BLOCK] = 0

    def stop_behind(self, length: int) -> None:
        """The run ends with the OUT at RIP: what follows it in its block must not happen."""
        self.engine.save()
        self.settle_flags()
        self.state.q[s.RIP] = (self.state.q[s.RIP] + length) & self.rip_mask()
        self.pace[NOW] += 1
        self.engine.abort()

    def advance(self, length: int) -> None:
        """The instruction at RIP was done here: step over it and go on."""
        state = self.state
        state.q[s.RIP] = (state.q[s.RIP] + length) & self.rip_mask()
        state.d[s.HFLAGS] &= ~INHIBIT & U32
        self.retire()
        if state.q[s.RFLAGS] & _TF:
            state.q[s.DR6] |= _DR6_BS
            self.settle_flags()
            self.deliver(Event(Vector.DB, EventKind.EXCEPTION))
        self.engine.restore()
