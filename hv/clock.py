"""Virtual time: one counter, a heap of timers, and the only module that may read the host's clock.

One cycle is one nanosecond. A retired instruction costs one cycle; exits and waiting add theirs. TSC, PIT,
RTC and every other clock of the partition derive from ``VirtualClock.now``.
"""

import heapq
import time  # noqa: TID251 - this is the one module that may
from collections.abc import Callable
from dataclasses import dataclass

from hv.errors import ConfigError

_HEAP_FLOOR = 64


class VirtualTimer:
    """A one-shot alarm (hv.interfaces.Timer). Re-arming replaces; a cancelled heap entry is skipped."""

    __slots__ = ("_action", "_clock", "deadline", "sequence")

    def __init__(self, clock: "VirtualClock", action: Callable[[], None]) -> None:
        self._clock = clock
        self._action = action
        self.deadline: int | None = None
        self.sequence = 0

    def arm(self, when_ns: int) -> None:
        self.deadline = when_ns
        self._clock.schedule(when_ns, self)

    def cancel(self) -> None:
        self.deadline = None

    def fire(self) -> None:
        self.deadline = None
        self._action()


@dataclass(frozen=True, slots=True)
class SavedClock:
    """``timers``: (deadline, sequence) of those that are armed."""

    sequence: int
    timers: list[tuple[int, int] | None]


class VirtualClock:
    """Time of one partition (hv.interfaces.Clock).

    ``now`` tells the time and ``wait`` lets some pass; ``on_earlier`` is called with the new deadline when
    a timer was armed that fires before all others.
    """

    SAVED_AS = SavedClock

    def __init__(
        self,
        now: Callable[[], int],
        wait: Callable[[int], None],
        on_earlier: Callable[[int], None] = lambda _when: None,
    ) -> None:
        self.now = now
        self._wait = wait
        self._on_earlier = on_earlier
        self._timers: list[VirtualTimer] = []
        self._sealed = False
        self._heap: list[tuple[int, int, VirtualTimer]] = []
        self._sequence = 0
        self._compact_at = _HEAP_FLOOR

    def timer(self, action: Callable[[], None]) -> VirtualTimer:
        timer = VirtualTimer(self, action)
        if not self._sealed:
            self._timers.append(timer)
        return timer

    def seal(self) -> None:
        """The machine is built: timers made from now on are the host's own, and not saved."""
        self._sealed = True

    def keep(self, timer: VirtualTimer) -> VirtualTimer:
        """Save ``timer`` too: whoever restores the machine makes it again, in the same order."""
        if self._sealed:
            self._timers.append(timer)
        return timer

    def save(self) -> "SavedClock":
        """When each timer fires and in which order, by the order in which they were made.

        ConfigError while one is armed that nobody could make again.
        """
        kept = set(map(id, self._timers))
        if any(_alive(entry) and id(entry[2]) not in kept for entry in self._heap):
            raise ConfigError(
                "the host has armed a timer of its own: the machine cannot be saved now"
            )
        armed = [
            (timer.deadline, timer.sequence) if timer.deadline is not None else None
            for timer in self._timers
        ]
        return SavedClock(self._sequence, armed)

    def load(self, saved: "SavedClock") -> None:
        """Arm the timers as they were. ValueError: these are not the same timers."""
        if len(saved.timers) != len(self._timers):
            raise ValueError(
                f"{len(saved.timers)} timers were saved, there are {len(self._timers)}"
            )
        self._sequence = saved.sequence
        self._heap = []
        for timer, armed in zip(self._timers, saved.timers, strict=True):
            timer.deadline, timer.sequence = armed or (None, 0)
            if timer.deadline is not None:
                self._heap.append((timer.deadline, timer.sequence, timer))
        heapq.heapify(self._heap)

    def schedule(self, when_ns: int, timer: VirtualTimer) -> None:
        """Queue ``timer``; equal times fire in the order of arming."""
        self._sequence += 1
        timer.sequence = self._sequence
        heapq.heappush(self._heap, (when_ns, self._sequence, timer))
        if len(self._heap) > self._compact_at:
            self._compact()
        if self._heap[0][2] is timer:
            self._on_earlier(when_ns)

    def _compact(self) -> None:
        """Drop what was cancelled or re-armed, so that a guest cannot make the heap grow."""
        self._heap = [entry for entry in self._heap if _alive(entry)]
        heapq.heapify(self._heap)
        self._compact_at = max(_HEAP_FLOOR, 2 * len(self._heap))

    def next_deadline(self) -> int | None:
        """When the next timer fires; None when none is armed."""
        heap = self._heap
        while heap:
            if _alive(heap[0]):
                return heap[0][0]
            heapq.heappop(heap)
        return None

    def run_due(self) -> None:
        """Fire every timer whose time has come, in order of (time, arming)."""
        while (when := self.next_deadline()) is not None and when <= self.now():
            _, _, timer = heapq.heappop(self._heap)
            timer.fire()

    def skip_to(self, when_ns: int) -> None:
        """Let a halted processor wait until ``when_ns``."""
        self._wait(max(0, when_ns - self.now()))


def _alive(entry: tuple[int, int, VirtualTimer]) -> bool:
    _, sequence, timer = entry
    return timer.deadline is not None and timer.sequence == sequence


def host_seconds() -> float:
    """The host's monotonic clock, for progress displays and measurements; never for a guest."""
    return time.perf_counter()


def host_ns() -> int:
    """The same in ns, for measuring one exit."""
    return time.perf_counter_ns()


def host_wall_ns() -> int:
    """The host's time of day, to compare with that of its files; never for a guest."""
    return time.time_ns()
