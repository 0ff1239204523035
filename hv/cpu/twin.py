"""Counting retired instructions and stopping at a deadline: the hooks, in Python.

The accelerator (``hv/cpu/accel``) does the same in C; its header tells how the counting goes and why an entry
can be ambiguous.
"""

from collections.abc import Callable
from typing import Protocol

from hv.cpu.decode import TRANSFER, InsnClass
from hv.cpu.pace import (
    BLOCK,
    COUNT,
    CPI,
    CPI_SHIFT,
    DEADLINE,
    EXTRA,
    FLAG_ABORT,
    FLAG_HIT,
    FLAG_MIDWAY,
    FLAG_NMI_WINDOW,
    FLAG_RESUME,
    FLAG_STEP,
    FLAG_STOP,
    FLAG_STOPPED,
    FLAG_WATCHED,
    FLAG_WINDOW,
    FLAGS,
    HIT,
    LEFT_END,
    LEFT_PC,
    LONG_BLOCK,
    NEVER,
    NOW,
    RDTSC_COST,
    RDTSC_EXITS,
    RESUME_COUNT,
    RESUME_PC,
    TSC_ADJUST,
    UNKNOWN_BLOCKS,
    WINDOW_CHECKS,
    Handlers,
)
from hv.cpu.state import CS, HFLAGS, HFLAGS2, RAX, RDX, RFLAGS, RIP, CpuState

EXIT_RDTSC = 0x16E
_LONG_CODE = 1 << 15
_INHIBIT = 1 << 3
_NMI_BLOCKED = 1 << 2
_CODE_SIZE = 1 << 4 | 1 << 15
_TF, _IF = 1 << 8, 1 << 9
_VM = 1 << 17
_U32 = 0xFFFFFFFF


class BlockApi(Protocol):
    """The few calls into Unicorn that counting needs."""

    def save(self) -> None: ...
    def restore(self) -> None: ...
    def stop(self) -> None: ...
    def request_icount(self, pc: int, size: int) -> int | None: ...
    def code_at(self, pc: int, size: int) -> tuple[int, bytes]: ...
    def watch_code(self, pc: int, size: int) -> None: ...


class _Block:
    """One (pc, size): how many instructions it holds, and whether that can be trusted."""

    __slots__ = ("ambiguous", "content", "gpa", "icount", "pc", "restart", "shared", "size")

    def __init__(
        self, pc: int, size: int, icount: int, gpa: int = 0, content: tuple[bytes, int] = (b"", 0)
    ) -> None:
        self.pc = pc
        self.size = size
        self.icount = icount
        self.gpa = gpa
        self.content = content
        self.shared = False
        self.ambiguous = False
        self.restart: bool | None = None


class PythonPace:
    """The hooks of ``hv/cpu/accel``, one method each."""

    def __init__(
        self, state: CpuState, api: BlockApi, words: memoryview, handlers: Handlers
    ) -> None:
        self.words = words
        self._state = state
        self._api = api
        self._handlers = handlers
        self._blocks: dict[tuple[int, int], _Block] = {}
        self._insns: dict[tuple[int, int, tuple[bytes, int]], int] = {}
        self._current: _Block | None = None
        self._error: BaseException | None = None

    def take_error(self) -> BaseException | None:
        """The exception that a handler raised, once."""
        error, self._error = self._error, None
        return error

    def guarded(self, action: Callable[[int, int], None], first: int, second: int) -> None:
        """Do ``action`` in a hook: the engine raises what it raises."""
        self._call(action, first, second)

    def running(self) -> tuple[int, int, int, bool] | None:
        """The block being run: linear address, size, instructions; whether these are always the same code."""
        block = self._current
        if not self.words[BLOCK] or block is None:
            return None
        return block.pc, block.size, block.icount, not (block.ambiguous or block.shared)

    # Blocks.

    def on_edge(self, pc: int, icount: int, size: int) -> None:
        """A block was translated."""
        self._api.save()
        gpa, code = self._api.code_at(pc, size)
        self._api.watch_code(pc, size)
        content = (code, self._state.d[HFLAGS] & _CODE_SIZE)
        block = self._blocks.get((pc, size))
        if block is None:
            self._blocks[pc, size] = block = _Block(pc, size, icount, gpa, content)
        elif block.gpa != gpa or block.shared:
            if block.content != content or block.icount != icount:
                block.ambiguous = True
            block.shared = True
        if len(code) < size:
            block.ambiguous = True
        if block.content != content:
            block.restart = None
        block.content, block.icount, block.gpa = content, icount, gpa

    def on_block(self, pc: int, size: int) -> None:
        """A block is about to run."""
        words = self.words
        block = None
        if self._time(COUNT) >= words[DEADLINE] or words[FLAGS]:
            before = self._current if words[BLOCK] else None
            if before and self._cut_short(before, pc):
                return
            if before and 0 <= pc - before.pc < before.size:
                block = self._find(pc, size)  # puts right a count that has run ahead
            if self._resumed_at(pc):
                if not words[FLAGS] & FLAG_MIDWAY and self._held_up():
                    return
            elif self._stepped(pc) or self._held_up():
                return
        self._current = block = block or self._find(pc, size)
        words[BLOCK] = 1
        words[COUNT] += block.icount

    def _find(self, pc: int, size: int) -> _Block:
        """The block that is about to run. The block before it becomes the past."""
        block = self._blocks.get((pc, size))
        if block is None or block.ambiguous:
            if block is None:  # no edge led here, so nobody told that it was translated
                self._api.watch_code(pc, size)
            block = _Block(pc, size, self._ask_icount(pc, size))
            block.ambiguous = True
        before = self._current if self.words[BLOCK] else None
        if before and block.icount == 1 and before.icount > 1 and 0 <= pc - before.pc < before.size:
            self._check_restart(before, block)
        self.words[BLOCK] = 0
        return block

    def _time(self, insns: int) -> int:
        """Virtual time when as many instructions have retired as the word ``insns`` says."""
        words = self.words
        return (words[insns] * words[CPI] >> CPI_SHIFT) + words[EXTRA]

    def _ask_icount(self, pc: int, size: int) -> int:
        self.words[UNKNOWN_BLOCKS] += 1
        icount = self._api.request_icount(pc, size)
        if icount is None:
            self._api.save()
            icount = self._resolve(pc, size) & 0xFFFF
        return icount

    def _held_up(self) -> bool:
        words = self.words
        in_time = self._time(COUNT) < words[DEADLINE]
        if in_time and not words[FLAGS] & (FLAG_STOP | FLAG_ABORT):
            if not words[FLAGS] & ~FLAG_WATCHED:
                return False
            words[WINDOW_CHECKS] += 1
            self._api.save()
            state = self._state
            interrupt = words[FLAGS] & FLAG_WINDOW and state.q[RFLAGS] & _IF
            nmi = words[FLAGS] & FLAG_NMI_WINDOW and not state.d[HFLAGS2] & _NMI_BLOCKED
            if not (interrupt or nmi) or state.d[HFLAGS] & _INHIBIT:
                return False
        words[NOW] = words[COUNT]
        words[BLOCK] = 0
        self._api.stop()
        return True

    # A debugger's stops, see hv/cpu/engine/stops.py.

    def _resumed_at(self, pc: int) -> bool:
        """The block is the one that a debugger went on with."""
        words = self.words
        resuming = words[FLAGS] & FLAG_RESUME
        return bool(resuming) and words[RESUME_PC] == pc and words[RESUME_COUNT] == words[COUNT]

    def _cut_short(self, before: _Block, pc: int) -> bool:
        """While memory is watched, the block before may have been cut short where this one begins."""
        words = self.words
        if not words[FLAGS] & FLAG_WATCHED or words[FLAGS] & (FLAG_ABORT | FLAG_STOPPED):
            return False
        if before.icount < LONG_BLOCK or pc != before.pc + before.size:
            return False
        words[LEFT_PC], words[LEFT_END] = before.pc, pc
        words[NOW] = words[COUNT]
        words[BLOCK] = 0
        words[FLAGS] |= FLAG_STOPPED
        self._api.stop()
        return True

    def _stepped(self, pc: int) -> bool:
        """Behind the block that a debugger went on with. True when it wants to see this one."""
        words = self.words
        if not words[FLAGS] & FLAG_RESUME or words[FLAGS] & FLAG_ABORT:
            return False
        words[FLAGS] &= ~(FLAG_RESUME | FLAG_MIDWAY) & NEVER
        if not words[FLAGS] & FLAG_STEP:
            return False
        words[NOW] = words[COUNT]
        words[BLOCK] = 0
        words[LEFT_PC] = words[LEFT_END] = pc
        words[FLAGS] |= FLAG_STOPPED
        self._api.stop()
        return True

    def on_stop(self, address: int) -> None:
        """Leave before the instruction at ``address``, with its count exact."""
        words = self.words
        if words[FLAGS] & (FLAG_ABORT | FLAG_STOPPED):
            return
        self._api.save()
        self._locate()
        resuming = words[FLAGS] & FLAG_RESUME and words[RESUME_PC] == address
        if resuming and words[RESUME_COUNT] == words[NOW]:
            return
        block = self._current if words[BLOCK] else None
        words[LEFT_PC] = block.pc if block else address
        words[LEFT_END] = block.pc + block.size if block else address
        self._leave_block()
        words[FLAGS] |= FLAG_STOPPED
        self._api.stop()

    def on_next(self, address: int) -> None:
        """Means something only in the block that the debugger resumed."""
        if self.words[FLAGS] & FLAG_RESUME:
            self.on_stop(address)

    def on_every(self, address: int) -> None:
        """Before every instruction, while memory is watched."""
        if self.words[FLAGS] & FLAG_HIT:
            self.on_stop(address)

    def on_access(self, watched: int) -> None:
        """Watched memory is accessed."""
        words = self.words
        if not words[FLAGS] & (FLAG_ABORT | FLAG_HIT):
            words[HIT] = watched
            words[FLAGS] |= FLAG_HIT

    def _check_restart(self, before: _Block, block: _Block) -> None:
        words = self.words
        if block.restart is None:
            self._api.save()
            block.restart = not (self._resolve(block.pc, 0) >> 16) & TRANSFER
        if block.restart:
            done = self._resolve(before.pc, block.pc - before.pc) & 0xFFFF
            words[COUNT] = words[COUNT] - before.icount + done

    # Exits.

    def _resolve(self, pc: int, offset: int) -> int:
        return self._call(self._handlers.resolve, pc, offset) or 0

    def _call(self, handler: Callable[..., int | None], *args: int) -> int | None:
        """A Python error may not cross Unicorn's C frames: keep it, and stop."""
        try:
            return handler(*args)
        except BaseException as error:  # noqa: BLE001 - carried over the C frame, raised by the engine
            if self._error is None:
                self._error = error
            self.words[FLAGS] |= FLAG_STOP
            return None

    def _locate(self) -> int:
        """Bring NOW up to the instruction at RIP; what the decoder knows of that one."""
        words, state = self.words, self._state
        words[NOW] = words[COUNT]
        block = self._current
        if not words[BLOCK] or block is None:
            return 0
        rip = state.q[RIP] + state.base(CS)
        if not state.d[HFLAGS] & _LONG_CODE:
            rip &= _U32
        offset = (rip - block.pc) & NEVER
        if offset >= block.size:
            return 0
        if block.ambiguous:
            packed = self._resolve(block.pc, offset)
        else:
            key = (block.pc, offset, block.content)
            packed = self._insns.get(key, -1)
            if packed < 0:
                packed = self._insns[key] = self._resolve(block.pc, offset)
        words[NOW] = words[COUNT] - block.icount + (packed & 0xFFFF)
        return packed

    def _leave_block(self) -> None:
        words = self.words
        words[COUNT] = words[NOW]
        words[BLOCK] = 0

    def _io_privileged(self) -> bool:
        hflags = self._state.d[HFLAGS]
        return bool(hflags & _VM) or (hflags & 3) > (hflags >> 12 & 3)

    def on_in(self, port: int, size: int) -> int:
        if self.words[FLAGS] & FLAG_ABORT:
            return _U32
        self._api.save()
        packed = self._locate()
        if self._io_privileged() and not self._call(self._handlers.on_privileged, port, size):
            return _U32
        return (self._call(self._handlers.on_in, port, size, packed >> 16) or 0) & _U32

    def on_out(self, port: int, size: int, value: int) -> None:
        if self.words[FLAGS] & FLAG_ABORT:
            return
        self._api.save()
        packed = self._locate()
        if self._io_privileged() and not self._call(self._handlers.on_privileged, port, size):
            return
        self._call(self._handlers.on_out, port, size | packed >> 16 << 8, value)

    def on_intr(self, number: int) -> None:
        words = self.words
        if words[FLAGS] & FLAG_ABORT:
            self._api.stop()
            return
        self._api.save()
        packed = self._locate()
        self._leave_block()
        if number == EXIT_RDTSC and self._fast_rdtsc(packed):
            return
        self._call(self._handlers.on_intr, number, packed >> 16)
        if words[FLAGS] & FLAG_STOP:
            self._api.stop()

    def _fast_rdtsc(self, packed: int) -> bool:
        words, state = self.words, self._state
        if packed >> 16 & 0x7F != InsnClass.RDTSC or state.q[RFLAGS] & _TF:
            return False
        words[EXTRA] += words[RDTSC_COST]
        tsc = (self._time(NOW) + words[TSC_ADJUST]) & NEVER
        state.q[RAX] = tsc & _U32
        state.q[RDX] = tsc >> 32
        state.q[RIP] = (state.q[RIP] + (packed >> 24 & 0xFF)) & NEVER
        state.d[HFLAGS] &= ~_INHIBIT & _U32
        self._api.restore()
        words[RDTSC_EXITS] += 1
        words[NOW] += 1
        words[COUNT] = words[NOW]
        return True

    def on_cpuid(self) -> int:
        if not self.words[FLAGS] & FLAG_ABORT:
            self._api.save()
            self._locate()
            self._call(self._handlers.on_cpuid)
        return 1

    def on_syscall(self) -> None:
        if not self.words[FLAGS] & FLAG_ABORT:
            self._api.save()
            packed = self._locate()
            self._call(self._handlers.on_syscall, packed >> 16)

    def on_invalid(self) -> bool:
        if self.words[FLAGS] & FLAG_ABORT:
            self._api.stop()
            return True
        self._api.save()
        packed = self._locate()
        self._leave_block()
        self._call(self._handlers.on_invalid, packed >> 16)
        if self.words[FLAGS] & FLAG_STOP:
            self._api.stop()
        return True

    def on_mmio(self) -> None:
        if not self.words[FLAGS] & FLAG_ABORT:
            self._api.save()
            self._locate()
