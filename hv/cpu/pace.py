"""The pace of a processor: words that the engine's hooks and the run loop share, and what the hooks call.

The accelerator (``hv/cpu/accel``) and its twin (``hv/cpu/twin.py``) write the same words, so whoever reads
the clock need not know which is at work.
"""

from typing import Protocol

# Words of the pace: u64, shared with the accelerator.
COUNT, DEADLINE, FLAGS, NOW, BLOCK = range(5)
EXTRA, TSC_ADJUST = 5, 6
CPI, RDTSC_COST = 7, 8
RDTSC_EXITS, UNKNOWN_BLOCKS, WINDOW_CHECKS = 9, 10, 11
RESUME_PC, RESUME_COUNT = 12, 13
LEFT_PC, LEFT_END, HIT = 14, 15, 16
PACE_WORDS = 17

CPI_SHIFT = 10
"""CPI is in 1/1024 cycles; virtual time is COUNT * CPI / 1024 + EXTRA."""

FLAG_STOP = 1
"""Leave at the next block boundary."""
FLAG_WINDOW = 2
"""An interrupt waits: leave at the first block that begins with IF set and no shadow."""
FLAG_NMI_WINDOW = 8
"""An NMI waits for the IRET that unblocks it: leave at the first block behind it."""
FLAG_ABORT = 4
"""An instruction in the middle of a block faulted: nothing behind it may have an effect."""

FLAG_RELEASE = 16
"""Pages are to be released, see PAGE_LEAVING; the engine does so when it has left."""

FLAG_RESUME = 32
"""A debugger goes on: the first block is at RESUME_PC, with RESUME_COUNT instructions retired before it."""
FLAG_MIDWAY = 64
"""It goes on in the middle of a block, where neither timers nor interrupts are looked at."""
FLAG_STEP = 128
"""It goes on to the next instruction: leave before the block behind the first."""
FLAG_HIT = 256
"""Watched memory was accessed, HIT is its first physical address: leave before the next instruction."""
FLAG_STOPPED = 512
"""Left for the debugger, in or before the block from LEFT_PC to LEFT_END."""
FLAG_WATCHED = 1024
"""Memory is watched: leave behind a block of LONG_BLOCK instructions or more, which may be cut short."""
LONG_BLOCK = 24
"""Instructions: no block of fewer is cut short by the hooks on each of them."""

PAGE_DATA, PAGE_CODE, PAGE_LEAVING = range(3)
"""What the engine knows of a page: no translation, watched for stores, watched but to be released."""

NEVER = (1 << 64) - 1


class Handlers(Protocol):
    """What the engine calls at an exit. ``insn`` is ``hv.cpu.decode.classify`` of the instruction at RIP."""

    def resolve(self, pc: int, offset: int) -> int: ...
    def on_in(self, port: int, size: int, insn: int) -> int: ...
    def on_out(self, port: int, size_insn: int, value: int) -> None: ...
    def on_intr(self, number: int, insn: int) -> None: ...
    def on_cpuid(self) -> None: ...
    def on_syscall(self, insn: int) -> None: ...
    def on_invalid(self, insn: int) -> None: ...
    def on_privileged(self, port: int, size: int) -> bool: ...
