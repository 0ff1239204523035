"""The services on the bus and the relids that the guest knows them by.

A relid is also the number of the channel's event flag and, plus a constant, its connection id. The lowest
free one is handed out, in the order of the services; it is free again only when the guest releases it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from .channel import RingChannel, SavedChannel
from .channel_state import ChannelState
from .counters import Counters
from .service import Service

FIRST_EVENT_CONNECTION = 0x2000
"""Connection id of a channel's signal, less its relid."""


@dataclass(slots=True, eq=False)
class Slot:
    """One service's place on the bus."""

    service: Service
    state: ChannelState = ChannelState.UNOFFERED
    relid: int = 0
    """0: the guest knows nothing of it."""
    target_vp: int = 0
    ring_gpadl: int = 0
    channel: RingChannel | None = None
    """While the service has it open."""
    failure: str = ""
    """Why the channel broke last."""
    counters: Counters = field(default_factory=Counters)

    @property
    def identity(self) -> tuple[UUID, UUID, int]:
        """What the guest tells devices apart by."""
        offer = self.service.offer
        return offer.interface, offer.instance, offer.sub_channel

    @property
    def connection_id(self) -> int:
        return FIRST_EVENT_CONNECTION + self.relid

    def forget_guest(self) -> None:
        """The guest knows nothing of this service any more."""
        self.state = ChannelState.UNOFFERED
        self.relid = self.target_vp = self.ring_gpadl = 0


@dataclass(frozen=True, slots=True)
class SavedSlot:
    """A slot; ``service`` counts in the order in which services first came."""

    service: int
    state: ChannelState
    relid: int
    target_vp: int
    ring_gpadl: int
    channel: SavedChannel | None
    failure: str
    counters: Counters


class SlotTable:
    """All slots, in the order in which their services came."""

    def __init__(self) -> None:
        self._slots: list[Slot] = []
        self._by_relid: dict[int, Slot] = {}
        self.names: dict[int, str] = {}
        """Of every connection id that was given out, the service it named last; for statistics."""
        self._services: list[Service] = []

    def __iter__(self) -> Iterator[Slot]:
        return iter(tuple(self._slots))

    def add(self, slot: Slot) -> None:
        self._slots.append(slot)
        if slot.service not in self._services:
            self._services.append(slot.service)

    def service_number(self, service: Service) -> int:
        """What ``service`` is called where it is saved."""
        return self._services.index(service)

    def service(self, number: int) -> Service:
        """The service of that number. ValueError: it is not on this bus."""
        if not 0 <= number < len(self._services):
            raise ValueError(f"the VMBus has no service {number}")
        return self._services[number]

    def save(self) -> list[SavedSlot]:
        return [
            SavedSlot(
                self.service_number(slot.service),
                *(slot.state, slot.relid, slot.target_vp, slot.ring_gpadl),
                slot.channel.save() if slot.channel else None,
                *(slot.failure, slot.counters),
            )
            for slot in self._slots
        ]

    def load(self, saved: list[SavedSlot]) -> None:
        """The slots as they were, but for their channels."""
        self._slots = [
            Slot(
                self.service(one.service),
                *(one.state, one.relid, one.target_vp, one.ring_gpadl),
                failure=one.failure,
                counters=one.counters,
            )
            for one in saved
        ]
        self._by_relid = {slot.relid: slot for slot in self._slots if slot.relid}

    def remove(self, slot: Slot) -> None:
        """Take a slot and its relid off the bus."""
        self._slots.remove(slot)
        self._by_relid.pop(slot.relid, None)

    def by_relid(self, relid: int) -> Slot | None:
        return self._by_relid.get(relid)

    def by_connection(self, connection_id: int) -> Slot | None:
        return self._by_relid.get(connection_id - FIRST_EVENT_CONNECTION)

    def offered(self, service: Service) -> Slot | None:
        """The slot of a service that was not taken back."""
        for slot in self._slots:
            if slot.service is service and slot.state is not ChannelState.RESCINDED:
                return slot
        return None

    def waiting(self) -> list[Slot]:
        """What the guest has not been offered and could be.

        A guest takes two offers of one identity for one device, so a successor waits until the guest has
        let go of what was rescinded.
        """
        known = {slot.identity for slot in self._by_relid.values()}
        return [slot for slot in self._slots if not slot.relid and slot.identity not in known]

    def assign_relid(self, slot: Slot, limit: int) -> bool:
        """Give ``slot`` the lowest free relid up to ``limit``. False: none is free."""
        relid = next((one for one in range(1, limit + 1) if one not in self._by_relid), 0)
        if relid:
            slot.relid = relid
            self._by_relid[relid] = slot
            self.names[slot.connection_id] = slot.service.offer.name
        return relid != 0

    def forget_guest(self) -> None:
        """No relid is out any more, and nothing that was rescinded is waited for."""
        self._by_relid.clear()
        self._slots = [slot for slot in self._slots if slot.state is not ChannelState.RESCINDED]
        for slot in self._slots:
            slot.forget_guest()
