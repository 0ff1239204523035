"""An independent account of what ran: a hook that sees every instruction start, and who faulted."""

import ctypes

from unicorn.unicorn_const import UC_HOOK_CODE

from hv.cpu.exits import Vector
from hv.cpu.pace import FLAG_ABORT, FLAGS
from hv.cpu.state import CR2, CS, RIP
from hv.root.machine import Machine

_HOOK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)


class Retired:
    """Linear addresses of instructions that retired at least once. Slow."""

    def __init__(self, machine: Machine) -> None:
        self._core = core = machine.partition.vp
        self._done: set[int] = set()
        self._last: int | None = None
        self._function = _HOOK(self._on_instruction)
        address = ctypes.cast(self._function, ctypes.c_void_p).value
        assert address is not None
        core.engine._hook(UC_HOOK_CODE, address, 1, 0)
        self._fault, self._abort = core.fault, core.engine.abort
        core.fault = self._on_fault  # type: ignore[method-assign]
        core.engine.abort = self._on_abort  # type: ignore[method-assign]

    def addresses(self) -> set[int]:
        self._settle()
        return self._done

    def _on_instruction(self, _uc: int, pc: int, _size: int, _user: int) -> None:
        if not self._core.pace[FLAGS] & FLAG_ABORT:  # behind an abort nothing has an effect
            self._settle()
            self._last = pc

    def _settle(self) -> None:
        if self._last is not None:
            self._done.add(self._last)
            self._last = None

    def _on_fault(self, vector: int, error_code: int | None = None) -> None:
        core = self._core
        fetching = (
            vector == Vector.PF and core.state.q[CR2] == core.state.base(CS) + core.state.q[RIP]
        )
        if vector != Vector.DB and not fetching:
            self._last = None
        self._fault(vector, error_code)

    def _on_abort(self) -> None:
        if self._core.end is None:
            self._last = None
        self._abort()
