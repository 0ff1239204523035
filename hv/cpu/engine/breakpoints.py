"""The guest's own breakpoints (DR0 to DR3 and DR7; Intel SDM vol. 3, 17.2) in an engine that goes on from the
state of another.

Unicorn keeps a record of each that is armed, and a pointer to it in the processor's state; it makes one when
the guest moves to a debug register. A saved state has no pointers: the records are made anew from the
registers. Only those for instructions have any: this Unicorn watches no data, and breakpoints on ports are a
bit of HFLAGS.
"""

import ctypes
from typing import Any

from unicorn import __version__

from hv.cpu.engine.binding import INT, U64T, VOID_P, exported
from hv.cpu.state import BREAKPOINTS, DR0, DR7, CpuState
from hv.errors import InternalError

_GET_PROCESSOR = "qemu_get_cpu_x86_64"
_INSERT = "cpu_breakpoint_insert_x86_64"
_UNNUMBERED = -1  # Unicorn has one processor, and numbers none
_GUESTS_OWN = 0x20  # BP_CPU: not a debugger's
_COUNT = 4
_ENABLES, _ENABLED = 2, 3  # bits for each register: local, global
_KINDS_AT, _KIND_BITS, _KIND = 16, 4, 3
_INSTRUCTION = 0


def armed(dr7: int) -> list[int]:
    """The registers whose addresses stop instructions."""
    return [
        number
        for number in range(_COUNT)
        if dr7 >> number * _ENABLES & _ENABLED
        and dr7 >> _KINDS_AT + number * _KIND_BITS & _KIND == _INSTRUCTION
    ]


def without_pointers(state: CpuState) -> bytes:
    """The processor's state as any engine can take it."""
    saved = CpuState(bytearray(state.bytes))
    for word in range(BREAKPOINTS.start, BREAKPOINTS.stop):
        saved.q[word] = 0
    return bytes(saved.bytes)


def arm(handle: Any, state: CpuState) -> None:
    """Make the records for ``state``, of which this engine's processor has none yet."""
    numbers = armed(state.q[DR7])
    if not numbers:
        return
    processor = exported(_GET_PROCESSOR, VOID_P, VOID_P, INT)(handle, _UNNUMBERED)
    if not processor:
        raise InternalError(f"Unicorn {__version__} numbers its processor")
    insert = exported(_INSERT, INT, VOID_P, U64T, INT, VOID_P)
    for number in numbers:
        record = ctypes.c_uint64()
        insert(processor, state.q[DR0 + number], _GUESTS_OWN, ctypes.byref(record))
        state.q[BREAKPOINTS.start + number] = record.value
