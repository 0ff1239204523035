"""The synthetic side of a machine: the VMBus and the services behind it, wired to one partition."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from hv.cost import WorkKind
from hv.interfaces import Clock, GuestMemory, Work
from hv.root.keys import SET_1
from hv.saved import Parts, parts
from hv.tlfs import HypervisorInterface
from hv.vmbus.bus import Bus
from hv.vmbus.connection import FIRST_CONTACT_CONNECTION_ID, MESSAGE_CONNECTION_ID
from hv.vmbus.doors import VMBUS_SINT
from hv.vmbus.service import Service
from hv_devices.synthetic.heartbeat import Heartbeat
from hv_devices.synthetic.keyboard_vsp import KeyboardVsp
from hv_devices.synthetic.kvp import Kvp
from hv_devices.synthetic.mouse_vsp import MouseVsp
from hv_devices.synthetic.scsi_device import ScsiDevice
from hv_devices.synthetic.shutdown import Shutdown
from hv_devices.synthetic.storvsp import StorageController, scsi_controller
from hv_devices.synthetic.timesync import TimeSync

SCSI_INSTANCE = UUID("f8b3781b-1e82-4818-a1c3-63d806ec15bb")

_FACTS = {"HostName": "hv", "VirtualMachineName": "hv"}
"""What the guest finds in its external pool about where it runs."""


class _SynicDoor:
    """hv.vmbus.doors.Synic: SINT 2 of a partition's processors."""

    def __init__(self, hypervisor: HypervisorInterface) -> None:
        self._hypervisor = hypervisor

    def post_message(self, vp: int, message_type: int, payload: bytes) -> None:
        self._hypervisor.post(vp, VMBUS_SINT, message_type, payload)

    def signal_event(self, vp: int, flag: int) -> None:
        self._hypervisor.signal(vp, VMBUS_SINT, flag)

    def forget_messages(self, vp: int) -> None:
        self._hypervisor.forget(vp, VMBUS_SINT)


@dataclass(frozen=True)
class ServiceSetup:
    """What the services are built with."""

    epoch: int
    reference_time: Callable[[], int]
    meter: Callable[[str, WorkKind], Work]
    luns: Mapping[int, ScsiDevice] = field(default_factory=dict)


class SyntheticDevices:
    """All services of one machine, offered on its bus in a fixed order."""

    def __init__(
        self,
        hypervisor: HypervisorInterface,
        clock: Clock,
        memory: GuestMemory,
        setup: ServiceSetup,
    ) -> None:
        self.bus = Bus(memory, _SynicDoor(hypervisor))
        meter = setup.meter
        self.keyboard = KeyboardVsp(SET_1, meter("keyboard", WorkKind.INPUT))
        self.mouse = MouseVsp(meter("mouse", WorkKind.INPUT))
        self.heartbeat = Heartbeat(clock)
        self.shutdown = Shutdown()
        self.timesync = TimeSync(clock, setup.epoch, setup.reference_time)
        self.kvp = Kvp(clock, _FACTS)
        self.storage: StorageController = scsi_controller(
            "scsi", SCSI_INSTANCE, setup.luns, work=meter("scsi", WorkKind.VSP)
        )
        services: tuple[Service, ...] = (
            self.storage,
            self.keyboard,
            self.mouse,
            self.heartbeat,
            self.shutdown,
            self.timesync,
            self.kvp,
        )
        for service in services:
            self.bus.offer(service)
        ports = hypervisor.ports
        for connection in (MESSAGE_CONNECTION_ID, FIRST_CONTACT_CONNECTION_ID):
            self._listen(ports.connect_messages, connection)
        ports.connect_bus(self.bus.event)

    def parts(self) -> Parts:
        """The state of the bus and of every service on it. Services first: the bus hands out channels."""
        things: dict[str, object] = {
            "storage": self.storage,
            **{f"storage.lun{lun}": unit for lun, unit in self.storage.target.luns.items()},
            "keyboard": self.keyboard,
            "mouse": self.mouse,
            "heartbeat": self.heartbeat,
            "shutdown": self.shutdown,
            "timesync": self.timesync,
            "kvp": self.kvp,
        }
        return parts(things, "synthetic.") | self.bus.parts()

    def inspect(self) -> dict[str, object]:
        """The bus with its channels, and every service's own state, as plain data."""
        return {
            "bus": self.bus.inspect(),
            "storage": self.storage.inspect(),
            "keyboard": self.keyboard.inspect(),
            "mouse": self.mouse.inspect(),
            "heartbeat": self.heartbeat.inspect(),
            "shutdown": self.shutdown.inspect(),
            "timesync": self.timesync.inspect(),
            "kvp": self.kvp.inspect(),
        }

    def _listen(
        self,
        connect: Callable[[int, Callable[[int, bytes], bool]], None],
        connection: int,
    ) -> None:
        connect(connection, lambda kind, payload: self.bus.message(connection, kind, payload))
