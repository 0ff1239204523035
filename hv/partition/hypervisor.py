"""The hypervisor's interface wired to one partition: doors, MSRs, CPUID leaves, hypercalls."""

from collections.abc import Callable
from typing import Protocol

from hv.cpu import state as s
from hv.cpu.cpuid import CpuidModel
from hv.cpu.engine import PHYSICAL_BITS
from hv.cpu.msr import MsrBus, MsrFault
from hv.memory import SystemMemory
from hv.partition.overlays import RamOverlays
from hv.tlfs import AccessFault, Features, HypervisorInterface, Platform, VpInterface
from hv.tlfs.cpuid_leaves import FIRST_LEAF, LAST_LEAF
from hv.tlfs.crash import CrashReport
from hv.tlfs.doors import Apic, PartitionDoors, VpDoors
from hv.tlfs.eoi_assist import EoiAssist
from hv.tlfs.vp_registers import VpRegister
from hv.vp import End, Ending, VirtualProcessor

_TICK_NS = 100
_INVARIANT_LEAF, _INVARIANT_TSC = 0x80000007, 1 << 8
_GENERAL = {
    VpRegister.RAX.value + number: word
    for number, word in enumerate(
        (s.RAX, s.RCX, s.RDX, s.RBX, s.RSP, s.RBP, s.RSI, s.RDI, *range(s.R8, s.R15 + 1), s.RIP)
    )
}
_READ_ONLY = {
    VpRegister.CR0.value: s.CR0,
    VpRegister.CR2.value: s.CR2,
    VpRegister.CR3.value: s.CR3,
    VpRegister.CR4.value: s.CR4,
}


class SyntheticApic(Apic, Protocol):
    """A local APIC that tells of its EOIs, and saves its guest some."""

    apic_id: int
    after_eoi: Callable[[], None]

    def use_eoi_assist(self, assist: EoiAssist) -> None: ...


class _PartitionControl:
    """hv.tlfs.doors.PartitionControl."""

    def __init__(self, vp: VirtualProcessor) -> None:
        self._vp = vp

    def on_reset(self) -> None:
        self._vp.finish(End(Ending.RESET, detail="by the synthetic reset register"))

    def on_crash(self, report: CrashReport) -> None:
        self._vp.finish(End(Ending.PANIC, detail=str(report)))


class _ProcessorState:
    """hv.tlfs.doors.VpState: the calling processor's own registers, as far as hypercalls may have them."""

    def __init__(self, vp: VirtualProcessor) -> None:
        self._vp = vp

    def tsc(self) -> int:
        return self._vp.read_tsc()

    def read_register(self, name: int) -> int | None:
        word = _GENERAL.get(name, _READ_ONLY.get(name))
        if word is not None:
            value: int = self._vp.state.q[word]
            return value
        if name == VpRegister.RFLAGS:
            return self._vp.engine.read_rflags()
        return None

    def write_register(self, name: int, value: int) -> bool:
        """None of them: the registers of a hypercall in progress are the call's."""
        return False


class _ProcessorControl:
    """hv.tlfs.doors.VpControl."""

    def __init__(self, vp: VirtualProcessor) -> None:
        self._vp = vp

    def flush_tlb(self) -> None:
        self._vp.engine.flush_tlb()

    def idle(self) -> None:
        self._vp.idle()

    def runtime_100ns(self) -> int:
        return (self._vp.now() - self._vp.idle_ns) // _TICK_NS


def enlighten(
    vp: VirtualProcessor,
    memory: SystemMemory,
    msrs: MsrBus,
    cpuid: CpuidModel,
    features: Features,
    apic: SyntheticApic,
    apic_hz: int,
    overlays: RamOverlays,
) -> HypervisorInterface:
    """Offer ``features`` to the guest of one processor; the interface, for the host's services."""
    platform = Platform(processors=1, physical_bits=PHYSICAL_BITS, apic_hz=apic_hz)
    doors = PartitionDoors(vp.clock, memory, overlays, _PartitionControl(vp))
    interface = HypervisorInterface(features, platform, doors)
    processor = interface.add_processor(
        VpDoors(apic, _ProcessorState(vp), _ProcessorControl(vp)), apic.apic_id
    )
    for number in processor.msr_numbers:
        _attach_msr(msrs, processor, number)
    for leaf in range(FIRST_LEAF, LAST_LEAF + 1):
        _attach_leaf(cpuid, processor, leaf)
    cpuid.leaves[_INVARIANT_LEAF] = lambda _subleaf: (
        *(0, 0, 0),
        _INVARIANT_TSC if interface.tsc_invariant else 0,
    )
    apic.after_eoi = processor.apic_eoi_happened
    apic.use_eoi_assist(processor.eoi_assist)
    vp.when_tsc_written(interface.tsc_written)
    vp.accept_hypercalls(processor)
    return interface


def _attach_leaf(cpuid: CpuidModel, processor: VpInterface, leaf: int) -> None:
    cpuid.leaves[leaf] = lambda _subleaf: processor.cpuid(leaf) or (0, 0, 0, 0)


def _attach_msr(msrs: MsrBus, processor: VpInterface, number: int) -> None:
    def read() -> int:
        try:
            return processor.read_msr(number)
        except AccessFault:
            raise MsrFault from None

    def write(value: int) -> None:
        try:
            processor.write_msr(number, value)
        except AccessFault:
            raise MsrFault from None

    msrs.attach("hypervisor", number, read, write)
