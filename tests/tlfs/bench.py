"""A partition without a processor: the doors of the hypervisor's interface, kept by the test."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hv.tlfs import (
    AccessFault,
    HypercallRegisters,
    HypercallResult,
    HypervisorInterface,
    Platform,
    VpInterface,
    parse_features,
)
from hv.tlfs.crash import CrashReport
from hv.tlfs.doors import PartitionDoors, VpDoors
from tests.fakes import ManualClock

PAGE = 4096
RAM_SIZE = 64 * PAGE
PHYSICAL_BITS = 40
APIC_HZ = 200_000_000

GUEST_OS_ID, HYPERCALL = 0x40000000, 0x40000001
LINUX = 0x81000006_01C00000
FAST = 1 << 16

HYPERCALL_GPA = 0x30000
INPUT, OUTPUT = 0x10000, 0x11000
SIM, SIEF = 0x20000, 0x21000

SCONTROL, SIEFP, SIMP, EOM, SINT0 = 0x40000080, 0x40000082, 0x40000083, 0x40000084, 0x40000090
MASKED, AUTO_EOI, POLLING = 1 << 16, 1 << 17, 1 << 18


class SpyClock(ManualClock):
    """Shows whether anything is armed, and can let timers be late."""

    def armed(self) -> bool:
        return any(timer.deadline is not None for _, _, timer in self._heap)

    def oversleep(self, when_ns: int) -> None:
        """It is ``when_ns``, and only now does somebody look at the timers."""
        self._now = when_ns
        self.advance(0)


class Ram:
    """Guest memory; beyond it all ones."""

    def __init__(self) -> None:
        self.bytes = bytearray(RAM_SIZE)

    def read(self, gpa: int, size: int) -> bytes:
        inside = bytes(self.bytes[gpa : gpa + size]) if gpa < RAM_SIZE else b""
        return inside + b"\xff" * (size - len(inside))

    def write(self, gpa: int, data: bytes) -> None:
        if gpa < RAM_SIZE:
            part = data[: RAM_SIZE - gpa]
            self.bytes[gpa : gpa + len(part)] = part

    def word(self, gpa: int) -> int:
        return int.from_bytes(self.read(gpa, 4), "little")


class ShownPage:
    """A page laid over RAM, or over nothing."""

    def __init__(self, ram: Ram, gpa: int, content: bytes, rights: str) -> None:
        self._ram = ram
        self.gpa = gpa
        self.rights = rights
        self.covered = ram.read(gpa, PAGE)
        self.writes: list[tuple[int, bytes]] = []
        self._own = None if gpa < RAM_SIZE else bytearray(content)
        ram.write(gpa, content)

    def read(self, offset: int, size: int) -> bytes:
        if self._own is not None:
            return bytes(self._own[offset : offset + size])
        return self._ram.read(self.gpa + offset, size)

    def write(self, offset: int, data: bytes) -> None:
        assert 0 <= offset <= PAGE - len(data)
        self.writes.append((offset, data))
        if self._own is not None:
            self._own[offset : offset + len(data)] = data
        self._ram.write(self.gpa + offset, data)


class OverlayDoor:
    def __init__(self, ram: Ram) -> None:
        self._ram = ram
        self.pages: dict[int, ShownPage] = {}

    def map(self, gpa: int, content: bytes, *, writable: bool, executable: bool) -> ShownPage:
        assert gpa not in self.pages
        assert gpa % PAGE == 0
        assert gpa < 1 << PHYSICAL_BITS
        assert len(content) == PAGE
        rights = "r" + "w" * writable + "x" * executable
        self.pages[gpa] = ShownPage(self._ram, gpa, content, rights)
        return self.pages[gpa]

    def unmap(self, gpa: int) -> None:
        self._ram.write(gpa, self.pages.pop(gpa).covered)


class ApicDoor:
    def __init__(self) -> None:
        self.raised: list[tuple[int, bool]] = []
        self.eois = 0
        self.icr = self.tpr = 0

    def raise_edge(self, vector: int, auto_eoi: bool) -> None:
        assert 16 <= vector <= 255
        self.raised.append((vector, auto_eoi))

    def eoi(self) -> None:
        self.eois += 1

    def read_icr(self) -> int:
        return self.icr

    def write_icr(self, value: int) -> None:
        self.icr = value

    def read_tpr(self) -> int:
        return self.tpr

    def write_tpr(self, value: int) -> None:
        self.tpr = value

    def take(self) -> list[int]:
        """The vectors raised since the last time."""
        vectors = [vector for vector, _ in self.raised]
        self.raised.clear()
        return vectors


class CpuDoor:
    """State and control of one processor."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.tsc_offset = 0
        self.registers: dict[int, int] = {}
        self.read_only: set[int] = set()
        self.flushes = self.idles = 0

    def tsc(self) -> int:
        return (self._clock.now() + self.tsc_offset) % (1 << 64)

    def read_register(self, name: int) -> int | None:
        return self.registers.get(name)

    def write_register(self, name: int, value: int) -> bool:
        if name in self.read_only:
            return False
        self.registers[name] = value
        return True

    def flush_tlb(self) -> None:
        self.flushes += 1

    def idle(self) -> None:
        self.idles += 1

    def runtime_100ns(self) -> int:
        return self._clock.now() // 200


class ControlDoor:
    def __init__(self) -> None:
        self.resets = 0
        self.crashes: list[CrashReport] = []

    def on_reset(self) -> None:
        self.resets += 1

    def on_crash(self, report: CrashReport) -> None:
        self.crashes.append(report)


class Bench:
    """``features`` as a person writes them; by default everything."""

    def __init__(self, features: str = "all,+tsc-invariant", processors: int = 1) -> None:
        self.clock = SpyClock()
        self.ram = Ram()
        self.overlays = OverlayDoor(self.ram)
        self.control = ControlDoor()
        self.hv = HypervisorInterface(
            parse_features(features),
            Platform(processors, PHYSICAL_BITS, APIC_HZ),
            PartitionDoors(self.clock, self.ram, self.overlays, self.control),
        )
        self.apics = [ApicDoor() for _ in range(processors)]
        self.cpus = [CpuDoor(self.clock) for _ in range(processors)]
        self.vps: list[VpInterface] = [
            self.hv.add_processor(VpDoors(apic, cpu, cpu), apic_id=2 * index)
            for index, (apic, cpu) in enumerate(zip(self.apics, self.cpus, strict=True))
        ]
        self.vp, self.apic, self.cpu = self.vps[0], self.apics[0], self.cpus[0]

    def identify(self) -> "Bench":
        """Say who the guest is and enable the hypercall page."""
        self.vp.write_msr(GUEST_OS_ID, LINUX)
        self.vp.write_msr(HYPERCALL, HYPERCALL_GPA | 1)
        return self

    def enable_synic(self, **sints: int) -> "Bench":
        """SIM, SIEF and SynIC on; ``sint2=0xF3`` and so on."""
        self.vp.write_msr(SIMP, SIM | 1)
        self.vp.write_msr(SIEFP, SIEF | 1)
        for name, value in sints.items():
            self.vp.write_msr(SINT0 + int(name[4:]), value)
        self.vp.write_msr(SCONTROL, 1)
        return self

    def call(
        self, control: int, data: bytes = b"", *, at: int = INPUT, output: int = OUTPUT, vp: int = 0
    ) -> HypercallResult:
        """A 64-bit memory call with ``data`` as its input."""
        self.ram.write(at, data)
        return self.vps[vp].hypercall(HypercallRegisters(rcx=control, rdx=at, r8=output))

    def status(self, control: int, data: bytes = b"", **where: int) -> int:
        """The status of a call that must end at once."""
        result = self.call(control, data, **where)
        assert result.done
        assert result.rax is not None
        return result.rax & 0xFFFF


@contextmanager
def general_protection() -> Iterator[None]:
    with pytest.raises(AccessFault):
        yield
