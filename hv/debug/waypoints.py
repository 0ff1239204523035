"""The machine as it was at a few places of its run: dense lately, sparse long ago, equal pages kept once."""

from bisect import bisect_left, bisect_right

from hv.debug.places import Place
from hv.errors import ConfigError
from hv.loaders import NO_SYMBOLS
from hv.root.checkpoint import Snapshot
from hv.root.checkpoint.pages import Frames, PagePool
from hv.root.checkpoint.snapshot import pages_of, sections_of, symbols_of
from hv.root.machine import Machine, Outputs

MOST = 40
_LEAST_APART = 4_000_000
_APART_PER_PAGE = 40_000
"""Instructions: looking at a page that is not empty takes about as long as a tenth of them."""


class Waypoint:
    """One machine of the past. ``settled`` as ``Walker`` has it."""

    def __init__(self, machine: Machine, at: Place, known: Frames, *, settled: bool) -> None:
        self.at = at
        self.settled = settled
        self._pool = PagePool(known)
        self._sections = sections_of(machine, self._pool)

    @property
    def pages(self) -> int:
        """How many it has that are not empty."""
        return len(self._pool)

    def snapshot(self) -> Snapshot:
        """The start of any number of machines."""
        sections = self._sections | pages_of(self._pool) | symbols_of(NO_SYMBOLS)
        return Snapshot({name: memoryview(data) for name, data in sections.items()})


class Waypoints:
    """In the order of their places."""

    def __init__(self) -> None:
        self._known = Frames()
        self._all: list[Waypoint] = []
        self._tried = 0
        self._unpacked: tuple[Waypoint, Snapshot] | None = None

    @property
    def first(self) -> Place:
        """The beginning of history."""
        return self._all[0].at

    def __len__(self) -> int:
        return len(self._all)

    def add(self, machine: Machine, at: Place, *, settled: bool) -> None:
        """Keep ``machine``, which is at ``at``, if it can be saved; drop another if there are too many."""
        self._tried = max(self._tried, at.insns)
        index = bisect_left(self._all, at, key=_place)
        if index < len(self._all) and self._all[index].at == at:
            return
        try:
            waypoint = Waypoint(machine, at, self._known, settled=settled)
        except ConfigError:
            return
        self._all.insert(index, waypoint)
        if len(self._all) > MOST:
            del self._all[self._superfluous(at.insns)]

    def due(self, at: Place) -> bool:
        """Whether the run has got far enough beyond the last one."""
        last = self._all[-1]
        return at.insns - self._tried >= max(_LEAST_APART, _APART_PER_PAGE * last.pages)

    def at(self, place: Place) -> Waypoint:
        """The last one that is not behind ``place``."""
        return self._all[max(0, bisect_right(self._all, place, key=_place) - 1)]

    def before(self, place: Place) -> Place:
        """Where the last one before ``place`` is; the first, when there is none."""
        return self._all[max(0, bisect_left(self._all, place, key=_place) - 1)].at

    def machine(self, waypoint: Waypoint, outputs: Outputs) -> Machine:
        """A machine that goes on from there."""
        if self._unpacked is None or self._unpacked[0] is not waypoint:
            self._unpacked = None
            self._unpacked = waypoint, waypoint.snapshot()
        return self._unpacked[1].machine(outputs)

    def cut(self, place: Place) -> None:
        """What lies behind ``place`` will not be."""
        self._all = [waypoint for waypoint in self._all if waypoint.at <= place]
        self._tried = self._all[-1].at.insns

    def _superfluous(self, now: int) -> int:
        """The one whose neighbours are closest together, as seen from ``now``; never an end."""

        def gap(index: int) -> float:
            before, behind = self._all[index - 1].at.insns, self._all[index + 1].at.insns
            return (behind - before) / max(1, abs(now - behind) + behind - before)

        return min(range(1, len(self._all) - 1), key=gap)


def _place(waypoint: Waypoint) -> Place:
    return waypoint.at
