"""Does changed code run as it is now? Asked of the installed Unicorn, once a process.

A function in a page that is watched is changed through another mapping of the page, and by the host.
"""

import mmap
import struct
from itertools import pairwise

import unicorn.x86_const as x86
from unicorn import Uc, __version__

from hv.cpu.engine.code_pages import CodePages
from hv.errors import InternalError
from hv.types import PAGE_SIZE

PROBE_MEMORY = 0x10000
_TABLES = (0x1000, 0x2000, 0x3000, 0x4000)  # PML4 to page table
_PROGRAM, _FUNCTION, _ALIAS, _STACK = 0x8000, 0x9000, 0xA000, 0xC000
_PRESENT, _WRITABLE, _NO_EXECUTE = 1, 3, 1 << 63
_EFER, _LONG_MODE_NO_EXECUTE = 0xC0000080, 0xD00
_PAE, _PAGING = 1 << 5, 1 << 31

_MOV_EAX_1_RET = bytes.fromhex("b801000000 c3")
_ANSWER = _FUNCTION + 1
_CALL_RBX = bytes.fromhex("ffd3")
_CHANGE = bytes.fromhex(
    "c6860008000000"  # mov byte [rsi+0x800], 0: the first store through a mapping is always seen
    "c6460102"  # mov byte [rsi+1], 2
)
_CALL_CHANGE_CALL = _CALL_RBX + _CHANGE + _CALL_RBX
_END = _PROGRAM + len(_CALL_CHANGE_CALL)


def prove_watch(uc: Uc, pages: CodePages, memory: mmap.mmap) -> None:
    """InternalError when a changed function runs as it was. ``memory`` is RAM at 0 and is watched."""
    _lay_out(memory)
    uc.msr_write(_EFER, _LONG_MODE_NO_EXECUTE)
    uc.reg_write(x86.UC_X86_REG_CR4, _PAE)
    uc.reg_write(x86.UC_X86_REG_CR3, _TABLES[0])
    uc.reg_write(x86.UC_X86_REG_CR0, uc.reg_read(x86.UC_X86_REG_CR0) | _PAGING)
    uc.reg_write(x86.UC_X86_REG_RSP, _STACK)
    uc.reg_write(x86.UC_X86_REG_RBX, _FUNCTION)
    uc.reg_write(x86.UC_X86_REG_RSI, _ALIAS)
    pages.mark(_FUNCTION)
    _expect(uc, _PROGRAM, 2)
    memory[_ANSWER] = 3
    pages.invalidate(_ANSWER, 1)
    _expect(uc, _END - len(_CALL_RBX), 3)


def _lay_out(memory: mmap.mmap) -> None:
    for table, below in pairwise(_TABLES):
        struct.pack_into("<Q", memory, table, below | _WRITABLE)
    entries = [page | _WRITABLE for page in range(0, PROBE_MEMORY, PAGE_SIZE)]
    entries[_FUNCTION // PAGE_SIZE] = _FUNCTION | _PRESENT
    entries[_ALIAS // PAGE_SIZE] = _FUNCTION | _WRITABLE | _NO_EXECUTE
    struct.pack_into(f"<{len(entries)}Q", memory, _TABLES[-1], *entries)
    memory[_FUNCTION : _FUNCTION + len(_MOV_EAX_1_RET)] = _MOV_EAX_1_RET
    memory[_PROGRAM:_END] = _CALL_CHANGE_CALL


def _expect(uc: Uc, begin: int, answer: int) -> None:
    uc.emu_start(begin, _END)
    if uc.reg_read(x86.UC_X86_REG_EAX) != answer:
        raise InternalError(f"Unicorn {__version__} runs code as it was before it was changed")
