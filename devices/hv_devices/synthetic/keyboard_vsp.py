"""Synthetic keyboard.

Follows Linux's driver (drivers/input/serio/hyperv-keyboard.c), for want of a protocol document: version 1.0.
One message tells of one key going down or up, by its make code of scan code set 1.

Left out: Unicode events (Linux takes them for scan codes), and repetition: a key held down is told of once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from struct import Struct
from uuid import UUID

from hv.interfaces import Work, unmetered
from hv.vmbus.service import Channel, Offer, PacketKind

OFFER = Offer(
    "keyboard",
    UUID("f912ad6d-2b17-48ea-bd65-f927a61c7684"),
    UUID("d34b2567-b9b6-42b9-8778-0a4ec0b955bf"),
)
VERSION = 0x00010000
"""1.0: the major number is the high half."""


class MessageType(IntEnum):
    PROTOCOL_REQUEST = 1
    PROTOCOL_RESPONSE = 2
    EVENT = 3
    SET_LED_INDICATORS = 4


class Info(IntFlag):
    """How a make code is to be read."""

    UNICODE = 1 << 0
    BREAK = 1 << 1
    """The key goes up."""
    E0 = 1 << 2
    E1 = 1 << 3


class Led(IntFlag):
    SCROLL_LOCK = 1 << 0
    NUM_LOCK = 1 << 1
    CAPS_LOCK = 1 << 2


QUEUE_SIZE = 256
"""Events that wait for the guest. Beyond, keys go unnoticed, but not their release if they did not."""

_TYPE = Struct("<I")
_PROTOCOL = Struct("<II")  # type, version or status
_EVENT = Struct("<IHxxI")  # type, make code, info
_LEDS = Struct("<IHxx")  # type, LEDs

_INBAND = PacketKind.INBAND.value
_BREAK = Info.BREAK.value
_PREFIXES = {0xE0: Info.E0.value, 0xE1: Info.E1.value}
_LED_MASK = int(Led.SCROLL_LOCK | Led.NUM_LOCK | Led.CAPS_LOCK)

_Event = tuple[int, int]
"""Make code, info."""


@dataclass
class State:
    """Everything the keyboard remembers."""

    version: int = 0
    """What the guest speaks; 0: it has not said, or nothing that we speak."""
    response: bytes = b""
    """On its way to the guest; as long as it is, the guest is not listened to."""
    queue: list[_Event] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    """Keys that are down and that the guest knows, or will know, to be down."""
    leds: int = 0
    ignored: int = 0
    """Packets that made no sense."""


class KeyboardVsp:
    """A ``Service`` with keys to ``press`` and ``release``.

    ``make_codes``: what each key is called and its make code in set 1, after a prefix if it has one.
    """

    def __init__(self, make_codes: Mapping[str, bytes], work: Work = unmetered) -> None:
        self._work = work
        self.offer = OFFER
        self.state = State()
        self._keys = {key: _events(codes) for key, codes in make_codes.items()}
        self._channel: Channel | None = None

    # The typist's side

    def press(self, key: str) -> None:
        """Push ``key`` down. One that is down already stays so."""
        state = self.state
        events = self._keys[key]
        if key in state.held or len(state.queue) + len(events) > QUEUE_SIZE:
            return
        state.held.append(key)
        self._work(0)
        state.queue += events
        self._settle()

    def release(self, key: str) -> None:
        """Let ``key`` go. Harmless when it is not down."""
        state = self.state
        if key not in state.held:
            return
        state.held.remove(key)
        self._work(0)
        state.queue += [(code, info | _BREAK) for code, info in self._keys[key]]
        self._settle()

    @property
    def idle(self) -> bool:
        """Is all that was typed in the guest's hands?"""
        return not self.state.queue

    @property
    def in_use(self) -> bool:
        """Does a driver of the guest listen?"""
        return self._channel is not None and bool(self.state.version)

    # The bus's side

    def open(self, channel: Channel) -> None:
        self._channel = channel

    def ready(self) -> None:
        channel = self._channel
        if channel is None:
            return
        self._settle()
        while not self.state.response and (packet := channel.receive()) is not None:
            if packet.wants_completion:
                channel.complete(packet.transaction_id, b"")
            self._on_packet(packet.kind, packet.payload)
            self._settle()

    def close(self) -> None:
        """What was typed and not told is lost; fingers stay where they are."""
        self._channel = None
        self.state = State(held=self.state.held)

    def resume(self, channel: Channel) -> None:
        """The state was put back."""
        self._channel = channel

    def inspect(self) -> dict[str, object]:
        state = self.state
        return {
            "version": state.version,
            "queued": len(state.queue),
            "held": list(state.held),
            "leds": state.leds,
            "ignored": state.ignored,
        }

    # Inside

    def _on_packet(self, kind: int, payload: bytes) -> None:
        if kind == _INBAND and len(payload) >= _PROTOCOL.size:
            handler = _MESSAGES.get(_TYPE.unpack_from(payload)[0])
            if handler is not None:
                handler(self, payload)
                return
        self.state.ignored += 1

    def _on_protocol_request(self, payload: bytes) -> None:
        state = self.state
        _, version = _PROTOCOL.unpack_from(payload)
        state.version = version if version == VERSION else 0
        accepted = int(bool(state.version))
        state.response = _PROTOCOL.pack(MessageType.PROTOCOL_RESPONSE, accepted)

    def _on_led_indicators(self, payload: bytes) -> None:
        self.state.leds = _LEDS.unpack_from(payload)[1] & _LED_MASK

    def _settle(self) -> None:
        """Say what there is to say, as far as there is room."""
        state, channel = self.state, self._channel
        if channel is None:
            return
        if state.response and channel.send(state.response):
            state.response = b""
        if state.response or not state.version:
            return
        sent = 0
        for code, info in state.queue:
            if not channel.send(_EVENT.pack(MessageType.EVENT, code, info)):
                break
            sent += 1
        del state.queue[:sent]


def _events(codes: bytes) -> tuple[_Event, ...]:
    """What a key's make codes become. A prefix is told with the code that follows it."""
    events = []
    info = 0
    for code in codes:
        if code in _PREFIXES:
            info = _PREFIXES[code]
        else:
            events.append((code, info))
            info = 0
    return tuple(events)


_MESSAGES: dict[int, Callable[[KeyboardVsp, bytes], None]] = {
    MessageType.PROTOCOL_REQUEST.value: KeyboardVsp._on_protocol_request,
    MessageType.SET_LED_INDICATORS.value: KeyboardVsp._on_led_indicators,
}
