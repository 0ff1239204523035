"""The only module that speaks to Unicorn: memory maps, hooks, saved state, starting and stopping.

Guest mode: the processor always runs with AMD-V's guest flag set, so that every intercepted event comes to
``on_intr`` with number 0x100 + #VMEXIT code (AMD64 APM vol. 2, appendix C). The fields of a VMCB that the
processor reads later live in private pages above the guest's physical address space.

Rules that keep it right, found by measurement:

* Unicorn looks at a stop request after every memory access, in the middle of an instruction, which it would
  then run again. So a stop is only ever asked from a block hook (before the block) or between blocks.
* A host's write into guest memory leaves stale translations: ``invalidate`` drops them.
* A port or MMIO callback cannot fault its instruction. ``abort`` makes the rest of the block harmless (it
  finds an empty page table, and every hook answers nothing) and ``run`` comes back with the state given.
"""

import ctypes
import mmap
import os
from collections.abc import Callable
from typing import Any

import unicorn.unicorn_const as uc_const
import unicorn.x86_const as x86
from unicorn import UC_ARCH_X86, UC_MODE_64, Uc, UcError
from unicorn.unicorn_py3 import unicorn as binding

from hv.cpu import pace as pace_words
from hv.cpu.pace import COUNT, FLAG_ABORT, FLAG_STOP, FLAGS, NOW, Handlers, PythonPace
from hv.cpu.state import A20_MASK, CR0, CR3, RIP, STATE_SIZE, CpuState
from hv.errors import InternalError

try:
    from hv.cpu import _accel  # type: ignore[attr-defined]
except ImportError:  # no compiler when the package was installed
    _accel = None

PHYSICAL_BITS = 40
"""Guest physical addresses are below 2**40: QEMU64's own limit, and what CPUID reports."""

ACCELERATOR_VARIABLE = "HV_ACCEL"
"""Set to 0 to run the Python twin of the accelerator."""

_HIDDEN = 1 << 41  # private pages: unreachable by any guest page table entry
_HIDDEN_SIZE = 0x8000
_MSRPM = 0x1000
_EMPTY_TABLE = 0x4000
_VMCB_MSRPM_FIELD = 0x48
_VMCB_EXIT_INFO_2 = 0x80
_CONTEXT_HEADER = 40
_NO_UNTIL = 1 << 63  # an address that no code ever reaches
_FPCW_RESET, _MXCSR_RESET = 0x40, 0x1F80
_CR0_PE_PG = 1 << 31 | 1

_TLB_FLUSH = uc_const.UC_CTL_TLB_FLUSH | uc_const.UC_CTL_IO_WRITE << 30
_REQUEST_CACHE = (
    uc_const.UC_CTL_TB_REQUEST_CACHE | 2 << 26 | uc_const.UC_CTL_IO_READ_WRITE << 30
) - (1 << 32)
_EXEC = 4
_U64 = (1 << 64) - 1

_uclib: Any = binding.uclib
_VOID_P, _U32T, _U64T, _INT = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int
_BLOCK = ctypes.CFUNCTYPE(None, _VOID_P, _U64T, _U32T, _VOID_P)
_EDGE = ctypes.CFUNCTYPE(None, _VOID_P, _VOID_P, _VOID_P, _VOID_P)
_IN = ctypes.CFUNCTYPE(_U32T, _VOID_P, _U32T, _INT, _VOID_P)
_OUT = ctypes.CFUNCTYPE(None, _VOID_P, _U32T, _INT, _U32T, _VOID_P)
_INTR = ctypes.CFUNCTYPE(None, _VOID_P, _U32T, _VOID_P)
_PLAIN = ctypes.CFUNCTYPE(_INT, _VOID_P, _VOID_P)
_MEM = ctypes.CFUNCTYPE(ctypes.c_bool, _VOID_P, _INT, _U64T, _INT, ctypes.c_int64, _VOID_P)
_MMIO_READ = ctypes.CFUNCTYPE(_U64T, _VOID_P, _U64T, ctypes.c_uint, _VOID_P)
_MMIO_WRITE = ctypes.CFUNCTYPE(None, _VOID_P, _U64T, ctypes.c_uint, _U64T, _VOID_P)

MmioRead = Callable[[int, int], int]
MmioWrite = Callable[[int, int, int], None]


class _Tb(ctypes.Structure):
    _fields_ = [("pc", _U64T), ("icount", ctypes.c_uint16), ("size", ctypes.c_uint16)]


def accelerator_available() -> bool:
    """The C hooks were built and are not switched off."""
    return _accel is not None and os.environ.get(ACCELERATOR_VARIABLE, "1") != "0"


class Engine:
    """One Unicorn instance and the saved state of the virtual processor it is running."""

    def __init__(self, handlers: Handlers) -> None:
        self._uc = Uc(UC_ARCH_X86, UC_MODE_64)
        self._uc.ctl_set_cpu_model(x86.UC_CPU_X86_QEMU64)
        self._uc.ctl_set_tlb_mode(uc_const.UC_TLB_CPU)
        self._handle = self._uc._uch
        self._keep: list[Any] = []  # callbacks that C holds pointers to
        self._context = self._uc.context_save()
        self._context_pointer = self._context._context
        if self._context.size - _CONTEXT_HEADER != STATE_SIZE:
            raise InternalError(f"Unicorn's saved state has {self._context.size - _CONTEXT_HEADER} bytes")
        address = ctypes.cast(self._context_pointer, _VOID_P).value or 0
        self._state_address = address + _CONTEXT_HEADER
        self.state = CpuState(
            memoryview((ctypes.c_ubyte * STATE_SIZE).from_address(self._state_address)).cast("B")
        )
        self._hidden = mmap.mmap(-1, _HIDDEN_SIZE)
        self._map_pointer(_HIDDEN, _HIDDEN_SIZE, self._hidden, 0, writable=True)
        self._hidden[_MSRPM : _MSRPM + 0x2000] = b"\xff" * 0x2000
        self._hidden[_VMCB_MSRPM_FIELD : _VMCB_MSRPM_FIELD + 8] = (_HIDDEN + _MSRPM).to_bytes(8, "little")
        self._aborted: bytes | None = None
        self._abort_count = 0
        self._rflags = ctypes.c_uint64()
        self._rflags_pointer = ctypes.byref(self._rflags)
        self.accelerated = accelerator_available()
        self.pace: memoryview
        self._take_error: Callable[[], BaseException | None]
        if self.accelerated:
            self._install_accelerator(handlers)
        else:
            self._install_python(handlers)
        self.pace[pace_words.DEADLINE] = pace_words.NEVER

    # -- hooks -----------------------------------------------------------------------------------------

    def _install_accelerator(self, handlers: Handlers) -> None:
        def function(name: str) -> int:
            return ctypes.cast(getattr(_uclib, name), _VOID_P).value or 0

        names = ("emu_stop", "context_save", "context_restore", "ctl", "vmem_translate", "mem_read")
        capsule, view, hooks = _accel.create(
            ctypes.cast(self._handle, _VOID_P).value,
            ctypes.cast(self._context_pointer, _VOID_P).value,
            self._state_address,
            tuple(function(f"uc_{name}") for name in names),
            _REQUEST_CACHE,
            (
                handlers.resolve,
                handlers.on_in,
                handlers.on_out,
                handlers.on_intr,
                handlers.on_cpuid,
                handlers.on_syscall,
                handlers.on_invalid,
                handlers.on_privileged,
            ),
        )
        self._keep.append(capsule)
        self.pace = view.cast("Q")
        self._take_error = lambda: _accel.take_error(capsule)
        self._add_hooks(hooks, _accel.pointer(capsule))

    def _install_python(self, handlers: Handlers) -> None:
        twin = PythonPace(self.state, self, handlers)
        self.pace = twin.words

        def edge(_uc: int, tb: int, _previous: int, _user: int) -> None:
            block = _Tb.from_address(tb)
            twin.on_edge(block.pc, block.icount, block.size)

        functions = {
            "block": _BLOCK(lambda _uc, pc, size, _user: twin.on_block(pc, size)),
            "edge": _EDGE(edge),
            "in": _IN(lambda _uc, port, size, _user: twin.on_in(port, size)),
            "out": _OUT(lambda _uc, port, size, value, _user: twin.on_out(port, size, value)),
            "intr": _INTR(lambda _uc, number, _user: twin.on_intr(number)),
            "cpuid": _PLAIN(lambda _uc, _user: twin.on_cpuid()),
            "syscall": _PLAIN(lambda _uc, _user: twin.on_syscall() or 0),
            "invalid": _PLAIN(lambda _uc, _user: int(twin.on_invalid())),
            "mmio": _MEM(lambda *_: twin.on_mmio() is None),
        }
        self._keep.append(functions)

        def take_error() -> BaseException | None:
            error, twin.error = twin.error, None
            return error

        self._take_error = take_error
        addresses = {name: ctypes.cast(f, _VOID_P).value or 0 for name, f in functions.items()}
        self._add_hooks(addresses, 0)

    def _add_hooks(self, addresses: dict[str, int], user: int) -> None:
        self._mmio_hook = (addresses["mmio"], user)
        insn = uc_const.UC_HOOK_INSN
        for kind, name, extra in (
            (uc_const.UC_HOOK_BLOCK, "block", None),
            (uc_const.UC_HOOK_EDGE_GENERATED, "edge", None),
            (uc_const.UC_HOOK_INTR, "intr", None),
            (uc_const.UC_HOOK_INSN_INVALID, "invalid", None),
            (insn, "in", x86.UC_X86_INS_IN),
            (insn, "out", x86.UC_X86_INS_OUT),
            (insn, "cpuid", x86.UC_X86_INS_CPUID),
            (insn, "syscall", x86.UC_X86_INS_SYSCALL),
            (insn, "syscall", x86.UC_X86_INS_SYSENTER),
        ):
            self._hook(kind, addresses[name], user, 1, 0, extra)

    def _hook(
        self, kind: int, function: int, user: int, begin: int, end: int, insn: int | None = None
    ) -> None:
        handle = ctypes.c_size_t()
        extra = () if insn is None else (_INT(insn),)
        status = _uclib.uc_hook_add(
            self._handle, ctypes.byref(handle), kind, _VOID_P(function), _VOID_P(user), begin, end, *extra
        )
        if status:
            raise InternalError(f"uc_hook_add({kind}) failed with {status}")

    # -- memory ----------------------------------------------------------------------------------------

    def _map_pointer(
        self, gpa: int, size: int, buffer: mmap.mmap, offset: int, *, writable: bool
    ) -> None:
        base = ctypes.addressof(ctypes.c_char.from_buffer(buffer, offset))
        prot = uc_const.UC_PROT_ALL if writable else uc_const.UC_PROT_READ | uc_const.UC_PROT_EXEC
        try:
            self._uc.mem_map_ptr(gpa, size, prot, base)
        except UcError as error:
            raise InternalError(f"cannot map {size:#x} bytes at {gpa:#x}: {error}") from error

    def map_ram(self, gpa: int, size: int, buffer: mmap.mmap, offset: int) -> None:
        """Guest RAM: ``size`` bytes of ``buffer`` from ``offset``, shared with the guest."""
        self._map_pointer(gpa, size, buffer, offset, writable=True)

    def map_rom(self, gpa: int, size: int, buffer: mmap.mmap, offset: int) -> None:
        """As RAM, but the guest's writes are swallowed."""
        self._map_pointer(gpa, size, buffer, offset, writable=False)
        swallow = _MEM(lambda *_: True)
        self._keep.append(swallow)
        address = ctypes.cast(swallow, _VOID_P).value or 0
        self._hook(uc_const.UC_HOOK_MEM_WRITE_PROT, address, 0, gpa, gpa + size - 1)

    def map_mmio(self, gpa: int, size: int, read: MmioRead, write: MmioWrite) -> None:
        """Accesses become ``read(offset, width)`` and ``write(offset, value, width)``."""
        callbacks = (
            _MMIO_READ(lambda _uc, offset, width, _user: self._mmio_read(read, offset, width)),
            _MMIO_WRITE(
                lambda _uc, offset, width, value, _user: self._mmio_write(write, offset, value, width)
            ),
        )
        self._keep.append(callbacks)
        status = _uclib.uc_mmio_map(self._handle, gpa, size, callbacks[0], 0, callbacks[1], 0)
        if status:
            raise InternalError(f"cannot map MMIO at {gpa:#x}: status {status}")
        function, user = self._mmio_hook
        kinds = uc_const.UC_HOOK_MEM_READ | uc_const.UC_HOOK_MEM_WRITE
        self._hook(kinds, function, user, gpa, gpa + size - 1)

    def _mmio_read(self, read: MmioRead, offset: int, width: int) -> int:
        if self.pace[FLAGS] & FLAG_ABORT:
            return _U64
        try:
            return read(offset, width)
        except BaseException as error:  # noqa: BLE001 - may not cross the C frame
            self._fail(error)
            return _U64

    def _mmio_write(self, write: MmioWrite, offset: int, value: int, width: int) -> None:
        if self.pace[FLAGS] & FLAG_ABORT:
            return
        try:
            write(offset, value, width)
        except BaseException as error:  # noqa: BLE001 - may not cross the C frame
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._mmio_error = error
        self.pace[FLAGS] |= FLAG_STOP

    _mmio_error: BaseException | None = None

    def permit_msrs(self, msrs: tuple[int, ...]) -> None:
        """MSRs that the guest reads and writes in Unicorn itself, without an exit."""
        for msr in msrs:
            bit = (8192 + msr - 0xC0000000) * 2 if msr >= 0xC0000000 else msr * 2
            self._hidden[_MSRPM + bit // 8] &= ~(3 << bit % 8) & 0xFF

    # -- state -----------------------------------------------------------------------------------------

    @property
    def vmcb_address(self) -> int:
        return _HIDDEN

    def fault_address(self) -> int:
        """What CR2 will be: the linear address of the page fault that has just exited."""
        return int.from_bytes(self._hidden[_VMCB_EXIT_INFO_2 : _VMCB_EXIT_INFO_2 + 8], "little")

    def save(self) -> None:
        """Processor -> ``state``."""
        _uclib.uc_context_save(self._handle, self._context_pointer)

    def restore(self) -> None:
        """``state`` -> processor. Translations stay: see ``flush_tlb``."""
        _uclib.uc_context_restore(self._handle, self._context_pointer)

    def reset_fpu(self) -> None:
        """Control words after RESET; the tags are ``CpuState.empty_fpu``'s."""
        self._uc.reg_write(x86.UC_X86_REG_FPCW, _FPCW_RESET)
        self._uc.reg_write(x86.UC_X86_REG_MXCSR, _MXCSR_RESET)

    def read_rflags(self) -> int:
        """The whole RFLAGS of the processor itself, lazy flags computed."""
        _uclib.uc_reg_read(self._handle, x86.UC_X86_REG_EFLAGS, self._rflags_pointer)
        return self._rflags.value

    def flush_tlb(self) -> None:
        """Forget address translations; needed whenever ``restore`` changed paging or A20."""
        _uclib.uc_ctl(self._handle, _INT(_TLB_FLUSH))

    def invalidate(self, gpa: int, size: int) -> None:
        """Drop translated code of [gpa, gpa+size): the host has changed those bytes."""
        state = self.state
        self.save()
        cr0 = state.q[CR0]
        if not cr0 >> 31:
            self._uc.ctl_remove_cache(gpa, gpa + size)
            return
        state.q[CR0] = cr0 & ~(1 << 31)
        self.restore()
        self.flush_tlb()
        self._uc.ctl_remove_cache(gpa, gpa + size)
        state.q[CR0] = cr0
        self.restore()
        self.flush_tlb()

    def set_a20(self, enabled: bool) -> None:
        """Mask or pass address line 20."""
        self.save()
        self.state.d[A20_MASK] = 0xFFFFFFFF if enabled else 0xFFEFFFFF
        self.restore()
        self.flush_tlb()

    # -- running ---------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop now. Only between blocks or from a block hook: see the module's rules."""
        _uclib.uc_emu_stop(self._handle)

    def request_icount(self, pc: int, size: int) -> int | None:
        """How many instructions the translated block at ``pc`` holds."""
        tb = _Tb()
        status = _uclib.uc_ctl(self._handle, _INT(_REQUEST_CACHE), _U64T(pc), ctypes.byref(tb))
        return tb.icount if not status and tb.pc == pc and tb.size == size else None

    def code_at(self, pc: int, size: int) -> tuple[int, bytes]:
        """Physical address of linear ``pc`` and the bytes there; fewer bytes than asked when unmapped."""
        code = b""
        first = _U64
        physical = _U64T()
        while len(code) < size:
            here = (pc + len(code)) & _U64
            if _uclib.uc_vmem_translate(self._handle, _U64T(here), _EXEC, ctypes.byref(physical)):
                break
            if not code:
                first = physical.value
            chunk = min(4096 - (here & 4095), size - len(code))
            buffer = ctypes.create_string_buffer(chunk)
            if _uclib.uc_mem_read(self._handle, physical, buffer, ctypes.c_uint64(chunk)):
                break
            code += buffer.raw
        return first, code

    def abort(self) -> None:
        """Called with ``state`` as it shall be when the current instruction has faulted.

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
        status: int = _uclib.uc_emu_start(self._handle, _U64T(self.state.q[RIP]), _U64T(_NO_UNTIL), 0, 0)
        self.save()
        words = self.pace
        if self._aborted is not None:
            self.state.bytes[:] = self._aborted
            self._aborted = None
            words[FLAGS] &= ~FLAG_ABORT & _U64
            words[COUNT] = words[NOW] = self._abort_count
            words[pace_words.BLOCK_SIZE] = 0
            self.restore()
            self.flush_tlb()
            status = 0
        error = self._take_error() or self._mmio_error
        if error is not None:
            self._mmio_error = None
            raise error
        return status
