"""Stand-ins for the doors a chip is handed: a clock that tests move, a wire that remembers."""

import heapq
from collections.abc import Callable


class ManualTimer:
    """A timer of a ManualClock."""

    def __init__(self, clock: "ManualClock", action: Callable[[], None]) -> None:
        self._clock = clock
        self._action = action
        self.deadline: int | None = None

    def arm(self, when_ns: int) -> None:
        self.deadline = when_ns
        self._clock.push(when_ns, self)

    def cancel(self) -> None:
        self.deadline = None

    def fire(self) -> None:
        self.deadline = None
        self._action()


class ManualClock:
    """Virtual time under the test's control."""

    def __init__(self) -> None:
        self._now = 0
        self._sequence = 0
        self._heap: list[tuple[int, int, ManualTimer]] = []

    def now(self) -> int:
        return self._now

    def timer(self, action: Callable[[], None]) -> ManualTimer:
        return ManualTimer(self, action)

    def push(self, when_ns: int, timer: ManualTimer) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (when_ns, self._sequence, timer))

    def advance(self, ns: int) -> None:
        """Let ``ns`` pass, firing timers in order at their own time."""
        end = self._now + ns
        while self._heap and self._heap[0][0] <= end:
            when, _, timer = heapq.heappop(self._heap)
            if timer.deadline == when:
                self._now = max(self._now, when)
                timer.fire()
        self._now = end


class RecordingLine:
    """An interrupt wire that remembers its level and its rising edges."""

    def __init__(self) -> None:
        self.level = False
        self.rises = 0

    def set(self, level: bool) -> None:
        if level and not self.level:
            self.rises += 1
        self.level = level
