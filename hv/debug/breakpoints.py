"""The breakpoints and watchpoints of one session, by the numbers that Z and z packets carry."""

from hv.debug.doors import Access, Target, WatchedRange

MOST = 1024
MOST_WATCHED_BYTES = 4096

_KINDS = {0: b"swbreak", 1: b"hwbreak"}
_ACCESSES = {2: Access.WRITE, 3: Access.READ, 4: Access.ANY}


class Breakpoints:
    """Software and hardware breakpoints are the same here: nothing is written into the guest's memory."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._addresses: dict[int, set[int]] = {kind: set() for kind in _KINDS}
        self._watched: set[WatchedRange] = set()

    @property
    def full(self) -> bool:
        """There are as many as there may be."""
        return sum(map(len, self._addresses.values())) + len(self._watched) >= MOST

    def insert(self, kind: int, address: int, size: int) -> bool | None:
        """False when it cannot be there, None when there is no such kind."""
        if kind in _KINDS:
            self._addresses[kind].add(address)
            return True
        if kind not in _ACCESSES:
            return None
        watched = WatchedRange(address, size, _ACCESSES[kind])
        if not 0 < size <= MOST_WATCHED_BYTES or not self._target.can_watch(watched):
            return False
        self._watched.add(watched)
        return True

    def remove(self, kind: int, address: int, size: int) -> bool:
        """False when there is no such kind. What is not there is removed."""
        if kind in _KINDS:
            self._addresses[kind].discard(address)
        elif kind in _ACCESSES:
            self._watched.discard(WatchedRange(address, size, _ACCESSES[kind]))
        else:
            return False
        return True

    def kind_at(self, address: int) -> bytes | None:
        """What a stop reply calls the breakpoint there."""
        for kind, name in _KINDS.items():
            if address in self._addresses[kind]:
                return name
        return None

    def addresses(self) -> frozenset[int]:
        """Where to stop."""
        return frozenset().union(*self._addresses.values())

    def watched(self) -> tuple[WatchedRange, ...]:
        """What to watch, in a fixed order."""
        return tuple(sorted(self._watched, key=lambda w: (w.address, w.size, w.access.value)))
