"""What is counted: exits by what caused them, device work, and the difference between two moments."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

Row = list[int]
"""Exits of one kind: [count, instructions since the exit before, bytes moved, price of one, host ns]"""
COUNT, INSNS, BYTES, PRICE, HOST_NS = range(5)

SECTOR = 512


class ExitKey(NamedTuple):
    """What an exit was for: reason (hv.cpu.exits.ExitReason), target (port, MSR, vector, address), width."""

    reason: int
    target: int
    width: int

    def pack(self) -> int:
        """One number, for the dictionary of the hot path."""
        return self.target << 12 | self.reason << 4 | self.width

    @classmethod
    def unpack(cls, key: int) -> "ExitKey":
        return cls(key >> 4 & 0xFF, key >> 12, key & 0xF)


class ExitCount(NamedTuple):
    """Exits of one kind over some time."""

    number: int
    insns: int
    bytes: int


class WorkKey(NamedTuple):
    """A device and what it does (the name of a hv.cost.WorkKind)."""

    device: str
    kind: str


class WorkCount(NamedTuple):
    """Requests of one kind over some time. ``sectors``: 512 bytes each, rounded up by request."""

    requests: int
    bytes: int
    sectors: int


K = TypeVar("K")
C = TypeVar("C", ExitCount, WorkCount)


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything that was counted up to some time; ``since`` gives what lies between two of them."""

    insns: int
    vtime_ns: int
    idle_ns: int
    rdtsc: int
    exits: Mapping[int, ExitCount]
    work: Mapping[WorkKey, WorkCount]

    def since(self, earlier: "Moment") -> "Moment":
        """The counts between ``earlier`` and this."""
        return Moment(
            self.insns - earlier.insns,
            self.vtime_ns - earlier.vtime_ns,
            self.idle_ns - earlier.idle_ns,
            self.rdtsc - earlier.rdtsc,
            dict(_between(earlier.exits, self.exits)),
            dict(_between(earlier.work, self.work)),
        )

    def exit_rows(self) -> list[tuple[ExitKey, ExitCount]]:
        """Ordered by reason, target and width."""
        rows = [(ExitKey.unpack(key), count) for key, count in self.exits.items()]
        return sorted(rows)


def _between(before: Mapping[K, C], after: Mapping[K, C]) -> Iterator[tuple[K, C]]:
    """What was counted in between; the first number of a count tells whether anything was."""
    for key, now in after.items():
        was = before.get(key)
        if was is None:
            yield key, now
        elif now[0] != was[0]:
            yield key, type(now)(*(b - a for a, b in zip(was, now, strict=True)))
