"""Command descriptor blocks: operation codes, and where a command has its addresses and lengths.

After SPC-3 (INCITS 408-2005), 4.3 (the CDB; its length follows from the top three bits of the operation
code), SBC-3 (INCITS 514-2014), clause 5, and MMC-6 (INCITS 468-2010), clause 6. Left out: the CONTROL byte
(normal ACA and linked commands are not supported), variable-length and 32-byte CDBs.
"""

from enum import IntEnum
from struct import Struct
from typing import NamedTuple

CDB_LENGTH = 16
"""Bytes handed on of any CDB; a shorter command leaves the rest to chance."""


class Opcode(IntEnum):
    TEST_UNIT_READY = 0x00
    REQUEST_SENSE = 0x03
    READ_6 = 0x08
    WRITE_6 = 0x0A
    INQUIRY = 0x12
    MODE_SELECT_6 = 0x15
    MODE_SENSE_6 = 0x1A
    START_STOP_UNIT = 0x1B
    SEND_DIAGNOSTIC = 0x1D
    PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1E
    READ_CAPACITY_10 = 0x25
    READ_10 = 0x28
    WRITE_10 = 0x2A
    VERIFY_10 = 0x2F
    SYNCHRONIZE_CACHE_10 = 0x35
    WRITE_SAME_10 = 0x41
    UNMAP = 0x42
    READ_TOC = 0x43
    GET_CONFIGURATION = 0x46
    GET_EVENT_STATUS_NOTIFICATION = 0x4A
    READ_DISC_INFORMATION = 0x51
    READ_TRACK_INFORMATION = 0x52
    MODE_SELECT_10 = 0x55
    MODE_SENSE_10 = 0x5A
    READ_16 = 0x88
    WRITE_16 = 0x8A
    VERIFY_16 = 0x8F
    SYNCHRONIZE_CACHE_16 = 0x91
    WRITE_SAME_16 = 0x93
    SERVICE_ACTION_IN_16 = 0x9E
    REPORT_LUNS = 0xA0
    READ_12 = 0xA8
    WRITE_12 = 0xAA
    READ_DISC_STRUCTURE = 0xAD
    VERIFY_12 = 0xAF


SERVICE_ACTION = 0x1F
"""Mask for byte 1 of a command that is several."""

READ_CAPACITY_16 = 0x10
"""Service action of SERVICE ACTION IN(16)."""


class Extent(NamedTuple):
    """Logical blocks that a command is about."""

    lba: int
    blocks: int


_TEN = Struct(">2xIxHx")
_TWELVE = Struct(">2xII2x")
_SIXTEEN = Struct(">2xQI2x")
_BY_GROUP = {1: _TEN, 2: _TEN, 4: _SIXTEEN, 5: _TWELVE}
_GROUP_SHIFT = 5

_LBA_6 = 0x1F_FFFF
_BLOCKS_6 = 256

_U16 = Struct(">H")
_U32 = Struct(">I")


def extent(cdb: bytes) -> Extent:
    """Address and length of a READ, WRITE, VERIFY, WRITE SAME or SYNCHRONIZE CACHE of any size."""
    layout = _BY_GROUP.get(cdb[0] >> _GROUP_SHIFT)
    if layout is None:
        return Extent(int.from_bytes(cdb[1:4], "big") & _LBA_6, cdb[4] or _BLOCKS_6)
    lba, blocks = layout.unpack_from(cdb)
    return Extent(lba, blocks)


def u16(data: bytes, offset: int) -> int:
    """Two bytes, the high one first."""
    value: int = _U16.unpack_from(data, offset)[0]
    return value


def u32(data: bytes, offset: int) -> int:
    """Four bytes, the highest first."""
    value: int = _U32.unpack_from(data, offset)[0]
    return value
