"""HvCallPostMessage and HvCallSignalEvent: the guest speaks to its host.

Follows the TLFS 6.0b, chapter Inter-Partition Communication.
"""

from typing import NamedTuple

from hv.tlfs.features import Feature
from hv.tlfs.hypercall_rows import SUCCESS, Banks, Layout, Row, SimpleCall
from hv.tlfs.hypercall_status import Refusal, Status
from hv.tlfs.message import MAX_PAYLOAD
from hv.tlfs.processor import SyntheticProcessor

_RESERVED_TYPES = 1 << 31


class PostMessage(NamedTuple):
    connection: int
    type: int
    size: int
    payload: bytes


class SignalEvent(NamedTuple):
    connection: int
    flag: int


def _post_message(vp: SyntheticProcessor, message: PostMessage, _banks: Banks) -> bytes:
    if not 0 < message.type < _RESERVED_TYPES or message.size > MAX_PAYLOAD:
        raise Refusal(Status.INVALID_PARAMETER)
    payload = message.payload[: message.size]
    vp.partition.ports.post(message.connection, message.type, payload)
    return SUCCESS


def _signal_event(vp: SyntheticProcessor, event: SignalEvent, _banks: Banks) -> bytes:
    vp.partition.ports.signal(event.connection, event.flag)
    return SUCCESS


POST_MESSAGE, SIGNAL_EVENT = 0x005C, 0x005D

ROWS: tuple[Row, ...] = (
    SimpleCall(
        POST_MESSAGE,
        "HvCallPostMessage",
        Feature.POST_MESSAGES,
        Layout("<I4xII240s", PostMessage),
        _post_message,
    ),
    SimpleCall(
        SIGNAL_EVENT,
        "HvCallSignalEvent",
        Feature.SIGNAL_EVENTS,
        Layout("<IH2x", SignalEvent),
        _signal_event,
    ),
)
