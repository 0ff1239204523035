"""The doors of this room: what the hypervisor's interface needs from the partition that it belongs to.

Values are plain integers; nothing here may raise for what a guest did.
"""

from dataclasses import dataclass
from typing import Protocol

from hv.interfaces import Clock, GuestMemory
from hv.tlfs.crash import CrashReport


class MappedPage(Protocol):
    """A page of the hypervisor's that the guest sees now. What the guest wrote into it is read back here."""

    def read(self, offset: int, size: int) -> bytes: ...

    def write(self, offset: int, data: bytes) -> None: ...


class Overlays(Protocol):
    """Pages laid over guest physical memory; what they covered comes back when they go.

    Never asked to lay two pages over the same address (hv.tlfs.overlay sees to that).
    """

    def map(
        self, gpa: int, content: bytes, *, writable: bool, executable: bool
    ) -> MappedPage | None:
        """Lay a page with ``content`` over ``gpa`` (page-aligned, inside the physical address space).

        None: no page can be shown there. A guest's write to a page that is not writable gets #GP.
        """

    def unmap(self, gpa: int) -> None:
        """Take the page at ``gpa`` away."""

    def mapped(self, gpa: int) -> MappedPage:
        """The page that lies over ``gpa`` since before a checkpoint. ValueError: none does."""


class PartitionControl(Protocol):
    """What a guest can ask for its whole partition."""

    def on_reset(self) -> None:
        """The guest wrote the RESET register."""

    def on_crash(self, report: CrashReport) -> None:
        """The guest reported its own end."""


class InterruptSink(Protocol):
    """Where one processor's synthetic interrupts go."""

    def raise_edge(self, vector: int, auto_eoi: bool) -> None:
        """A fixed, edge-triggered interrupt, ``vector`` 16 to 255. With ``auto_eoi`` its in-service bit does
        not outlive its delivery. Lost while the APIC is software-disabled.
        """


class Apic(InterruptSink, Protocol):
    """One processor's local APIC, as far as synthetic registers reach it."""

    def eoi(self) -> None: ...

    def read_icr(self) -> int:
        """ICR high in bits 63-32, ICR low in bits 31-0."""

    def write_icr(self, value: int) -> None:
        """The same; sends the interrupt."""

    def read_tpr(self) -> int: ...

    def write_tpr(self, value: int) -> None: ...


class VpState(Protocol):
    """Registers of one virtual processor, by their TLFS names (hv.tlfs.vp_registers.VpRegister)."""

    def tsc(self) -> int:
        """The time stamp counter as RDTSC would return it now."""

    def read_register(self, name: int) -> int | None:
        """Up to 128 bits; None for a register that cannot be had this way."""

    def write_register(self, name: int, value: int) -> bool:
        """False: the register cannot be set this way, or not to this value."""


class VpControl(Protocol):
    """What can be done to one virtual processor as a whole."""

    def flush_tlb(self) -> None: ...

    def idle(self) -> None:
        """Suspend it until an interrupt is pending, whatever RFLAGS.IF says."""

    def runtime_100ns(self) -> int:
        """How long it has been running, in units of 100 ns."""


@dataclass(frozen=True, slots=True)
class PartitionDoors:
    clock: Clock
    memory: GuestMemory
    overlays: Overlays
    control: PartitionControl


@dataclass(frozen=True, slots=True)
class VpDoors:
    apic: Apic
    state: VpState
    control: VpControl
