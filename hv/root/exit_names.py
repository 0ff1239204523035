"""Names for what exits were for: a port number becomes its chip."""

from hv.cpu.exits import ExitReason, Vector
from hv.partition import Partition
from hv.stats import ExitKey


def exit_target(partition: Partition, key: ExitKey) -> tuple[str, str]:
    """(device, target) as a person names them."""
    ports, msrs = partition.ports, partition.msrs
    reason = ExitReason(key.reason)
    if reason in (ExitReason.PORT_READ, ExitReason.PORT_WRITE):
        return ports.device_at(key.target), f"port {key.target:#06x}"
    if reason in (ExitReason.MSR_READ, ExitReason.MSR_WRITE):
        return msrs.device_at(key.target), f"msr {key.target:#010x}"
    if reason in (ExitReason.MMIO_READ, ExitReason.MMIO_WRITE):
        return partition.mmio.device_at(key.target), f"gpa {key.target:#010x}"
    if reason is ExitReason.EXCEPTION:
        known = key.target in Vector.__members__.values()
        return "processor", f"#{Vector(key.target).name}" if known else f"vector {key.target}"
    if reason in (ExitReason.INTERRUPT, ExitReason.SOFTWARE_INTERRUPT):
        return "processor", f"vector {key.target:#04x}"
    if reason is ExitReason.CPUID:
        return "processor", f"leaf {key.target:#010x}"
    return "processor", ""
