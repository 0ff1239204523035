"""Channel messages as they cross the SynIC: frozen dataclasses beside their layouts, one table.

Follows the channel message structures that Linux publishes (include/linux/hyperv.h). Every message opens
with a u32 type and a u32 of padding. Left out: the reserved channels of firmware (18 to 20), modified
connections (25, 26), pausing (27 to 29) and the longer forms of version 6.
"""

from dataclasses import dataclass, fields
from enum import Enum, IntEnum
from struct import Struct
from typing import Any, ClassVar, Self, TypeAlias

from .version import Version

CHANNEL_MESSAGE = 1
"""The SynIC message type that all of these travel under, both ways."""

MAX_MESSAGE = 240
USER_DATA = 120

STATUS_SUCCESS = 0
STATUS_UNSUCCESSFUL = 0xC0000001
STATUS_CONNECTION_REFUSED = 0xC0000236

_PREFIX = Struct("<II")


class MessageType(IntEnum):
    OFFER_CHANNEL = 1
    RESCIND_CHANNEL_OFFER = 2
    REQUEST_OFFERS = 3
    ALL_OFFERS_DELIVERED = 4
    OPEN_CHANNEL = 5
    OPEN_CHANNEL_RESULT = 6
    CLOSE_CHANNEL = 7
    GPADL_HEADER = 8
    GPADL_BODY = 9
    GPADL_CREATED = 10
    GPADL_TEARDOWN = 11
    GPADL_TORNDOWN = 12
    RELID_RELEASED = 13
    INITIATE_CONTACT = 14
    VERSION_RESPONSE = 15
    UNLOAD = 16
    UNLOAD_RESPONSE = 17
    TL_CONNECT_REQUEST = 21
    MODIFY_CHANNEL = 22
    TL_CONNECT_RESULT = 23
    MODIFY_CHANNEL_RESPONSE = 24


class Refusal(Enum):
    """Why a message was not looked at."""

    TOO_SHORT = "message is shorter than its type demands"
    TOO_LONG = "message is longer than a message can be"
    UNKNOWN_TYPE = "message type is unknown or not for the host"
    NOT_IN_VERSION = "message type does not exist in the negotiated version"
    NOT_CONNECTED = "message came before a version was agreed"


class _Message:
    """Fields in wire order, packed by LAYOUT behind the prefix; ``tail`` takes what follows."""

    TYPE: ClassVar[MessageType]
    LAYOUT: ClassVar[Struct]
    HAS_TAIL: ClassVar[bool] = False

    __slots__ = ()

    @classmethod
    def size(cls) -> int:
        """Least number of bytes that this message takes."""
        return _PREFIX.size + cls.LAYOUT.size

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """From a message of at least ``size()`` bytes."""
        values: tuple[Any, ...] = cls.LAYOUT.unpack_from(data, _PREFIX.size)
        if cls.HAS_TAIL:
            values = (*values, data[cls.size() :])
        return cls(*values)

    def encode(self) -> bytes:
        values = [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]
        return _PREFIX.pack(self.TYPE, 0) + self.LAYOUT.pack(*values)


# Guest to host


@dataclass(frozen=True, slots=True)
class RequestOffers(_Message):
    TYPE = MessageType.REQUEST_OFFERS
    LAYOUT = Struct("<")


@dataclass(frozen=True, slots=True)
class OpenChannel(_Message):
    """``downstream_page``: first page of the ring GPADL that belongs to the host-to-guest ring."""

    TYPE = MessageType.OPEN_CHANNEL
    LAYOUT = Struct(f"<IIIII{USER_DATA}s")
    relid: int
    open_id: int
    gpadl: int
    target_vp: int
    downstream_page: int
    user_data: bytes


@dataclass(frozen=True, slots=True)
class CloseChannel(_Message):
    TYPE = MessageType.CLOSE_CHANNEL
    LAYOUT = Struct("<I")
    relid: int


@dataclass(frozen=True, slots=True)
class GpadlHeader(_Message):
    """Opens a GPADL: ``range_bytes`` of range descriptions follow, here and in bodies."""

    TYPE = MessageType.GPADL_HEADER
    LAYOUT = Struct("<IIHH")
    HAS_TAIL = True
    relid: int
    gpadl: int
    range_bytes: int
    range_count: int
    tail: bytes


@dataclass(frozen=True, slots=True)
class GpadlBody(_Message):
    """``number`` is there to be ignored: guests leave it 0. Only the handle tells what this continues."""

    TYPE = MessageType.GPADL_BODY
    LAYOUT = Struct("<II")
    HAS_TAIL = True
    number: int
    gpadl: int
    tail: bytes


@dataclass(frozen=True, slots=True)
class GpadlTeardown(_Message):
    TYPE = MessageType.GPADL_TEARDOWN
    LAYOUT = Struct("<II")
    relid: int
    gpadl: int


@dataclass(frozen=True, slots=True)
class RelidReleased(_Message):
    TYPE = MessageType.RELID_RELEASED
    LAYOUT = Struct("<I")
    relid: int


@dataclass(frozen=True, slots=True)
class InitiateContact(_Message):
    """``target`` is the interrupt page's address before 5.0, SINT and VTL from then on."""

    TYPE = MessageType.INITIATE_CONTACT
    LAYOUT = Struct("<IIQQQ")
    version: int
    target_vp: int
    target: int
    parent_to_child_monitor: int
    child_to_parent_monitor: int

    @property
    def sint(self) -> int:
        return self.target & 0xFF

    @property
    def vtl(self) -> int:
        return self.target >> 8 & 0xFF


@dataclass(frozen=True, slots=True)
class Unload(_Message):
    TYPE = MessageType.UNLOAD
    LAYOUT = Struct("<")


@dataclass(frozen=True, slots=True)
class TlConnectRequest(_Message):
    """A guest's socket wants to reach a service on the host."""

    TYPE = MessageType.TL_CONNECT_REQUEST
    LAYOUT = Struct("<16s16s")
    endpoint: bytes
    service: bytes


@dataclass(frozen=True, slots=True)
class ModifyChannel(_Message):
    TYPE = MessageType.MODIFY_CHANNEL
    LAYOUT = Struct("<II")
    relid: int
    target_vp: int


# Host to guest


class OfferFlags(IntEnum):
    ENUMERATE_DEVICE_INTERFACE = 0x01
    NAMED_PIPE_MODE = 0x10


PIPE_MODE_MESSAGE = 4
MONITOR_UNUSED = 0xFF
DEDICATED_INTERRUPT = 1


@dataclass(frozen=True, slots=True)
class OfferChannel(_Message):
    """No monitor page, an interrupt of its own: the only kind of offer made here."""

    TYPE = MessageType.OFFER_CHANNEL
    LAYOUT = Struct(f"<16s16s16xHH{USER_DATA}sHHIBBHI")
    interface: bytes
    instance: bytes
    flags: int
    mmio_megabytes: int
    user_data: bytes
    sub_channel: int
    mmio_megabytes_optional: int
    relid: int
    monitor_id: int
    monitor_allocated: int
    interrupt: int
    connection_id: int


@dataclass(frozen=True, slots=True)
class RescindChannelOffer(_Message):
    TYPE = MessageType.RESCIND_CHANNEL_OFFER
    LAYOUT = Struct("<I")
    relid: int


@dataclass(frozen=True, slots=True)
class AllOffersDelivered(_Message):
    TYPE = MessageType.ALL_OFFERS_DELIVERED
    LAYOUT = Struct("<")


@dataclass(frozen=True, slots=True)
class OpenChannelResult(_Message):
    TYPE = MessageType.OPEN_CHANNEL_RESULT
    LAYOUT = Struct("<III")
    relid: int
    open_id: int
    status: int


@dataclass(frozen=True, slots=True)
class GpadlCreated(_Message):
    TYPE = MessageType.GPADL_CREATED
    LAYOUT = Struct("<III")
    relid: int
    gpadl: int
    status: int


@dataclass(frozen=True, slots=True)
class GpadlTorndown(_Message):
    TYPE = MessageType.GPADL_TORNDOWN
    LAYOUT = Struct("<I")
    gpadl: int


@dataclass(frozen=True, slots=True)
class VersionResponse(_Message):
    """``detail``: the message connection to use from 5.0 on, before that the accepted version."""

    TYPE = MessageType.VERSION_RESPONSE
    LAYOUT = Struct("<BB2xI")
    supported: int
    connection_state: int
    detail: int


@dataclass(frozen=True, slots=True)
class UnloadResponse(_Message):
    TYPE = MessageType.UNLOAD_RESPONSE
    LAYOUT = Struct("<")


@dataclass(frozen=True, slots=True)
class TlConnectResult(_Message):
    TYPE = MessageType.TL_CONNECT_RESULT
    LAYOUT = Struct("<16s16sI")
    endpoint: bytes
    service: bytes
    status: int


@dataclass(frozen=True, slots=True)
class ModifyChannelResponse(_Message):
    TYPE = MessageType.MODIFY_CHANNEL_RESPONSE
    LAYOUT = Struct("<II")
    relid: int
    status: int


Request: TypeAlias = (
    RequestOffers
    | OpenChannel
    | CloseChannel
    | GpadlHeader
    | GpadlBody
    | GpadlTeardown
    | RelidReleased
    | InitiateContact
    | Unload
    | TlConnectRequest
    | ModifyChannel
)

Response: TypeAlias = (
    OfferChannel
    | RescindChannelOffer
    | AllOffersDelivered
    | OpenChannelResult
    | GpadlCreated
    | GpadlTorndown
    | VersionResponse
    | UnloadResponse
    | TlConnectResult
    | ModifyChannelResponse
)

REQUESTS: dict[int, tuple[type[Request], Version]] = {
    row[0].TYPE: row
    for row in (
        (RequestOffers, Version.V1_1),
        (OpenChannel, Version.V1_1),
        (CloseChannel, Version.V1_1),
        (GpadlHeader, Version.V1_1),
        (GpadlBody, Version.V1_1),
        (GpadlTeardown, Version.V1_1),
        (RelidReleased, Version.V1_1),
        (InitiateContact, Version.V1_1),
        (Unload, Version.V3_0),
        (TlConnectRequest, Version.V4_0),
        (ModifyChannel, Version.V4_1),
    )
}
"""What a guest may send, and since which version."""


def parse(data: bytes, version: int | None) -> Request | Refusal:
    """A guest's message under the negotiated ``version`` (None: not connected)."""
    if len(data) > MAX_MESSAGE:
        return Refusal.TOO_LONG
    if len(data) < _PREFIX.size:
        return Refusal.TOO_SHORT
    message_type, _ = _PREFIX.unpack_from(data)
    if message_type not in REQUESTS:
        return Refusal.UNKNOWN_TYPE
    request, since = REQUESTS[message_type]
    if len(data) < request.size():
        return Refusal.TOO_SHORT
    if request is not InitiateContact:
        if version is None:
            return Refusal.NOT_CONNECTED
        if version < since:
            return Refusal.NOT_IN_VERSION
    return request.decode(data)
