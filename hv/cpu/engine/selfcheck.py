"""Is the saved state where we think it is? Asked of the installed Unicorn, once a process.

Known values go in through Unicorn's public interface and must be found at our offsets, and one value put
at an offset must come out of the public interface.
"""

from collections.abc import Callable

import unicorn.x86_const as x86
from unicorn import Uc, __version__

from hv.cpu import state as s
from hv.cpu.state import CpuState
from hv.cpu.syscall import MSR_WORDS
from hv.errors import InternalError

_MARK = 0x1122334455660000
_REGISTERS = (
    (x86.UC_X86_REG_RAX, s.RAX),
    (x86.UC_X86_REG_RCX, s.RCX),
    (x86.UC_X86_REG_RDX, s.RDX),
    (x86.UC_X86_REG_RBX, s.RBX),
    (x86.UC_X86_REG_RSP, s.RSP),
    (x86.UC_X86_REG_RBP, s.RBP),
    (x86.UC_X86_REG_RSI, s.RSI),
    (x86.UC_X86_REG_RDI, s.RDI),
    (x86.UC_X86_REG_R8, s.R8),
    (x86.UC_X86_REG_R15, s.R15),
    (x86.UC_X86_REG_RIP, s.RIP),
    (x86.UC_X86_REG_CR2, s.CR2),
    (x86.UC_X86_REG_CR3, s.CR3),
    (x86.UC_X86_REG_DR0, s.DR0),
)
_TABLES = ((x86.UC_X86_REG_GDTR, s.GDTR), (x86.UC_X86_REG_IDTR, s.IDTR))
_EFER_MSR, _EFER_VALUE = 0xC0000080, 0x901
_INTERRUPT_FLAG = 0x200


def prove_layout(
    uc: Uc, state: CpuState, save: Callable[[], None], restore: Callable[[], None]
) -> None:
    """InternalError when the layout of ``hv.cpu.state`` is not that of the installed Unicorn.

    ``save`` fills ``state`` from ``uc``, ``restore`` goes the other way. The instance is spoiled.
    """

    def expect(what: str, found: int, wanted: int) -> None:
        if found != wanted:
            raise InternalError(
                f"Unicorn {__version__} keeps {what} elsewhere than this version of hv expects"
            )

    for number, (register, word) in enumerate(_REGISTERS):
        uc.reg_write(register, _MARK + number)
        save()
        expect(f"state word {word}", state.q[word], _MARK + number)
    for register, segment in _TABLES:
        uc.reg_write(register, (0, 0x12345000 + segment, 0x7F0 + segment, 0))
        save()
        found = state.segment(segment)
        expect(f"table {segment}", found.base, 0x12345000 + segment)
        expect(f"table limit {segment}", found.limit, 0x7F0 + segment)
    uc.msr_write(_EFER_MSR, _EFER_VALUE)
    for number, (msr, _) in enumerate(MSR_WORDS.items()):
        uc.msr_write(msr, _MARK + number)
    save()
    expect("EFER", state.q[s.EFER] & _EFER_VALUE, _EFER_VALUE)
    for number, (msr, word) in enumerate(MSR_WORDS.items()):
        expect(f"MSR {msr:#x}", state.q[word], _MARK + number)
    uc.reg_write(x86.UC_X86_REG_EFLAGS, 0x2 | _INTERRUPT_FLAG)
    save()
    expect("RFLAGS", state.q[s.RFLAGS] & _INTERRUPT_FLAG, _INTERRUPT_FLAG)
    expect("the A20 mask", state.d[s.A20_MASK], 0xFFFFFFFF)
    expect("the direction flag", state.d[s.DF], 1)
    state.q[s.R8] = _MARK
    restore()
    expect("R8 on the way back", uc.reg_read(x86.UC_X86_REG_R8), _MARK)
