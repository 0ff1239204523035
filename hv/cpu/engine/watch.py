"""Pages that hold translated code are watched: no store into them goes unseen, through whatever mapping.

Unicorn drops translations when a store takes its slow path, as the first one through a TLB entry does. From
then on it takes the entry for dirty, and later stores go straight to memory, unless a memory hook covers the
page. So one hook is enough: whenever the slow path asks what lies at an address (``find_memory_mapping`` of
Unicorn's ``uc_struct``, a function pointer), the hook's bounds are moved over that page if it holds code, and
away if it does not. The hook itself never runs. Entries that are dirty already when a page gets its first
code are forgotten: the hooks that hear of a translation flush the TLB then.

A page that takes many stores while it is watched may be data by now. It is released: its translations are
dropped, and it is watched again when code runs there. Twice as many stores each time, so that a page which is
both pays little for it.

Neither the pointer nor the bounds have a public address; both are found by what they hold.
"""

import ctypes
from collections import Counter
from collections.abc import Callable

import unicorn.unicorn_const as const
from unicorn import __version__

from hv.cpu.engine.binding import MEMORY, U64T, UCLIB, VOID_P, address_of, exported
from hv.cpu.pace import FLAG_RELEASE, FLAG_STOP, FLAGS, PAGE_LEAVING
from hv.errors import InternalError
from hv.types import PAGE_SIZE

NOWHERE = 1 << 63
"""A physical address that nothing has: where the hook is when it covers no page."""
PAGE_SHIFT = 12
MAPPING = "find_memory_mapping_x86_64"

_PATIENCE = 256  # stores until the first release, as in watch.c
_POINTERS = 128  # words of uc_struct among which the pointer is
HOOK_WORDS = 6
"""Words of Unicorn's struct hook up to the callback."""
_never = MEMORY(lambda *_: False)
_FUNCTION = ctypes.CFUNCTYPE(VOID_P, VOID_P, U64T)


class WatchPoint:
    """Where one Unicorn keeps the pointer and the bounds: what both twins need to watch code."""

    def __init__(self, handle: ctypes.c_void_p) -> None:
        self.mapping = address_of(exported(MAPPING, VOID_P, VOID_P, U64T))
        self.pointer = find_words(handle.value or 0, _POINTERS, (self.mapping,))
        hook = ctypes.c_size_t()
        kind = const.UC_HOOK_MEM_FETCH_UNMAPPED
        nowhere = U64T(NOWHERE)
        status = UCLIB.uc_hook_add(handle, ctypes.byref(hook), kind, _never, None, nowhere, nowhere)
        if status:
            raise InternalError(f"uc_hook_add({kind}) failed with {status}")
        self.bounds = find_words(hook.value, HOOK_WORDS, (NOWHERE, NOWHERE))

    def restore(self) -> None:
        """Unicorn asks its own function again."""
        ctypes.c_uint64.from_address(self.pointer).value = self.mapping


def find_words(address: int, words: int, wanted: tuple[int, ...]) -> int:
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

    def __init__(self, point: WatchPoint, marks: bytearray, words: memoryview) -> None:
        self._marks = marks
        self._words = words
        self._stores: Counter[int] = Counter()
        self._function = _FUNCTION(self._on_mapping(point))
        ctypes.c_uint64.from_address(point.pointer).value = address_of(self._function)

    def _on_mapping(self, point: WatchPoint) -> Callable[[int, int], int | None]:
        """What lies at an address: a function of few look-ups, for each access on the slow path calls it."""
        original: Callable[[int, int], int | None] = _FUNCTION(point.mapping)
        bounds = (ctypes.c_uint64 * 2).from_address(point.bounds)
        marks = self._marks
        tracked = len(marks)
        covered = asked = NOWHERE

        def on_mapping(uc: int, gpa: int) -> int | None:
            nonlocal covered, asked
            page = gpa >> PAGE_SHIFT
            if page < tracked and marks[page]:
                if page != covered:
                    covered = page
                    bounds[0] = page << PAGE_SHIFT
                    bounds[1] = bounds[0] + PAGE_SIZE - 1
                if gpa == asked:  # a load asks once, a store also for the translations behind it
                    self._count_store(page)
                    asked = NOWHERE
                    return original(uc, gpa)
            elif covered != NOWHERE:
                covered = bounds[0] = bounds[1] = NOWHERE
            asked = gpa
            return original(uc, gpa)

        return on_mapping

    def _count_store(self, page: int) -> None:
        self._stores[page] += 1
        stores = self._stores[page]
        if stores >= _PATIENCE and not stores & (stores - 1):
            self._marks[page] = PAGE_LEAVING
            self._words[FLAGS] |= FLAG_STOP | FLAG_RELEASE
