"""Names of a guest's functions by address, for reports and traces."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import cached_property


class SymbolTable:
    """Function names by linear address. They are read when first asked for: most runs never ask."""

    def __init__(self, read: Callable[[], Mapping[int, str]]) -> None:
        self._read = read

    @cached_property
    def functions(self) -> Mapping[int, str]:
        """Start address -> name, in ascending order."""
        return dict(sorted(self._read().items()))

    @cached_property
    def _starts(self) -> list[int]:
        return list(self.functions)

    def find(self, address: int) -> tuple[str, int] | None:
        """The function at or before ``address``, and how far into it that is."""
        index = bisect_right(self._starts, address)
        if not index:
            return None
        start = self._starts[index - 1]
        return self.functions[start], address - start


NO_SYMBOLS = SymbolTable(dict)
