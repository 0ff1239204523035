"""UNMAP and WRITE SAME: what they ask for, checked before anything is done.

After SBC-3 (INCITS 514-2014), clause 5 (UNMAP, WRITE SAME). Left out: anchored blocks, protection
information, the obsolete physical and logical block data bits.
"""

from dataclasses import dataclass
from struct import Struct

from .scsi_blocks import Blocks
from .scsi_cdb import Extent, Opcode, extent, u16
from .scsi_inquiry import Limits
from .scsi_sense import (
    INVALID_FIELD_IN_CDB,
    INVALID_FIELD_IN_PARAMETER_LIST,
    LBA_OUT_OF_RANGE,
    PARAMETER_LIST_LENGTH_ERROR,
    CheckCondition,
)

_ANCHOR_UNMAP = 0x01
_UNMAP_HEADER = Struct(">HH4x")
_UNMAP_DESCRIPTOR = Struct(">QI4x")

_UNMAP_BIT = 0x08
_NO_DATA_OUT = 0x01


def unmap(cdb: bytes, data_out: bytes, blocks: Blocks, limits: Limits) -> tuple[int, list[Extent]]:
    """Bytes of the parameter list, and the extents that it names."""
    size = u16(cdb, 7)
    if cdb[1] & _ANCHOR_UNMAP:
        raise CheckCondition(INVALID_FIELD_IN_CDB)
    if not size:
        return 0, []
    if size < _UNMAP_HEADER.size or size > len(data_out):
        raise CheckCondition(PARAMETER_LIST_LENGTH_ERROR)
    _, listed = _UNMAP_HEADER.unpack_from(data_out)
    if _UNMAP_HEADER.size + listed > size:
        raise CheckCondition(PARAMETER_LIST_LENGTH_ERROR)
    count = listed // _UNMAP_DESCRIPTOR.size
    if count > limits.unmap_descriptors:
        raise CheckCondition(INVALID_FIELD_IN_PARAMETER_LIST)
    named = data_out[_UNMAP_HEADER.size :][: count * _UNMAP_DESCRIPTOR.size]
    extents = [Extent(*fields) for fields in _UNMAP_DESCRIPTOR.iter_unpack(named)]
    if any(one.lba + one.blocks > blocks.count for one in extents):
        raise CheckCondition(LBA_OUT_OF_RANGE)
    if sum(one.blocks for one in extents) > limits.unmap:
        raise CheckCondition(INVALID_FIELD_IN_PARAMETER_LIST)
    return size, extents


@dataclass(frozen=True, slots=True)
class WriteSame:
    """``block`` all over ``extent``; ``taken`` bytes of the initiator's data went into it."""

    extent: Extent
    block: bytes
    taken: int


def write_same(cdb: bytes, data_out: bytes, blocks: Blocks, limits: Limits) -> WriteSame:
    """Unmapping or not makes no difference: what is unmapped reads as zeros, other data must be written."""
    understood = _UNMAP_BIT
    if cdb[0] == Opcode.WRITE_SAME_16:
        understood |= _NO_DATA_OUT
    where = extent(cdb)
    if cdb[1] & ~understood or not 0 < where.blocks <= limits.write_same:
        raise CheckCondition(INVALID_FIELD_IN_CDB)
    blocks.check(where)
    if cdb[1] & _NO_DATA_OUT:
        return WriteSame(where, bytes(blocks.block_size), 0)
    if len(data_out) < blocks.block_size:
        raise CheckCondition(INVALID_FIELD_IN_CDB)
    return WriteSame(where, data_out[: blocks.block_size], blocks.block_size)
