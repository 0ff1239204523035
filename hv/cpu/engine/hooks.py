"""Unicorn's hooks in two ways: the accelerator's C functions, or its Python twin behind ctypes."""

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from hv.cpu.engine.binding import (
    BLOCK,
    EDGE,
    IN,
    INTR,
    MEMORY,
    OUT,
    PLAIN,
    REQUEST_CACHE,
    TLB_FLUSH,
    UCLIB,
    VOID_P,
    TranslatedBlock,
    address_of,
)
from hv.cpu.engine.stops import WATCH
from hv.cpu.engine.watch import PythonWatch, WatchPoint
from hv.cpu.pace import Handlers
from hv.cpu.state import CpuState
from hv.cpu.twin import BlockApi, PythonPace

try:
    from hv.cpu import _accel  # type: ignore[attr-defined]
except ImportError:  # no compiler when the package was installed
    _accel = None

ACCELERATOR_VARIABLE = "HV_ACCEL"
"""Set to 0 to run the Python twin of the accelerator."""

_API = ("emu_stop", "context_save", "context_restore", "ctl", "vmem_translate", "mem_read")


@dataclass(frozen=True, slots=True)
class HookSet:
    """Addresses to give to Unicorn, by hook name, and what must stay alive for them."""

    addresses: dict[str, int]
    user: int
    keep: object
    take_error: Callable[[], BaseException | None]
    twin: PythonPace | None = None
    """The Python twin, where it is at work."""

    def released(self) -> "HookSet":
        """Hooks that keep nothing alive, and must not be called."""
        return HookSet({}, 0, None, lambda: None)


class _Handle(Protocol):
    """What the accelerator needs to know of an engine."""

    handle: Any
    context: Any
    state_address: int
    watch_point: WatchPoint


def accelerator_available() -> bool:
    """The C hooks were built and are not switched off."""
    return _accel is not None and os.environ.get(ACCELERATOR_VARIABLE, "1") != "0"


def accelerated_hooks(
    engine: _Handle, words: bytearray, code_pages: bytearray, handlers: Handlers
) -> HookSet:
    """Hooks of hv/cpu/accel."""
    capsule, addresses = _accel.create(
        ctypes.cast(engine.handle, VOID_P).value,
        ctypes.cast(engine.context, VOID_P).value,
        engine.state_address,
        words,
        code_pages,
        tuple(address_of(getattr(UCLIB, f"uc_{name}")) for name in _API),
        (REQUEST_CACHE, TLB_FLUSH),
        (engine.watch_point.pointer, engine.watch_point.bounds, engine.watch_point.mapping),
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
    user = _accel.pointer(capsule)
    return HookSet(addresses, user, capsule, lambda: _accel.take_error(capsule))


def python_hooks(
    state: CpuState,
    api: BlockApi,
    words: memoryview,
    handlers: Handlers,
    watch: PythonWatch,
) -> HookSet:
    """Hooks of hv/cpu/twin.py."""
    twin = PythonPace(state, api, words, handlers)

    def on_edge(_uc: int, tb: int, _previous: int, _user: int) -> None:
        block = TranslatedBlock.from_address(tb)
        twin.on_edge(block.pc, block.icount, block.size)

    def on_syscall(_uc: int, _user: int) -> int:
        twin.on_syscall()
        return 0

    def on_mmio(*_access: int) -> bool:
        twin.on_mmio()
        return True

    def on_access(_uc: int, _kind: int, gpa: int, size: int, _value: int, watch: int) -> bool:
        _, first, last = WATCH.from_address(watch)
        if gpa <= last and gpa + size > first:
            twin.on_access(first)
        return True

    functions = {
        "block": BLOCK(lambda _uc, pc, size, _user: twin.on_block(pc, size)),
        "edge": EDGE(on_edge),
        "in": IN(lambda _uc, port, size, _user: twin.on_in(port, size)),
        "out": OUT(lambda _uc, port, size, value, _user: twin.on_out(port, size, value)),
        "intr": INTR(lambda _uc, number, _user: twin.on_intr(number)),
        "cpuid": PLAIN(lambda _uc, _user: twin.on_cpuid()),
        "syscall": PLAIN(on_syscall),
        "invalid": PLAIN(lambda _uc, _user: int(twin.on_invalid())),
        "mmio": MEMORY(on_mmio),
        "stop": BLOCK(lambda _uc, pc, _size, _user: twin.on_stop(pc)),
        "next": BLOCK(lambda _uc, pc, _size, _user: twin.on_next(pc)),
        "every": BLOCK(lambda _uc, pc, _size, _user: twin.on_every(pc)),
        "access": MEMORY(on_access),
    }
    addresses = {name: address_of(function) for name, function in functions.items()}
    return HookSet(addresses, 0, (functions, watch), twin.take_error, twin)


def accelerated_coverage(
    accelerator: int, enter: Callable[[int, int], int], reach: Callable[[int, int], None]
) -> tuple[Callable[[], None], int, int, int]:
    """Hooks of hv/cpu/accel/coverage.c: how to settle, user data, the block hook, the edge hook."""
    capsule, user, block, edge = _accel.coverage(accelerator, enter, reach)
    return lambda: _accel.settle_coverage(capsule), user, block, edge
