"""The frame that all integration components (ICs) share: header, version negotiation, statuses.

Follows what Linux publishes of it (include/linux/hyperv.h: icmsg_hdr, icmsg_negotiate; drivers/hv), for want
of a protocol document. The host asks and the guest answers. A Linux guest patches the request and sends it
back, so a request must be as long as its longest answer. Left out: messages that want no answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from struct import Struct
from typing import NamedTuple


class Version(NamedTuple):
    """Of the frame, or of what one component says inside it."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


NO_VERSION = Version(0, 0)
FRAMEWORKS = (Version(1, 0), Version(3, 0))


class MessageType(IntEnum):
    NEGOTIATE = 0
    HEARTBEAT = 1
    KVP = 2
    SHUTDOWN = 3
    TIME_SYNC = 4
    VSS = 5
    RDV = 6
    GUEST_INTERFACE = 7
    VM_SESSION = 8


class Flag(IntFlag):
    TRANSACTION = 1 << 0
    """An answer is wanted. Windows ignores time samples that want none."""
    REQUEST = 1 << 1
    RESPONSE = 1 << 2


class Status(IntEnum):
    """HRESULTs that ICs use, the guest's and, where the guest did not answer, ours."""

    OK = 0
    FAIL = 0x80004005
    NOT_FOUND = 0x80041002
    INVALID_DATA = 0x8007000D
    NOT_SUPPORTED = 0x80070032
    INVALID_ARGUMENT = 0x80070057
    MORE_DATA = 0x800700EA
    NO_MORE_ITEMS = 0x80070103
    NOT_CONNECTED = 0x8007048F
    TIMED_OUT = 0x800705B4


TRANSACTION_IDS = 0x100
"""They are one byte and wrap."""

_REQUEST = int(Flag.TRANSACTION | Flag.REQUEST)
_RESPONSE = Flag.RESPONSE.value

_HEADER = Struct("<HHHHHHIBBxx")
_NEGOTIATE = Struct("<HHxxxx")
_VERSION = Struct("<HH")
_AGREEMENT = Struct("<HHxxxxHHHH")


@dataclass(frozen=True, slots=True)
class Message:
    """What comes back from the guest. ``framework`` and ``version`` it merely repeats."""

    message_type: int
    status: int
    transaction_id: int
    is_response: bool
    body: bytes


class Agreement(NamedTuple):
    """The versions that the guest chose."""

    framework: Version
    version: Version


def request(
    message_type: int, framework: Version, version: Version, transaction_id: int, body: bytes
) -> bytes:
    """A message that asks the guest."""
    header = _HEADER.pack(
        *framework, message_type, *version, len(body), Status.OK, transaction_id, _REQUEST
    )
    return header + body


def parse(payload: bytes) -> Message | None:
    """A message of the guest's; None when it is too short to be one."""
    if len(payload) < _HEADER.size:
        return None
    fields = _HEADER.unpack_from(payload)
    message_type, size, status, transaction_id, flags = fields[2], *fields[5:]
    body = payload[_HEADER.size : _HEADER.size + size]
    return Message(message_type, status, transaction_id, bool(flags & _RESPONSE), body)


def negotiate(versions: Sequence[Version], transaction_id: int) -> bytes:
    """The first message on a channel: what the host speaks."""
    body = _NEGOTIATE.pack(len(FRAMEWORKS), len(versions))
    body += b"".join(_VERSION.pack(*one) for one in (*FRAMEWORKS, *versions))
    return request(MessageType.NEGOTIATE, NO_VERSION, NO_VERSION, transaction_id, body)


def agreement(body: bytes, versions: Sequence[Version]) -> Agreement | None:
    """The guest's answer to ``negotiate``; None when it chose nothing, or nothing that was offered."""
    if len(body) < _AGREEMENT.size:
        return None
    frameworks, messages, *numbers = _AGREEMENT.unpack_from(body)
    framework, version = Version(*numbers[:2]), Version(*numbers[2:])
    chosen = frameworks == messages == 1 and framework in FRAMEWORKS and version in versions
    return Agreement(framework, version) if chosen else None
