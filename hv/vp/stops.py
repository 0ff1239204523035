"""What a debugger stops for, and how the run goes on as if it had not stopped.

A run looks at timers and interrupts at block boundaries alone. A stop in the middle of a block is none of
those: the rest of the block runs as a block of its own, without a look before it, and a debugged run stays
equal to an undebugged one, to the last instruction. Where that block ends is all that a machine has to keep
of such a stop when it is saved.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from hv.cpu import state as s
from hv.cpu.decode import MAX_INSN_LENGTH, BlockDecoder
from hv.cpu.engine import Watch
from hv.cpu.pace import (
    COUNT,
    FLAG_HIT,
    FLAG_MIDWAY,
    FLAG_RESUME,
    FLAG_STEP,
    FLAG_STOPPED,
    FLAG_WATCHED,
    FLAGS,
    HIT,
    LEFT_END,
    LEFT_PC,
    LONG_BLOCK,
    RESUME_COUNT,
    RESUME_PC,
)
from hv.types import PAGE_SIZE
from hv.vp.core import CS32, CS64, U32, U64, Core

STOP_FLAGS = FLAG_RESUME | FLAG_MIDWAY | FLAG_STEP | FLAG_HIT | FLAG_STOPPED
"""What the pace holds of one stop of a debugger."""

_MOST_ENDS = 1024
"""Ends of long blocks to remember."""


class Cause(Enum):
    """Why the debugger has control."""

    STEP = "step"
    ADDRESS = "address"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class Stop:
    """``at``: the next instruction's linear address, or the physical one of the ``Watch`` that was met."""

    cause: Cause
    at: int


class Stops:
    """The debugger's side of one virtual processor. Its methods are for when the processor does not run."""

    def __init__(self, core: Core) -> None:
        self.stop: Stop | None = None
        """What the latest run stopped for, if it did."""
        self._core = core
        self._words = core.pace
        self._hooks = core.engine.stops
        self._decoder = BlockDecoder()
        self._addresses: frozenset[int] = frozenset()
        self._watches: tuple[Watch, ...] = ()
        self._natural_end: int | None = None
        self._known_ends: dict[tuple[int, int, bytes], int] = {}
        self._stepping = False
        self._seen = True

    # Orders.

    def stop_at(self, addresses: Iterable[int]) -> None:
        """Stop before the instructions at these linear addresses, and no others."""
        self._addresses = frozenset(addresses)
        self._hooks.stop_at(self._addresses)

    def watch(self, watches: Iterable[Watch]) -> None:
        """Stop behind whichever instruction accesses this memory. The run is much slower then."""
        self._watches = tuple(watches)
        self._hooks.watch(self._watches)
        self._words[FLAGS] &= ~FLAG_WATCHED & U64
        if self._watches:
            self._words[FLAGS] |= FLAG_WATCHED

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Meanwhile nothing stops the run but ``step``."""
        addresses, watches = self._addresses, self._watches
        self.stop_at(())
        self.watch(())
        try:
            yield
        finally:
            self.stop_at(addresses)
            self.watch(watches)

    def take_over(self, other: "Stops") -> None:
        """Do what ``other`` was told, on a processor that stands where that one does."""
        self.stop_at(other._addresses)
        self.watch(other._watches)
        self._stepping, self._seen = other._stepping, other._seen

    def step(self) -> None:
        """The next run stops behind one instruction, or before the first of an interrupt's handler."""
        self._stepping = self._seen = True

    def hold(self) -> None:
        """The instruction at RIP is known to the debugger: the next run does not stop before it."""
        self._seen = True

    def jump(self) -> None:
        """The debugger has changed RIP: the processor is in the middle of no block."""
        self._natural_end = None

    @property
    def midway(self) -> bool:
        """Stopped in the middle of a block."""
        return self._natural_end is not None

    def stand(self, block_end: int | None) -> None:
        """The processor stands where another one was stopped, in the middle of a block that ends there."""
        self._natural_end = block_end

    @property
    def block_end(self) -> int | None:
        """Where the block ends in whose middle it was stopped: a linear address."""
        return self._natural_end

    def pc(self) -> int:
        """The linear address of the next instruction."""
        state = self._core.state
        linear = state.q[s.RIP] + state.base(s.CS)
        return linear & (U64 if state.d[s.HFLAGS] & CS64 else U32)

    # For the run loop.

    def begin(self) -> None:
        """A run begins: tell the hooks where it goes on, when the debugger has had control there."""
        self.stop = None
        if not self._seen:
            return
        words, pc = self._words, self.pc()
        words[RESUME_PC], words[RESUME_COUNT] = pc, words[COUNT]
        flags = FLAG_RESUME | (FLAG_STEP if self._stepping else 0)
        words[FLAGS] |= flags | (FLAG_MIDWAY if self.midway else 0)
        after = pc + self._length(pc) if self._stepping else self._natural_end
        self._hooks.next_at(after)
        if after is not None:
            self._drop_translation(pc)
        self._seen = self._stepping = False

    def met(self) -> bool:
        """The engine has stopped: is it for the debugger? It stands at a block boundary if not."""
        words = self._words
        flags = words[FLAGS]
        # An exit that left its block and halted the processor, say: no hook has seen the step's end.
        unseen = flags & FLAG_STEP and flags & FLAG_RESUME and words[COUNT] != words[RESUME_COUNT]
        pc = self.pc()
        self._natural_end = self._block_end(pc, flags) if flags & FLAG_STOPPED else None
        if flags & FLAG_HIT:
            stop = Stop(Cause.ACCESS, words[HIT])
        elif flags & FLAG_STEP and (flags & FLAG_STOPPED or unseen):
            stop = Stop(Cause.STEP, pc)
        elif flags & FLAG_STOPPED and pc in self._addresses:
            stop = Stop(Cause.ADDRESS, pc)
        else:
            done = FLAG_MIDWAY | (FLAG_RESUME | FLAG_STOPPED if flags & FLAG_STOPPED else 0)
            words[FLAGS] = flags & ~done & U64
            if self.midway:  # only cut short: it goes on as if there had been nothing
                self._seen = True
                self.begin()
            return False
        words[FLAGS] = flags & ~STOP_FLAGS & U64
        self.stop = stop
        self._seen = True
        return True

    def _block_end(self, pc: int, flags: int) -> int | None:
        """Where the block around ``pc`` would have ended undisturbed; None when ``pc`` begins one."""
        words = self._words
        if words[LEFT_PC] == pc:
            return None
        resumed = flags & FLAG_MIDWAY and words[LEFT_PC] == words[RESUME_PC]
        end = self._natural_end if resumed else self._whole_block(words[LEFT_PC], words[LEFT_END])
        return None if pc == end else end

    def _whole_block(self, start: int, end: int) -> int:
        """Where a block that ended at ``end`` would have ended had no memory been watched."""
        if not self._watches or end - start < LONG_BLOCK:
            return end
        bits = self._bits()
        peek = self._core.linear.peek
        code = peek(start, PAGE_SIZE) or peek(start, -start % PAGE_SIZE) or b""
        known = self._known_ends.get((start, bits, code))
        if known is None:
            known = self._known_ends[start, bits, code] = self._hooks.block_end(start)
            if len(self._known_ends) > _MOST_ENDS:
                self._known_ends.clear()
        return max(end, known)

    def _length(self, pc: int) -> int:
        peek = self._core.linear.peek
        code = peek(pc, MAX_INSN_LENGTH) or peek(pc, min(MAX_INSN_LENGTH, -pc % PAGE_SIZE)) or b""
        return self._decoder.length(code, self._bits())

    def _bits(self) -> int:
        hflags = self._core.state.d[s.HFLAGS]
        return 64 if hflags & CS64 else 32 if hflags & CS32 else 16

    def _drop_translation(self, pc: int) -> None:
        """Translate what begins at ``pc`` anew, with the hooks that are in place now."""
        gpa = self._core.linear.find(pc)
        if gpa is not None:
            self._core.engine.invalidate(gpa, 1)
