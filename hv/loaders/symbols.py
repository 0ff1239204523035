"""Names of a guest's code by address, for reports and traces."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple


class Symbols(NamedTuple):
    """What an image says of its code."""

    names: Mapping[int, str]
    """By linear address."""
    end: int
    """Where the image ends: nothing from here on has a name."""
    aliases: Mapping[str, int] = MappingProxyType({})
    """Further names, each with its address."""


class SymbolTable:
    """Names by linear address. They are read when first asked for: most runs never ask."""

    def __init__(self, read: Callable[[], Symbols]) -> None:
        self._source = read

    @cached_property
    def content(self) -> Symbols:
        """All that the image says."""
        return self._source()

    @cached_property
    def functions(self) -> Mapping[int, str]:
        """Start address -> name, in ascending order."""
        return dict(sorted(self.content.names.items()))

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Name -> address, aliases behind the names of functions."""
        return {name: at for at, name in self.functions.items()} | dict(self.content.aliases)

    @cached_property
    def _starts(self) -> list[int]:
        return list(self.functions)

    def read(self) -> None:
        """Read them now, for whoever measures what comes later."""
        _ = self._starts

    def find(self, address: int) -> tuple[str, int] | None:
        """The function at or before ``address``, and how far into it that is."""
        index = bisect_right(self._starts, address)
        if not index or address >= self.content.end:
            return None
        start = self._starts[index - 1]
        return self.functions[start], address - start


NO_SYMBOLS = SymbolTable(lambda: Symbols({}, 0))
