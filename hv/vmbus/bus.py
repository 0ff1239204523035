"""The VMBus: the host's end of the channel protocol, with no processor, no I/O and no clock.

Follows Linux's drivers (drivers/hv, include/linux/hyperv.h), for want of a published protocol document;
versions 1.1, 2.4, 3.0, 4.0, 4.1 and 5.0 to 5.3. Left out: version 0.13, version 6, monitor pages, reserved
channels, sockets (every connection request is refused).

One thing at a time: a service is never called while the bus waits for one to return, so whatever arrives
meanwhile is done afterwards; ``close`` in particular comes after the call in which the channel ended, and
when that call was not the bus's (a timer of the service's own), with the next thing that happens here.

A channel that broke looks open to the guest until the guest closes it: the protocol has no word for the
host to close with.
"""

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

from hv.errors import ConfigError
from hv.interfaces import GuestMemory
from hv.saved import Parts, parts

from . import messages
from .channel_state import ChannelState
from .channels import Channels
from .connection import FIRST_CONTACT_CONNECTION_ID, MESSAGE_CONNECTION_ID, negotiate
from .doors import Synic
from .link import Link
from .messages import Refusal
from .offering import user_defined
from .service import Service
from .slots import Slot
from .traffic import Observer
from .version import Version
from .view import BusView, ChannelView

_MESSAGE_CONNECTIONS = (MESSAGE_CONNECTION_ID, FIRST_CONTACT_CONNECTION_ID)


class Bus:
    """One partition's VMBus. ``versions`` can make it an older host."""

    SAVED = {"_messages": int}

    def __init__(
        self, memory: GuestMemory, synic: Synic, *, versions: Collection[Version] = tuple(Version)
    ) -> None:
        self._versions = versions
        self._link = Link(memory, synic)
        self._channels = channels = Channels(memory, self._link)
        self._jobs: deque[Callable[[], None]] = deque()
        self._busy = False
        self._messages = 0
        self._handlers: dict[type, Callable[[Any], None]] = {
            messages.InitiateContact: self._on_initiate_contact,
            messages.RequestOffers: self._on_request_offers,
            messages.OpenChannel: channels.on_open,
            messages.CloseChannel: channels.on_close,
            messages.ModifyChannel: channels.on_modify,
            messages.GpadlHeader: channels.on_gpadl_header,
            messages.GpadlBody: channels.on_gpadl_body,
            messages.GpadlTeardown: channels.on_gpadl_teardown,
            messages.RelidReleased: channels.on_relid_released,
            messages.TlConnectRequest: self._on_tl_connect_request,
            messages.Unload: self._on_unload,
        }

    # The hypervisor's side

    def message(self, connection_id: int, message_type: int, payload: bytes) -> bool:
        """The guest posted a message. False: this connection is not ours."""
        if connection_id not in _MESSAGE_CONNECTIONS:
            return False
        self._run(partial(self._on_message, message_type, bytes(payload)))
        return True

    def event(self, connection_id: int) -> bool:
        """The guest signalled a channel. False: no channel has this connection."""
        slot = self._channels.slots.by_connection(connection_id)
        if slot is None:
            return False
        self._run(partial(self._channels.on_event, slot, slot.channel))
        return True

    def reset(self) -> None:
        """The machine was reset: the guest's half of everything is gone, unannounced."""
        self._disconnect()
        self._settle()

    # The root's side

    def parts(self) -> Parts:
        """The state of the connection and of every channel; between two blocks nothing is under way."""
        things = {"vmbus": self, "vmbus.link": self._link, "vmbus.channels": self._channels}
        return parts(things)

    def offer(self, service: Service) -> None:
        """Put a service on the bus, at any time; a guest that asked for offers is told at once."""
        user_defined(service.offer)
        slot = Slot(service)
        for other in self._channels.slots:
            if other.identity == slot.identity and other.state is not ChannelState.RESCINDED:
                raise ConfigError(
                    f"VMBus device {service.offer.name}: instance {service.offer.instance} "
                    f"is taken by {other.service.offer.name}"
                )
        self._channels.slots.add(slot)
        self._channels.offer_waiting()

    def rescind(self, service: Service) -> None:
        """Take a service off the bus, at any time. Harmless when it is not there."""
        slot = self._channels.slots.offered(service)
        if slot is not None:
            self._channels.rescind(slot)
            self._settle()

    def channel_name(self, connection_id: int) -> str | None:
        """Which service had this connection last; None: none ever did."""
        return self._channels.slots.names.get(connection_id)

    def observe(self, observer: Observer) -> None:
        """Tell ``observer`` of everything that crosses a channel from now on."""
        self._channels.observer = observer

    def inspect(self) -> BusView:
        """The state of the connection and of every channel."""
        link, channels = self._link, self._channels
        connection = link.connection
        return BusView(
            version=connection.version.text if connection else None,
            target_vp=connection.target_vp if connection else 0,
            offers_requested=connection.offers_requested if connection else False,
            gpadl_pages=channels.gpadls.pages,
            messages=self._messages,
            refused=link.refused,
            last_failure=link.last_failure,
            channels=tuple(self._view(slot) for slot in channels.slots),
        )

    def _view(self, slot: Slot) -> ChannelView:
        offer = slot.service.offer
        rings = slot.channel.rings() if slot.channel else (None, None)
        return ChannelView(
            name=offer.name,
            interface=str(offer.interface),
            instance=str(offer.instance),
            sub_channel=offer.sub_channel,
            state=slot.state.value,
            relid=slot.relid,
            connection_id=slot.connection_id if slot.relid else 0,
            target_vp=slot.target_vp,
            gpadls=len(self._channels.gpadls.handles(slot.relid)),
            guest_to_host=rings[0],
            host_to_guest=rings[1],
            counters=replace(slot.counters),
            failure=slot.failure,
        )

    # Turns

    def _run(self, job: Callable[[], None]) -> None:
        """Do ``job`` now, or when what the bus is at is done."""
        self._jobs.append(job)
        self._settle()

    def _settle(self) -> None:
        """Catch up with what came while the bus was busy, unless it still is."""
        if self._busy:
            return
        self._busy = True
        try:
            self._channels.close_stopped()
            while self._jobs:
                self._jobs.popleft()()
                self._channels.close_stopped()
        finally:
            self._busy = False

    def _on_message(self, message_type: int, payload: bytes) -> None:
        self._messages += 1
        if message_type != messages.CHANNEL_MESSAGE:
            self._link.refuse(f"SynIC message of type {message_type:#x}")
            return
        connection = self._link.connection
        request = messages.parse(payload, connection.version if connection else None)
        if isinstance(request, Refusal):
            self._link.refuse(f"{request.value} ({payload[:8].hex()})")
        else:
            self._handlers[type(request)](request)

    # Messages about the connection

    def _on_initiate_contact(self, message: messages.InitiateContact) -> None:
        # A guest that makes contact again was rebooted without a word.
        self._disconnect()
        connection, answer = negotiate(message, self._versions)
        if connection is None:
            self._link.refuse(f"no agreement on version {message.version:#x}")
        self._link.connection = connection
        self._link.post_to(message.target_vp, answer)

    def _on_request_offers(self, _message: messages.RequestOffers) -> None:
        connection = self._link.connection
        if connection is None or connection.offers_requested:
            self._link.refuse("offers were requested before")
            return
        connection.offers_requested = True
        self._channels.offer_waiting()
        self._link.post(messages.AllOffersDelivered())

    def _on_tl_connect_request(self, message: messages.TlConnectRequest) -> None:
        self._link.post(
            messages.TlConnectResult(
                message.endpoint, message.service, messages.STATUS_CONNECTION_REFUSED
            )
        )

    def _on_unload(self, _message: messages.Unload) -> None:
        connection = self._link.connection
        self._disconnect()
        if connection is not None:
            self._link.post_to(connection.target_vp, messages.UnloadResponse())

    def _disconnect(self) -> None:
        self._channels.forget_guest()
        self._link.disconnect()
