"""What guest and host do to channels: offers, GPADLs, opening, closing, taking back.

Where a message is out of place it is answered with a failure if it has an answer, else ignored; either way
it is counted and its reason kept.
"""

from dataclasses import dataclass
from functools import partial

from hv.interfaces import GuestMemory

from .channel import RingChannel, SavedChannel
from .channel_state import ChannelEvent, ChannelState, step
from .gpadl import GpadlTable, SavedGpadls
from .link import Link
from .messages import (
    STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL,
    CloseChannel,
    GpadlBody,
    GpadlCreated,
    GpadlHeader,
    GpadlTeardown,
    GpadlTorndown,
    ModifyChannel,
    ModifyChannelResponse,
    OpenChannel,
    OpenChannelResult,
    RelidReleased,
    RescindChannelOffer,
)
from .offering import offer_message
from .ring import MIN_RING_PAGES, IncomingRing, OutgoingRing, Ring, SavedRing, ring_pages
from .service import GpaRange, Service
from .slots import SavedSlot, Slot, SlotTable
from .traffic import Observer, Traffic
from .version import MODIFY_IS_ANSWERED


@dataclass(frozen=True, slots=True)
class SavedChannels:
    """``stopped``: numbers of services that have not been told that their channel ended."""

    slots: list[SavedSlot]
    names: dict[int, str]
    gpadls: SavedGpadls
    stopped: list[int]


class Channels:
    """All channels of one bus."""

    SAVED_AS = SavedChannels

    def __init__(self, memory: GuestMemory, link: Link) -> None:
        self._memory = memory
        self._link = link
        self.slots = SlotTable()
        self.gpadls = GpadlTable()
        self.observer: Observer | None = None
        self._stopped: list[Service] = []
        """Services whose channel has ended and who have not been told."""

    def save(self) -> SavedChannels:
        stopped = [self.slots.service_number(service) for service in self._stopped]
        return SavedChannels(self.slots.save(), self.slots.names, self.gpadls.save(), stopped)

    def load(self, saved: SavedChannels) -> None:
        """Everything as it was. Guest memory already says so; services take up their channels."""
        self.slots.load(saved.slots)
        self.slots.names = saved.names
        self.gpadls.load(saved.gpadls)
        self._stopped = [self.slots.service(number) for number in saved.stopped]
        for service in self._stopped:
            service.resume(self._ended(service))
        for slot, one in zip(self.slots, saved.slots, strict=True):
            if one.channel is not None:
                slot.channel = self._resumed(slot, one.channel)
                slot.service.resume(slot.channel)

    def _resumed(self, slot: Slot, saved: SavedChannel) -> RingChannel:
        if min(len(saved.incoming.pages), len(saved.outgoing.pages)) < MIN_RING_PAGES:
            raise ValueError("a ring without data")
        channel = self._channel(
            slot,
            IncomingRing.resumed(Ring(self._memory, saved.incoming.pages), saved.incoming),
            OutgoingRing.resumed(Ring(self._memory, saved.outgoing.pages), saved.outgoing),
        )
        channel.load(saved)
        return channel

    def _ended(self, service: Service) -> RingChannel:
        """What a service holds whose channel is gone."""
        nowhere = SavedRing((0,) * MIN_RING_PAGES, 0)
        channel = self._resumed(Slot(service), SavedChannel(nowhere, nowhere, {}))
        channel.end()
        return channel

    def offer_waiting(self) -> None:
        """Tell the guest of every service that it could be told of."""
        connection = self._link.connection
        if connection is None or not connection.offers_requested:
            return
        for slot in self.slots.waiting():
            if not self.slots.assign_relid(slot, connection.max_relid):
                break
            self._step(slot, ChannelEvent.OFFER)
            self._link.post(offer_message(slot.service.offer, slot.relid, slot.connection_id))

    def rescind(self, slot: Slot) -> None:
        """The host takes a service back."""
        if slot.state is ChannelState.UNOFFERED:
            self.slots.remove(slot)
        elif self._step(slot, ChannelEvent.RESCIND):
            self._link.post(RescindChannelOffer(slot.relid))
            self._stop(slot)

    def forget_guest(self) -> None:
        """The connection is gone: so is every relid, GPADL and open channel."""
        for slot in self.slots:
            self._stop(slot)
        self.slots.forget_guest()
        self.gpadls = GpadlTable()

    def close_stopped(self) -> None:
        """Tell the services whose channels have ended. None of them may be at work."""
        while self._stopped:
            self._stopped.pop(0).close()

    def on_event(self, slot: Slot, channel: RingChannel | None) -> None:
        """The guest signalled while ``channel`` was the slot's opening."""
        slot.counters.signals_in += 1
        self._crossed(slot, Traffic.SIGNAL_IN, 0)
        if channel is None or slot.channel is not channel:
            return
        channel.wake()
        if slot.channel is channel:
            slot.service.ready()

    # Messages

    def on_open(self, message: OpenChannel) -> None:
        slot = self._named(message.relid)
        if slot is None:
            return
        pages = self._ring_pages(message)
        if pages is None or not self._step(slot, ChannelEvent.OPEN):
            answer = OpenChannelResult(slot.relid, message.open_id, STATUS_UNSUCCESSFUL)
            self._link.post(answer)
            return
        incoming, outgoing = (Ring(self._memory, ring) for ring in pages)
        channel = self._channel(slot, IncomingRing(incoming), OutgoingRing(outgoing))
        slot.channel, slot.target_vp, slot.ring_gpadl = channel, message.target_vp, message.gpadl
        slot.counters.opens += 1
        # The guest learns of the opening before it hears from the device.
        self._link.post(OpenChannelResult(slot.relid, message.open_id, STATUS_SUCCESS))
        slot.service.open(channel)

    def on_close(self, message: CloseChannel) -> None:
        slot = self._named(message.relid)
        if slot is not None and self._step(slot, ChannelEvent.CLOSE):
            self._stop(slot)

    def on_modify(self, message: ModifyChannel) -> None:
        slot = self._named(message.relid)
        if slot is None:
            return
        status = STATUS_UNSUCCESSFUL
        if self._step(slot, ChannelEvent.MODIFY):
            slot.target_vp = message.target_vp
            status = STATUS_SUCCESS
        connection = self._link.connection
        if connection is not None and connection.version >= MODIFY_IS_ANSWERED:
            self._link.post(ModifyChannelResponse(slot.relid, status))

    def on_gpadl_header(self, message: GpadlHeader) -> None:
        slot = self._named(message.relid)
        if slot is not None and self._step(slot, ChannelEvent.CREATE_GPADL):
            self._created(self.gpadls.begin(message))
        else:
            self._created(GpadlCreated(message.relid, message.gpadl, STATUS_UNSUCCESSFUL))

    def on_gpadl_body(self, message: GpadlBody) -> None:
        self._created(self.gpadls.extend(message))

    def on_gpadl_teardown(self, message: GpadlTeardown) -> None:
        slot = self._named(message.relid)
        if slot is None or not self._step(slot, ChannelEvent.TEAR_DOWN_GPADL):
            return
        if not self.gpadls.tear_down(slot.relid, message.gpadl):
            self._link.refuse(f"channel {slot.relid} has no GPADL {message.gpadl:#x} to tear down")
            return
        if slot.channel is not None and slot.ring_gpadl == message.gpadl:
            slot.channel.fail("its ring was torn down while it was open")
        self._link.post(GpadlTorndown(message.gpadl))

    def on_relid_released(self, message: RelidReleased) -> None:
        slot = self._named(message.relid)
        if slot is None:
            return
        relid = slot.relid
        if self._step(slot, ChannelEvent.RELEASE):
            self.gpadls.drop_channel(relid)
            self.slots.remove(slot)
            self.offer_waiting()

    # Inside

    def _named(self, relid: int) -> Slot | None:
        slot = self.slots.by_relid(relid)
        if slot is None:
            self._link.refuse(f"no channel has relid {relid}")
        else:
            slot.counters.messages += 1
        return slot

    def _step(self, slot: Slot, event: ChannelEvent) -> bool:
        """Move ``slot``; False and a refusal on record when ``event`` has no business there."""
        state = step(slot.state, event)
        if state is None:
            self._link.refuse(
                f"channel {slot.relid} ({slot.service.offer.name}): {event.value} while {slot.state.value}"
            )
            return False
        slot.state = state
        return True

    def _created(self, answer: GpadlCreated | None) -> None:
        if answer is None:
            return
        if answer.status != STATUS_SUCCESS:
            self._link.refuse(f"GPADL {answer.gpadl:#x} of channel {answer.relid} is malformed")
        self._link.post(answer)

    def _ring_pages(self, message: OpenChannel) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        gpadl = self.gpadls.find(message.relid, message.gpadl)
        pages = ring_pages(gpadl.ranges, message.downstream_page) if gpadl else None
        if pages is None:
            self._link.refuse(f"channel {message.relid}: GPADL {message.gpadl:#x} holds no rings")
        return pages

    def _channel(self, slot: Slot, incoming: IncomingRing, outgoing: OutgoingRing) -> RingChannel:
        return RingChannel(
            slot.service.offer,
            self._memory,
            incoming,
            outgoing,
            slot.counters,
            buffer=partial(self._buffer, slot.relid),
            signal=partial(self._interrupt, slot),
            broken=partial(self._broke, slot),
            crossed=partial(self._crossed, slot),
        )

    def _crossed(self, slot: Slot, traffic: Traffic, size: int) -> None:
        if self.observer is not None:
            rings = slot.channel.rings() if slot.channel else None
            self.observer(slot.service.offer.name, traffic, size, rings)

    def _buffer(self, relid: int, handle: int) -> tuple[GpaRange, ...]:
        gpadl = self.gpadls.find(relid, handle)
        return gpadl.ranges if gpadl else ()

    def _interrupt(self, slot: Slot) -> None:
        self._link.interrupt(slot.target_vp, slot.relid)

    def _broke(self, slot: Slot, reason: str) -> None:
        if self._step(slot, ChannelEvent.BREAK):
            slot.failure = reason
            self._link.last_failure = f"channel {slot.relid} ({slot.service.offer.name}): {reason}"
            self._stop(slot)

    def _stop(self, slot: Slot) -> None:
        """The rings are gone from here on; the service that had them is told in its time."""
        channel, slot.channel = slot.channel, None
        if channel is not None:
            channel.end()
            self._stopped.append(slot.service)
