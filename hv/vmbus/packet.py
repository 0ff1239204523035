"""Packets inside a ring: descriptor, extra header, payload.

Follows the vmpacket_descriptor family that Linux publishes (include/linux/hyperv.h). Left out: the obsolete
types 1 to 5, GPADL transfers (8), cancelling (10) and continued data (12, 13), none of which a guest sends.
Pipe framing: {u32 type, u32 length} before each message; only type 1 (data) is known.
"""

from collections.abc import Sequence
from struct import Struct

from .gpa import parse_ranges
from .ring import ALIGNMENT, DESCRIPTOR, CorruptRing
from .service import GpaRange, Packet, PacketKind, TransferRange

MAX_PIPE_MESSAGE = 0x4000
PIPE_HEADER = 8
_PIPE_DATA = 1
_PIPE = Struct("<II")

_DESCRIPTOR = Struct("<HHHHQ")
_WANTS_COMPLETION = 1
_GPA_DIRECT = Struct("<4xI")
_XFER_PAGES = Struct("<HBxI")
_XFER_RANGE = Struct("<II")

_ASKING_KINDS = (PacketKind.INBAND.value, PacketKind.GPA_DIRECT.value)
_KINDS = (*_ASKING_KINDS, PacketKind.COMPLETION.value)
_GPA_DIRECT_KIND = PacketKind.GPA_DIRECT.value


def padded(size: int) -> int:
    """``size`` rounded up to what a ring can hold."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def inband_length(payload: int) -> int:
    """Ring bytes of an in-band packet or completion, trailer not included."""
    return DESCRIPTOR + padded(payload)


def build(
    kind: int, payload: bytes, transaction_id: int, *, wants_completion: bool, header: bytes = b""
) -> bytes:
    """A packet ready for the ring; ``header`` goes between descriptor and payload."""
    start = DESCRIPTOR + len(header)
    length = start + padded(len(payload))
    flags = _WANTS_COMPLETION if wants_completion else 0
    descriptor = _DESCRIPTOR.pack(
        kind, start // ALIGNMENT, length // ALIGNMENT, flags, transaction_id
    )
    return descriptor + header + payload.ljust(padded(len(payload)), b"\0")


def transfer_header(page_set: int, ranges: Sequence[TransferRange]) -> bytes:
    """What a transfer-pages packet has behind its descriptor."""
    listed = b"".join(_XFER_RANGE.pack(one.byte_count, one.byte_offset) for one in ranges)
    return _XFER_PAGES.pack(page_set, 0, len(ranges)) + listed


def parse(data: bytes) -> Packet:
    """A packet as ``IncomingRing.peek`` copied it. CorruptRing when it cannot be understood."""
    kind, start8, _, flags, transaction_id = _DESCRIPTOR.unpack_from(data)
    if kind not in _KINDS:
        raise CorruptRing(f"packet of type {kind}")
    start = start8 * ALIGNMENT
    ranges: tuple[GpaRange, ...] = ()
    if kind == _GPA_DIRECT_KIND:
        ranges = _direct_ranges(data[DESCRIPTOR:start])
    wants_completion = bool(flags & _WANTS_COMPLETION) and kind in _ASKING_KINDS
    return Packet(kind, transaction_id, wants_completion, data[start:], ranges)


def _direct_ranges(header: bytes) -> tuple[GpaRange, ...]:
    if len(header) >= _GPA_DIRECT.size:
        (count,) = _GPA_DIRECT.unpack_from(header)
        # Some drivers always send the header of their longest page list.
        ranges = parse_ranges(header[_GPA_DIRECT.size :], count, slack=True)
        if ranges is not None:
            return ranges
    raise CorruptRing("GPA-direct packet with ranges that do not add up")


def frame(message: bytes) -> bytes:
    """``message`` behind its pipe header."""
    return _PIPE.pack(_PIPE_DATA, len(message)) + message


def unframe(payload: bytes) -> bytes:
    """The message in a pipe packet; ring padding and whatever else follows it is dropped."""
    if len(payload) < PIPE_HEADER:
        raise CorruptRing("pipe packet without a header")
    kind, length = _PIPE.unpack_from(payload)
    if kind != _PIPE_DATA:
        raise CorruptRing(f"pipe packet of type {kind}")
    if length > len(payload) - PIPE_HEADER:
        raise CorruptRing(f"pipe message of {length} bytes in {len(payload) - PIPE_HEADER}")
    return payload[PIPE_HEADER : PIPE_HEADER + length]
