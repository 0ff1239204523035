"""What a PC has beside its AT chips: local APIC, I/O APIC, ACPI registers. Wired like the board."""

from collections.abc import Callable

from hv.cpu.cpuid import Leaf, Leaf1Edx
from hv.cpu.msr import MsrFault
from hv.interfaces import IrqLine
from hv.irq import FanOut, Wire
from hv.partition import Partition
from hv.saved import Parts, parts
from hv.vp import End, Ending
from hv_devices.emulated.acpi_pm import SIZE as PM_SIZE
from hv_devices.emulated.acpi_pm import AcpiPm
from hv_devices.emulated.apic_bus import ApicBus
from hv_devices.emulated.i82093aa import I82093AA, IOAPIC_PAGE
from hv_devices.emulated.local_apic import APIC_PAGE, LocalApic
from hv_devices.emulated.local_apic_registers import VIRTUAL_WIRE

PM_PORT = 0x600
SCI_IRQ = 9
PAGE = 4096
_MSR_APIC_BASE, _MSR_TSC_DEADLINE = 0x1B, 0x6E0
_TIMER_IRQ, _TIMER_PIN = 0, 2


class _ProcessorPins:
    """What an APIC does to its processor beside INTR."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition

    def nmi(self) -> None:
        self._partition.vp.nmi()

    def init(self) -> None:
        self._partition.vp.finish(End(Ending.RESET, detail="INIT to the only processor"))

    def start_up(self, vector: int) -> None:
        """No processor waits for one."""


class Platform:
    """APICs and power management of one partition with one processor."""

    def __init__(
        self, partition: Partition, pic_acknowledge: Callable[[], int], watch: Callable[[int], None]
    ) -> None:
        vp = partition.vp
        self._partition = partition
        self.lines: dict[int, FanOut] = {}
        """ISA interrupts by number, as far as somebody drives them."""
        self.bus = ApicBus()
        self.intr = Wire(vp.set_interrupt)
        self.apic = LocalApic(
            0,
            partition.clock,
            self.intr,
            _ProcessorPins(partition),
            self.bus,
            ext_int=pic_acknowledge,
            read_tsc=vp.read_tsc,
        )
        self.bus.connect(self.apic)
        self.ioapic = I82093AA(self.bus, watch=watch)
        self.bus.listen(self.ioapic.end_of_interrupt)
        vp.use_task_priority(self.apic)
        vp.when_tsc_written(self.apic.tsc_changed)

    def line(self, irq: int, pic: IrqLine) -> IrqLine:
        """ISA interrupt ``irq``: to the 8259s and to the I/O APIC, where the timer has pin 2."""
        pin = _TIMER_PIN if irq == _TIMER_IRQ else irq
        self.lines[irq] = FanOut(pic, self.ioapic.line(pin))
        return self.lines[irq]

    def attach(self, sci: IrqLine) -> None:
        """Put the registers where software looks for them."""
        partition, apic = self._partition, self.apic
        self.pm = AcpiPm(partition.clock, sci, self._power_off)
        partition.mmio.attach("local apic", APIC_PAGE, PAGE, apic.read, apic.write)
        partition.mmio.attach("i82093aa", IOAPIC_PAGE, PAGE, self.ioapic.read, self.ioapic.write)
        partition.ports.attach("acpi pm", PM_PORT, PM_SIZE, self.pm.read, self.pm.write, width=4)
        partition.msrs.attach("local apic", _MSR_APIC_BASE, apic.read_base, self._write_base)
        partition.msrs.attach(
            "local apic", _MSR_TSC_DEADLINE, apic.read_tsc_deadline, apic.write_tsc_deadline
        )

    def parts(self) -> Parts:
        """The state of its chips and of the wire to the processor."""
        things = {"intr": self.intr, "apic": self.apic, "ioapic": self.ioapic, "pm": self.pm}
        return parts(things)

    def show_in_cpuid(self) -> None:
        """Leaf 1 tells of the APIC as long as software has not disabled it."""
        leaves = self._partition.cpuid.leaves
        constant = leaves[1]

        def leaf_1(subleaf: int) -> Leaf:
            eax, ebx, ecx, edx = constant(subleaf)
            return eax, ebx, ecx, edx if self.apic.enabled else edx & ~Leaf1Edx.APIC.value

        leaves[1] = leaf_1

    def virtual_wire(self) -> None:
        """As firmware leaves the APIC: the 8259s reach the processor through LINT0."""
        for offset, value in VIRTUAL_WIRE:
            self.apic.write(offset, value, 4)

    def _write_base(self, value: int) -> None:
        if not self.apic.write_base(value):
            raise MsrFault

    def _power_off(self) -> None:
        self._partition.vp.finish(End(Ending.POWERED_OFF))
