"""What the host has planned to do to a machine, as data: see hv.root.schedule."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Deed:
    """One action at one time."""

    when_ns: int
    name: str
    argument: str


@dataclass(frozen=True, slots=True)
class PlannedDeed:
    """A deed of one machine, and the tickets of what it has asked a service for."""

    deed: Deed
    tickets: list[int] = field(default_factory=list)
