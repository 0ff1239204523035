"""A flight recorder: the latest exits of a machine, kept as numbers until somebody asks."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hv.cpu.exits import ExitReason
from hv.root.machine import Machine
from hv.stats import ExitKey

KEPT = 256
"""Exits that are remembered."""

Tap = Callable[[ExitKey], None]


class FlightRecorder:
    """Hears of every exit, behind whoever listens already, and tells those who tap it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._latest: deque[tuple[int, ExitKey]] = deque(maxlen=KEPT)
        self._taps: list[Tap] = []
        self._before = machine.partition.vp.exits.listener
        machine.partition.vp.exits.listener = self._hear

    def _hear(self, key: ExitKey, price: int) -> None:
        if self._before is not None:
            self._before(key, price)
        self._latest.append((self._machine.insns, key))
        for tap in self._taps:
            tap(key)

    @contextmanager
    def tap(self, tap: Tap) -> Iterator[None]:
        """Call ``tap`` at every exit, before it is answered."""
        self._taps.append(tap)
        try:
            yield
        finally:
            self._taps.remove(tap)

    def lines(self) -> list[str]:
        """The latest exits, oldest first: instructions retired, what it was, whom it was for."""
        lines = []
        for insns, key in self._latest:
            device, target = self._machine.exit_target(key)
            lines.append(f"{insns:>12} {ExitReason(key.reason).label} {device} {target}".rstrip())
        return lines
