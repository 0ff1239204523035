"""A local APIC on a bench, its pins, processor and bus recorded. The numbers are the manual's."""

from dataclasses import dataclass, field

from hv.clock import VirtualClock
from hv_devices.emulated.apic_bus import ApicBus
from hv_devices.emulated.local_apic import LocalApic
from tests.fakes import ManualClock, RecordingLine

ID, VERSION, TPR, APR, PPR, EOI, LDR, DFR, SVR = (
    0x20,
    0x30,
    0x80,
    0x90,
    0xA0,
    0xB0,
    0xD0,
    0xE0,
    0xF0,
)
ISR, TMR, IRR, ESR = 0x100, 0x180, 0x200, 0x280
ICR_LOW, ICR_HIGH = 0x300, 0x310
LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR = range(0x320, 0x380, 0x10)
INITIAL, CURRENT, DIVIDE = 0x380, 0x390, 0x3E0

ENABLED, SPURIOUS = 0x100, 0xFF
MASKED, PERIODIC, TSC_DEADLINE = 1 << 16, 1 << 17, 1 << 18
LEVEL, REMOTE_IRR = 1 << 15, 1 << 14
NMI, INIT, STARTUP, EXTINT, LOWEST = 0x400, 0x500, 0x600, 0x700, 0x100
LOGICAL, ASSERT = 1 << 11, 1 << 14
TO_SELF, TO_ALL, TO_OTHERS = 1 << 18, 2 << 18, 3 << 18
PIC_VECTOR = 0x31


class RecordingProcessor:
    """Remembers what its APIC does to it."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def nmi(self) -> None:
        self.events.append("nmi")

    def init(self) -> None:
        self.events.append("init")

    def start_up(self, vector: int) -> None:
        self.events.append(f"start {vector:#04x}")


@dataclass
class Bench:
    """One processor's APIC, enabled by software unless a test says otherwise."""

    apic_id: int = 0
    clock: ManualClock | VirtualClock = field(default_factory=ManualClock)
    bus: ApicBus = field(default_factory=ApicBus)
    bootstrap: bool = True

    def __post_init__(self) -> None:
        self.intr = RecordingLine()
        self.processor = RecordingProcessor()
        self.tsc_offset = 0
        self.pic_acknowledged = 0
        self.eois = 0
        self.ended: list[int] = []
        self.moved: list[int] = []
        self.apic = LocalApic(
            self.apic_id,
            self.clock,
            self.intr,
            self.processor,
            self.bus,
            ext_int=self._acknowledge_pic,
            read_tsc=lambda: self.clock.now() + self.tsc_offset,
            bootstrap=self.bootstrap,
            on_move=self.moved.append,
        )
        self.apic.after_eoi = self._count_eoi
        self.bus.connect(self.apic)
        self.bus.listen(self.ended.append)
        self.write(SVR, ENABLED | SPURIOUS)

    def _acknowledge_pic(self) -> int:
        self.pic_acknowledged += 1
        self.apic.lint0.set(False)
        return PIC_VECTOR

    def _count_eoi(self) -> None:
        self.eois += 1

    def read(self, register: int) -> int:
        return self.apic.read(register, 4)

    def write(self, register: int, value: int) -> None:
        self.apic.write(register, value, 4)

    def vectors(self, register: int) -> list[int]:
        """The set bits of the 256 behind ISR, TMR or IRR."""
        words = [self.read(register + 0x10 * part) for part in range(8)]
        return [vector for vector in range(256) if words[vector // 32] >> vector % 32 & 1]

    def serve(self) -> list[int]:
        """Take and end interrupts until none is left; the vectors in order."""
        served = []
        while self.intr.level:
            served.append(self.apic.acknowledge())
            self.write(EOI, 0)
        return served
