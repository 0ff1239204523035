"""The medium behind a logical unit, in its own block size and with SCSI's errors.

After SBC-3 (INCITS 514-2014), clause 4 (addresses, medium errors, what is unmapped) and the limits of its
Block Limits page: memory for one command never exceeds ``MAX_TRANSFER``.
"""

from hv.interfaces import BlockDevice
from hv.types import SECTOR_SIZE

from .scsi_cdb import Extent
from .scsi_sense import (
    INVALID_FIELD_IN_CDB,
    LBA_OUT_OF_RANGE,
    UNRECOVERED_READ_ERROR,
    WRITE_ERROR,
    CheckCondition,
)

MAX_TRANSFER = 8 << 20
"""Most bytes that one command moves."""

_ZEROING_BLOCKS = 2048


class Blocks:
    """``medium`` in blocks of ``sectors_per_block`` sectors; a last one that is not whole ends in zeros."""

    def __init__(self, medium: BlockDevice, sectors_per_block: int = 1) -> None:
        if medium.sectors < 1:
            raise ValueError("a medium without a single sector")
        self.medium = medium
        self._ratio = sectors_per_block
        self.block_size = SECTOR_SIZE * sectors_per_block
        self.max_transfer = MAX_TRANSFER // self.block_size

    @property
    def count(self) -> int:
        return -(-self.medium.sectors // self._ratio)

    @property
    def last(self) -> int:
        return self.count - 1

    def check(self, extent: Extent) -> None:
        """The extent lies on the medium. Even an empty one names a block that must be there."""
        lba, blocks = extent
        if lba >= self.count or lba + blocks > self.count:
            raise CheckCondition(LBA_OUT_OF_RANGE)

    def check_transfer(self, extent: Extent) -> None:
        """The extent lies on the medium and is no longer than one command may move."""
        self.check(extent)
        if extent.blocks > self.max_transfer:
            raise CheckCondition(INVALID_FIELD_IN_CDB)

    def read(self, extent: Extent) -> bytes:
        """A checked extent."""
        lba, blocks = extent
        if not blocks:
            return b""
        try:
            return self._read(lba, blocks)
        except OSError:
            bad = self._first_unreadable(lba, blocks)
            raise CheckCondition(UNRECOVERED_READ_ERROR._replace(information=bad)) from None

    def write(self, lba: int, data: bytes) -> None:
        """Whole blocks within a checked extent."""
        if not data:
            return
        try:
            self.medium.write(lba * self._ratio, data)
        except OSError:
            raise CheckCondition(WRITE_ERROR._replace(information=lba)) from None

    def zero(self, extent: Extent) -> None:
        """Zeros over a checked extent. Where there are zeros nothing is written: an overlay stays small."""
        lba, left = extent
        while left:
            blocks = min(left, _ZEROING_BLOCKS)
            data = self._read_or_none(lba, blocks)
            if data is None or data.count(0) != len(data):
                self.write(lba, bytes(blocks * self.block_size))
            lba += blocks
            left -= blocks

    def flush(self) -> None:
        try:
            self.medium.flush()
        except OSError:
            raise CheckCondition(WRITE_ERROR) from None

    def _read(self, lba: int, blocks: int) -> bytes:
        first, wanted = lba * self._ratio, blocks * self._ratio
        data = self.medium.read(first, min(wanted, self.medium.sectors - first))
        return data.ljust(blocks * self.block_size, b"\0")

    def _read_or_none(self, lba: int, blocks: int) -> bytes | None:
        try:
            return self._read(lba, blocks)
        except OSError:
            return None

    def _first_unreadable(self, lba: int, blocks: int) -> int:
        for one in range(lba, lba + blocks):
            if self._read_or_none(one, 1) is None:
                return one
        return lba
