"""Stops for a debugger: before an instruction, behind a single one, behind an access to memory.

A code hook on one linear address makes Unicorn ask before the instruction there, with RIP up to date, and a
stop from it takes effect at once. It changes nothing else: the block keeps its shape, so that timers and
interrupts are looked at where they would have been. Three kinds of hooks:

* ``stop`` hooks, one an address. What such a hook covers is two words inside Unicorn, found by what they
  hold and changed in place: removing a hook would walk the guest's page tables.
* ``next``, behind the instruction that the debugger goes on with, or behind the block in whose middle it
  goes on.
* ``every`` and the memory hooks, while memory is watched. They send all loads and stores down Unicorn's
  slow path and ask before every instruction: several times slower. Long stretches of code without a
  jump are then cut into more blocks than otherwise: ``block_end`` tells where one would have ended.
"""

import ctypes
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import unicorn.unicorn_const as const

from hv.cpu.engine.binding import (
    INT,
    REQUEST_CACHE,
    TB_FLUSH,
    TLB_FLUSH,
    U64T,
    UCLIB,
    TranslatedBlock,
)
from hv.cpu.engine.watch import HOOK_WORDS, NOWHERE, find_words

_EVERYWHERE = (0, (1 << 64) - 1)
_REACH = 15  # Unicorn compares an access's first byte alone; no access has more than 16

WATCH = ctypes.c_uint64 * 3
"""What a memory hook is given: the accelerator's address, the first and the last address of interest."""

AddHook = Callable[[int, str, int, int, int], int]
"""(kind, our name, first address, last address, user data) -> Unicorn's handle."""


@dataclass(frozen=True, slots=True)
class Watch:
    """``size`` bytes of guest physical memory, and which accesses to them are of interest."""

    gpa: int
    size: int
    reads: bool
    writes: bool


class _CodeHook:
    """One code hook, nowhere at first."""

    def __init__(self, name: str, add: AddHook, user: int) -> None:
        hook = add(const.UC_HOOK_CODE, name, NOWHERE, NOWHERE, user)
        bounds = find_words(hook, HOOK_WORDS, (NOWHERE, NOWHERE))
        self._bounds = (ctypes.c_uint64 * 2).from_address(bounds)

    def cover(self, first: int, last: int) -> None:
        self._bounds[:] = [first, last]

    def covered(self) -> tuple[int, int]:
        return self._bounds[0], self._bounds[1]


class StopHooks:
    """The hooks of one engine. Nothing here may be called while it runs."""

    def __init__(self, handle: Any, add: AddHook, user: int) -> None:
        self._handle = handle
        self._user = user
        self._add = add
        self._pool: list[_CodeHook] = []
        self._stops: dict[int, _CodeHook] = {}
        self._next: _CodeHook | None = None
        self._every: _CodeHook | None = None
        self._watches: tuple[Watch, ...] = ()
        self._memory_hooks: list[int] = []
        self._bounds: list[ctypes.Array[ctypes.c_uint64]] = []

    def stop_at(self, addresses: Iterable[int]) -> None:
        """Stop before the instructions at these linear addresses and no others."""
        wanted = frozenset(addresses)
        for address in self._stops.keys() - wanted:
            hook = self._stops.pop(address)
            hook.cover(NOWHERE, NOWHERE)
            self._pool.append(hook)
        new = wanted - self._stops.keys()
        if new and self._next is None:  # where a hook is alone, Unicorn asks no bounds
            self.next_at(None)
        for address in new:
            hook = self._pool.pop() if self._pool else _CodeHook("stop", self._add, self._user)
            hook.cover(address, address)
            self._stops[address] = hook
        if new:
            self._flush(TB_FLUSH)

    def next_at(self, address: int | None) -> None:
        """Stop there, too, if the block that runs next leads there. The caller drops its translation."""
        if self._next is None:
            self._next = _CodeHook("next", self._add, self._user)
        where = NOWHERE if address is None else address
        self._next.cover(where, where)

    def watch(self, watches: Iterable[Watch]) -> None:
        """Stop behind the instruction that accesses this memory, and no other."""
        wanted = tuple(watches)
        if wanted == self._watches:
            return
        self._watches = wanted
        self._bounds.clear()
        for hook in self._memory_hooks:
            UCLIB.uc_hook_del(self._handle, ctypes.c_size_t(hook))
        self._memory_hooks = [hook for watch in wanted for hook in self._memory_hooks_for(watch)]
        if self._every is None:
            self._every = _CodeHook("every", self._add, self._user)
        self._every.cover(*(_EVERYWHERE if wanted else (NOWHERE, NOWHERE)))
        self._flush(TB_FLUSH)
        self._flush(TLB_FLUSH)

    def block_end(self, pc: int) -> int:
        """Where the block at linear ``pc`` ends when it is translated without any of these hooks. Slow."""
        hooks = [*self._stops.values(), *([self._next] if self._next else [])]
        covered = [hook.covered() for hook in hooks]
        for hook in hooks:
            hook.cover(NOWHERE, NOWHERE)
        watches = self._watches
        self.watch(())
        block = TranslatedBlock()
        status = UCLIB.uc_ctl(self._handle, INT(REQUEST_CACHE), U64T(pc), ctypes.byref(block))
        for hook, (first, last) in zip(hooks, covered, strict=True):
            hook.cover(first, last)
        self.watch(watches)
        return pc if status else pc + int(block.size)

    def _memory_hooks_for(self, watch: Watch) -> list[int]:
        first, last = watch.gpa, watch.gpa + watch.size - 1
        bounds = WATCH(self._user, first, last)
        self._bounds.append(bounds)
        start = max(0, first - _REACH)
        return [
            self._add(kind, "access", start, last, ctypes.addressof(bounds))
            for kind in _kinds(watch)
        ]

    def _flush(self, what: int) -> None:
        UCLIB.uc_ctl(self._handle, INT(what))


def _kinds(watch: Watch) -> list[int]:
    kinds = []
    if watch.reads:
        kinds.append(const.UC_HOOK_MEM_READ)
    if watch.writes:
        kinds.append(const.UC_HOOK_MEM_WRITE)
    return kinds
