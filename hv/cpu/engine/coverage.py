"""Which code ran, block by block, to the last instruction.

An instruction counts when it retires: what was translated and never begun, what faulted, and what stands
behind an exit that did not come back, does not. Host and guest may change code: a block is known by its
address, its place in memory and its bytes. hv/cpu/accel/coverage.c does the same in C; without it, the twin
here.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field

import unicorn.unicorn_const as const

from hv.cpu.engine.binding import BLOCK, EDGE, UCLIB, VOID_P, TranslatedBlock, address_of
from hv.cpu.engine.core import Engine
from hv.cpu.engine.hooks import accelerated_coverage
from hv.cpu.pace import COUNT
from hv.cpu.state import HFLAGS, Hflags
from hv.errors import InternalError

_CS64, _CS32 = Hflags.CS64.value, Hflags.CS32.value
_PAGE = 4096


@dataclass(slots=True)
class RunBlock:
    """Code that ran: the first ``insns`` instructions of ``code``."""

    pc: int
    """Linear address."""
    bits: int
    """16, 32 or 64: how its instructions are read."""
    code: bytes
    places: tuple[int, ...]
    """Guest physical address of its first byte, and of its first byte in each page after that."""
    insns: int = 0

    def gpa(self, offset: int) -> int:
        """Where in memory the byte ``offset`` of the code was."""
        into_page = (self.pc & (_PAGE - 1)) + offset
        page = into_page // _PAGE
        return self.places[0] + offset if not page else self.places[page] + into_page % _PAGE


class BlockCoverage:
    """Watches an engine from now on. Between two runs of the processor, it tells what ran."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._blocks: list[RunBlock] = []
        self._numbers: dict[tuple[int, int, bytes, tuple[int, ...]], int] = {}
        self._settle: Callable[[], None]
        twin = engine.hooks.twin
        if twin is None:
            self._settle, user, block, edge = accelerated_coverage(
                engine.hooks.user, self._enter, self._reach
            )
            _add_hook(engine, const.UC_HOOK_BLOCK, block, user)
            _add_hook(engine, const.UC_HOOK_EDGE_GENERATED, edge, user)
        else:
            follower = _Twin(twin.running, engine.pace, self._enter, self._reach)
            self._settle = follower.settle
            self._functions = (
                BLOCK(lambda _uc, pc, size, _user: twin.guarded(follower.on_block, pc, size)),
                EDGE(lambda _uc, tb, before, _user: twin.guarded(follower.on_edge, tb, before)),
            )
            _add_hook(engine, const.UC_HOOK_BLOCK, address_of(self._functions[0]), 0)
            _add_hook(engine, const.UC_HOOK_EDGE_GENERATED, address_of(self._functions[1]), 0)
        engine.keep(self)
        engine.flush_translations()

    def blocks(self) -> list[RunBlock]:
        """Every block of which something ran, by address."""
        self._settle()
        ran = [block for block in self._blocks if block.insns]
        return sorted(ran, key=lambda block: (block.pc, block.places, block.bits, block.code))

    def _enter(self, pc: int, size: int) -> int:
        """The number of the block that is about to run."""
        engine = self._engine
        engine.save()
        hflags = engine.state.d[HFLAGS]
        bits = 64 if hflags & _CS64 else 32 if hflags & _CS32 else 16
        first, code = engine.code_at(pc, size)
        places = [first]
        for offset in range(_PAGE - (pc & (_PAGE - 1)), len(code), _PAGE):
            places.append(engine.code_at(pc + offset, 1)[0])
        key = (pc, bits, code, tuple(places))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._blocks)
            self._blocks.append(RunBlock(*key))
        return number

    def _reach(self, number: int, insns: int) -> None:
        """So many instructions of a block retired in one go."""
        block = self._blocks[number]
        block.insns = max(block.insns, insns)


def _add_hook(engine: Engine, kind: int, function: int, user: int) -> None:
    handle = ctypes.c_size_t()
    status = UCLIB.uc_hook_add(
        engine.handle, ctypes.byref(handle), kind, VOID_P(function), VOID_P(user), 1, 0
    )
    if status:
        raise InternalError(f"uc_hook_add({kind}) failed with {status}")


@dataclass(slots=True)
class _Twin:
    """The hooks of hv/cpu/accel/coverage.c."""

    running: Callable[[], tuple[int, int, int, bool] | None]
    pace: memoryview
    enter: Callable[[int, int], int]
    reach: Callable[[int, int], None]
    numbers: dict[tuple[int, int], int] = field(default_factory=dict)
    current: int | None = None
    start: int = 0
    icount: int = 0

    def on_edge(self, address: int, _before: int) -> None:
        """A block was translated: other code may stand there by now."""
        block = TranslatedBlock.from_address(address)
        self.numbers.pop((block.pc, block.size), None)

    def on_block(self, pc: int, size: int) -> None:
        """A block runs, unless it is held up."""
        block = self.running()
        if block is None or block[:2] != (pc, size):
            return
        self._over(self.pace[COUNT] - block[2])
        number = self.numbers.get((pc, size)) if block[3] else None
        if number is None:
            number = self.numbers[pc, size] = self.enter(pc, size)
        self.current, self.start, self.icount = number, self.pace[COUNT] - block[2], block[2]

    def settle(self) -> None:
        """The processor has stopped: account for the block it stopped in."""
        self._over(self.pace[COUNT])

    def _over(self, now: int) -> None:
        if self.current is not None:
            self.reach(self.current, min(now - self.start, self.icount))
            self.current = None
