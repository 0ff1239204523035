"""A cost model: named figures, each with a low, a typical and a high value and the place it comes from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

CPI = "cpi"
RDTSC = "instruction.rdtsc"

CAUSES = {
    "guest instructions": (CPI, RDTSC),
    "world switches": (
        "world_switch.port",
        "world_switch.mmio",
        "world_switch.msr",
        "world_switch.cpuid",
        "world_switch.hlt",
        "world_switch.hypercall",
    ),
    "intercept delivery": ("delivery.kernel", "delivery.user"),
    "device work": (
        "device_work.hypervisor",
        "device_work.user",
        "device_work.user_request",
        "device_work.kernel_request",
        "device_work.disk_request",
    ),
    "data movement": ("data.pio_sector", "data.dma_sector", "data.vsp_sector"),
    "interrupt injection": ("injection.interrupt",),
}
"""Every figure a model has, by what its cycles are spent on, in the order in which reports stack them."""

FIGURES = tuple(name for names in CAUSES.values() for name in names)
CAUSE_OF = {name: cause for cause, names in CAUSES.items() for name in names}

CPI_SHIFT = 10
"""Cycles per instruction are kept in 1/1024, so that virtual time needs no fractions."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Cycles by the low, typical and high figures."""

    low: int = 0
    typical: int = 0
    high: int = 0

    def __add__(self, other: "Spread") -> "Spread":
        return Spread(self.low + other.low, self.typical + other.typical, self.high + other.high)

    def times(self, count: int) -> "Spread":
        return Spread(self.low * count, self.typical * count, self.high * count)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. ``typical`` is a whole number of cycles but for CPI."""

    name: str
    low: Fraction
    typical: Fraction
    high: Fraction
    unit: str
    source: str
    date: str = ""
    machine: str = ""
    note: str = ""

    def spread(self) -> Spread:
        """Whole cycles."""
        return Spread(int(self.low), int(self.typical), int(self.high))


@dataclass(frozen=True, slots=True)
class CostModel:
    """``figures`` has one entry for each of ``FIGURES``."""

    name: str
    about: str
    figures: Mapping[str, Figure]

    def price(self, names: Iterable[str]) -> Spread:
        """What these figures cost together, once each."""
        total = Spread()
        for name in names:
            total += self.figures[name].spread()
        return total

    def cpi(self) -> tuple[int, int, int]:
        """Cycles per instruction in 1/1024: low, typical, high."""
        figure = self.figures[CPI]
        low, typical, high = (
            round(value * (1 << CPI_SHIFT)) for value in (figure.low, figure.typical, figure.high)
        )
        return low, typical, high

    def rdtsc(self) -> int:
        """Cycles of an RDTSC beside those of any instruction."""
        return self.price((RDTSC,)).typical

    def instructions(self, count: int) -> Spread:
        """Cycles of ``count`` instructions."""
        low, typical, high = (count * each >> CPI_SHIFT for each in self.cpi())
        return Spread(low, typical, high)
