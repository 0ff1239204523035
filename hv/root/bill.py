"""The bill for some stretch of a run: each kind of exit, each device's work, and what it all was spent on."""

from dataclasses import dataclass

from hv.cost import CAUSES, Spread, WorkKind, work_figures
from hv.cost.model import CAUSE_OF, CPI, RDTSC
from hv.root.pricing import Pricing
from hv.stats import ExitCount, ExitKey, Moment, WorkCount, WorkKey


@dataclass(frozen=True, slots=True)
class ExitItem:
    """All exits, or injections, of one kind."""

    key: ExitKey
    count: ExitCount
    cycles: Spread


@dataclass(frozen=True, slots=True)
class WorkItem:
    """All requests of one kind to one device."""

    key: WorkKey
    count: WorkCount
    cycles: Spread


class Bill:
    """What lies in a ``Moment`` (counts since some earlier one), by one cost model.

    ``cycles`` is everything but the time spent halted. With the typical figures it is what virtual time
    was charged, to the cycle; when CPI is no whole number, to one cycle for each end of the stretch.
    """

    def __init__(self, pricing: Pricing, counts: Moment) -> None:
        self.counts = counts
        self._pricing = pricing
        self._figures: dict[str, int] = {}
        self.exits = [self._exit(key, count) for key, count in counts.exit_rows()]
        self.work = [self._work(key, counts.work[key]) for key in sorted(counts.work)]
        self._add((RDTSC,), counts.rdtsc)

    def _add(self, figures: tuple[str, ...], times: int) -> Spread:
        for name in figures:
            self._figures[name] = self._figures.get(name, 0) + times
        return self._pricing.model.price(figures).times(times)

    def _exit(self, key: ExitKey, count: ExitCount) -> ExitItem:
        return ExitItem(key, count, self._add(self._pricing.figures(key), count.number))

    def _work(self, key: WorkKey, count: WorkCount) -> WorkItem:
        request, sector = work_figures(WorkKind[key.kind])
        cycles = self._add(request, count.requests) + self._add(sector, count.sectors)
        return WorkItem(key, count, cycles)

    def causes(self) -> dict[str, Spread]:
        """Cycles by what they were spent on, in the order of ``hv.cost.CAUSES``."""
        model = self._pricing.model
        causes = dict.fromkeys(CAUSES, Spread())
        causes[CAUSE_OF[CPI]] = model.instructions(self.counts.insns)
        for name, times in self._figures.items():
            causes[CAUSE_OF[name]] += model.figures[name].spread().times(times)
        return causes

    @property
    def cycles(self) -> Spread:
        """Everything together."""
        return sum(self.causes().values(), Spread())

    def real_exits(self) -> list[ExitItem]:
        """Those that a hypervisor on hardware would see."""
        return [item for item in self.exits if self._pricing.is_exit(item.key)]

    @property
    def exit_count(self) -> int:
        """How many those are."""
        return sum(item.count.number for item in self.real_exits())

    @property
    def injections(self) -> int:
        """Interrupts delivered to the guest."""
        return sum(item.count.number for item in self.exits if self._pricing.is_injection(item.key))

    def rdtsc_cycles(self) -> Spread:
        """What RDTSC cost on top of being an instruction."""
        return self._pricing.model.price((RDTSC,)).times(self.counts.rdtsc)
