"""Synthetic mouse: a HID pointer with absolute coordinates.

Follows Linux's driver (drivers/hid/hid-hyperv.c), for want of a protocol document: version 2.0. The guest
asks for the protocol, is told what the device is, acknowledges that, and gets input reports from then on.

Left out: feature and output reports, power states.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from struct import Struct
from typing import NamedTuple
from uuid import UUID

from hv.interfaces import Work, unmetered
from hv.vmbus.service import Channel, Offer, PacketKind
from hv_devices.synthetic.hid_descriptor import (
    AXIS_MAX,
    DEVICE_ATTRIBUTES,
    HID_DESCRIPTOR,
    REPORT,
    REPORT_DESCRIPTOR,
    WHEEL_MAX,
)

OFFER = Offer(
    "mouse",
    UUID("cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a"),
    UUID("58f75a6d-d949-4320-99e1-a2a2576d581c"),
    pipe=True,
)
VERSION = 0x00020000
"""2.0: the major number is the high half."""


class MessageType(IntEnum):
    PROTOCOL_REQUEST = 0
    PROTOCOL_RESPONSE = 1
    INITIAL_DEVICE_INFO = 2
    INITIAL_DEVICE_INFO_ACK = 3
    INPUT_REPORT = 4


QUEUE_SIZE = 64
"""Reports that wait for room. Beyond, what is in between is left out, never how it ends."""

_HEADER = Struct("<II")  # type, size of what follows
_REQUEST = Struct("<I")  # version
_RESPONSE = Struct("<IB")  # version, approved
_DEVICE_INFO = DEVICE_ATTRIBUTES + HID_DESCRIPTOR + REPORT_DESCRIPTOR

_INBAND = PacketKind.INBAND.value


class Report(NamedTuple):
    """Where the mouse is and what is held. ``is_move``: the buttons are as in the report before."""

    buttons: int
    x: int
    y: int
    wheel: int
    is_move: bool


@dataclass
class State:
    """Everything the mouse remembers."""

    version: int = 0
    """What the guest speaks; 0: it has not said, or nothing that we speak."""
    active: bool = False
    """The guest knows the device and takes reports."""
    control: list[bytes] = field(default_factory=list)
    """On its way to the guest; as long as there is something, the guest is not listened to."""
    reports: list[Report] = field(default_factory=list)
    reported: tuple[int, int, int] = (0, 0, 0)
    """Buttons, x and y of the last report."""
    buttons: int = 0
    x: int = 0
    y: int = 0
    ignored: int = 0
    """Packets that made no sense."""


class MouseVsp:
    """A ``Service`` with a pointer to put somewhere, buttons to hold, a wheel to turn."""

    def __init__(self, work: Work = unmetered) -> None:
        self._work = work
        self.offer = OFFER
        self.state = State()
        self._channel: Channel | None = None

    # The hand's side

    @property
    def in_use(self) -> bool:
        """Whether the guest listens."""
        return self.state.active

    def move_to(self, x: int, y: int) -> None:
        """Put the pointer there: 0 is left or top, ``AXIS_MAX`` right or bottom."""
        state = self.state
        state.x = max(0, min(x, AXIS_MAX))
        state.y = max(0, min(y, AXIS_MAX))
        self._report()

    def buttons(
        self,
        left: bool = False,
        right: bool = False,
        middle: bool = False,
        side: bool = False,
        extra: bool = False,
    ) -> None:
        """The buttons that are down from now on."""
        held = (left, right, middle, side, extra)
        self.state.buttons = sum(1 << bit for bit, down in enumerate(held) if down)
        self._report()

    def wheel(self, dz: int) -> None:
        """Turn the wheel by ``dz`` notches towards the user."""
        self._report(-dz)

    # The bus's side

    def open(self, channel: Channel) -> None:
        self._channel = channel

    def ready(self) -> None:
        channel = self._channel
        if channel is None:
            return
        self._settle()
        while not self.state.control and (packet := channel.receive()) is not None:
            if packet.wants_completion:
                channel.complete(packet.transaction_id, b"")
            self._on_packet(packet.kind, packet.payload)
            self._settle()

    def close(self) -> None:
        """The hand stays where it is."""
        state = self.state
        self._channel = None
        self.state = State(buttons=state.buttons, x=state.x, y=state.y)

    def resume(self, channel: Channel) -> None:
        """The state was put back."""
        self._channel = channel

    def inspect(self) -> dict[str, object]:
        state = self.state
        return {
            "version": state.version,
            "active": state.active,
            "queued": len(state.reports),
            "buttons": state.buttons,
            "x": state.x,
            "y": state.y,
            "ignored": state.ignored,
        }

    # Inside

    def _on_packet(self, kind: int, payload: bytes) -> None:
        if kind == _INBAND and len(payload) >= _HEADER.size:
            message_type, size = _HEADER.unpack_from(payload)
            handler = _MESSAGES.get(message_type)
            body = payload[_HEADER.size : _HEADER.size + size]
            if handler is not None and handler(self, body):
                return
        self.state.ignored += 1

    def _on_protocol_request(self, body: bytes) -> bool:
        if len(body) < _REQUEST.size:
            return False
        state = self.state
        (version,) = _REQUEST.unpack_from(body)
        approved = version == VERSION
        state.version = version if approved else 0
        state.active = False
        state.reports.clear()
        state.control = [_message(MessageType.PROTOCOL_RESPONSE, _RESPONSE.pack(version, approved))]
        if approved:
            state.control.append(_message(MessageType.INITIAL_DEVICE_INFO, _DEVICE_INFO))
        return True

    def _on_device_info_ack(self, _body: bytes) -> bool:
        state = self.state
        if not state.version or state.active:
            return False
        state.active = True
        state.reported = (0, 0, 0)
        self._report()
        return True

    def _report(self, wheel: int = 0) -> None:
        """Tell the guest how things are, if that is news. Moves in a queue make way for later ones."""
        state = self.state
        now = (state.buttons, state.x, state.y)
        if not state.active or (now == state.reported and not wheel):
            return
        self._work(0)
        report = Report(*now, _wheel(wheel), state.buttons == state.reported[0])
        reports = state.reports
        both_move = bool(reports) and reports[-1].is_move and report.is_move
        if both_move or len(reports) >= QUEUE_SIZE:
            last = reports.pop()
            report = report._replace(wheel=_wheel(last.wheel + wheel), is_move=both_move)
        reports.append(report)
        state.reported = now
        self._settle()

    def _settle(self) -> None:
        """Say what there is to say, as far as there is room."""
        state, channel = self.state, self._channel
        if channel is None:
            return
        while state.control and channel.send(state.control[0]):
            del state.control[0]
        while not state.control and state.reports:
            report = REPORT.pack(*state.reports[0][:4])
            if not channel.send(_message(MessageType.INPUT_REPORT, report)):
                break
            del state.reports[0]


def _message(message_type: MessageType, body: bytes) -> bytes:
    return _HEADER.pack(message_type, len(body)) + body


def _wheel(notches: int) -> int:
    return max(-WHEEL_MAX, min(notches, WHEEL_MAX))


_MESSAGES: dict[int, Callable[[MouseVsp, bytes], bool]] = {
    MessageType.PROTOCOL_REQUEST.value: MouseVsp._on_protocol_request,
    MessageType.INITIAL_DEVICE_INFO_ACK.value: MouseVsp._on_device_info_ack,
}
