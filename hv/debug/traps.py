"""What a debugged run stops for, as the machine knows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hv.cpu.engine import Watch
from hv.debug.doors import Access, Orders, WatchedRange
from hv.debug.session import Halt
from hv.types import PAGE_SIZE
from hv.vp import Cause, Stop, VirtualProcessor


@dataclass(frozen=True, slots=True)
class Traps:
    """Linear addresses of instructions, and watched memory with the watchpoint that it is of."""

    addresses: frozenset[int] = frozenset()
    watched: Mapping[Watch, WatchedRange] = field(default_factory=dict)

    @classmethod
    def of(cls, orders: Orders, vp: VirtualProcessor) -> "Traps":
        """Watchpoints are on the memory that their addresses mean now."""
        pieces = {watch: watched for watched in orders.watched for watch in _pieces(watched, vp)}
        return cls(frozenset(orders.breakpoints), pieces)

    def halt(self, stop: Stop) -> Halt:
        """What the debugger is told of ``stop``."""
        if stop.cause is Cause.ACCESS:
            return Halt(watched=self._met(stop))
        return Halt(address=stop.at if stop.cause is Cause.ADDRESS else None)

    def _met(self, stop: Stop) -> tuple[Access, int] | None:
        for watch, watched in self.watched.items():
            if watch.gpa == stop.at:
                return watched.access, watched.address
        return None


def _pieces(watched: WatchedRange, vp: VirtualProcessor) -> list[Watch]:
    """The watched bytes in physical memory, by the translation of now: a piece a page."""
    reads, writes = watched.access is not Access.WRITE, watched.access is not Access.READ
    pieces = []
    at, end = watched.address, watched.address + watched.size
    while at < end:
        part = min(end - at, PAGE_SIZE - at % PAGE_SIZE)
        gpa = vp.linear.find(at)
        if gpa is not None:
            pieces.append(Watch(gpa, part, reads, writes))
        at += part
    return pieces
