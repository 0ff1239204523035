"""Segment descriptors: their bits, the tables they come from, the caches and mode bits they go to.

Follows the Intel SDM (edition 084, 2024) vol. 3, 3.4.5 (segment descriptors) and 5.2 (fields). A
descriptor is one 64-bit number here; its high dword is what a cache keeps as flags.

Left out: call gates, LDT and TSS loads and task switches, which the engine runs by itself.
"""

from enum import IntFlag

from hv.cpu.page_walk import IMPLICIT
from hv.cpu.paging import LinearMemory
from hv.cpu.state import (
    CR0,
    CS,
    DS,
    ES,
    GDTR,
    HFLAGS,
    LDTR,
    RFLAGS,
    SS,
    CpuState,
    Hflags,
    Rflags,
)


class Flag(IntFlag):
    """The high dword of a segment descriptor (SDM vol. 3, figure 3-8)."""

    ACCESSED = 1 << 8
    WRITABLE = 1 << 9  # of code: readable
    DOWN = 1 << 10  # of data: expand-down
    CONFORMING = 1 << 10  # of code
    CODE = 1 << 11
    SEGMENT = 1 << 12  # clear: a system descriptor
    DPL = 3 << 13
    PRESENT = 1 << 15
    LONG = 1 << 21
    BIG = 1 << 22
    GRANULAR = 1 << 23


ACCESSED, WRITABLE, DOWN, CONFORMING, CODE, SEGMENT, PRESENT, LONG, BIG, GRANULAR = (
    flag.value
    for flag in (
        Flag.ACCESSED,
        Flag.WRITABLE,
        Flag.DOWN,
        Flag.CONFORMING,
        Flag.CODE,
        Flag.SEGMENT,
        Flag.PRESENT,
        Flag.LONG,
        Flag.BIG,
        Flag.GRANULAR,
    )
)
DPL_SHIFT = 13
SELECTOR_INDEX = 0xFFF8
SELECTOR_LDT = 1 << 2
SELECTOR_NO_RPL = 0xFFFC
"""A selector without its RPL: what error codes carry, and zero for every null selector."""

_CPL = Hflags.CPL.value
_CS32, _SS32, _CS64 = Hflags.CS32.value, Hflags.SS32.value, Hflags.CS64.value
_ADDSEG, _LMA = Hflags.ADDSEG.value, Hflags.LMA.value
_FROM_SEGMENTS = _CPL | _CS32 | _SS32 | _CS64 | _ADDSEG
_VM = Rflags.VM.value
_PE = 1


def base_of(descriptor: int) -> int:
    return descriptor >> 16 & 0xFF_FFFF | descriptor >> 32 & 0xFF00_0000


def limit_of(descriptor: int) -> int:
    """Offset of the last byte (or, expand-down, of the last one that is outside)."""
    limit = descriptor & 0xFFFF | descriptor >> 32 & 0xF_0000
    return limit << 12 | 0xFFF if descriptor >> 32 & GRANULAR else limit


def find_descriptor(state: CpuState, memory: LinearMemory, selector: int) -> tuple[int, int] | None:
    """(linear address, descriptor) of a selector; None beyond its table. May raise Fault."""
    table = LDTR if selector & SELECTOR_LDT else GDTR
    index = selector & SELECTOR_INDEX
    if index + 7 > state.limit(table):
        return None
    address = state.base(table) + index
    return address, memory.read_u64(address)


def mark_accessed(memory: LinearMemory, address: int, descriptor: int) -> int:
    """The descriptor with its accessed bit set, in the table as well. May raise Fault."""
    if not descriptor >> 32 & ACCESSED:
        descriptor |= ACCESSED << 32
        memory.write(address + 5, bytes([descriptor >> 40 & 0xFF]), IMPLICIT)
    return descriptor


def load_segment(state: CpuState, index: int, selector: int, descriptor: int) -> None:
    """Fill a descriptor cache; ``refresh_mode`` once all of them are filled."""
    flags = descriptor >> 32
    state.set_segment(index, selector, base_of(descriptor), limit_of(descriptor), flags)


def refresh_mode(state: CpuState) -> None:
    """Recompute those mode bits that follow from CS, SS, DS, ES, CR0.PE and EFLAGS.VM."""
    code, stack = state.segment(CS), state.segment(SS)
    mode = state.d[HFLAGS] & ~_FROM_SEGMENTS | stack.dpl
    if stack.flags & BIG:
        mode |= _SS32
    if mode & _LMA and code.flags & LONG:
        mode |= _CS64 | _CS32
    else:
        if code.flags & BIG:
            mode |= _CS32
        flat = not state.base(DS) | state.base(ES) | stack.base
        protected = state.q[CR0] & _PE and not state.q[RFLAGS] & _VM
        if not (protected and code.flags & BIG and flat):
            mode |= _ADDSEG
    state.d[HFLAGS] = mode
