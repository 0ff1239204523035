"""What event delivery does alike in several modes: error codes, flags, frames on segmented stacks.

Follows the Intel SDM (edition 084, 2024) vol. 3, 6.13 (error codes), 18.3.1.1 (RF in the image that
faults push), 5.3 (limits), and vol. 2, INT n (flags cleared on entry).

Left out: RF in the image that an interrupt pushes amid a repeated string instruction.
"""

from typing import NamedTuple

from hv.cpu.delivery_events import Event, EventKind, Fault
from hv.cpu.descriptors import BIG, DOWN
from hv.cpu.exits import Vector
from hv.cpu.paging import LinearMemory
from hv.cpu.state import HFLAGS, RIP, CpuState, Hflags, Rflags

CLEARED_BY_TRAP_GATE = (Rflags.TF | Rflags.NT | Rflags.RF | Rflags.VM).value
CLEARED_BY_INTERRUPT_GATE = CLEARED_BY_TRAP_GATE | Rflags.IF.value
CLEARED_IN_REAL_MODE = (Rflags.TF | Rflags.IF | Rflags.AC | Rflags.RF).value

_RF = Rflags.RF.value
_NOT_FAULTS = frozenset(v.value for v in (Vector.DB, Vector.NMI, Vector.DF, Vector.MC))
_ERROR_IDT = 1 << 1
_CS64 = Hflags.CS64.value
_ALL_32, _ALL_64 = (1 << 32) - 1, (1 << 64) - 1


def idt_error(vector: int, ext: int) -> int:
    """The error code that blames an entry of the IDT."""
    return vector << 3 | _ERROR_IDT | ext


def return_address(state: CpuState, event: Event) -> int:
    """Where the handler returns to."""
    if event.next_rip is None:
        return state.q[RIP]
    return event.next_rip & (_ALL_64 if state.d[HFLAGS] & _CS64 else _ALL_32)


def flags_to_push(state: CpuState, event: Event) -> int:
    """RFLAGS as the handler finds them on its stack."""
    kind = event.kind
    if kind is EventKind.EXCEPTION and event.vector not in _NOT_FAULTS:
        return state.rflags() | _RF
    if kind is EventKind.EXTERNAL or kind is EventKind.EXCEPTION or kind is EventKind.NMI:
        return state.rflags()
    return state.rflags() & ~_RF


class Stack(NamedTuple):
    """A stack below long mode: SS as cached, ESP, and the error code of a push off its end."""

    base: int
    limit: int
    flags: int
    esp: int
    error_code: int

    @property
    def mask(self) -> int:
        """The bits of ESP that the stack uses."""
        return _ALL_32 if self.flags & BIG else 0xFFFF

    def holds(self, first: int, last: int) -> bool:
        """Whether the segment's limit lets offsets ``first`` to ``last`` be used."""
        if self.flags & DOWN:
            return self.limit < first and last <= self.mask
        return last <= self.limit

    def check_room(self, count: int, width: int) -> None:
        """Raise Fault when ``count`` words of ``width`` bytes pass the segment's limit."""
        size = count * width
        below = self._beyond_wrap(size)
        first = self._bottom(size)
        if (
            below % width
            or not self.holds(first, first + size - below - 1)
            or (below and not self.holds(0, below - 1))
        ):
            raise Fault(Vector.SS, self.error_code)

    def push(self, memory: LinearMemory, words: list[int], width: int, access: int) -> int:
        """Push ``words``, given from the last pushed to the first, and return the new ESP.

        The caller has checked the room. May raise Fault.
        """
        data = b"".join([(word & (1 << 8 * width) - 1).to_bytes(width, "little") for word in words])
        bottom = self._bottom(len(data))
        below = self._beyond_wrap(len(data))
        upper = len(data) - below
        if below:
            memory.probe(self.base, below, access)
        memory.write(self.base + bottom & _ALL_32, data[:upper], access)
        if below:
            memory.write(self.base, data[upper:], access)
        return self.esp & ~self.mask | bottom

    def _bottom(self, size: int) -> int:
        return (self.esp - size) & self.mask

    def _beyond_wrap(self, size: int) -> int:
        """How many of ``size`` bytes land at the segment's start, the rest wrapping to its end."""
        top = self.esp & self.mask
        return top if top < size else 0
