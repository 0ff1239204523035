"""Accounting: every exit by what caused it, with the guest's instructions since the exit before.

The hot path is ``ExitCounter.hit``: one dictionary look-up and three additions. Names are put to the numbers
only when a report is made.
"""

from collections.abc import Callable
from dataclasses import dataclass

Row = list[int]
"""[count, instructions since the previous exit, bytes moved]"""
COUNT, INSNS, BYTES = range(3)


@dataclass(frozen=True, slots=True)
class ExitKey:
    """What an exit was for: reason (hv.cpu.exits.ExitReason), target (port, MSR, vector, address), width."""

    reason: int
    target: int
    width: int


class ExitCounter:
    """Exits of one virtual processor since power-on."""

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._last = 0
        self.total = 0
        self.listener: Callable[[ExitKey], None] | None = None

    def hit(self, reason: int, target: int, width: int, insns: int, moved: int) -> None:
        """One exit at ``insns`` retired instructions that moved ``moved`` bytes."""
        key = target << 12 | reason << 4 | width
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = [0, 0, 0]
        row[COUNT] += 1
        row[INSNS] += insns - self._last
        row[BYTES] += moved
        self._last = insns
        self.total += 1
        if self.listener is not None:
            self.listener(ExitKey(reason, target, width))

    def rows(self) -> list[tuple[ExitKey, Row]]:
        """Every kind of exit seen, ordered by reason, target and width."""
        keys = sorted(self._rows, key=lambda key: (key >> 4 & 0xFF, key >> 12, key & 0xF))
        return [
            (ExitKey(key >> 4 & 0xFF, key >> 12, key & 0xF), list(self._rows[key])) for key in keys
        ]
