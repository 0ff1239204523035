"""What each exit of this PC costs: where its device is answered, and a cost model's figures for that.

Places follow Hyper-V: local APIC, MSRs, CPUID and hypercalls are the hypervisor's own; emulated chips, the
I/O APIC and whatever nobody decodes are the root's worker process; signals and messages of the VMBus wake
the root's kernel. Exceptions, INT n, SYSCALL and RDTSC do not leave a guest on hardware: they are no exits.
"""

from hv.cost import EXIT_PRICES, FREE, CostModel, Place, Spread, Trigger, WorkKind, work_figures
from hv.cpu.exits import ExitReason
from hv.partition import Partition
from hv.stats import ExitKey
from hv.tlfs import POST_MESSAGE, SIGNAL_EVENT
from hv.vp import CODE_BITS

_TRIGGERS = {
    ExitReason.PORT_READ: Trigger.PORT,
    ExitReason.PORT_WRITE: Trigger.PORT,
    ExitReason.MMIO_READ: Trigger.MMIO,
    ExitReason.MMIO_WRITE: Trigger.MMIO,
    ExitReason.MSR_READ: Trigger.MSR,
    ExitReason.MSR_WRITE: Trigger.MSR,
    ExitReason.CPUID: Trigger.CPUID,
    ExitReason.HLT: Trigger.HLT,
    ExitReason.HYPERCALL: Trigger.HYPERCALL,
}
_INJECTIONS = {
    ExitReason.INTERRUPT: WorkKind.INTERRUPT,
    ExitReason.ROOT_INTERRUPT: WorkKind.ROOT_INTERRUPT,
}
_TOOLS = frozenset({"mark", "debug text", "debug exit"})
_IN_HYPERVISOR = frozenset({"local apic"})
_TO_KERNEL = frozenset({POST_MESSAGE, SIGNAL_EVENT})
_CALL_CODE = (1 << CODE_BITS) - 1


class Pricing:
    """Prices for one partition (hv.vp.Pricing), and the figures behind them for reports."""

    def __init__(self, model: CostModel, partition: Partition) -> None:
        self.model = model
        self._partition = partition

    def figures(self, key: ExitKey) -> tuple[str, ...]:
        """The figures that one exit, or one injection, of this kind adds up to."""
        reason = ExitReason(key.reason)
        injection = _INJECTIONS.get(reason)
        if injection is not None:
            return work_figures(injection)[0]
        trigger = _TRIGGERS.get(reason)
        if trigger is None:
            return FREE
        place = self._place(trigger, key.target)
        return FREE if place is Place.TOOL else EXIT_PRICES[trigger, place]

    def _place(self, trigger: Trigger, target: int) -> Place:
        if trigger is Trigger.PORT:
            return Place.TOOL if self._partition.ports.device_at(target) in _TOOLS else Place.USER
        if trigger is Trigger.MMIO:
            device = self._partition.mmio.device_at(target)
            return Place.HYPERVISOR if device in _IN_HYPERVISOR else Place.USER
        if trigger is Trigger.HYPERCALL and target & _CALL_CODE in _TO_KERNEL:
            return Place.KERNEL
        return Place.HYPERVISOR

    def is_exit(self, key: ExitKey) -> bool:
        """A hypervisor on hardware would see this one."""
        trigger = _TRIGGERS.get(ExitReason(key.reason))
        return trigger is not None and self._place(trigger, key.target) is not Place.TOOL

    def is_injection(self, key: ExitKey) -> bool:
        """An interrupt went in, nothing came out."""
        return ExitReason(key.reason) in _INJECTIONS

    def exit_price(self, key: ExitKey) -> int:
        """Virtual ns for one."""
        return self.model.price(self.figures(key)).typical

    def work_price(self, kind: WorkKind) -> tuple[int, int]:
        """Virtual ns for one request, and for each sector that it moves."""
        request, sector = (self.model.price(names).typical for names in work_figures(kind))
        return request, sector

    def exit_spread(self, key: ExitKey, count: int) -> Spread:
        """Cycles of ``count`` exits of a kind."""
        return self.model.price(self.figures(key)).times(count)
