"""An independent count of retired instructions: a hook that sees every instruction start.

What started and faulted did not retire; the processor's faults are counted where they are delivered.
"""

import ctypes
from dataclasses import dataclass, field

from unicorn.unicorn_const import UC_HOOK_CODE

from hv.cpu.exits import Vector
from hv.cpu.pace import FLAG_ABORT, FLAGS
from hv.cpu.state import CR2, CS, RIP
from hv.root.machine import Machine

_HOOK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)


@dataclass
class Steps:
    """Instructions that started, and those among them that faulted."""

    starts: int = 0
    faults: int = 0
    keep: list[object] = field(default_factory=list)

    def retired(self) -> int:
        return self.starts - self.faults


def count_starts(machine: Machine) -> Steps:
    """Watch ``machine`` from its first instruction on. Slow."""
    steps = Steps()
    core = machine.partition.vp

    def on_instruction(*_: object) -> None:
        if not core.pace[FLAGS] & FLAG_ABORT:  # what runs on behind an abort has no effect
            steps.starts += 1

    hook = _HOOK(on_instruction)
    steps.keep.append(hook)
    address = ctypes.cast(hook, ctypes.c_void_p).value
    assert address is not None
    core.engine._hook(UC_HOOK_CODE, address, 1, 0)
    original = core.fault

    def fault(vector: int, error_code: int | None = None) -> None:
        fetching = (
            vector == Vector.PF and core.state.q[CR2] == core.state.base(CS) + core.state.q[RIP]
        )
        # The single-step trap comes behind its instruction; what cannot be fetched never started.
        steps.faults += vector != Vector.DB and not fetching
        original(vector, error_code)

    core.fault = fault  # type: ignore[method-assign]
    abort = core.engine.abort

    def counted_abort() -> None:
        steps.faults += (
            core.end is None
        )  # a port access that faulted, not the one that ends the run
        abort()

    core.engine.abort = counted_abort  # type: ignore[method-assign]
    return steps
