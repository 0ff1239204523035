"""What sits on the board's PCI bus: host bridge, ISA bridge, and the IDE interface with its two cables."""

from collections.abc import Sequence

from hv.cost import WorkKind
from hv.interfaces import BlockDevice, IrqLine
from hv.irq import FanOut
from hv.memory import SystemMemory
from hv.partition import Partition
from hv.portbus import PortBus, PortWindow, WindowPorts
from hv.saved import Parts, parts
from hv_devices.emulated.ata import AtaChannel
from hv_devices.emulated.ata_identify import Identity
from hv_devices.emulated.ata_state import TransferWork
from hv_devices.emulated.bus_master_ide import SIZE, BusMasterIde
from hv_devices.emulated.i82371sb import I82371SB
from hv_devices.emulated.i82441fx import I82441FX
from hv_devices.emulated.pci_bus import PciBus, PciSlot
from hv_devices.emulated.piix3_ide import Piix3Ide

BUS_MASTER_PORT = 0xC000
"""Where firmware puts the bus master registers; the guest may move them."""

HOST_BRIDGE, ISA_BRIDGE, IDE_INTERFACE = PciSlot(0), PciSlot(1, 0), PciSlot(1, 1)

_CONFIG_ADDRESS, _CONFIG_DATA = 0xCF8, 0xCFC
_CHANNEL_PORTS = ((0x1F0, 0x3F6), (0x170, 0x376))


class PciMemory:
    """Guest memory as a PCI bus master has it: above the top of RAM nobody answers.

    Below 1 MiB the ISA bridge answers for what is not RAM.
    """

    def __init__(self, memory: SystemMemory) -> None:
        self.read = memory.read
        self.write = memory.write
        self._top = len(memory.view)

    def claimed(self, gpa: int, size: int) -> int:
        return max(0, min(size, self._top - gpa))


class PciSlots:
    """The PCI bus of the PC and the disks behind it."""

    def __init__(
        self,
        partition: Partition,
        disks: tuple[BlockDevice | None, ...],
        lines: tuple[IrqLine, IrqLine],
    ) -> None:
        self.host_bridge = I82441FX(partition.memory.size)
        self.isa_bridge = I82371SB()
        self.ide = Piix3Ide(self._ide_changed)
        memory = PciMemory(partition.memory)
        self.engines = (
            BusMasterIde(memory, self.ide.master_aborted),
            BusMasterIde(memory, self.ide.master_aborted),
        )
        self.ata = (
            self._channel(partition, 0, lines[0], (disks[0], disks[1])),
            self._channel(partition, 1, lines[1], (disks[2], disks[3])),
        )
        self._attach_bus(partition.ports)
        self._channel_windows = [
            _channel_windows(partition.ports, number, channel)
            for number, channel in enumerate(self.ata)
        ]
        self._bus_master_window = PortWindow(
            partition.ports,
            "bus master ide",
            *(
                WindowPorts(SIZE * number, SIZE, engine.read, engine.write, width=4)
                for number, engine in enumerate(self.engines)
            ),
        )
        self._decoded: tuple[object, ...] = ()
        self.ide.set_up(BUS_MASTER_PORT)

    def _attach_bus(self, ports: PortBus) -> None:
        self.bus = PciBus(
            {
                HOST_BRIDGE: self.host_bridge,
                ISA_BRIDGE: self.isa_bridge,
                IDE_INTERFACE: self.ide,
            }
        )
        read, write = self.bus.read_address, self.bus.write_address
        ports.attach("pci", _CONFIG_ADDRESS, 1, read, write, width=4)
        ports.attach("pci", _CONFIG_DATA, 4, self.bus.read_data, self.bus.write_data, width=4)

    def _channel(
        self,
        partition: Partition,
        number: int,
        line: IrqLine,
        disks: tuple[BlockDevice | None, BlockDevice | None],
    ) -> AtaChannel:
        engine = self.engines[number]
        names = (Identity(f"HV{2 * number}"), Identity(f"HV{2 * number + 1}"))
        wire = FanOut(engine.intrq, line)
        meter = partition.vp.exits.meter
        work = TransferWork(
            meter(f"ata{number}", WorkKind.PIO), meter(f"ata{number}", WorkKind.DMA)
        )
        channel = AtaChannel(wire, partition.clock, disks, names, engine.dmarq, work)
        engine.connect(channel)
        return channel

    def _ide_changed(self) -> None:
        """Let the ports follow the interface's registers."""
        ide = self.ide
        for engine in self.engines:
            engine.grant(ide.may_master)
        self._decode()

    def parts(self) -> Parts:
        """The state of everything on the bus and on its cables."""
        things: dict[str, object] = {
            "pci": self.bus,
            "pci.i82441fx": self.host_bridge,
            "pci.i82371sb": self.isa_bridge,
            "pci.piix3_ide": self.ide,
        }
        for number, (engine, channel) in enumerate(zip(self.engines, self.ata, strict=True)):
            things[f"ata{number}"] = channel
            things[f"ata{number}.bus_master"] = engine
            things[f"ata{number}.bus_master.dmarq"] = engine.dmarq
            things[f"ata{number}.bus_master.intrq"] = engine.intrq
            for unit, drive in enumerate(channel.drives):
                if drive is not None:
                    things[f"ata{number}.drive{unit}"] = drive
        return parts(things)

    def restored(self) -> None:
        """The interface's registers were put back: ports follow, engines stay where they were."""
        self._decode()

    def _decode(self) -> None:
        ide = self.ide
        decoded = (ide.decodes_channel(0), ide.decodes_channel(1), ide.bus_master_base)
        if decoded == self._decoded:
            return
        self._decoded = decoded
        self._bus_master_window.close()
        for number, windows in enumerate(self._channel_windows):
            for base, window in windows:
                if ide.decodes_channel(number):
                    window.open(base)
                else:
                    window.close()
        if ide.bus_master_base is not None:
            self._bus_master_window.open(ide.bus_master_base)


def _channel_windows(
    ports: PortBus, number: int, channel: AtaChannel
) -> Sequence[tuple[int, PortWindow]]:
    """A channel's command block and control block, each with its address."""
    name = f"ata{number}"
    read, write = channel.read, channel.write
    data = WindowPorts(
        *(0, 1, read, write),
        width=4,
        read_block=channel.read_block,
        write_block=channel.write_block,
    )
    registers = WindowPorts(1, 7, read, write, first_offset=1)
    control = WindowPorts(0, 1, channel.read_control, channel.write_control)
    command_base, control_base = _CHANNEL_PORTS[number]
    return (
        (command_base, PortWindow(ports, name, data, registers)),
        (control_base, PortWindow(ports, name, control)),
    )
