"""The price of an exit by its reason, for reports."""

from hv.cost import ExitCosts
from hv.cpu.exits import ExitReason

_PRICES = {
    ExitReason.PORT_READ: "port",
    ExitReason.PORT_WRITE: "port",
    ExitReason.MMIO_READ: "mmio",
    ExitReason.MMIO_WRITE: "mmio",
    ExitReason.MSR_READ: "msr",
    ExitReason.MSR_WRITE: "msr",
    ExitReason.CPUID: "cpuid",
    ExitReason.HLT: "hlt",
    ExitReason.HYPERCALL: "hypercall",
    ExitReason.RDTSC: "rdtsc",
    ExitReason.INTERRUPT: "injection",
}


def price(costs: ExitCosts, reason: ExitReason) -> int:
    """Virtual ns for one exit of ``reason``; 0 for what never leaves a guest on hardware."""
    field = _PRICES.get(reason)
    return getattr(costs, field) if field else 0
