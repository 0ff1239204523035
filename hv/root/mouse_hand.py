"""A hand on the mouse: plays moves and clicks as host input at their own virtual times."""

from collections import deque
from collections.abc import Iterable

import msgspec

from hv.clock import VirtualClock
from hv_devices.emulated.ps2_mouse import Ps2Mouse
from hv_devices.synthetic.mouse_vsp import MouseVsp

_NS_PER_MS = 1_000_000
_LEFT, _RIGHT, _MIDDLE = 1, 2, 4


class MouseEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At ``at_ms`` of virtual time since power-on: a move (``dy`` up is positive), or buttons held.

    ``x`` and ``y`` are for the synthetic mouse, which knows places instead of moves.
    """

    at_ms: int
    dx: int = 0
    dy: int = 0
    x: int | None = None
    y: int | None = None
    buttons: int | None = None


class MouseHand:
    """Feeds mice from a queue: moves to the PS/2 mouse, places to the synthetic one, buttons to the one
    that the guest listens to, which is the synthetic one as soon as it is in use.
    """

    SAVED_AS = list[MouseEvent]

    def __init__(
        self, clock: VirtualClock, mouse: Ps2Mouse, synthetic: MouseVsp | None = None
    ) -> None:
        self._clock = clock
        self._mouse = mouse
        self._synthetic = synthetic
        self._queue: deque[MouseEvent] = deque()
        self._timer = clock.timer(self._next)

    def play(self, events: Iterable[MouseEvent]) -> None:
        """Queue events, in order of time."""
        self._queue.extend(events)
        self._arm()

    def play_now(self, events: Iterable[MouseEvent]) -> None:
        """Queue events whose times count from now, or from the last one that is still to come."""
        last = self._queue[-1].at_ms if self._queue else 0
        start = max(last, self._clock.now() // _NS_PER_MS)
        replace = msgspec.structs.replace
        self.play([replace(event, at_ms=start + event.at_ms) for event in events])

    def save(self) -> list[MouseEvent]:
        return list(self._queue)

    def load(self, saved: list[MouseEvent]) -> None:
        self._queue = deque(saved)

    def _arm(self) -> None:
        if self._queue:
            self._timer.arm(self._queue[0].at_ms * _NS_PER_MS)

    def _next(self) -> None:
        event, synthetic = self._queue.popleft(), self._synthetic
        if event.dx or event.dy:
            self._mouse.move(event.dx, event.dy)
        if synthetic is not None and (event.x is not None or event.y is not None):
            at = synthetic.state
            synthetic.move_to(
                at.x if event.x is None else event.x, at.y if event.y is None else event.y
            )
        if event.buttons is not None:
            held = event.buttons
            mouse = synthetic if synthetic is not None and synthetic.in_use else self._mouse
            mouse.buttons(bool(held & _LEFT), bool(held & _RIGHT), bool(held & _MIDDLE))
        self._arm()
