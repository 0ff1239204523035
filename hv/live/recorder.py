"""A flight recorder: the latest exits of a machine, kept as numbers until somebody asks."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hv.cpu.exits import ExitReason
from hv.cpu.pace import NOW
from hv.live.seat import Seat
from hv.root.machine import Machine
from hv.stats import ExitKey

KEPT = 256
"""Exits that are remembered."""

Tap = Callable[[ExitKey], None]


@dataclass(frozen=True, slots=True)
class Reached:
    """An exit that was waited for."""

    reason: str
    device: str
    target: str
    insns: int


class FlightRecorder:
    """Hears of every exit, behind whoever listens already, and tells those who tap it."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._latest: deque[tuple[int, ExitKey]] = deque(maxlen=KEPT)
        self._taps: list[Tap] = []
        seat.follow(self._listen)

    def _listen(self, machine: Machine) -> None:
        """By a closure, because it runs at every exit."""
        keep, taps, pace = self._latest.append, self._taps, machine.partition.vp.pace

        def hear(key: ExitKey, _price: int) -> None:
            keep((pace[NOW], key))
            for tap in taps:
                tap(key)

        machine.partition.vp.exits.listen(hear)

    @contextmanager
    def tap(self, tap: Tap) -> Iterator[None]:
        """Call ``tap`` at every exit, before it is answered."""
        self._taps.append(tap)
        try:
            yield
        finally:
            self._taps.remove(tap)

    @contextmanager
    def tap_marks(self, tap: Callable[[], None]) -> Iterator[None]:
        """Call ``tap`` whenever the guest is about to pass a mark."""
        write = ExitReason.PORT_WRITE.value

        def look(key: ExitKey) -> None:
            if key.reason == write:
                ports = self._seat.machine.partition.ports
                if ports.device_at(key.target) == "mark":
                    tap()

        with self.tap(look):
            yield

    def lines(self) -> list[str]:
        """The latest exits, oldest first: instructions retired, what it was, whom it was for."""
        lines = []
        for insns, key in self._latest:
            device, target = self._seat.machine.exit_target(key)
            lines.append(f"{insns:>12} {ExitReason(key.reason).label} {device} {target}".rstrip())
        return lines
