"""Event delivery in real-address mode: the interrupt vector table.

Follows the Intel SDM (edition 084, 2024) vol. 3, 21.1.4, and vol. 2, INT n. Left out: nothing
that we know of.
"""

from hv.cpu.delivery_events import Event, Fault
from hv.cpu.delivery_frame import CLEARED_IN_REAL_MODE, Stack, flags_to_push, return_address
from hv.cpu.exits import Vector
from hv.cpu.page_walk import WRITE
from hv.cpu.paging import LinearMemory
from hv.cpu.state import CS, HFLAGS, IDTR, RFLAGS, RIP, RSP, SS, CpuState, Hflags

_INHIBIT_IRQ = Hflags.INHIBIT_IRQ.value


def deliver_real(state: CpuState, memory: LinearMemory, event: Event) -> None:
    """Enter the handler of ``event``, or raise Fault with registers as they were.

    Error codes are not pushed; CS keeps its limit and attributes.
    """
    q = state.q
    if event.vector * 4 + 3 > state.limit(IDTR):
        raise Fault(Vector.GP)
    entry = memory.read_u32(state.base(IDTR) + event.vector * 4)
    segment = state.segment(SS)
    stack = Stack(segment.base, segment.limit, segment.flags, q[RSP] & 0xFFFF_FFFF, 0)
    words = [
        return_address(state, event),
        state.selector(CS),
        flags_to_push(state, event),
    ]
    stack.check_room(len(words), 2)
    q[RSP] = stack.push(memory, words, 2, WRITE)
    q[RIP] = entry & 0xFFFF
    q[RFLAGS] &= ~CLEARED_IN_REAL_MODE
    code = state.segment(CS)
    selector = entry >> 16
    state.set_segment(CS, selector, selector << 4, code.limit, code.flags)
    state.d[HFLAGS] &= ~_INHIBIT_IRQ
