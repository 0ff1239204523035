"""What all processors of a partition share: identity, hypercall page, reference time, ports, crash words.

Follows the TLFS 6.0b, chapters Hypercall Interface ("Establishing the Hypercall Interface") and Timers.
"""

from collections.abc import Callable

from hv.saved import Parts, parts
from hv.tlfs.cpuid_leaves import CpuidLeaves, Platform
from hv.tlfs.crash import CrashRegisters
from hv.tlfs.doors import PartitionDoors
from hv.tlfs.errors import AccessFault
from hv.tlfs.features import Feature, Features
from hv.tlfs.overlay import ENABLE, OverlaySpace, PageRegister
from hv.tlfs.ports import Ports
from hv.tlfs.reference_time import ReferenceTime, ReferenceTscPage
from hv.types import PAGE_SIZE

HYPERCALL_PAGE = b"\x0f\x01\xd9\xc3".ljust(PAGE_SIZE, b"\xcc")
"""VMMCALL; RET; then INT3 as far as the page goes."""

_LOCKED = 1 << 1


class HypercallPage:
    """GUEST_OS_ID and HYPERCALL: who the guest is, and the page through which it calls."""

    SAVED = {"guest_os_id": int}

    def __init__(self, space: OverlaySpace, *, lockable: bool) -> None:
        self._space = space
        self.register = PageRegister(space.page(writable=False, executable=True))
        self.register.page.write(0, HYPERCALL_PAGE)
        self._locked = _LOCKED if lockable else 0
        self.guest_os_id = 0

    def reset(self) -> None:
        self.guest_os_id = 0
        self.register.write(0)

    @property
    def enabled(self) -> bool:
        return self.register.enabled

    def read(self) -> int:
        return self.register.value

    def write_os_id(self, value: int) -> None:
        """A guest without a name cannot make hypercalls."""
        self.guest_os_id = value
        if not value:
            self.register.write(self.register.value & ~ENABLE)

    def write(self, value: int) -> None:
        """AccessFault once it is locked, or for a page outside the address space."""
        if self.register.value & self._locked:
            raise AccessFault
        if not self.guest_os_id:
            value &= ~ENABLE
        if value & ENABLE and not self._space.contains(value):
            raise AccessFault
        self.register.write(value)


class SyntheticPartition:
    """The partition-wide half of the interface. ``tscs`` reads every processor's time stamp counter."""

    SAVED = {"tsc_invariant": bool}

    def __init__(
        self,
        features: Features,
        platform: Platform,
        doors: PartitionDoors,
        tscs: Callable[[], list[int]],
    ) -> None:
        self.features = features
        self.doors = doors
        self.overlays = OverlaySpace(doors.overlays, platform.physical_bits)
        self.physical_bits = platform.physical_bits
        self.apic_hz = platform.apic_hz
        self.cpuid = CpuidLeaves(features, platform)
        self.ports = Ports()
        self.crash = CrashRegisters(doors.memory, doors.control.on_crash)
        self.hypercall_page = HypercallPage(
            self.overlays, lockable=Feature.HYPERCALL_LOCK in features
        )
        self.reference = ReferenceTime(doors.clock)
        self._tscs = tscs
        self.tsc_page = ReferenceTscPage(
            doors.clock, PageRegister(self.overlays.page(writable=False, executable=False))
        )
        self.tsc_invariant = False

    def reset(self) -> None:
        """As when it was created; the reference counter goes on."""
        self.crash.reset()
        self.hypercall_page.reset()
        self.tsc_page.reset()
        self.tsc_invariant = False

    def write_reference_tsc(self, value: int) -> None:
        self.tsc_page.write(value, self._tscs())

    def tsc_written(self) -> None:
        """A guest set a time stamp counter: the reference TSC page follows."""
        self.tsc_page.publish(self._tscs())

    def write_reset(self, value: int) -> None:
        if value & 1:
            self.doors.control.on_reset()

    def write_tsc_invariant(self, value: int) -> None:
        """Bit 0: show the invariant TSC bit (CPUID 0x80000007, EDX bit 8)."""
        self.tsc_invariant = bool(value & 1)

    def parts(self) -> Parts:
        """The state that all processors share. The overlay pages are saved behind what they cover."""
        things = {
            "partition": self,
            "crash": self.crash,
            "hypercall_page": self.hypercall_page,
            "hypercall_page.register": self.hypercall_page.register,
            "tsc_page": self.tsc_page,
            "tsc_page.register": self.tsc_page.register,
            "overlays": self.overlays,
        }
        return parts(things, "hypervisor.")

    def inspect(self) -> dict[str, object]:
        return {
            "features": str(self.features),
            "guest_os_id": self.hypercall_page.guest_os_id,
            "hypercall": self.hypercall_page.read(),
            "reference_tsc": self.tsc_page.register.value,
            "reference_time": self.reference.now(),
            "crash": list(self.crash.state.parameters),
            "tsc_invariant": self.tsc_invariant,
            "ports": self.ports.inspect(),
        }
