"""Event delivery: an interrupt or exception becomes a call of the guest's handler.

``deliver`` changes the saved state in place and handles every fault on the way as the processor
does: serially, as a double fault, or as shutdown (Intel SDM, edition 084, 2024, vol. 3, 6.15 and
table 6-5).

The caller decides whether an event may be delivered now (IF, interrupt shadow, NMI blocking) and has
written CR2 for a page fault and DR6 for a debug exception. Arithmetic flags must be plain in the
state (``CpuState.rflags``).

Left out: task switches through task gates (refused), shadow stacks, virtualization exceptions.
"""

from hv.cpu.delivery_events import (
    Delivered,
    Delivery,
    Event,
    EventKind,
    Fault,
    Shutdown,
    TaskGateMet,
    TaskGateRefused,
)
from hv.cpu.delivery_long import deliver_long
from hv.cpu.delivery_protected import deliver_protected
from hv.cpu.delivery_real import deliver_real
from hv.cpu.exits import Vector
from hv.cpu.paging import LinearMemory
from hv.cpu.state import CR0, CR2, HFLAGS, HFLAGS2, CpuState, Hflags

__all__ = [
    "Delivered",
    "Delivery",
    "Event",
    "EventKind",
    "Shutdown",
    "TaskGateRefused",
    "deliver",
    "nmi_blocked",
]

_DELIVERED = Delivered()
_SHUTDOWN = Shutdown()

_LMA = Hflags.LMA.value
_PE = 1
_NMI_BLOCKED = 1 << 2  # hflags2; Unicorn's IRET clears it
_EXT = tuple(
    0 if kind in (EventKind.SOFTWARE_INTERRUPT, EventKind.SOFTWARE_EXCEPTION) else 1
    for kind in range(max(EventKind) + 1)
)
"""By event kind: bit 0 of the error codes that faults on the way push."""
_DF, _PF = Vector.DF.value, Vector.PF.value
_CONTRIBUTORY = frozenset(v.value for v in (Vector.DE, Vector.TS, Vector.NP, Vector.SS, Vector.GP))


def deliver(state: CpuState, memory: LinearMemory, event: Event) -> Delivery:
    """Make ``event``'s handler, or that of the fault it led to, the next thing the processor runs.

    Short of Delivered, registers are as they were, but for CR2 and the blocking of NMIs.
    """
    if event.kind is EventKind.NMI:
        state.d[HFLAGS2] |= _NMI_BLOCKED
    while True:
        ext = _EXT[event.kind]
        try:
            if state.d[HFLAGS] & _LMA:
                deliver_long(state, memory, event, ext)
            elif state.q[CR0] & _PE:
                deliver_protected(state, memory, event, ext)
            else:
                deliver_real(state, memory, event)
        except Fault as fault:
            if fault.vector == _PF:
                state.q[CR2] = fault.address
            follower = _follower(event, fault)
            if follower is None:
                return _SHUTDOWN
            event = follower
        except TaskGateMet:
            return TaskGateRefused(event.vector)
        else:
            return _DELIVERED


def nmi_blocked(state: CpuState) -> bool:
    """Whether an NMI was delivered and no IRET has run since."""
    return bool(state.d[HFLAGS2] & _NMI_BLOCKED)


def _follower(first: Event, second: Fault) -> Event | None:
    """What a fault during the delivery of ``first`` leads to; None is shutdown."""
    if first.kind is EventKind.EXCEPTION:
        if first.vector == _DF:
            return None
        page_fault_first = first.vector == _PF
        if (page_fault_first and second.vector == _PF) or (
            (page_fault_first or first.vector in _CONTRIBUTORY) and second.vector in _CONTRIBUTORY
        ):
            return Event(_DF, EventKind.EXCEPTION, 0)
    return second.event()
