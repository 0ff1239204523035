"""Looking for places in a run that is over: what came last before the present, and one step before it.

A walker is sent forward again from a waypoint. Stops take time, and watched memory slows a run down: they are
looked for in stretches that begin near the present and get longer.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hv.debug.places import Place
from hv.debug.session import Halt
from hv.debug.traps import Traps
from hv.debug.walker import Walker
from hv.debug.waypoints import Waypoints
from hv.vp import Cause, Stop

_FIRST_STRETCH = 4096
_GROWTH = 16
_MOST_STOPS = 256
_TRAIL = 32

Found = tuple[Place, Stop]


class Search:
    """Goes through what lies behind ``waypoints``. ``send`` makes a walker that is at a place."""

    def __init__(self, waypoints: Waypoints, send: Callable[[Place], Walker]) -> None:
        self._waypoints = waypoints
        self._send = send
        self._trail: list[Place] = []

    # One step.

    def step_before(self, place: Place) -> Place | None:
        """Where a single step led to ``place`` from; None at the beginning of history."""
        moments = [one.moment for one in self._trail]
        index = bisect_left(moments, place.moment)
        if not 0 < index < len(moments) or moments[index] != place.moment:
            self._trail = self._steps_to(place)
            index = len(self._trail) - 1
        return self._trail[index - 1] if index > 0 else None

    def forget(self) -> None:
        """The run has become another one."""
        self._trail = []

    def _steps_to(self, place: Place) -> list[Place]:
        """The last places before ``place``, one step apart, and itself. The first becomes a waypoint."""
        start = max(self._waypoints.first, Place(place.insns - _TRAIL, 0, 0))
        places = []
        with self._walker(start) as walker:
            self._waypoints.add(walker.machine, walker.place, settled=walker.settled)
            while walker.end is None and walker.place.moment < place.moment:
                walker.give_due()
                places.append(walker.place)
                walker.step()
        return [*places, place]

    # The last stop.

    def last_stop(self, high: Place, traps: Traps) -> tuple[Place, Halt] | None:
        """The last place before ``high`` to stop for ``traps``: in front of what touched watched memory."""
        size = _FIRST_STRETCH
        while high > self._waypoints.first:
            low = self._begin(high, size)
            found = self._last_between(low, high, traps)
            if found is not None:
                place, stop = found
                if stop.cause is Cause.ACCESS:
                    place = self.step_before(place) or self._waypoints.first
                return place, traps.halt(stop)
            high = low
            size *= _GROWTH
        return None

    def _begin(self, high: Place, size: int) -> Place:
        """``size`` instructions before ``high``; at most a waypoint."""
        waypoint = self._waypoints.before(high)
        if high.insns - waypoint.insns <= size:
            return waypoint
        return self._boundary(waypoint, high.insns - size)

    def _boundary(self, start: Place, insns: int) -> Place:
        """The first block boundary from ``insns`` on."""
        with self._walker(start) as walker:
            walker.approach(insns)
            return walker.place

    def _last_between(self, low: Place, high: Place, traps: Traps) -> Found | None:
        """The last stop from ``low`` on: for a breakpoint before ``high``, for an access up to there."""
        found: Found | None = None
        with self._walker(low) as walker:
            if walker.pc in traps.addresses:
                found = low, Stop(Cause.ADDRESS, walker.pc)
            walker.arm(traps)
            stops = 0
            while (stop := walker.go(high)) is not None:
                place = walker.place
                if place.moment >= high.moment:
                    return (place, stop) if stop.cause is Cause.ACCESS else found
                if walker.pc in traps.addresses:
                    stop = Stop(Cause.ADDRESS, walker.pc)
                found = place, stop
                stops += 1
                if stops == _MOST_STOPS and high.insns - place.insns > _FIRST_STRETCH:
                    break
            else:
                return found
        return self._last_of_many(found[0], high, traps) or found if found else None

    def _last_of_many(self, low: Place, high: Place, traps: Traps) -> Found | None:
        """The same, the later half first."""
        middle = self._boundary(low, (low.insns + high.insns) // 2)
        return self._last_between(middle, high, traps) or self._last_between(low, middle, traps)

    @contextmanager
    def _walker(self, place: Place) -> Iterator[Walker]:
        walker = self._send(place)
        try:
            yield walker
        finally:
            walker.close()
