"""What ``hv compare`` finds out: one schema (``hv.compare/1``), the same bytes for the same inputs.

Cycles come three times, by the cost model's low, typical and high figures. The typical ones have driven the
run's virtual time, so they are what the guest's own RDTSC saw.
"""

from typing import Protocol

import msgspec

from hv import cost
from hv.cost import Spread

SCHEMA = "hv.compare/1"

CAUSES = tuple(cost.CAUSES)
"""What cycles are spent on, in the order in which reports stack them."""


class Ratio(msgspec.Struct, frozen=True):
    """A path's cycles over the baseline's, both by the same figures; 4 decimals."""

    low: float
    typical: float
    high: float


class Cause(msgspec.Struct, frozen=True):
    """Cycles spent on one of ``CAUSES``."""

    name: str
    cycles: Spread


class ExitLine(msgspec.Struct, frozen=True):
    """Exits of one kind between the marks. ``insns``: retired since the exit before each."""

    reason: str
    device: str
    target: str
    direction: str
    width: int
    count: int
    insns: int
    bytes: int
    cycles: Spread


class WorkLine(msgspec.Struct, frozen=True):
    """What one device did for the guest between the marks."""

    device: str
    requests: int
    bytes: int
    cycles: Spread


class Workload(Protocol):
    """What a report says of a workload before anything has run."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def units(self) -> int: ...

    @property
    def equal(self) -> str: ...

    @property
    def baseline(self) -> str: ...

    @property
    def path_names(self) -> tuple[str, ...]: ...


class PathReport(msgspec.Struct, frozen=True):
    """One path of a workload, between its marks.

    ``cycles`` leaves out the time in which the processor was halted, ``elapsed`` has it;
    ``guest_cycles`` is the difference of the guest's RDTSCs, equal to ``elapsed``.
    ``exits`` are those that a hypervisor on hardware would see.
    """

    path: str
    kind: str
    shows: str
    insns: int
    exits: int
    injections: int
    cycles: Spread
    elapsed: int
    guest_cycles: int
    checksum: str
    ratio: Ratio
    causes: list[Cause]
    exit_lines: list[ExitLine]
    work_lines: list[WorkLine]


class WorkReport(msgspec.Struct, frozen=True):
    """One workload: all its paths, the baseline among them."""

    work: str
    title: str
    unit: str
    units: int
    equal: str
    baseline: str
    paths: list[PathReport]


class Comparison(msgspec.Struct, frozen=True):
    """``hv.compare/1``."""

    schema: str
    versions: dict[str, str]
    cost_model: str
    works: list[WorkReport]
