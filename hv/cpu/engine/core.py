"""The only package that speaks to Unicorn: memory maps, hooks, saved state, starting and stopping.

Guest mode: the processor always runs with AMD-V's guest flag set, so that every intercepted event comes to
``on_intr`` with number 0x100 + #VMEXIT code (AMD64 APM vol. 2, appendix C). The fields of a VMCB that the
processor reads later live in private pages above the guest's physical address space.

Rules that keep it right, found by measurement:

* Unicorn looks at a stop request after every memory access, in the middle of an instruction, which it would
  then run again. So a stop is only ever asked from a block hook (before the block) or between blocks.
* A host's write into guest memory leaves stale translations: ``invalidate`` drops them. The guest's own
  writes are watched, see ``hv.cpu.engine.watch``.
* A port or MMIO callback cannot fault its instruction. ``abort`` makes the rest of the block harmless (it
  finds an empty page table, and every hook answers nothing) and ``run`` comes back with the state given.
"""

import ctypes
import mmap
from functools import cache, cached_property
from typing import Any

import unicorn.unicorn_const as const
import unicorn.x86_const as x86
from unicorn import UC_ARCH_X86, UC_MODE_64, Uc, UcError

from hv.cpu.engine import breakpoints
from hv.cpu.engine.binding import (
    FOR_FETCH,
    HOOKS,
    INT,
    MEMORY,
    REQUEST_CACHE,
    TLB_FLUSH,
    U64T,
    UCLIB,
    VOID_P,
    TranslatedBlock,
    address_of,
)
from hv.cpu.engine.code_pages import CodePages
from hv.cpu.engine.hooks import (
    HookSet,
    accelerated_hooks,
    accelerator_available,
    python_hooks,
)
from hv.cpu.engine.mmio import MmioCallbacks, MmioRead, MmioWrite
from hv.cpu.engine.selfcheck import prove_layout
from hv.cpu.engine.stops import StopHooks
from hv.cpu.engine.watch import PythonWatch, WatchPoint
from hv.cpu.engine.watchcheck import PROBE_MEMORY, prove_watch
from hv.cpu.pace import (
    BLOCK,
    COUNT,
    DEADLINE,
    FLAG_ABORT,
    FLAG_RELEASE,
    FLAGS,
    NEVER,
    NOW,
    PACE_WORDS,
    Handlers,
)
from hv.cpu.state import A20_MASK, CR0, CR3, RFLAGS, RIP, STATE_SIZE, CpuState
from hv.errors import InternalError

PHYSICAL_BITS = 40
"""Guest physical addresses are below 2**40: QEMU64's own limit, and what CPUID reports."""

_HIDDEN = 1 << 41  # private pages: unreachable by any guest page table entry
_HIDDEN_SIZE = 0x8000
_MSRPM, _MSRPM_SIZE = 0x1000, 0x2000
_EMPTY_TABLE = 0x4000
_VMCB_MSRPM_FIELD = 0x48
_VMCB_EXIT_INFO_2 = 0x80
_CONTEXT_HEADER = 40
_NO_UNTIL = 1 << 63  # an address that no code ever reaches
_FPCW_RESET, _MXCSR_RESET = 0x40, 0x1F80
_CR0_PE_PG = 1 << 31 | 1
_U64 = (1 << 64) - 1


class Engine:
    """One Unicorn instance and the saved state of the virtual processor it is running."""

    def __init__(self, *, checked: bool = False) -> None:
        if not checked:
            _prove_once()
        self._uc = Uc(UC_ARCH_X86, UC_MODE_64)
        self._uc.ctl_set_cpu_model(x86.UC_CPU_X86_QEMU64)
        self._uc.ctl_set_tlb_mode(const.UC_TLB_CPU)
        self.handle: Any = self._uc._uch
        # Until a region has been unmapped, Unicorn gives regions overlapping places in its numbering of RAM,
        # and takes code at one of two such places for the code at the other.
        self._uc.mem_map(_HIDDEN, _HIDDEN_SIZE)
        self._uc.mem_unmap(_HIDDEN, _HIDDEN_SIZE)
        saved = self._uc.context_save()
        if saved.size - _CONTEXT_HEADER != STATE_SIZE:
            raise InternalError(
                f"this Unicorn saves {saved.size - _CONTEXT_HEADER} bytes of state, not {STATE_SIZE}"
            )
        self.context: Any = saved._context
        self.state_address = (ctypes.cast(self.context, VOID_P).value or 0) + _CONTEXT_HEADER
        raw = (ctypes.c_ubyte * STATE_SIZE).from_address(self.state_address)
        self.state = CpuState(memoryview(raw).cast("B"))
        self._keep: list[object] = [saved]  # what C holds pointers to
        self._code_pages = CodePages(self.handle)
        self._hidden = mmap.mmap(-1, _HIDDEN_SIZE)
        self.map_ram(_HIDDEN, _HIDDEN_SIZE, self._hidden, 0)
        self._hidden[_MSRPM : _MSRPM + _MSRPM_SIZE] = b"\xff" * _MSRPM_SIZE
        field = slice(_VMCB_MSRPM_FIELD, _VMCB_MSRPM_FIELD + 8)
        self._hidden[field] = (_HIDDEN + _MSRPM).to_bytes(8, "little")
        self._aborted: bytes | None = None
        self._abort_count = 0
        self._rflags = ctypes.c_uint64()
        self._rflags_pointer = ctypes.byref(self._rflags)
        self._words = bytearray(8 * PACE_WORDS)
        self.pace = memoryview(self._words).cast("Q")
        self.pace[DEADLINE] = NEVER
        self._mmio = MmioCallbacks(self.pace)
        self.watch_point = WatchPoint(self.handle)
        self.accelerated = accelerator_available()
        self._hooks: HookSet

    def install(self, handlers: Handlers) -> None:
        """Let ``handlers`` answer the exits. Once, before memory is mapped."""
        if self.accelerated:
            self._hooks = accelerated_hooks(self, self._words, self._code_pages.marks, handlers)
        else:
            watch = PythonWatch(self.watch_point, self._code_pages.marks, self.pace)
            self._hooks = python_hooks(self.state, self, self.pace, handlers, watch)
        for kind, name, insn in HOOKS:
            self._hook(kind, self._hooks.addresses[name], 1, 0, insn)

    @cached_property
    def stops(self) -> StopHooks:
        """Where a debugger wants to stop; ``install`` comes first."""

        def add(kind: int, name: str, begin: int, end: int, user: int) -> int:
            return self._hook(kind, self._hooks.addresses[name], begin, end, user=user)

        return StopHooks(self.handle, add, self._hooks.user)

    def _hook(
        self,
        kind: int,
        function: int,
        begin: int,
        end: int,
        insn: int | None = None,
        user: int | None = None,
    ) -> int:
        handle = ctypes.c_size_t()
        data = VOID_P(self._hooks.user if user is None else user)
        extra = () if insn is None else (INT(insn),)
        status = UCLIB.uc_hook_add(
            self.handle, ctypes.byref(handle), kind, VOID_P(function), data, begin, end, *extra
        )
        if status:
            raise InternalError(f"uc_hook_add({kind}) failed with {status}")
        return handle.value

    # Memory.

    def map_ram(self, gpa: int, size: int, buffer: mmap.mmap, offset: int) -> None:
        """Guest RAM: ``size`` bytes of ``buffer`` from ``offset``, shared with the guest."""
        base = ctypes.addressof(ctypes.c_char.from_buffer(buffer, offset))
        try:
            self._uc.mem_map_ptr(gpa, size, const.UC_PROT_ALL, base)
        except UcError as error:
            raise InternalError(f"cannot map {size:#x} bytes at {gpa:#x}: {error}") from error
        self._code_pages.add_region(gpa, size)

    def map_rom(self, gpa: int, image: bytes) -> None:
        """Guest ROM: a copy of ``image``. The guest's writes are swallowed.

        Only memory that Unicorn allocates itself can be read-only all the way down.
        """
        self._uc.mem_map(gpa, len(image), const.UC_PROT_READ | const.UC_PROT_EXEC)
        self._uc.mem_write(gpa, image)
        swallow = MEMORY(lambda *_: True)
        self._keep.append(swallow)
        self._hook(const.UC_HOOK_MEM_WRITE_PROT, address_of(swallow), gpa, gpa + len(image) - 1)
        self._code_pages.add_region(gpa, len(image))

    def map_mmio(self, gpa: int, size: int, read: MmioRead, write: MmioWrite) -> None:
        """Accesses become ``read(offset, width)`` and ``write(offset, value, width)``."""
        callbacks = self._mmio.make(read, write)
        self._keep.append(callbacks)
        status = UCLIB.uc_mmio_map(self.handle, gpa, size, callbacks[0], 0, callbacks[1], 0)
        if status:
            raise InternalError(f"cannot map MMIO at {gpa:#x}: status {status}")
        # Protection faults bring RIP up to date before the callback; read and write hooks would, too, but
        # a single one of them sends every access to RAM down the slow path.
        self._uc.mem_protect(gpa, size, const.UC_PROT_NONE)
        kinds = const.UC_HOOK_MEM_READ_PROT | const.UC_HOOK_MEM_WRITE_PROT
        self._hook(kinds, self._hooks.addresses["mmio"], gpa, gpa + size - 1)

    def permit_msrs(self, msrs: tuple[int, ...]) -> None:
        """MSRs that the guest reads and writes in Unicorn itself, without an exit."""
        for msr in msrs:
            bit = (8192 + msr - 0xC0000000) * 2 if msr >= 0xC0000000 else msr * 2
            self._hidden[_MSRPM + bit // 8] &= ~(3 << bit % 8) & 0xFF

    # State.

    @property
    def vmcb_address(self) -> int:
        return _HIDDEN

    def fault_address(self) -> int:
        """What CR2 will be: the linear address of the page fault that has just exited."""
        return int.from_bytes(self._hidden[_VMCB_EXIT_INFO_2 : _VMCB_EXIT_INFO_2 + 8], "little")

    def save(self) -> None:
        """Processor -> ``state``."""
        UCLIB.uc_context_save(self.handle, self.context)

    def restore(self) -> None:
        """``state`` -> processor. Translations stay: see ``flush_tlb``."""
        UCLIB.uc_context_restore(self.handle, self.context)

    def saved_state(self) -> bytes:
        """The processor's state for another engine."""
        self.save()
        return breakpoints.without_pointers(self.state)

    def load_state(self, saved: bytes) -> None:
        """Go on from what ``saved_state`` of another engine gave. Once, before it has run."""
        self.state.bytes[:] = saved
        breakpoints.arm(self.handle, self.state)
        self.restore()
        self.flush_tlb()

    def reset_fpu(self) -> None:
        """Control words after RESET; the tags are ``CpuState.empty_fpu``'s."""
        self._uc.reg_write(x86.UC_X86_REG_FPCW, _FPCW_RESET)
        self._uc.reg_write(x86.UC_X86_REG_MXCSR, _MXCSR_RESET)

    def read_rflags(self) -> int:
        """The whole RFLAGS of the processor itself, lazy flags computed."""
        UCLIB.uc_reg_read(self.handle, x86.UC_X86_REG_EFLAGS, self._rflags_pointer)
        return self._rflags.value

    def flush_tlb(self) -> None:
        """Forget address translations; needed whenever ``restore`` changed paging or A20."""
        UCLIB.uc_ctl(self.handle, INT(TLB_FLUSH))

    def flush_translations(self) -> None:
        """Drop all translated code: what is translated from now on calls the hooks of now."""
        self._uc.ctl_flush_tb()

    def add_hook(self, kind: int, function: int) -> None:
        """One more hook on the whole address space. Translations made before do not call it."""
        self._hook(kind, function, 1, 0)

    @property
    def hooks(self) -> HookSet:
        """The hooks at work."""
        return self._hooks

    def keep(self, thing: object) -> None:
        """Unicorn will call into ``thing`` for as long as this engine lives."""
        self._keep.append(thing)

    def invalidate(self, gpa: int, size: int) -> None:
        """Drop translated code of [gpa, gpa+size): the host has changed those bytes."""
        self._code_pages.invalidate(gpa, size)

    def set_a20(self, enabled: bool) -> None:
        """Mask or pass address line 20."""
        self.save()
        self.state.d[A20_MASK] = 0xFFFFFFFF if enabled else 0xFFEFFFFF
        self.restore()
        self.flush_tlb()

    # Running.

    def stop(self) -> None:
        """Stop now. Only between blocks or from a block hook: see the module's rules."""
        UCLIB.uc_emu_stop(self.handle)

    def request_icount(self, pc: int, size: int) -> int | None:
        """How many instructions the translated block at ``pc`` holds."""
        tb = TranslatedBlock()
        status = UCLIB.uc_ctl(self.handle, INT(REQUEST_CACHE), U64T(pc), ctypes.byref(tb))
        if status:
            return None
        if tb.pc == pc and tb.size == size:
            return int(tb.icount)
        self.watch_code(tb.pc, tb.size)  # translated only now, for the question
        return None

    def code_at(self, pc: int, size: int) -> tuple[int, bytes]:
        """Physical address of linear ``pc`` and the bytes there; fewer bytes than asked when unmapped."""
        code = b""
        first = _U64
        physical = U64T()
        while len(code) < size:
            here = (pc + len(code)) & _U64
            if UCLIB.uc_vmem_translate(self.handle, U64T(here), FOR_FETCH, ctypes.byref(physical)):
                break
            if not code:
                first = physical.value
            chunk = min(4096 - (here & 4095), size - len(code))
            buffer = ctypes.create_string_buffer(chunk)
            if UCLIB.uc_mem_read(self.handle, physical, buffer, ctypes.c_uint64(chunk)):
                break
            code += buffer.raw
        return first, code

    def watch_code(self, pc: int, size: int) -> None:
        """A block at linear ``pc`` was translated: see that every store into its pages is seen.

        What the TLB calls dirty by then is forgotten once a page.
        """
        physical = U64T()
        for here in (pc, (pc + max(size, 1) - 1) & _U64):
            if UCLIB.uc_vmem_translate(self.handle, U64T(here), FOR_FETCH, ctypes.byref(physical)):
                continue
            if self._code_pages.mark(physical.value):
                self.flush_tlb()

    def abort(self) -> None:
        """Called with ``state`` as it shall be when the current instruction has faulted, flags plain.

        The instruction does not retire, nor does anything behind it in its block.
        """
        self._aborted = bytes(self.state.bytes)
        self._abort_count = self.pace[NOW]
        self.pace[FLAGS] |= FLAG_ABORT
        self.state.q[CR0] |= _CR0_PE_PG
        self.state.q[CR3] = _HIDDEN + _EMPTY_TABLE
        self.restore()
        self.flush_tlb()

    def run(self) -> int:
        """Run until a stop. Unicorn's status: 0, or an error number when it gave up.

        Errors that handlers raised are raised here. Afterwards ``state`` is saved.
        """
        status: int = UCLIB.uc_emu_start(
            self.handle, U64T(self.state.q[RIP]), U64T(_NO_UNTIL), 0, 0
        )
        self.save()
        words = self.pace
        if self._aborted is not None:
            self.state.bytes[:] = self._aborted
            self.state.q[RFLAGS] = (
                self.state.rflags()
            )  # outside its loop Unicorn keeps all flags there
            self._aborted = None
            words[FLAGS] &= ~FLAG_ABORT & _U64
            words[COUNT] = words[NOW] = self._abort_count
            words[BLOCK] = 0
            self.restore()
            self.flush_tlb()
            status = 0
        if words[FLAGS] & FLAG_RELEASE:
            words[FLAGS] &= ~FLAG_RELEASE & _U64
            self._code_pages.release()
        error = self._hooks.take_error() or self._mmio.take_error()
        if error is not None:
            raise error
        return status

    def release(self) -> None:
        """It will not run again: let go of whoever answered its exits. The state can still be read.

        The accelerator holds them where Python's garbage collector cannot see it.
        """
        self.watch_point.restore()
        self._hooks = self._hooks.released()


@cache
def _prove_once() -> None:
    probe = Engine(checked=True)
    memory = mmap.mmap(-1, PROBE_MEMORY)
    probe.map_ram(0, PROBE_MEMORY, memory, 0)
    probe._keep.append(PythonWatch(probe.watch_point, probe._code_pages.marks, probe.pace))
    prove_watch(probe._uc, probe._code_pages, memory)
    prove_layout(probe._uc, probe.state, probe.save, probe.restore)
