"""One guest's address space and processor. What devices there are is the root's business."""

import mmap
from collections.abc import Callable

from hv.cpu.cpuid import CpuidModel, Leaf1Ecx, Leaf1Edx
from hv.cpu.engine import PHYSICAL_BITS
from hv.cpu.exits import ExitReason
from hv.cpu.msr import MsrBus
from hv.cpu.msr_core import attach_core_msrs
from hv.cpu.pace import NEVER
from hv.memory import RegionKind, SystemMemory
from hv.mmio import MmioBus, MmioRegion
from hv.partition.hypervisor import SyntheticApic, enlighten
from hv.partition.lifecycle import Lifecycle, PartitionState
from hv.partition.overlays import RamOverlays
from hv.portbus import PortBus
from hv.saved import Parts, parts
from hv.stats import BYTES
from hv.tlfs import Features, HypervisorInterface
from hv.vp import End, InterruptController, VirtualProcessor

FIRST_CHILD_ID = 2  # the root partition is 1


class Partition:
    """One guest's address space and processor. The board brings a local APIC.

    Chips are attached to ``ports``, ``mmio`` and ``msrs`` before ``power_on`` maps memory and resets the
    processor. ``content`` is the memory of a partition that ran before. Partitions share nothing: the caller
    who has several tells them apart by ``partition_id``. ``host_ns`` is the host's clock, when the host's
    time is to be measured exit by exit.
    """

    def __init__(
        self,
        memory_size: int,
        interrupts: Callable[[], InterruptController],
        *,
        hypervisor_present: bool = False,
        partition_id: int = FIRST_CHILD_ID,
        host_ns: Callable[[], int] | None = None,
        content: mmap.mmap | None = None,
    ) -> None:
        self.partition_id = partition_id
        self._lifecycle = Lifecycle(partition_id)
        self.memory = SystemMemory(memory_size, content)
        self._overlays = RamOverlays(self.memory)
        self.ports = PortBus()
        self.mmio = MmioBus()
        self.msrs = MsrBus()
        extra = Leaf1Ecx.HYPERVISOR.value if hypervisor_present else 0
        self.cpuid = CpuidModel.build(
            extra_edx=Leaf1Edx.APIC.value, extra_ecx=extra | Leaf1Ecx.TSC_DEADLINE.value
        )
        self.vp = VirtualProcessor(
            self.memory, self.ports, self.msrs, self.cpuid, interrupts, host_ns
        )
        self.clock = self.vp.clock
        self.hypervisor: HypervisorInterface | None = None
        attach_core_msrs(self.msrs, self.vp.engine, self.vp.read_tsc, self.vp.set_tsc)

    def enlighten(self, features: Features, apic: SyntheticApic, apic_hz: int) -> None:
        """Offer Microsoft's hypervisor interface; with no features at all there is none."""
        if features:
            self.hypervisor = enlighten(
                *(self.vp, self.memory, self.msrs, self.cpuid),
                *(features, apic, apic_hz, self._overlays),
            )

    @property
    def state(self) -> PartitionState:
        """Created, initialised, active or finalised."""
        return self._lifecycle.state

    def parts(self) -> Parts:
        """The state of clock, processor and hypervisor's interface; not of memory."""
        things = {
            "clock": self.clock,
            "processor": self.vp,
            "accounting": self.vp.exits,
            "overlays": self._overlays,
        }
        return parts(things) | (self.hypervisor.parts() if self.hypervisor else {})

    def power_on(self) -> None:
        """Map memory into the processor and reset it: from now on the partition is initialised."""
        self._lifecycle.enter(PartitionState.INITIALISED)
        engine = self.vp.engine
        for region in self.memory.regions:
            if region.kind is RegionKind.ROM:
                engine.map_rom(region.gpa, self.memory.read(region.gpa, region.size))
            else:
                engine.map_ram(region.gpa, region.size, self.memory.buffer, region.gpa)
        for mmio in self.mmio.fill(self.memory.holes(1 << PHYSICAL_BITS)):
            self._map_mmio(mmio)
        self.vp.reset()

    def run(self, until: int, until_ns: int = NEVER) -> End | None:
        """Run until ``until`` retired instructions, ``until_ns`` of virtual time or the run's own end;
        None when it has not come to its end.

        PartitionStateError before ``power_on`` and after ``finalise``.
        """
        self._lifecycle.enter(PartitionState.ACTIVE)
        return self.vp.run(until, until_ns)

    def finalise(self) -> None:
        """The partition will not run again. Its memory and registers can still be looked at."""
        self._lifecycle.enter(PartitionState.FINALISED)
        self.vp.engine.release()

    def _map_mmio(self, region: MmioRegion) -> None:
        vp = self.vp
        exits, reading, writing = vp.exits, ExitReason.MMIO_READ.value, ExitReason.MMIO_WRITE.value

        base, mask = region.gpa, -region.grain

        def read(offset: int, width: int) -> int:
            exits.hit(reading, base + (offset & mask), width)[BYTES] += width
            return region.read(offset, width)

        def write(offset: int, value: int, width: int) -> None:
            exits.hit(writing, base + (offset & mask), width)[BYTES] += width
            region.write(offset, value, width)

        if vp.timer is None:
            vp.engine.map_mmio(region.gpa, region.size, read, write)
        else:
            timed = vp.timer.timed
            vp.engine.map_mmio(region.gpa, region.size, timed(read), timed(write))
