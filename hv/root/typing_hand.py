"""A hand on the keyboard: plays key events as host input at their own virtual times."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hv.clock import VirtualClock
from hv.root.keys import KeyEvent, Press, Release, Wait
from hv_devices.emulated.ps2_keyboard import Ps2Keyboard
from hv_devices.synthetic.keyboard_vsp import KeyboardVsp

KEY_INTERVAL_NS = 10_000_000
"""Time between two key events: a fast typist, slow enough for any driver."""


@dataclass(frozen=True, slots=True)
class SavedEvent:
    """A key event: what it is, and its key or its length."""

    kind: Literal["press", "release", "wait"]
    key: str = ""
    ns: int = 0

    @staticmethod
    def of(event: KeyEvent) -> "SavedEvent":
        if isinstance(event, Wait):
            return SavedEvent("wait", ns=event.ns)
        return SavedEvent("press" if isinstance(event, Press) else "release", event.key)

    def event(self) -> KeyEvent:
        if self.kind == "wait":
            return Wait(self.ns)
        return Press(self.key) if self.kind == "press" else Release(self.key)


@dataclass(frozen=True, slots=True)
class SavedTyping:
    """``down``: keys that are down, and whether on the synthetic keyboard."""

    down: dict[str, bool]
    queue: list[SavedEvent]
    due: int


class TypingHand:
    """Plays a queue on the keyboard that the guest listens to: the synthetic one as soon as it is in use."""

    SAVED_AS = SavedTyping

    def __init__(
        self, clock: VirtualClock, keyboard: Ps2Keyboard, synthetic: KeyboardVsp | None = None
    ) -> None:
        self._clock = clock
        self._ps2 = keyboard
        self._synthetic = synthetic
        self._down: dict[str, Ps2Keyboard | KeyboardVsp] = {}
        self._queue: deque[KeyEvent] = deque()
        self._due = 0  # when the event under way was planned: what it costs moves no later one
        self._timer = clock.timer(self._next)

    def play(self, events: Iterable[KeyEvent]) -> None:
        """Queue events behind those still to be played."""
        self._queue.extend(events)
        if self._timer.deadline is None and self._queue:
            self._plan(self._clock.now() + KEY_INTERVAL_NS)

    def save(self) -> SavedTyping:
        down = {key: keyboard is self._synthetic for key, keyboard in self._down.items()}
        return SavedTyping(down, [SavedEvent.of(event) for event in self._queue], self._due)

    def load(self, saved: SavedTyping) -> None:
        synthetic = self._synthetic or self._ps2
        self._down = {key: synthetic if there else self._ps2 for key, there in saved.down.items()}
        self._queue = deque(one.event() for one in saved.queue)
        self._due = saved.due

    def _next(self) -> None:
        event = self._queue.popleft()
        pause = KEY_INTERVAL_NS
        if isinstance(event, Wait):
            pause = event.ns
        elif isinstance(event, Press):
            keyboard = self._down[event.key] = self._keyboard()
            keyboard.press(event.key)
        else:
            self._down.pop(event.key, self._ps2).release(event.key)
        if self._queue:
            self._plan(self._due + pause)

    def _plan(self, when_ns: int) -> None:
        self._due = when_ns
        self._timer.arm(when_ns)

    def _keyboard(self) -> Ps2Keyboard | KeyboardVsp:
        synthetic = self._synthetic
        return synthetic if synthetic is not None and synthetic.in_use else self._ps2
