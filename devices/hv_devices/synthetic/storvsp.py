"""The storage service: a SCSI controller, or the fast way to one IDE drive, over VMBus.

Follows what Linux's and FreeBSD's drivers publish (drivers/scsi/storvsc_drv.c, sys/dev/hyperv/storvsc):
versions 2.0, 4.2, 5.1, 6.0 and 6.2. A guest initialises in five steps and then sends requests (see
``storvsp_requests``), on more channels than one if it likes. Left out: Fibre Channel. Resets find nothing
to cancel: a request is complete before the next packet is looked at.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import IntEnum
from struct import Struct
from typing import Protocol, TypeAlias
from uuid import UUID

from hv.interfaces import Work, unmetered
from hv.vmbus.service import Channel, Offer, Packet, PacketKind, Service

from .scsi_device import ScsiDevice
from .scsi_target import ScsiTarget
from .storvsp_messages import (
    PACKET_SIZE,
    NtStatus,
    Operation,
    ScsiRequest,
    Version,
    announcement,
    answer,
    number_in,
    operation_of,
    packet_size,
    properties,
    version_body,
)
from .storvsp_requests import execute_srb, refuse_srb

SCSI_CONTROLLER = UUID("ba6163d9-04a1-4d29-b605-72e2ffb1dc7f")
IDE_ACCELERATOR = UUID("32412632-86cb-44a2-9b5c-50d1417354f5")

MAX_TRANSFER_BYTES = 0x4_0000
"""What guests are told to put into one request at most."""

_IDE_MARK = 0x8899
_IDE_OFFER = Struct("<xxBB4xI12x")
_IDE_FLAG = 2

_VERSIONS = frozenset(Version)
_COMPLETION = PacketKind.COMPLETION.value


class Services(Protocol):
    """Where a controller puts the services of its further channels: the bus."""

    def offer(self, service: Service) -> None: ...

    def rescind(self, service: Service) -> None: ...


class Phase(IntEnum):
    """What the guest has to do next."""

    BEGIN = 0
    VERSION = 1
    PROPERTIES = 2
    END = 3
    READY = 4


_READY = Phase.READY.value


@dataclass
class StorvspState:
    """``rescan``: the guest has to be told that units came or went."""

    phase: int = Phase.BEGIN.value
    version: int = 0
    sub_channels: int = 0
    rescan: bool = False


@dataclass(slots=True)
class Statistics:
    """Since the controller was built."""

    packets: int = 0
    requests: int = 0
    refused: int = 0
    """Packets that made no sense where they came."""


_Step: TypeAlias = Callable[[Channel, Packet], bytes]


class StorageController:
    """A ``target`` behind a channel, and behind ``sub_channels`` more if the guest wants them.

    See ``scsi_controller`` and ``ide_accelerator`` for what to put into ``offer``.
    """

    SAVED = {"statistics": Statistics}

    def __init__(
        self,
        offer: Offer,
        target: ScsiTarget,
        *,
        sub_channels: int = 0,
        services: Services | None = None,
        work: Work = unmetered,
    ) -> None:
        self._work = work
        self.offer = offer
        self.target = target
        self.statistics = Statistics()
        self.state = StorvspState()
        self._services = services
        self._max_sub_channels = sub_channels if services else 0
        self._sub_channels: list[_SubChannel] = []
        self._channel: Channel | None = None
        self._requests: dict[int, _Step] = {
            Operation.EXECUTE_SRB: self._execute_srb,
            Operation.RESET_LUN: self._reset_lun,
            Operation.RESET_ADAPTER: self._reset_all,
            Operation.RESET_BUS: self._reset_all,
        }
        self._steps: dict[tuple[int, int], _Step] = {
            (Phase.BEGIN, Operation.BEGIN_INITIALIZATION): self._begin,
            (Phase.VERSION, Operation.QUERY_PROTOCOL_VERSION): self._query_version,
            (Phase.PROPERTIES, Operation.QUERY_PROPERTIES): self._query_properties,
            (Phase.END, Operation.CREATE_SUB_CHANNELS): self._create_sub_channels,
            (Phase.END, Operation.END_INITIALIZATION): self._end,
            (Phase.READY, Operation.CREATE_SUB_CHANNELS): self._create_sub_channels,
        }
        self._known = frozenset(self._requests) | {operation for _, operation in self._steps}

    # The service

    def open(self, channel: Channel) -> None:
        self.state = StorvspState()
        self._channel = channel

    def ready(self) -> None:
        if self._channel is None:
            return
        self.serve(self._channel)
        self._settle()

    def close(self) -> None:
        self._channel = None
        self.reset()

    def resume(self, channel: Channel) -> None:
        """The state was put back."""
        self._channel = channel

    def reset(self) -> None:
        """Forget the guest. Units lose what it has set, not what lies in them."""
        self.state = StorvspState()
        self.target.reset()
        while self._sub_channels:
            gone = self._sub_channels.pop()
            if self._services is not None:
                self._services.rescind(gone)

    def inspect(self) -> dict[str, object]:
        """How far the guest is, what went through, and what each unit did."""
        state = self.state
        return {
            "phase": Phase(state.phase).name,
            "version": f"{state.version >> 8}.{state.version & 0xFF}" if state.version else None,
            "sub_channels": state.sub_channels,
            **asdict(self.statistics),
            "luns": {lun: unit.inspect() for lun, unit in sorted(self.target.luns.items())},
        }

    # The person at the machine

    def attach(self, lun: int, device: ScsiDevice) -> None:
        """Plug a unit in, at any time. ValueError: there is no such number, or it is taken."""
        self.target.attach(lun, device)
        self._units_changed()

    def detach(self, lun: int) -> ScsiDevice:
        """Pull a unit out, at any time. KeyError: there is none."""
        device = self.target.detach(lun)
        self._units_changed()
        return device

    def _units_changed(self) -> None:
        self.state.rescan = True
        self._settle()

    # Packets

    @property
    def is_ready(self) -> bool:
        """Whether requests may come."""
        return self.state.phase == _READY

    def serve(self, channel: Channel, *, primary: bool = True) -> None:
        """Answer every packet that waits."""
        while (packet := channel.receive(PACKET_SIZE)) is not None:
            self.statistics.packets += 1
            if packet.kind == _COMPLETION:
                continue  # nothing of ours asks for one
            channel.complete(packet.transaction_id, self._answer(channel, packet, primary))

    def _answer(self, channel: Channel, packet: Packet, primary: bool) -> bytes:
        operation = operation_of(packet.payload)
        step = self._requests.get(operation) if self.is_ready else None
        if step is None and primary:
            step = self._steps.get((self.state.phase, operation))
        if step is not None:
            return step(channel, packet)
        self.statistics.refused += 1
        if operation == Operation.EXECUTE_SRB:
            return refuse_srb(packet, NtStatus.INVALID_DEVICE_STATE)
        if operation in self._known:
            return answer(packet.payload, NtStatus.INVALID_DEVICE_STATE)
        return answer(packet.payload, NtStatus.INVALID_DEVICE_REQUEST)

    def _settle(self) -> None:
        """Do what the guest did not ask for in so many words: offer channels, tell of changes."""
        state = self.state
        while self._services is not None and len(self._sub_channels) < state.sub_channels:
            fresh = _SubChannel(self, len(self._sub_channels) + 1)
            self._sub_channels.append(fresh)
            self._services.offer(fresh)
        if state.rescan and self._announce():
            state.rescan = False

    def _announce(self) -> bool:
        """Have the guest look at all units again. False: there is no room in the ring yet."""
        state = self.state
        if self._channel is None or not self.is_ready or state.version < Version.V4_2:
            return True  # it will look when it starts, or would not understand
        size = packet_size(state.version)
        return self._channel.send(announcement(Operation.ENUMERATE_BUS, size))

    # Initialisation

    def _begin(self, _channel: Channel, packet: Packet) -> bytes:
        self.state.phase = Phase.VERSION.value
        return answer(packet.payload, NtStatus.SUCCESS)

    def _query_version(self, _channel: Channel, packet: Packet) -> bytes:
        version = number_in(packet.payload)
        if version not in _VERSIONS:
            return answer(packet.payload, NtStatus.REVISION_MISMATCH, version_body(version))
        self.state.version = version
        self.state.phase = Phase.PROPERTIES.value
        return answer(packet.payload, NtStatus.SUCCESS, version_body(version))

    def _query_properties(self, _channel: Channel, packet: Packet) -> bytes:
        self.state.phase = Phase.END.value
        body = properties(self._allowed_sub_channels(), MAX_TRANSFER_BYTES)
        return answer(packet.payload, NtStatus.SUCCESS, body)

    def _end(self, _channel: Channel, packet: Packet) -> bytes:
        self.state.phase = _READY
        for one in self._sub_channels:
            one.ready()
        return answer(packet.payload, NtStatus.SUCCESS)

    def _create_sub_channels(self, _channel: Channel, packet: Packet) -> bytes:
        count = number_in(packet.payload)
        if self.state.sub_channels or count > self._allowed_sub_channels():
            return answer(packet.payload, NtStatus.INVALID_PARAMETER)
        self.state.sub_channels = count
        return answer(packet.payload, NtStatus.SUCCESS)

    def _allowed_sub_channels(self) -> int:
        return self._max_sub_channels if self.state.version >= Version.V5_1 else 0

    # Requests

    def _execute_srb(self, channel: Channel, packet: Packet) -> bytes:
        self.statistics.requests += 1
        return execute_srb(self.target, channel, packet, self._work)

    def _reset_lun(self, _channel: Channel, packet: Packet) -> bytes:
        asked = ScsiRequest.parse(packet.payload)
        unit = self.target.unit(asked.address) if asked else None
        if unit is not None:
            unit.reset()
        return answer(packet.payload, NtStatus.SUCCESS)

    def _reset_all(self, _channel: Channel, packet: Packet) -> bytes:
        self.target.reset()
        return answer(packet.payload, NtStatus.SUCCESS)


class _SubChannel:
    """One more channel to a controller: for requests alone."""

    def __init__(self, controller: StorageController, number: int) -> None:
        name = f"{controller.offer.name}.{number}"
        self.offer = replace(controller.offer, name=name, sub_channel=number)
        self._controller = controller
        self._channel: Channel | None = None

    def open(self, channel: Channel) -> None:
        self._channel = channel

    def ready(self) -> None:
        # What comes before the controller is ready waits in the ring.
        if self._channel is not None and self._controller.is_ready:
            self._controller.serve(self._channel, primary=False)

    def close(self) -> None:
        self._channel = None

    def resume(self, channel: Channel) -> None:
        """The state was put back."""
        self._channel = channel


def scsi_controller(
    name: str,
    instance: UUID,
    luns: Mapping[int, ScsiDevice],
    *,
    sub_channels: int = 0,
    services: Services | None = None,
    work: Work = unmetered,
) -> StorageController:
    """A SCSI controller with units on path 0, target 0. ValueError: no such LUN."""
    return StorageController(
        Offer(name, SCSI_CONTROLLER, instance),
        ScsiTarget(luns),
        sub_channels=sub_channels,
        services=services,
        work=work,
    )


def ide_accelerator(
    name: str, controller: int, drive: int, device: ScsiDevice
) -> StorageController:
    """The fast way to IDE drive ``drive`` (0 or 1) of ``controller`` (0 or 1)."""
    instance = UUID(fields=(controller, drive, _IDE_MARK, 0, 0, 0))
    data = _IDE_OFFER.pack(controller, drive, _IDE_FLAG)
    # Guests find the drive by its target number; the path they send is 0 on either controller.
    target = ScsiTarget({0: device}, path=controller, target=drive, any_path=True)
    return StorageController(Offer(name, IDE_ACCELERATOR, instance, user_data=data), target)
