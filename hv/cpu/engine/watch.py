"""Pages that hold translated code are watched: no store into them goes unseen, through whatever mapping.

Unicorn drops translations when a store takes its slow path, as the first one through a TLB entry does. From
then on it takes the entry for dirty, and later stores go straight to memory, unless a memory hook covers the
page. So one hook is enough: whenever the slow path asks what lies at an address (``find_memory_mapping`` of
Unicorn's ``uc_struct``, a function pointer), the hook's bounds are moved over that page if it holds code, and
away if it does not. The hook itself never runs. Entries that are dirty already when a page gets its first
code are forgotten: the hooks that hear of a translation flush the TLB then.

Neither the pointer nor the bounds have a public address; both are found by what they hold.
"""

import ctypes

import unicorn.unicorn_const as const
from unicorn import __version__

from hv.cpu.engine.binding import MEMORY, U64T, UCLIB, VOID_P, address_of
from hv.errors import InternalError

NOWHERE = 1 << 63
"""A physical address that nothing has: where the hook is when it covers no page."""
PAGE_SHIFT = 12
PAGE_LAST = (1 << PAGE_SHIFT) - 1

_MAPPING = "find_memory_mapping_x86_64"
_POINTERS = 128  # words of uc_struct among which the pointer is
_HOOK_WORDS = 6  # words of Unicorn's struct hook up to the callback
_never = MEMORY(lambda *_: False)


class WatchPoint:
    """Where one Unicorn keeps the pointer and the bounds: what both twins need to watch code."""

    def __init__(self, handle: ctypes.c_void_p) -> None:
        self.mapping = self._exported()
        self.pointer = _find(handle.value or 0, _POINTERS, (self.mapping,))
        hook = ctypes.c_size_t()
        status = UCLIB.uc_hook_add(
            handle,
            ctypes.byref(hook),
            const.UC_HOOK_MEM_FETCH_UNMAPPED,
            _never,
            None,
            U64T(NOWHERE),
            U64T(NOWHERE),
        )
        if status:
            raise InternalError(f"uc_hook_add for watching code failed with {status}")
        self.bounds = _find(hook.value, _HOOK_WORDS, (NOWHERE, NOWHERE))

    @staticmethod
    def _exported() -> int:
        try:
            return address_of(getattr(UCLIB, _MAPPING))
        except AttributeError:
            raise InternalError(
                f"this build of Unicorn {__version__} does not export {_MAPPING}: "
                "use the one from PyPI for Linux"
            ) from None


def _find(address: int, words: int, wanted: tuple[int, ...]) -> int:
    """The address of the first words from ``address`` on that hold ``wanted``."""
    held = tuple((ctypes.c_uint64 * words).from_address(address))
    for index in range(words - len(wanted) + 1):
        if held[index : index + len(wanted)] == wanted:
            return address + 8 * index
    raise InternalError(
        f"Unicorn {__version__} keeps its memory hooks otherwise than this version of hv expects"
    )


class PythonWatch:
    """The twin of hv/cpu/accel/watch.c. Keep it alive as long as its Unicorn runs."""

    def __init__(self, point: WatchPoint, code_pages: bytearray) -> None:
        function = ctypes.CFUNCTYPE(VOID_P, VOID_P, U64T)
        original = function(point.mapping)
        bounds = (ctypes.c_uint64 * 2).from_address(point.bounds)
        tracked = len(code_pages)

        def on_mapping(uc: int, gpa: int) -> int | None:
            page = gpa >> PAGE_SHIFT
            if page < tracked and code_pages[page]:
                bounds[0] = page << PAGE_SHIFT
                bounds[1] = bounds[0] + PAGE_LAST
            else:
                bounds[0] = bounds[1] = NOWHERE
            return original(uc, gpa)  # type: ignore[no-any-return]

        self._function = function(on_mapping)
        ctypes.c_uint64.from_address(point.pointer).value = address_of(self._function)
