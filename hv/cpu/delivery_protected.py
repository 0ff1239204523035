"""Event delivery in protected mode and from virtual-8086 mode: 286 and 386 gates, inner stacks.

Follows the Intel SDM (edition 084, 2024) vol. 3, 6.12 and 21.3, and vol. 2, INT n (order of the
checks, error codes).

Left out: task gates (TaskGateMet), CR4.VME's redirection of INT n, shadow stacks.
"""

from typing import NamedTuple

from hv.cpu.delivery_events import Event, EventKind, Fault, TaskGateMet
from hv.cpu.delivery_frame import (
    CLEARED_BY_INTERRUPT_GATE,
    CLEARED_BY_TRAP_GATE,
    Stack,
    flags_to_push,
    idt_error,
    return_address,
)
from hv.cpu.descriptors import (
    CODE,
    CONFORMING,
    DPL_SHIFT,
    PRESENT,
    SEGMENT,
    SELECTOR_NO_RPL,
    WRITABLE,
    base_of,
    find_descriptor,
    limit_of,
    load_segment,
    mark_accessed,
    refresh_mode,
)
from hv.cpu.exits import Vector
from hv.cpu.page_walk import USER, WRITE
from hv.cpu.paging import LinearMemory
from hv.cpu.state import (
    CS,
    DS,
    ES,
    FS,
    GS,
    HFLAGS,
    IDTR,
    RFLAGS,
    RIP,
    RSP,
    SS,
    TR,
    CpuState,
    Hflags,
    Rflags,
)

_CPL, _INHIBIT_IRQ = Hflags.CPL.value, Hflags.INHIBIT_IRQ.value
_VM, _IOPL = Rflags.VM.value, Rflags.IOPL.value
_ALL_32 = 0xFFFF_FFFF

_TASK_GATE = 5
_GATES = frozenset({6, 7, 14, 15})  # 286 interrupt, 286 trap, 386 interrupt, 386 trap
_GATE_386 = 8
_GATE_TRAP = 1
_TSS_386 = 8
_CODE = SEGMENT | CODE
_DATA_MASK = SEGMENT | CODE | WRITABLE
_WRITABLE_DATA = SEGMENT | WRITABLE


class _Gate(NamedTuple):
    selector: int
    offset: int
    width: int  # of what is pushed: 2 or 4
    trap: bool


class _Segment(NamedTuple):
    """A segment about to be loaded: the selector as it will read, its descriptor and its place."""

    selector: int
    address: int
    descriptor: int


def deliver_protected(state: CpuState, memory: LinearMemory, event: Event, ext: int) -> None:
    """Enter the handler of ``event``, or raise Fault or TaskGateMet with registers as they were.

    ``ext`` is the error codes' EXT bit: clear for INT n, INT3 and INTO, set for all else.
    """
    q = state.q
    from_v86 = bool(q[RFLAGS] & _VM)
    if from_v86 and event.kind is EventKind.SOFTWARE_INTERRUPT and q[RFLAGS] & _IOPL != _IOPL:
        raise Fault(Vector.GP, 0)
    gate = _gate(state, memory, event.vector, ext)
    code = _code_segment(state, memory, gate.selector, ext)
    new_cpl = code.selector & 3
    inner = None
    if new_cpl == state.d[HFLAGS] & _CPL:
        segment = state.segment(SS)
        stack = Stack(segment.base, segment.limit, segment.flags, q[RSP] & _ALL_32, ext)
    else:
        inner, stack = _inner_stack(state, memory, new_cpl, ext)
    words = _frame(state, event, inner=inner is not None)
    stack.check_room(len(words), gate.width)
    if gate.offset > limit_of(code.descriptor):
        raise Fault(Vector.GP, ext)
    code_descriptor = mark_accessed(memory, code.address, code.descriptor)
    stack_descriptor = mark_accessed(memory, inner.address, inner.descriptor) if inner else 0
    esp = stack.push(memory, words, gate.width, WRITE | USER if new_cpl == 3 else WRITE)
    # Nothing can fault any more.
    q[RSP] = esp
    q[RIP] = gate.offset
    q[RFLAGS] &= ~(CLEARED_BY_TRAP_GATE if gate.trap else CLEARED_BY_INTERRUPT_GATE)
    if from_v86:
        for index in (ES, DS, FS, GS):
            state.set_segment(index, 0, 0, 0, 0)
    if inner:
        load_segment(state, SS, inner.selector, stack_descriptor)
    load_segment(state, CS, code.selector, code_descriptor)
    state.d[HFLAGS] &= ~_INHIBIT_IRQ
    refresh_mode(state)


def _gate(state: CpuState, memory: LinearMemory, vector: int, ext: int) -> _Gate:
    error = idt_error(vector, ext)
    if vector * 8 + 7 > state.limit(IDTR):
        raise Fault(Vector.GP, error)
    raw = memory.read_u64(state.base(IDTR) + vector * 8)
    kind = raw >> 40 & 0x1F
    if kind != _TASK_GATE and kind not in _GATES:
        raise Fault(Vector.GP, error)
    if not ext and raw >> 45 & 3 < state.d[HFLAGS] & _CPL:
        raise Fault(Vector.GP, error)
    if not raw >> 32 & PRESENT:
        raise Fault(Vector.NP, error)
    if kind == _TASK_GATE:
        raise TaskGateMet
    wide = bool(kind & _GATE_386)
    offset = raw & 0xFFFF | (raw >> 32 & 0xFFFF_0000 if wide else 0)
    return _Gate(raw >> 16 & 0xFFFF, offset, 4 if wide else 2, bool(kind & _GATE_TRAP))


def _code_segment(state: CpuState, memory: LinearMemory, selector: int, ext: int) -> _Segment:
    """The handler's code segment; the selector's RPL is the privilege it runs with."""
    if not selector & SELECTOR_NO_RPL:
        raise Fault(Vector.GP, ext)
    error = selector & SELECTOR_NO_RPL | ext
    found = find_descriptor(state, memory, selector)
    if found is None:
        raise Fault(Vector.GP, error)
    address, descriptor = found
    flags = descriptor >> 32
    cpl = state.d[HFLAGS] & _CPL
    dpl = flags >> DPL_SHIFT & 3
    if flags & _CODE != _CODE or dpl > cpl:
        raise Fault(Vector.GP, error)
    if not flags & PRESENT:
        raise Fault(Vector.NP, error)
    new_cpl = cpl if flags & CONFORMING else dpl
    if state.q[RFLAGS] & _VM and new_cpl:
        raise Fault(Vector.GP, error)
    return _Segment(selector & SELECTOR_NO_RPL | new_cpl, address, descriptor)


def _inner_stack(
    state: CpuState, memory: LinearMemory, cpl: int, ext: int
) -> tuple[_Segment, Stack]:
    """The stack that the TSS keeps for ring ``cpl``."""
    selector, esp = _stack_pointer(state, memory, cpl, ext)
    error = selector & SELECTOR_NO_RPL | ext
    if not selector & SELECTOR_NO_RPL or selector & 3 != cpl:
        raise Fault(Vector.TS, error)
    found = find_descriptor(state, memory, selector)
    if found is None:
        raise Fault(Vector.TS, error)
    address, descriptor = found
    flags = descriptor >> 32
    if flags & _DATA_MASK != _WRITABLE_DATA or flags >> DPL_SHIFT & 3 != cpl:
        raise Fault(Vector.TS, error)
    if not flags & PRESENT:
        raise Fault(Vector.SS, error)
    stack = Stack(base_of(descriptor), limit_of(descriptor), flags, esp, error)
    return _Segment(selector, address, descriptor), stack


def _stack_pointer(state: CpuState, memory: LinearMemory, cpl: int, ext: int) -> tuple[int, int]:
    """(SS, ESP) for ring ``cpl`` as the TSS, 286 or 386, has them."""
    task = state.segment(TR)
    wide = bool(task.flags >> 8 & _TSS_386)
    offset = 4 + 8 * cpl if wide else 2 + 4 * cpl
    if offset + (5 if wide else 3) > task.limit:
        raise Fault(Vector.TS, task.selector & SELECTOR_NO_RPL | ext)
    address = task.base + offset
    if wide:
        return memory.read_u16(address + 4), memory.read_u32(address)
    return memory.read_u16(address + 2), memory.read_u16(address)


def _frame(state: CpuState, event: Event, *, inner: bool) -> list[int]:
    """What the handler finds on its stack, from the top of it up."""
    q = state.q
    words = [] if event.error_code is None else [event.error_code]
    words += [
        return_address(state, event),
        state.selector(CS),
        flags_to_push(state, event),
    ]
    if inner:
        words += [q[RSP], state.selector(SS)]
    if q[RFLAGS] & _VM:
        words += [state.selector(index) for index in (ES, DS, FS, GS)]
    return words
