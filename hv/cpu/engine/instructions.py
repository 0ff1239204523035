"""A look at every instruction before it runs: for finding things out, far too slow for running guests."""

import ctypes
from collections.abc import Callable

import unicorn.unicorn_const as const

from hv.cpu.engine.binding import U32T, U64T, VOID_P, address_of
from hv.cpu.engine.core import Engine
from hv.cpu.pace import FLAG_ABORT, FLAGS

_CODE = ctypes.CFUNCTYPE(None, VOID_P, U64T, U32T, VOID_P)


class InstructionWatch:
    """Calls ``action(linear address)`` before every instruction of ``engine`` from now on.

    ``engine.state`` holds the processor's state then. For as long as this object lives.
    """

    def __init__(self, engine: Engine, action: Callable[[int], None]) -> None:
        self.error: BaseException | None = None

        def on_instruction(_uc: int, pc: int, _size: int, _user: int) -> None:
            if engine.pace[FLAGS] & FLAG_ABORT or self.error is not None:
                return
            try:
                engine.save()
                action(pc)
            except BaseException as error:  # noqa: BLE001 - carried over Unicorn's C frames
                self.error = error

        self._function = _CODE(on_instruction)
        engine.add_hook(const.UC_HOOK_CODE, address_of(self._function))
        engine.flush_translations()
