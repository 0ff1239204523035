"""Unicorn's C interface as ctypes sees it: function types, constants, the raw library."""

import ctypes
from collections.abc import Callable
from typing import Any

import unicorn.unicorn_const as const
import unicorn.x86_const as x86
from unicorn import __version__
from unicorn.unicorn_py3 import unicorn as python_binding

from hv.errors import InternalError

UCLIB: Any = python_binding.uclib

VOID_P, U32T, U64T, INT = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int

BLOCK = ctypes.CFUNCTYPE(None, VOID_P, U64T, U32T, VOID_P)
EDGE = ctypes.CFUNCTYPE(None, VOID_P, VOID_P, VOID_P, VOID_P)
IN = ctypes.CFUNCTYPE(U32T, VOID_P, U32T, INT, VOID_P)
OUT = ctypes.CFUNCTYPE(None, VOID_P, U32T, INT, U32T, VOID_P)
INTR = ctypes.CFUNCTYPE(None, VOID_P, U32T, VOID_P)
PLAIN = ctypes.CFUNCTYPE(INT, VOID_P, VOID_P)
MEMORY = ctypes.CFUNCTYPE(ctypes.c_bool, VOID_P, INT, U64T, INT, ctypes.c_int64, VOID_P)
MMIO_READ = ctypes.CFUNCTYPE(U64T, VOID_P, U64T, ctypes.c_uint, VOID_P)
MMIO_WRITE = ctypes.CFUNCTYPE(None, VOID_P, U64T, ctypes.c_uint, U64T, VOID_P)

TLB_FLUSH = const.UC_CTL_TLB_FLUSH | const.UC_CTL_IO_WRITE << 30
TB_FLUSH = const.UC_CTL_TB_FLUSH | const.UC_CTL_IO_WRITE << 30
REQUEST_CACHE = (const.UC_CTL_TB_REQUEST_CACHE | 2 << 26 | const.UC_CTL_IO_READ_WRITE << 30) - (
    1 << 32
)  # a C int
FOR_FETCH = const.UC_PROT_EXEC

HOOKS: tuple[tuple[int, str, int | None], ...] = (
    (const.UC_HOOK_BLOCK, "block", None),
    (const.UC_HOOK_EDGE_GENERATED, "edge", None),
    (const.UC_HOOK_INTR, "intr", None),
    (const.UC_HOOK_INSN_INVALID, "invalid", None),
    (const.UC_HOOK_INSN, "in", x86.UC_X86_INS_IN),
    (const.UC_HOOK_INSN, "out", x86.UC_X86_INS_OUT),
    (const.UC_HOOK_INSN, "cpuid", x86.UC_X86_INS_CPUID),
    (const.UC_HOOK_INSN, "syscall", x86.UC_X86_INS_SYSCALL),
    (const.UC_HOOK_INSN, "syscall", x86.UC_X86_INS_SYSENTER),
)
"""Hook type, our name for it, instruction number."""


class TranslatedBlock(ctypes.Structure):
    """Unicorn's uc_tb."""

    _fields_ = [("pc", U64T), ("icount", ctypes.c_uint16), ("size", ctypes.c_uint16)]


def exported(name: str, result: Any, *arguments: Any) -> Any:
    """A function that Unicorn's library exports without documenting it."""
    try:
        function = UCLIB[name]
    except AttributeError:
        raise InternalError(
            f"this build of Unicorn {__version__} does not export {name}: use PyPI's for Linux"
        ) from None
    function.restype, function.argtypes = result, arguments
    return function


def address_of(function: Callable[..., Any]) -> int:
    """The machine address of a C function or a ctypes callback."""
    return ctypes.cast(function, VOID_P).value or 0  # type: ignore[arg-type]
