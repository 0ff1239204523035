"""What every integration component does with its channel: negotiate, then ask, one thing at a time.

Some of Linux's drivers read one packet per interrupt, so the next request waits until the last one is
answered, however late. An answer is known by its transaction id; whatever else the guest sends is counted
and ignored. A guest may never answer: a channel on which it does not negotiate is one that it does not
use (Linux's KVP driver waits for a daemon that many images do not have).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from hv.interfaces import Timer
from hv.vmbus.service import Channel, Offer, PacketKind
from hv_devices.synthetic.ic_protocol import (
    NO_VERSION,
    TRANSACTION_IDS,
    Agreement,
    MessageType,
    Version,
    agreement,
    negotiate,
    parse,
    request,
)

_INBAND = PacketKind.INBAND.value
_NEGOTIATE = MessageType.NEGOTIATE.value
_NOTHING_AGREED = Agreement(NO_VERSION, NO_VERSION)


class Phase(StrEnum):
    CLOSED = "closed"
    NEGOTIATING = "negotiating"
    READY = "ready"
    NO_COMMON_VERSION = "no common version"


@dataclass
class IcState:
    """What the conversation with the guest has come to; each component adds its own."""

    phase: Phase = Phase.CLOSED
    agreed: Agreement = _NOTHING_AGREED
    outstanding: int | None = None
    """Transaction id of the request that the guest has not answered."""
    next_id: int = 0
    unasked: int = 0
    """Messages of the guest's that answered nothing."""


S = TypeVar("S", bound=IcState)


class IcService(ABC, Generic[S]):
    """A ``Service`` that asks. ``blank`` makes the state of a component whose channel is closed."""

    def __init__(
        self,
        offer: Offer,
        message_type: MessageType,
        versions: tuple[Version, ...],
        blank: Callable[[], S],
    ) -> None:
        self.offer = offer
        self.state = blank()
        self._message_type = message_type.value
        self._versions = versions
        self._blank = blank
        self._channel: Channel | None = None

    # For the bus

    def open(self, channel: Channel) -> None:
        self._channel = channel
        self.state.phase = Phase.NEGOTIATING
        self._proceed()

    def ready(self) -> None:
        channel = self._channel
        if channel is None:
            return
        while (packet := channel.receive()) is not None:
            if packet.wants_completion:
                channel.complete(packet.transaction_id, b"")
            if packet.kind == _INBAND:
                self._on_message(packet.payload)
        self._proceed()

    def close(self) -> None:
        self._channel = None
        self.state = self._after_close()
        self._settle()

    def resume(self, channel: Channel) -> None:
        """The state was put back."""
        self._channel = channel

    # For the root

    def inspect(self) -> dict[str, object]:
        state = self.state
        return {
            "phase": state.phase.value,
            "framework": str(state.agreed.framework),
            "version": str(state.agreed.version),
            "outstanding": state.outstanding,
            "unasked": state.unasked,
        }

    # For the component

    @abstractmethod
    def _settle(self) -> None:
        """Something changed: ask what there is to ask, set alarms. Called in every phase."""

    @abstractmethod
    def _on_answer(self, status: int, body: bytes) -> None:
        """The guest answered the last request."""

    def _after_close(self) -> S:
        """The state in which the component waits for the next opening."""
        return self._blank()

    def _ask(self, body: bytes) -> bool:
        """Send a request. False: not now; ``_settle`` is called when that may have changed."""
        state = self.state
        if state.phase is not Phase.READY or state.outstanding is not None:
            return False
        return self._send(request(self._message_type, *state.agreed, state.next_id, body))

    # Inside

    def _proceed(self) -> None:
        state = self.state
        if state.phase is Phase.NEGOTIATING and state.outstanding is None:
            self._send(negotiate(self._versions, state.next_id))
        self._settle()

    def _send(self, message: bytes) -> bool:
        """``message`` carries ``next_id``."""
        state = self.state
        if self._channel is None or not self._channel.send(message):
            return False
        state.outstanding = state.next_id
        state.next_id = (state.next_id + 1) % TRANSACTION_IDS
        return True

    def _on_message(self, payload: bytes) -> None:
        state = self.state
        message = parse(payload)
        negotiating = state.phase is Phase.NEGOTIATING
        if (
            message is None
            or not message.is_response
            or message.transaction_id != state.outstanding
            or message.message_type != (_NEGOTIATE if negotiating else self._message_type)
        ):
            state.unasked += 1
            return
        state.outstanding = None
        if negotiating:
            self._on_negotiated(message.body)
        else:
            self._on_answer(message.status, message.body)

    def _on_negotiated(self, body: bytes) -> None:
        agreed = agreement(body, self._versions)
        if agreed is None:
            self.state.phase = Phase.NO_COMMON_VERSION
        else:
            self.state.agreed = agreed
            self.state.phase = Phase.READY


def set_deadline(timer: Timer, when_ns: int | None) -> None:
    """Make an alarm agree with the deadline that the state holds."""
    if when_ns is None:
        timer.cancel()
    elif timer.deadline != when_ns:
        timer.arm(when_ns)
