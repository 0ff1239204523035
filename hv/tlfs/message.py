"""SynIC messages: HV_MESSAGE in a slot of the SIM page, HV_TIMER_MESSAGE_PAYLOAD in one of its kinds.

Follows the TLFS 6.0b, chapter Inter-Partition Communication and its data types. The sender's port is
written as zero: receivers do not look at it.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from hv.tlfs.overlay import OverlayPage

SLOT_SIZE = 0x100
MAX_PAYLOAD = 240


class MessageType(IntEnum):
    """HV_MESSAGE_TYPE. Guests and their host choose among those without the top bit."""

    NONE = 0
    TIMER_EXPIRED = 0x80000010


_TYPE = struct.Struct("<I")
_SIZE_FLAGS_SENDER = struct.Struct("<BBHQ")
_TIMER_PAYLOAD = struct.Struct("<IIQQ")
_FLAGS_OFFSET = 5
_PENDING = 1


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way."""

    type: int
    payload: bytes

    def delivered(self, now: int) -> bytes:
        """The payload as it is put into the slot at reference time ``now``."""
        return self.payload


@dataclass(frozen=True, slots=True)
class TimerMessage(Message):
    """An expired timer's message: knows only at the end when it was delivered."""

    timer: int = 0
    expiration: int = 0

    @staticmethod
    def of(timer: int, expiration: int) -> "TimerMessage":
        return TimerMessage(MessageType.TIMER_EXPIRED.value, b"", timer, expiration)

    def delivered(self, now: int) -> bytes:
        return _TIMER_PAYLOAD.pack(self.timer, 0, self.expiration, now)


class Slot:
    """One of the sixteen message slots of a SIM page."""

    def __init__(self, page: OverlayPage, sint: int) -> None:
        self._page = page
        self._at = sint * SLOT_SIZE

    @property
    def empty(self) -> bool:
        return self._page.read(self._at, _TYPE.size) == bytes(_TYPE.size)

    def put(self, message: Message, now: int, *, pending: bool) -> None:
        """Fill the slot. The type comes last: from then on the guest may read."""
        payload = message.delivered(now)
        header = _SIZE_FLAGS_SENDER.pack(len(payload), _PENDING if pending else 0, 0, 0)
        self._page.write(self._at + _TYPE.size, header + payload)
        self._page.write(self._at, _TYPE.pack(message.type))

    def set_pending(self) -> None:
        """More waits behind this one: the guest is to say when it is done (EOM)."""
        flags = self._page.read(self._at + _FLAGS_OFFSET, 1)[0]
        if not flags & _PENDING:
            self._page.write(self._at + _FLAGS_OFFSET, bytes((flags | _PENDING,)))
