"""The run loop: timers, injection, halting. It has control only at a block boundary."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hv.clock import VirtualClock
from hv.cpu import state as s
from hv.cpu.cpuid import CpuidModel
from hv.cpu.delivery import Event, EventKind
from hv.cpu.exits import ExitReason, Vector
from hv.cpu.msr import MsrBus
from hv.cpu.pace import (
    BLOCK,
    COUNT,
    CPI,
    CPI_SHIFT,
    DEADLINE,
    EXTRA,
    FLAG_NMI_WINDOW,
    FLAG_STOP,
    FLAG_WATCHED,
    FLAG_WINDOW,
    FLAGS,
    NEVER,
)
from hv.cpu.reset import reset
from hv.errors import ConfigError, InternalError
from hv.memory import SystemMemory
from hv.portbus import PortBus
from hv.tlfs import VpInterface
from hv.vp.core import INHIBIT, U64, Core
from hv.vp.ending import End, Ending
from hv.vp.exits import ExitHandlers, TaskPriority
from hv.vp.host_time import HostTimer, TimedHandlers
from hv.vp.hypercall import HypercallExit
from hv.vp.stops import STOP_FLAGS, Stops

_IF = s.Rflags.IF.value
_NMI_BLOCKED = 1 << 2  # HFLAGS2; IRET clears it
_INTERRUPT = ExitReason.INTERRUPT.value
_ROOT_INTERRUPT = ExitReason.ROOT_INTERRUPT.value
_FETCH_ERRORS = frozenset({8, 14, 21})  # Unicorn: a fetch from what is not memory


class InterruptController(Protocol):
    """Where external interrupts come from."""

    from_root: bool
    """What was acknowledged last came from a chip that the root partition emulates."""

    def acknowledge(self) -> int:
        """The interrupt acknowledge cycle: the vector to deliver."""


@dataclass(frozen=True, slots=True)
class SavedProcessor:
    """``state``: the engine's bytes; ``pace``: the words of hv.cpu.pace.

    ``block_end``: a debugger has stopped it in the middle of the block that ends there.
    """

    state: bytes
    pace: list[int]
    idle_ns: int
    halted: bool
    wake_on_pending: bool
    interrupt_level: bool
    nmi_pending: bool
    end: End | None
    block_end: int | None


class VirtualProcessor(Core):
    """One processor of a partition, with its own saved state, clock and counters.

    With ``host_ns`` the host's time is measured exit by exit.
    """

    SAVED_AS = SavedProcessor

    def __init__(
        self,
        memory: SystemMemory,
        ports: PortBus,
        msrs: MsrBus,
        cpuid: CpuidModel,
        interrupts: Callable[[], InterruptController],
        host_ns: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(memory)
        self.clock = VirtualClock(self.now, self.let_pass, self._earlier_deadline)
        self._handlers = ExitHandlers(self, memory, ports, msrs, cpuid)
        self.timer = None if host_ns is None else HostTimer(self.exits, host_ns)
        timed = self.timer and TimedHandlers(self._handlers, self.timer)
        self.engine.install(timed or self._handlers)
        self._interrupts = interrupts
        self._interrupt_level = False
        self._nmi_pending = False
        self._wake_on_pending = False
        self.on_wait: Callable[[int, int], None] | None = None
        """``on_wait(begin_ns, end_ns)``: it was halted for that long."""
        self._stops: Stops | None = None
        self._paused = False
        self._running = False
        memory.on_write = self.engine.invalidate

    def accept_hypercalls(self, interface: VpInterface) -> None:
        """Answer VMMCALL and VMCALL by the hypervisor's interface."""
        self._handlers.hypercall = HypercallExit(self, interface)

    def use_task_priority(self, apic: TaskPriority) -> None:
        """CR8 is this APIC's."""
        self._handlers.task_priority = apic

    def debug(self) -> Stops:
        """Let a debugger stop this processor; it goes on with the instruction at RIP."""
        self._stops = self._stops or Stops(self)
        return self._stops

    @property
    def stopped(self) -> bool:
        """Where only a debugger's stop can put it: in the middle of a block, or at its start before the
        look at a timer or an interrupt that is due there.
        """
        stops = self._stops
        if stops is None:
            return False
        return stops.midway or (stops.stop is not None and self.end is None and self._due())

    def _due(self) -> bool:
        deadline = self.clock.next_deadline()
        interruptible = self._interrupt_level and self.state.q[s.RFLAGS] & _IF
        timer = deadline is not None and deadline <= self.now()
        return timer or self._nmi_pending or bool(interruptible)

    def stop_like(self, other: "VirtualProcessor") -> None:
        """Stop for what ``other`` would stop for, whose state this processor has."""
        if other._stops is not None:
            self.debug().take_over(other._stops)

    def task_priority(self) -> int:
        """CR8."""
        return self._handlers.task_priority.cr8

    def idle(self) -> None:
        """Halt until an interrupt is pending, whatever RFLAGS.IF says; called in an exit."""
        self.halted = self._wake_on_pending = True
        self.pace[FLAGS] |= FLAG_STOP

    def pause(self) -> None:
        """Leave ``run`` at the next block boundary; called in an exit, by a timer, by a sink of bytes."""
        self._paused = True
        self.pace[FLAGS] |= FLAG_STOP

    def reset(self) -> None:
        """Back to the reset vector, in guest mode."""
        self.engine.reset_fpu()
        self.engine.save()
        reset(self.state, self.engine.vmcb_address)
        self.engine.restore()
        self.engine.flush_tlb()
        self.halted = False

    def architectural_state(self) -> bytes:
        """What a snapshot must hold of the processor, with the lazy flags in plain form."""
        self.settle_flags()
        return self.state.architectural()

    def save(self) -> SavedProcessor:
        """Between two blocks, or where a debugger stopped. ConfigError in an exit."""
        if self._running:
            raise ConfigError("a machine can only be saved when its run has returned")
        pace = list(self.pace)
        pace[BLOCK] = 0  # names the engine's record of the block before
        pace[FLAGS] &= ~(STOP_FLAGS | FLAG_WATCHED)
        return SavedProcessor(
            state=self.engine.saved_state(),
            pace=pace,
            idle_ns=self.idle_ns,
            halted=self.halted,
            wake_on_pending=self._wake_on_pending,
            interrupt_level=self._interrupt_level,
            nmi_pending=self._nmi_pending,
            end=self.end,
            block_end=self._stops.block_end if self._stops else None,
        )

    def load(self, saved: SavedProcessor) -> None:
        """Before this processor runs. ValueError: not the state of such a processor."""
        if len(saved.state) != s.STATE_SIZE or len(saved.pace) != len(self.pace):
            raise ValueError(f"{len(saved.state)} bytes of processor, {len(saved.pace)} counters")
        self.engine.load_state(saved.state)
        for word, value in enumerate(saved.pace):
            self.pace[word] = value
        self.idle_ns = saved.idle_ns
        self.halted = saved.halted
        self._wake_on_pending = saved.wake_on_pending
        self._interrupt_level = saved.interrupt_level
        self._nmi_pending = saved.nmi_pending
        self.end = saved.end
        if saved.block_end is not None:
            self.debug().stand(saved.block_end)

    # Pins.

    def set_interrupt(self, level: bool) -> None:
        """INTR: while it is high, the guest is left as soon as it can take an interrupt."""
        self._interrupt_level = level
        if level:
            self.pace[FLAGS] |= FLAG_WINDOW
        else:
            self.pace[FLAGS] &= ~FLAG_WINDOW & U64

    def nmi(self) -> None:
        """NMI: one edge."""
        self._nmi_pending = True
        self.pace[FLAGS] |= FLAG_NMI_WINDOW

    def _earlier_deadline(self, when_ns: int) -> None:
        if when_ns < self.pace[DEADLINE]:
            self.pace[DEADLINE] = max(0, when_ns)

    # The loop.

    def run(self, until: int, until_ns: int = NEVER) -> End | None:
        """Run until ``until`` retired instructions (stops within one block) or the run's own end.

        ``until_ns`` of virtual time stops it too, as a timer that does nothing would: a halted processor
        waits until then. Returns the end, or None when one of them was reached or somebody asked for a
        pause: a debugger, or ``pause``.
        """
        self._running = True
        try:
            return self._run(until, until_ns)
        finally:
            self._running = False

    def _run(self, until: int, until_ns: int) -> End | None:
        self._paused = False
        pace, clock, stops = self.pace, self.clock, self._stops
        inject = self._inject if self.timer is None else self.timer.timed(self._inject)
        if stops:
            stops.begin()
        while self.end is None or (stops and stops.midway):
            if not (stops and stops.midway):
                clock.run_due()
                inject()
                if self.end is not None or self._paused or pace[COUNT] >= until:
                    break
                if self.now() >= until_ns:
                    break
                if self.halted and not self._woken():
                    self._wait(until_ns)
                    continue
                pace[FLAGS] &= ~FLAG_STOP & U64
            timer, budget = clock.next_deadline(), min(until_ns, self._time_of(until))
            pace[DEADLINE] = budget if timer is None else max(0, min(budget, timer))
            status = self.engine.run()
            if status in _FETCH_ERRORS:
                self.fault(Vector.UD)  # an open bus reads FF FF, which is no instruction
            elif status:
                raise InternalError(f"Unicorn stopped with error {status} at {self.where()}")
            if stops and stops.met():
                return None if stops.midway else self.end
        return self.end

    def _time_of(self, insns: int) -> int:
        """When ``insns`` instructions will have retired if nothing but instructions takes time."""
        return -(-insns * self.pace[CPI] >> CPI_SHIFT) + self.pace[EXTRA]

    def _woken(self) -> bool:
        """The guest asked to sleep until something is pending, and something is."""
        if self._wake_on_pending and (self._interrupt_level or self._nmi_pending):
            self.halted = self._wake_on_pending = False
        return not self.halted

    def _wait(self, until_ns: int) -> None:
        """Halted: time passes until the next timer, which may wake the processor, or ``until_ns``."""
        deadline = self.clock.next_deadline()
        if until_ns != NEVER:
            deadline = until_ns if deadline is None else min(deadline, until_ns)
        interruptible = self._wake_on_pending or bool(self.state.q[s.RFLAGS] & _IF)
        if deadline is not None and interruptible:
            before = self.now()
            self.clock.skip_to(deadline)
            self.idle_ns += self.now() - before
            if self.on_wait is not None:
                self.on_wait(before, self.now())
            return
        line = "high" if self._interrupt_level else "low"
        why = "no timer is armed" if interruptible else "interrupts are off"
        detail = f"halted for ever at {self.where()}: IF={int(interruptible)}, INTR {line}, {why}"
        self.finish(End(Ending.STUCK, detail=detail))

    def _inject(self) -> None:
        """Deliver a waiting NMI or interrupt when the processor can take it."""
        state = self.state
        if state.d[s.HFLAGS] & INHIBIT and not self.halted:
            return
        if self._nmi_pending and not state.d[s.HFLAGS2] & _NMI_BLOCKED:
            self._nmi_pending = False
            self.pace[FLAGS] &= ~FLAG_NMI_WINDOW & U64
            event, reason = Event(Vector.NMI, EventKind.NMI), _INTERRUPT
        elif self._interrupt_level and state.q[s.RFLAGS] & _IF:
            controller = self._interrupts()
            event = Event(controller.acknowledge(), EventKind.EXTERNAL)
            reason = _ROOT_INTERRUPT if controller.from_root else _INTERRUPT
        else:
            return
        self.halted = self._wake_on_pending = False
        self.exits.hit(reason, event.vector, 0)
        self.settle_flags()
        self.deliver(event)
        self.engine.restore()
