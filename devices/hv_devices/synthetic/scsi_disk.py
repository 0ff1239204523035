"""A SCSI disk of 512-byte blocks, as Hyper-V's virtual disk looks to a guest.

After SBC-3 (INCITS 514-2014), clauses 5 (commands) and 6 (parameters). The disk is thin when it can be
written: UNMAP and WRITE SAME leave zeros. Left out: protection information, WRITE AND VERIFY, ORWRITE,
COMPARE AND WRITE, GET LBA STATUS, FORMAT UNIT, reservations, defects, logs; what is left out is an invalid
operation. START STOP UNIT has no motor to stop.
"""

from dataclasses import dataclass
from struct import Struct

from hv.interfaces import BlockDevice

from .scsi_blocks import Blocks
from .scsi_cdb import READ_CAPACITY_16, SERVICE_ACTION, Extent, Opcode, extent, u32
from .scsi_device import GOOD, Reply, Request, ScsiDevice, UnitState
from .scsi_inquiry import (
    Identity,
    Limits,
    block_characteristics,
    block_limits,
    block_provisioning,
)
from .scsi_mode import DPO_AND_FUA, WRITE_PROTECT, ModePage, mode_select, mode_sense
from .scsi_provisioning import unmap, write_same
from .scsi_sense import (
    INVALID_FIELD_IN_CDB,
    MISCOMPARE,
    WRITE_PROTECTED,
    CheckCondition,
)

_MAX_ZEROED_BLOCKS = 0x1_0000
"""Most blocks that one UNMAP or WRITE SAME may name: 32 MiB."""

_MAX_UNMAP_DESCRIPTORS = 64

_PROTECT = 0xE0
_FORCE_UNIT_ACCESS = 0x08

_BYTE_CHECK, _BYTE_CHECK_SHIFT = 0x06, 1
_CHECK_MEDIUM, _COMPARE_ALL, _COMPARE_ONE = 0, 1, 3

_CAPACITY_10 = Struct(">II")
_CAPACITY_16 = Struct(">QIBBH16x")
_MANAGED_AND_ZEROED = 0xC000  # LBPME, LBPRZ
_LAST_LBA_10 = 0xFFFF_FFFF

_START, _LOAD_EJECT = 0x01, 0x02

_CACHING = 0x08
_CACHING_SIZE = 0x12
_WRITE_CACHE_ENABLE = 0x04
_CONTROL = 0x0A
_CONTROL_SIZE = 0x0A


@dataclass
class DiskState(UnitState):
    write_cache: bool = True


class ScsiDisk(ScsiDevice):
    """A fixed disk in front of ``medium``."""

    state: DiskState

    def __init__(self, medium: BlockDevice, identity: Identity | None = None) -> None:
        super().__init__(identity or Identity())
        self.blocks = Blocks(medium)
        self.state = DiskState()
        self.limits = self._limits()
        self.vital_pages |= {
            0xB0: lambda: block_limits(self.limits),
            0xB1: block_characteristics,
            0xB2: lambda: block_provisioning(thin=self.thin),
        }
        self.commands |= {
            **dict.fromkeys(_READS, self._read),
            **dict.fromkeys(_WRITES, self._write),
            **dict.fromkeys(_VERIFIES, self._verify),
            Opcode.SYNCHRONIZE_CACHE_10: self._synchronize_cache,
            Opcode.SYNCHRONIZE_CACHE_16: self._synchronize_cache,
            Opcode.WRITE_SAME_10: self._write_same,
            Opcode.WRITE_SAME_16: self._write_same,
            Opcode.UNMAP: self._unmap,
            Opcode.READ_CAPACITY_10: self._read_capacity_10,
            Opcode.SERVICE_ACTION_IN_16: self._service_action_in_16,
            Opcode.MODE_SENSE_6: self._mode_sense,
            Opcode.MODE_SENSE_10: self._mode_sense,
            Opcode.MODE_SELECT_6: self._mode_select,
            Opcode.MODE_SELECT_10: self._mode_select,
            Opcode.START_STOP_UNIT: self._start_stop_unit,
        }

    @property
    def medium(self) -> BlockDevice:
        return self.blocks.medium

    @property
    def read_only(self) -> bool:
        return self.blocks.medium.read_only

    @property
    def thin(self) -> bool:
        """Whether blocks can be unmapped."""
        return not self.read_only

    def reset(self) -> None:
        self.state = DiskState()

    def _limits(self) -> Limits:
        most = self.blocks.max_transfer
        if not self.thin:
            return Limits(most)
        return Limits(most, _MAX_ZEROED_BLOCKS, _MAX_UNMAP_DESCRIPTORS, _MAX_ZEROED_BLOCKS)

    # Reading and writing

    def _read(self, request: Request) -> Reply:
        where = self._located(request.cdb)
        data = self.blocks.read(where)
        self.statistics.reads += 1
        self.statistics.bytes_read += len(data)
        return Reply(data)

    def _write(self, request: Request) -> Reply:
        self._must_be_writable()
        where = self._located(request.cdb)
        size = where.blocks * self.blocks.block_size
        if len(request.data_out) < size:
            raise CheckCondition(INVALID_FIELD_IN_CDB)
        self.blocks.write(where.lba, request.data_out[:size])
        self.statistics.writes += 1
        self.statistics.bytes_written += size
        forced = request.cdb[0] != Opcode.WRITE_6 and request.cdb[1] & _FORCE_UNIT_ACCESS
        if forced or not self.state.write_cache:
            self._flush()
        return Reply(taken=size)

    def _verify(self, request: Request) -> Reply:
        where = self._located(request.cdb)
        check = (request.cdb[1] & _BYTE_CHECK) >> _BYTE_CHECK_SHIFT
        if check not in (_CHECK_MEDIUM, _COMPARE_ALL, _COMPARE_ONE):
            raise CheckCondition(INVALID_FIELD_IN_CDB)
        data = self.blocks.read(where)
        if check == _CHECK_MEDIUM or not data:
            return GOOD
        size = len(data) if check == _COMPARE_ALL else self.blocks.block_size
        if len(request.data_out) < size:
            raise CheckCondition(INVALID_FIELD_IN_CDB)
        if request.data_out[:size] * (len(data) // size) != data:
            raise CheckCondition(MISCOMPARE)
        return Reply(taken=size)

    def _synchronize_cache(self, request: Request) -> Reply:
        self.blocks.check(extent(request.cdb))
        self._flush()
        return GOOD

    def _located(self, cdb: bytes) -> Extent:
        """The blocks that a transfer is about, checked."""
        if cdb[0] not in _SHORT and cdb[1] & _PROTECT:
            raise CheckCondition(INVALID_FIELD_IN_CDB)
        where = extent(cdb)
        self.blocks.check_transfer(where)
        return where

    def _must_be_writable(self) -> None:
        if self.read_only:
            raise CheckCondition(WRITE_PROTECTED)

    def _flush(self) -> None:
        self.statistics.flushes += 1
        self.blocks.flush()

    # Zeros

    def _unmap(self, request: Request) -> Reply:
        self._must_be_writable()
        taken, extents = unmap(request.cdb, request.data_out, self.blocks, self.limits)
        for where in extents:
            self._zero(where)
        return Reply(taken=taken)

    def _write_same(self, request: Request) -> Reply:
        self._must_be_writable()
        same = write_same(request.cdb, request.data_out, self.blocks, self.limits)
        if any(same.block):
            self._repeat(same.extent, same.block)
        else:
            self._zero(same.extent)
        if not self.state.write_cache:
            self._flush()
        return Reply(taken=same.taken)

    def _zero(self, where: Extent) -> None:
        self.blocks.zero(where)
        self.statistics.bytes_zeroed += where.blocks * self.blocks.block_size

    def _repeat(self, where: Extent, block: bytes) -> None:
        lba, left = where
        while left:
            blocks = min(left, self.blocks.max_transfer)
            self.blocks.write(lba, block * blocks)
            lba += blocks
            left -= blocks
        self.statistics.writes += 1
        self.statistics.bytes_written += where.blocks * self.blocks.block_size

    # Capacity, mode, power

    def _read_capacity_10(self, request: Request) -> Reply:
        if u32(request.cdb, 2):
            raise CheckCondition(INVALID_FIELD_IN_CDB)
        last = min(self.blocks.last, _LAST_LBA_10)
        return Reply(_CAPACITY_10.pack(last, self.blocks.block_size))

    def _service_action_in_16(self, request: Request) -> Reply:
        if request.cdb[1] & SERVICE_ACTION != READ_CAPACITY_16:
            raise CheckCondition(INVALID_FIELD_IN_CDB)
        provisioning = _MANAGED_AND_ZEROED if self.thin else 0
        blocks = self.blocks
        data = _CAPACITY_16.pack(blocks.last, blocks.block_size, 0, 0, provisioning)
        return Reply(data[: u32(request.cdb, 10)])

    def _mode_sense(self, request: Request) -> Reply:
        specific = DPO_AND_FUA | (WRITE_PROTECT if self.read_only else 0)
        return Reply(mode_sense(request.cdb, self._mode_pages(), specific))

    def _mode_select(self, request: Request) -> Reply:
        taken, bodies = mode_select(request.cdb, request.data_out, self._mode_pages())
        if _CACHING in bodies:
            self.state.write_cache = bool(bodies[_CACHING][0] & _WRITE_CACHE_ENABLE)
            if not self.state.write_cache:
                self._flush()
        return Reply(taken=taken)

    def _mode_pages(self) -> list[ModePage]:
        control = bytes(_CONTROL_SIZE)
        return [
            ModePage(
                _CACHING,
                current=_caching(self.state.write_cache),
                default=_caching(DiskState().write_cache),
                changeable=_caching(True),
            ),
            ModePage(_CONTROL, control, control, control),
        ]

    def _start_stop_unit(self, request: Request) -> Reply:
        if request.cdb[4] & _LOAD_EJECT:
            raise CheckCondition(INVALID_FIELD_IN_CDB)
        if not request.cdb[4] & _START:
            self._flush()
        return GOOD


_READS = (Opcode.READ_6, Opcode.READ_10, Opcode.READ_12, Opcode.READ_16)
_WRITES = (Opcode.WRITE_6, Opcode.WRITE_10, Opcode.WRITE_12, Opcode.WRITE_16)
_VERIFIES = (Opcode.VERIFY_10, Opcode.VERIFY_12, Opcode.VERIFY_16)
_SHORT = (Opcode.READ_6, Opcode.WRITE_6)


def _caching(write_cache: bool) -> bytes:
    return bytes([_WRITE_CACHE_ENABLE if write_cache else 0]).ljust(_CACHING_SIZE, b"\0")
