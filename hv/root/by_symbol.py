"""Exits by the guest's own names: which of its functions leave it how often, and what that costs."""

from functools import lru_cache
from typing import NamedTuple

from hv.root.machine import Machine
from hv.stats import ExitKey

UNKNOWN = "unknown"
"""Code outside the image, or before its first symbol: firmware, modules, an image without symbols."""

_KINDS_KEPT = 1 << 12


class SymbolCount(NamedTuple):
    """Exits of one function."""

    symbol: str
    exits: int
    insns: int
    """Retired since the exit before, wherever that was."""
    cycles: int
    """What the exits cost, without the device work done in them."""


class SymbolCounts:
    """Counts the exits of one machine from now on: those that a hypervisor on hardware would see.

    There are at most as many counts as the image has symbols.
    """

    def __init__(self, machine: Machine) -> None:
        self._vp = machine.partition.vp
        self._symbols = machine.symbols
        self._symbols.read()
        self._is_exit = lru_cache(_KINDS_KEPT)(machine.pricing.is_exit)
        self._counts: dict[str, list[int]] = {}
        self._last = self._vp.retired()
        self._vp.exits.listen(self._on_exit)

    def _on_exit(self, key: ExitKey, price: int) -> None:
        if not self._is_exit(key):
            return
        found = self._symbols.find(self._vp.linear_rip())
        count = self._counts.setdefault(found[0] if found else UNKNOWN, [0, 0, 0])
        retired = self._vp.retired()
        count[0] += 1
        count[1] += retired - self._last
        count[2] += price
        self._last = retired

    def rows(self) -> list[SymbolCount]:
        """Most exits first."""
        rows = [SymbolCount(name, *count) for name, count in self._counts.items()]
        return sorted(rows, key=lambda row: (-row.exits, row.symbol))
