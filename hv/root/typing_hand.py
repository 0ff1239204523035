"""A hand on the keyboard: plays key events as host input at their own virtual times."""

from collections import deque
from collections.abc import Iterable

from hv.clock import VirtualClock
from hv.root.keys import KeyEvent, Press, Wait
from hv_devices.emulated.ps2_keyboard import Ps2Keyboard

KEY_INTERVAL_NS = 10_000_000
"""Time between two key events: a fast typist, slow enough for any driver."""


class TypingHand:
    """Feeds one keyboard from a queue."""

    def __init__(self, clock: VirtualClock, keyboard: Ps2Keyboard) -> None:
        self._clock = clock
        self._keyboard = keyboard
        self._queue: deque[KeyEvent] = deque()
        self._timer = clock.timer(self._next)

    def play(self, events: Iterable[KeyEvent]) -> None:
        """Queue events behind those still to be played."""
        self._queue.extend(events)
        if self._timer.deadline is None and self._queue:
            self._timer.arm(self._clock.now() + KEY_INTERVAL_NS)

    def _next(self) -> None:
        event = self._queue.popleft()
        pause = KEY_INTERVAL_NS
        if isinstance(event, Wait):
            pause = event.ns
        elif isinstance(event, Press):
            self._keyboard.press(event.key)
        else:
            self._keyboard.release(event.key)
        if self._queue:
            self._timer.arm(self._clock.now() + pause)
