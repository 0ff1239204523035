"""Event delivery in long mode: 64-bit gates, interrupt stacks, the 64-bit stack frame.

Follows the Intel SDM (edition 084, 2024) vol. 3, 6.14, and vol. 2, INT n (order of the checks,
error codes). This path runs for every interrupt and page fault of a 64-bit kernel, so it judges a
descriptor with one comparison and asks what is wrong only when that fails.

Left out: shadow stacks, FRED.
"""

from hv.cpu.delivery_events import Event, Fault
from hv.cpu.delivery_frame import (
    CLEARED_BY_INTERRUPT_GATE,
    CLEARED_BY_TRAP_GATE,
    flags_to_push,
    idt_error,
    return_address,
)
from hv.cpu.descriptors import (
    ACCESSED,
    BIG,
    CODE,
    CONFORMING,
    DPL_SHIFT,
    LONG,
    PRESENT,
    SEGMENT,
    SELECTOR_NO_RPL,
    find_descriptor,
    mark_accessed,
)
from hv.cpu.exits import Vector
from hv.cpu.page_walk import CANONICAL_TOPS, USER, WRITE
from hv.cpu.paging import LinearMemory
from hv.cpu.state import CS, HFLAGS, IDTR, RFLAGS, RIP, RSP, SS, TR, CpuState, Hflags

_CPL = Hflags.CPL.value
_CS32, _SS32, _CS64 = Hflags.CS32.value, Hflags.SS32.value, Hflags.CS64.value
_REPLACED_MODE = (Hflags.CPL | Hflags.INHIBIT_IRQ | Hflags.CS32 | Hflags.CS64 | Hflags.ADDSEG).value

# A gate's low quad word: present and of type 14 or 15 (bit 40 tells them apart).
_GATE_MASK, _GATE_GOOD = 0x9E << 40, 0x8E << 40
_GATE_TYPE_MASK, _GATE_TYPE_GOOD = 0x1E << 40, 0x0E << 40
_GATE_TRAP = 1 << 40

_CODE_MASK = (PRESENT | SEGMENT | CODE | LONG | BIG) << 32
_CODE_GOOD = (PRESENT | SEGMENT | CODE | LONG) << 32
_CODE_PRESENT, _CODE_ACCESSED = PRESENT << 32, ACCESSED << 32
_CODE_CONFORMING = CONFORMING << 32

_NULL_SS_FLAGS = 0x00CF_9300
"""A null SS counts as a flat writable segment, as after Unicorn's own IRET: so code entered by an
interrupt runs with the mode bits that it has after SYSCALL, and shares its translations."""

_KEPT_BY_TRAP_GATE = (1 << 64) - 1 - CLEARED_BY_TRAP_GATE
_KEPT_BY_INTERRUPT_GATE = (1 << 64) - 1 - CLEARED_BY_INTERRUPT_GATE

_TSS_RSP0, _TSS_IST1 = 4, 36
_STACK_ALIGN = ~15
_ALL_64 = (1 << 64) - 1


def deliver_long(state: CpuState, memory: LinearMemory, event: Event, ext: int) -> None:
    """Enter the handler of ``event``, or raise Fault with registers as they were.

    ``ext`` is the error codes' EXT bit: clear for INT n, INT3 and INTO, set for all else.
    """
    q = state.q
    gate, target = _gate(state, memory, event.vector, ext)
    selector, descriptor = _code_segment(state, memory, gate >> 16 & 0xFFFF, ext)
    new_cpl = selector & 3
    words: tuple[int, ...] = (
        return_address(state, event),
        state.selector(CS),
        flags_to_push(state, event),
        q[RSP],
        state.selector(SS),
    )
    if event.error_code is not None:
        words = (event.error_code, *words)
    size = 8 * len(words)
    stack = _stack_pointer(state, memory, gate >> 32 & 7, new_cpl, ext)
    bottom = (stack & _STACK_ALIGN) - size & _ALL_64
    if bottom >> 47 not in CANONICAL_TOPS or bottom + size - 1 >> 47 not in CANONICAL_TOPS:
        raise Fault(Vector.SS, ext)
    if target >> 47 not in CANONICAL_TOPS:
        raise Fault(Vector.GP, ext)
    memory.write_u64s(bottom, words, WRITE | USER if new_cpl == 3 else WRITE)
    # Nothing can fault any more.
    q[RSP] = bottom
    q[RIP] = target
    q[RFLAGS] &= _KEPT_BY_TRAP_GATE if gate & _GATE_TRAP else _KEPT_BY_INTERRUPT_GATE
    _load_segments(state, selector, descriptor)


def _gate(state: CpuState, memory: LinearMemory, vector: int, ext: int) -> tuple[int, int]:
    """The low quad word of the vector's gate, checked, and the handler's address."""
    if vector * 16 + 15 > state.limit(IDTR):
        raise Fault(Vector.GP, idt_error(vector, ext))
    low, high = memory.read_u64_pair(state.base(IDTR) + vector * 16)
    if low & _GATE_MASK != _GATE_GOOD or not ext:
        if low & _GATE_TYPE_MASK != _GATE_TYPE_GOOD:
            raise Fault(Vector.GP, idt_error(vector, ext))
        if not ext and low >> 45 & 3 < state.d[HFLAGS] & _CPL:
            raise Fault(Vector.GP, idt_error(vector, ext))
        if low & _GATE_MASK != _GATE_GOOD:
            raise Fault(Vector.NP, idt_error(vector, ext))
    return low, low & 0xFFFF | low >> 32 & 0xFFFF_0000 | (high & 0xFFFF_FFFF) << 32


def _code_segment(
    state: CpuState, memory: LinearMemory, selector: int, ext: int
) -> tuple[int, int]:
    """Selector, its RPL the privilege to run with, and descriptor of the handler's code segment."""
    if not selector & SELECTOR_NO_RPL:
        raise Fault(Vector.GP, ext)
    selector &= SELECTOR_NO_RPL
    found = find_descriptor(state, memory, selector)
    if found is None:
        raise Fault(Vector.GP, selector | ext)
    address, descriptor = found
    cpl = state.d[HFLAGS] & _CPL
    dpl = descriptor >> 45 & 3
    if descriptor & _CODE_MASK != _CODE_GOOD or dpl > cpl:
        absent = (descriptor | _CODE_PRESENT) & _CODE_MASK == _CODE_GOOD and dpl <= cpl
        raise Fault(Vector.NP if absent else Vector.GP, selector | ext)
    if not descriptor & _CODE_ACCESSED:
        descriptor = mark_accessed(memory, address, descriptor)
    return selector | (cpl if descriptor & _CODE_CONFORMING else dpl), descriptor


def _stack_pointer(state: CpuState, memory: LinearMemory, ist: int, new_cpl: int, ext: int) -> int:
    """Where the frame goes: an interrupt stack, the stack of the inner ring, or the one in use."""
    if ist:
        offset = _TSS_IST1 + 8 * (ist - 1)
    elif new_cpl != state.d[HFLAGS] & _CPL:
        offset = _TSS_RSP0 + 8 * new_cpl
    else:
        return state.q[RSP]
    if offset + 7 > state.limit(TR):
        raise Fault(Vector.TS, state.selector(TR) & SELECTOR_NO_RPL | ext)
    return memory.read_u64(state.base(TR) + offset)


def _load_segments(state: CpuState, selector: int, descriptor: int) -> None:
    """CS, and a null SS when the privilege changes; bases and limits do not count in 64-bit code."""
    mode = state.d[HFLAGS]
    new_cpl = selector & 3
    if new_cpl != mode & _CPL:
        state.set_segment(SS, new_cpl, 0, 0xFFFF_FFFF, _NULL_SS_FLAGS | new_cpl << DPL_SHIFT)
        mode |= _SS32
    state.set_segment(CS, selector, 0, 0xFFFF_FFFF, descriptor >> 32)
    state.d[HFLAGS] = mode & ~_REPLACED_MODE | _CS64 | _CS32 | new_cpl
