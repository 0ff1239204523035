"""Microsoft's hypervisor interface of one partition: what the partition's buses and exits are wired to.

A ``HypervisorInterface`` is built with its doors; a ``VpInterface`` is added for each processor, in the order
of their indices. A host service speaks to the guest through ``post`` and ``signal`` and listens at
``ports``. Nothing here raises but ``AccessFault`` (#GP) and ``UndefinedOperation`` (#UD).
"""

from hv.saved import Parts
from hv.tlfs import hypercalls, msrs
from hv.tlfs.cpuid_leaves import Leaf, Platform
from hv.tlfs.doors import PartitionDoors, VpDoors
from hv.tlfs.features import Features
from hv.tlfs.hypercall_abi import HypercallRegisters, HypercallResult
from hv.tlfs.partition import SyntheticPartition
from hv.tlfs.ports import Ports
from hv.tlfs.processor import SyntheticProcessor
from hv.tlfs.synic import FLAGS_PER_SINT, SINTS


class VpInterface:
    """The interface as one virtual processor meets it."""

    def __init__(self, processor: SyntheticProcessor) -> None:
        self._processor = processor
        self.index = processor.index
        self.eoi_assist = processor.eoi_assist
        self.msr_numbers = msrs.offered(processor.partition.features)

    def cpuid(self, leaf: int) -> Leaf | None:
        """EAX EBX ECX EDX; None for a leaf that is not the hypervisor's."""
        return self._processor.partition.cpuid(leaf)

    def read_msr(self, number: int) -> int:
        """RDMSR. AccessFault where it raises #GP."""
        return msrs.read_msr(self._processor, number)

    def write_msr(self, number: int, value: int) -> None:
        """WRMSR. AccessFault where it raises #GP."""
        msrs.write_msr(self._processor, number, value)

    def hypercall(self, registers: HypercallRegisters) -> HypercallResult:
        """VMMCALL or VMCALL. UndefinedOperation where it raises #UD."""
        return hypercalls.perform(self._processor, registers)

    def apic_eoi_happened(self) -> None:
        """This processor's APIC took an EOI, by whatever way."""
        self._processor.synic.end_of_interrupt()

    def reset(self) -> None:
        """INIT: SynIC, timers and assist page of this processor."""
        self._processor.reset()


class HypervisorInterface:
    """The interface of one partition. With no features at all there is no such interface."""

    def __init__(self, features: Features, platform: Platform, doors: PartitionDoors) -> None:
        self._max_processors = platform.processors
        self._processors: list[SyntheticProcessor] = []
        self._partition = SyntheticPartition(features, platform, doors, self._tscs)
        self.features = features

    def _tscs(self) -> list[int]:
        return [processor.doors.state.tsc() for processor in self._processors]

    def add_processor(self, doors: VpDoors, apic_id: int) -> VpInterface:
        """The next processor."""
        if len(self._processors) >= self._max_processors:
            raise ValueError(f"more than {self._max_processors} processors")
        processor = SyntheticProcessor(self._partition, self._processors, apic_id, doors)
        self._processors.append(processor)
        return VpInterface(processor)

    def reset(self) -> None:
        """System reset: all as at power-on but for reference time and the host's ports."""
        for processor in self._processors:
            processor.reset()
        self._partition.reset()

    # The host's side.

    @property
    def ports(self) -> Ports:
        """Where the guest's messages and events go."""
        return self._partition.ports

    def post(self, vp: int, sint: int, kind: int, payload: bytes) -> bool:
        """Send a message to the guest. False: there is no such source, or too many wait for it."""
        return self._has(vp, sint) and self._processors[vp].synic.post(sint, kind, payload)

    def forget(self, vp: int, sint: int) -> None:
        """Drop what was posted to ``sint`` and has not reached the guest."""
        if self._has(vp, sint):
            self._processors[vp].synic.forget(sint)

    def signal(self, vp: int, sint: int, flag: int) -> bool:
        """Set an event flag. False: there is no such flag, or no page that the guest has for it."""
        if not self._has(vp, sint) or not 0 <= flag < FLAGS_PER_SINT:
            return False
        return self._processors[vp].synic.signal(sint, flag)

    def _has(self, vp: int, sint: int) -> bool:
        """A guest chooses where it wants to hear from the host: it may choose badly."""
        return 0 <= vp < len(self._processors) and 0 <= sint < SINTS

    # The partition's side.

    def reference_time(self) -> int:
        """The partition's reference counter, units of 100 ns."""
        return self._partition.reference.now()

    def tsc_written(self) -> None:
        """A processor's time stamp counter was set."""
        self._partition.tsc_written()

    @property
    def tsc_invariant(self) -> bool:
        """The guest asked to be shown the invariant TSC bit (CPUID 0x80000007, EDX bit 8)."""
        return self._partition.tsc_invariant

    def parts(self) -> Parts:
        """The state of the partition's half and of each processor's."""
        found = self._partition.parts()
        for processor in self._processors:
            found |= processor.parts()
        return found

    def inspect(self) -> dict[str, object]:
        """All state as plain data."""
        return {
            "partition": self._partition.inspect(),
            "processors": [processor.inspect() for processor in self._processors],
        }
