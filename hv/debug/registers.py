"""A stopped processor's registers by name, read and written in its saved state.

Control registers, descriptor tables and segments in protected mode are read only: what hangs on them would
have to change with them. The names are those of ``hv.debug.description``.
"""

from collections.abc import Callable

from hv.cpu import state as s
from hv.cpu.syscall import KERNEL_GS_BASE
from hv.vp import Stops, VirtualProcessor

_GENERAL = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi")
_SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs", "ldt", "tr", "gdt", "idt")
_WORDS = {"cr0": s.CR0, "cr2": s.CR2, "cr3": s.CR3, "cr4": s.CR4, "k_gs_base": KERNEL_GS_BASE}
_WORDS |= {name: number for number, name in enumerate(_GENERAL)}
_WORDS |= {f"r{number}": number for number in range(8, 16)}
_WRITABLE_WORDS = frozenset(_GENERAL) | {f"r{number}" for number in range(8, 16)}
_SELECTORS = ("es", "cs", "ss", "ds", "fs", "gs")

_FLAGS = s.Rflags
_WRITABLE_FLAGS = (
    s.ARITHMETIC_FLAGS
    | (_FLAGS.TF | _FLAGS.IF | _FLAGS.DF | _FLAGS.NT | _FLAGS.RF | _FLAGS.AC | _FLAGS.ID).value
)
_DF = _FLAGS.DF.value
_BACKWARDS = 0xFFFFFFFF
_PE = 1 << 0
_SVME = 1 << 12
_VM = _FLAGS.VM.value
_CS64, _CS32 = s.Hflags.CS64.value, s.Hflags.CS32.value
_U32, _U64 = (1 << 32) - 1, (1 << 64) - 1


class Registers:
    """The registers of one processor."""

    def __init__(self, vp: VirtualProcessor, stops: Stops) -> None:
        self._vp = vp
        self._stops = stops
        self._state = vp.state
        self._readers = self._make_readers()
        self._writers = self._make_writers()

    def read(self, name: str) -> int:
        """0 for what the processor does not have."""
        reader = self._readers.get(name)
        return reader() if reader else 0

    def write(self, name: str, value: int) -> bool:
        """False when it cannot be written, or not with this value."""
        writer = self._writers.get(name)
        if writer is None or not writer(value):
            return False
        self._vp.engine.restore()
        return True

    def _make_readers(self) -> dict[str, Callable[[], int]]:
        state, fpu = self._state, s
        readers: dict[str, Callable[[], int]] = {
            "pc": self._stops.pc,
            "eflags": self._vp.engine.read_rflags,
            "efer": lambda: state.q[s.EFER] & ~_SVME,
            "cr8": self._vp.task_priority,
            "fctrl": state.fpu_control,
            "fstat": state.fpu_status,
            "ftag": state.fpu_tags,
            "mxcsr": state.mxcsr,
            "fioff": lambda: state.q[fpu.FPU_IP] & _U32,
            "fooff": lambda: state.q[fpu.FPU_DP] & _U32,
            "fop": lambda: state.h[fpu.FPU_OPCODE],
        }
        for name, word in _WORDS.items():
            readers[name] = lambda word=word: state.q[word]  # type: ignore[misc]
        for index, name in enumerate(_SEGMENTS):
            readers[f"{name}_base"] = lambda index=index: state.base(index)  # type: ignore[misc]
            readers[f"{name}_limit"] = lambda index=index: state.limit(index)  # type: ignore[misc]
            readers[name] = lambda index=index: state.selector(index)  # type: ignore[misc]
        for number in range(16):
            readers[f"xmm{number}"] = lambda number=number: state.xmm(number)  # type: ignore[misc]
        for number in range(8):
            readers[f"st{number}"] = lambda number=number: state.x87(number)  # type: ignore[misc]
        return readers

    def _make_writers(self) -> dict[str, Callable[[int], bool]]:
        writers: dict[str, Callable[[int], bool]] = {"pc": self._jump, "eflags": self._set_flags}
        for name in _WRITABLE_WORDS:
            writers[name] = self._word_writer(_WORDS[name])
        for index, name in enumerate(_SELECTORS):
            writers[name] = self._selector_writer(index)
        for number in range(16):
            writers[f"xmm{number}"] = self._xmm_writer(number)
        return writers

    def _word_writer(self, word: int) -> Callable[[int], bool]:
        def write(value: int) -> bool:
            self._state.q[word] = value & _U64
            return True

        return write

    def _xmm_writer(self, number: int) -> Callable[[int], bool]:
        def write(value: int) -> bool:
            self._state.set_xmm(number, value)
            return True

        return write

    def _selector_writer(self, index: int) -> Callable[[int], bool]:
        """Only where a selector is all there is to a segment: real and virtual-8086 mode."""

        def write(value: int) -> bool:
            state = self._state
            if (state.q[s.CR0] & _PE and not state.q[s.RFLAGS] & _VM) or value >> 16:
                return False
            segment = state.segment(index)
            state.set_segment(index, value, value << 4, segment.limit, segment.flags)
            if index == s.CS:
                self._stops.jump()
            return True

        return write

    def _jump(self, linear: int) -> bool:
        state = self._state
        hflags = state.d[s.HFLAGS]
        rip = (linear - (0 if hflags & _CS64 else state.base(s.CS))) & _U64
        if not hflags & _CS64:
            rip &= _U32
            if not hflags & _CS32 and rip >> 16:
                return False
        state.q[s.RIP] = rip
        self._stops.jump()
        return True

    def _set_flags(self, value: int) -> bool:
        state = self._state
        before = self._vp.engine.read_rflags()
        flags = before & ~_WRITABLE_FLAGS | value & _WRITABLE_FLAGS
        state.q[s.RFLAGS] = flags
        state.q[s.CC_SRC] = flags & s.ARITHMETIC_FLAGS
        state.d[s.CC_OP] = s.CC_OP_EFLAGS
        state.d[s.DF] = _BACKWARDS if flags & _DF else 1
        return True
