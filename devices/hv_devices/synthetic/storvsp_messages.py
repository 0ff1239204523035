"""The storage protocol's packets: numbers, layouts, parsing and building.

Follows the vstor_packet family that Linux and FreeBSD publish (drivers/scsi/storvsc_drv.c and
sys/dev/hyperv/storvsc/hv_vstorage.h), little-endian. A packet is a header of 12 bytes and a body; a request
had 36 bytes before version 5.1 and has 52 since. Left out: Fibre Channel's data, event notifications.
"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from .scsi_cdb import CDB_LENGTH
from .scsi_sense import FIXED_LENGTH
from .scsi_target import Address

HEADER = Struct("<III")
"""Operation, flags, status."""

PACKET_SIZE = 64
OLD_PACKET_SIZE = 48


class Operation(IntEnum):
    COMPLETE_IO = 1
    REMOVE_DEVICE = 2
    EXECUTE_SRB = 3
    RESET_LUN = 4
    RESET_ADAPTER = 5
    RESET_BUS = 6
    BEGIN_INITIALIZATION = 7
    END_INITIALIZATION = 8
    QUERY_PROTOCOL_VERSION = 9
    QUERY_PROPERTIES = 10
    ENUMERATE_BUS = 11
    CREATE_SUB_CHANNELS = 13


class NtStatus(IntEnum):
    SUCCESS = 0
    BUFFER_OVERFLOW = 0x8000_0005
    INVALID_PARAMETER = 0xC000_000D
    INVALID_DEVICE_REQUEST = 0xC000_0010
    REVISION_MISMATCH = 0xC000_0059
    DEVICE_DOES_NOT_EXIST = 0xC000_00C0
    INVALID_DEVICE_STATE = 0xC000_0184
    IO_DEVICE_ERROR = 0xC000_0185


class Version(IntEnum):
    """Major and minor number, a byte each."""

    V2_0 = 0x0200
    V4_2 = 0x0402
    V5_1 = 0x0501
    V6_0 = 0x0600
    V6_2 = 0x0602


class SrbStatus(IntEnum):
    SUCCESS = 0x01
    ERROR = 0x04
    DATA_OVERRUN = 0x12
    INVALID_LUN = 0x20


SRB_AUTOSENSE_VALID = 0x80
SRB_FLAG_DISABLE_AUTOSENSE = 0x20

SCSI_GOOD = 0x00
SCSI_CHECK_CONDITION = 0x02


class Direction(IntEnum):
    """Of a request's data, seen from the guest."""

    OUT = 0
    IN = 1
    UNSPECIFIED = 2


_SENSE_AREA = 20
"""Bytes that hold a request's CDB, and sense data in its answer."""
_REQUEST = Struct(f"<5xBBBxBBxI{CDB_LENGTH}s{_SENSE_AREA - CDB_LENGTH}x")
_EXTENSION = Struct("<4xI8x")
_RESULT = Struct("<HBB")
_RESULT_SENSE_LENGTH = HEADER.size + 9
_RESULT_TRANSFERRED = HEADER.size + 12
_RESULT_SENSE = HEADER.size + 16
_U32 = Struct("<I")

_PROPERTIES = Struct("<IHHIIQ")
_MULTI_CHANNEL = 1
_VERSION = Struct("<HH")


def packet_size(version: int) -> int:
    """Bytes of a packet."""
    return PACKET_SIZE if version >= Version.V5_1 else OLD_PACKET_SIZE


@dataclass(frozen=True, slots=True)
class ScsiRequest:
    """EXECUTE_SRB: where a command goes, and how much of its data moves which way."""

    address: Address
    direction: int
    transfer: int
    cdb: bytes
    sense_room: int
    autosense: bool

    @classmethod
    def parse(cls, packet: bytes) -> "ScsiRequest | None":
        """None: the packet is too short to hold a request."""
        if len(packet) < OLD_PACKET_SIZE:
            return None
        path, target, lun, sense_room, direction, transfer, cdb = _REQUEST.unpack_from(
            packet, HEADER.size
        )
        flags = 0
        if len(packet) >= PACKET_SIZE:
            (flags,) = _EXTENSION.unpack_from(packet, HEADER.size + _REQUEST.size)
        autosense = sense_room > 0 and not flags & SRB_FLAG_DISABLE_AUTOSENSE
        return cls(Address(path, target, lun), direction, transfer, cdb, sense_room, autosense)


@dataclass(frozen=True, slots=True)
class SrbResult:
    """What becomes of a request. ``sense`` is empty or fits the room that the guest has for it."""

    status: NtStatus
    srb_status: int
    scsi_status: int = SCSI_GOOD
    transferred: int = 0
    sense: bytes = b""


def answer(packet: bytes, status: NtStatus, body: bytes = b"") -> bytes:
    """The completion of ``packet``: its own bytes with a new header, and ``body`` over the old body."""
    reply = _echo(packet)
    flags = HEADER.unpack_from(reply)[1]
    HEADER.pack_into(reply, 0, Operation.COMPLETE_IO, flags, status)
    reply[HEADER.size : HEADER.size + len(body)] = body
    return bytes(reply)


def srb_answer(packet: bytes, result: SrbResult) -> bytes:
    """The completion of an EXECUTE_SRB. Sense data lies where the CDB was."""
    reply = _echo(packet)
    HEADER.pack_into(reply, 0, Operation.COMPLETE_IO, 0, result.status)
    _RESULT.pack_into(
        reply, HEADER.size, len(reply) - HEADER.size, result.srb_status, result.scsi_status
    )
    _U32.pack_into(reply, _RESULT_TRANSFERRED, result.transferred)
    if result.sense:
        reply[_RESULT_SENSE_LENGTH] = len(result.sense)
        reply[_RESULT_SENSE : _RESULT_SENSE + _SENSE_AREA] = result.sense.ljust(_SENSE_AREA, b"\0")
    return bytes(reply)


def _echo(packet: bytes) -> bytearray:
    # Drivers check that a completion is as long as what they sent.
    size = PACKET_SIZE if len(packet) > OLD_PACKET_SIZE else OLD_PACKET_SIZE
    return bytearray(packet[:size].ljust(size, b"\0"))


def announcement(operation: Operation, size: int) -> bytes:
    """A packet that answers nothing."""
    return HEADER.pack(operation, 0, NtStatus.SUCCESS).ljust(size, b"\0")


def properties(max_sub_channels: int, max_transfer: int) -> bytes:
    """The body that answers QUERY_PROPERTIES."""
    flags = _MULTI_CHANNEL if max_sub_channels else 0
    return _PROPERTIES.pack(0, max_sub_channels, 0, flags, max_transfer, 0)


def version_body(version: int) -> bytes:
    """The body that answers QUERY_PROTOCOL_VERSION."""
    return _VERSION.pack(version, 0)


def operation_of(packet: bytes) -> int:
    """What is asked for; 0, which is nothing, in a packet without a header."""
    operation: int = HEADER.unpack_from(packet)[0] if len(packet) >= HEADER.size else 0
    return operation


def number_in(packet: bytes) -> int:
    """What a body begins with: a version or a count; 0 in a packet without a body."""
    return int.from_bytes(packet[HEADER.size : HEADER.size + 2], "little")


def fit_sense(sense: bytes, room: int) -> bytes:
    """Sense cut to what the guest can take."""
    return sense[: min(room, FIXED_LENGTH)]
