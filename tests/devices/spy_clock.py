"""A clock whose timers a test can see, and make late."""

from collections.abc import Callable

from tests.fakes import ManualClock, ManualTimer


class SpyClock(ManualClock):
    """Shows what is armed, and can let timers be late."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: list[ManualTimer] = []

    def timer(self, action: Callable[[], None]) -> ManualTimer:
        self.timers.append(super().timer(action))
        return self.timers[-1]

    def deadline(self) -> int | None:
        """Of the timer created last."""
        return self.timers[-1].deadline

    def oversleep(self, when_ns: int) -> None:
        """It is ``when_ns``, and no timer was looked at on the way."""
        self._now = when_ns
