"""Names for what exits were for: a port number becomes its chip, a connection its channel."""

from collections.abc import Callable

from hv.cpu.exits import ExitReason, Vector
from hv.partition import Partition
from hv.stats import ExitKey
from hv.tlfs import hypercall_name, msr_name
from hv.vp import CODE_BITS, OTHERS

_CODE = (1 << CODE_BITS) - 1
_READS = frozenset({ExitReason.PORT_READ, ExitReason.MMIO_READ, ExitReason.MSR_READ})
_WRITES = frozenset({ExitReason.PORT_WRITE, ExitReason.MMIO_WRITE, ExitReason.MSR_WRITE})


def exit_direction(reason: ExitReason) -> str:
    """As the guest sees it: "in", "out" or neither."""
    return "in" if reason in _READS else "out" if reason in _WRITES else ""


class ExitNames:
    """Names of one partition's exits. ``channel_of`` gives the channel behind a connection id."""

    def __init__(
        self, partition: Partition, channel_of: Callable[[int], str | None] = lambda _id: None
    ) -> None:
        self._partition = partition
        self._channel_of = channel_of
        self._by_reason: dict[ExitReason, Callable[[int], tuple[str, str]]] = {
            ExitReason.PORT_READ: self._port,
            ExitReason.PORT_WRITE: self._port,
            ExitReason.MMIO_READ: self._mmio,
            ExitReason.MMIO_WRITE: self._mmio,
            ExitReason.MSR_READ: self._msr,
            ExitReason.MSR_WRITE: self._msr,
            ExitReason.EXCEPTION: _exception,
            ExitReason.INTERRUPT: _vector,
            ExitReason.ROOT_INTERRUPT: _vector,
            ExitReason.SOFTWARE_INTERRUPT: _vector,
            ExitReason.CPUID: _leaf,
            ExitReason.HYPERCALL: self._hypercall,
        }

    def __call__(self, key: ExitKey) -> tuple[str, str]:
        """(device, target) as a person names them."""
        if key.target == OTHERS:
            return "others", ""
        name = self._by_reason.get(ExitReason(key.reason))
        return name(key.target) if name else ("processor", "")

    def _port(self, port: int) -> tuple[str, str]:
        return self._partition.ports.device_at(port), f"port {port:#06x}"

    def _mmio(self, gpa: int) -> tuple[str, str]:
        return self._partition.mmio.device_at(gpa), f"gpa {gpa:#010x}"

    def _msr(self, number: int) -> tuple[str, str]:
        name = msr_name(number)
        plain = f"{number:#010x}"
        target = f"msr {plain}" if name == plain else f"msr {plain} {name}"
        return self._partition.msrs.device_at(number), target

    def _hypercall(self, target: int) -> tuple[str, str]:
        name, connection = hypercall_name(target & _CODE), target >> CODE_BITS
        if not connection:
            return "hypervisor", name
        channel = self._channel_of(connection) or f"connection {connection:#x}"
        return "hypervisor", f"{name} {channel}"


def _exception(vector: int) -> tuple[str, str]:
    known = vector in Vector.__members__.values()
    return "processor", f"#{Vector(vector).name}" if known else f"vector {vector}"


def _vector(vector: int) -> tuple[str, str]:
    return "processor", f"vector {vector:#04x}"


def _leaf(leaf: int) -> tuple[str, str]:
    return "processor", f"leaf {leaf:#010x}"
