"""A hand on the mouse: plays moves and clicks as host input at their own virtual times."""

from collections import deque
from collections.abc import Iterable

import msgspec

from hv.clock import VirtualClock
from hv_devices.emulated.ps2_mouse import Ps2Mouse

_NS_PER_MS = 1_000_000
_LEFT, _RIGHT, _MIDDLE = 1, 2, 4


class MouseEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At ``at_ms`` of virtual time since power-on: a move (``dy`` up is positive), or buttons held."""

    at_ms: int
    dx: int = 0
    dy: int = 0
    buttons: int | None = None


class MouseHand:
    """Feeds one mouse from a queue."""

    def __init__(self, clock: VirtualClock, mouse: Ps2Mouse) -> None:
        self._mouse = mouse
        self._queue: deque[MouseEvent] = deque()
        self._timer = clock.timer(self._next)

    def play(self, events: Iterable[MouseEvent]) -> None:
        """Queue events, in order of time."""
        self._queue.extend(events)
        self._arm()

    def _arm(self) -> None:
        if self._queue:
            self._timer.arm(self._queue[0].at_ms * _NS_PER_MS)

    def _next(self) -> None:
        event = self._queue.popleft()
        if event.dx or event.dy:
            self._mouse.move(event.dx, event.dy)
        if event.buttons is not None:
            held = event.buttons
            self._mouse.buttons(bool(held & _LEFT), bool(held & _RIGHT), bool(held & _MIDDLE))
        self._arm()
