"""What an ATA disk remembers.

After INCITS 361-2002 (ATA/ATAPI-6), clauses 7 (registers) and 9 (protocols).
"""

from dataclasses import dataclass, field
from enum import IntEnum

from hv.interfaces import Work, unmetered
from hv.types import SECTOR_SIZE

from .ata_registers import Power, TransferMode

MULTIPLE_LIMIT = 16
"""Largest block of READ and WRITE MULTIPLE; also the setting at power-on."""

DMA_BLOCK = 128
"""Sectors that a DMA command moves in one go: what a bus master's region can hold at most."""


@dataclass(frozen=True, slots=True)
class TransferWork:
    """Where a drive's requests are accounted for, by the way their data takes."""

    pio: Work
    dma: Work


NOT_METERED = TransferWork(unmetered, unmetered)


class Phase(IntEnum):
    """Where the drive is in a command. From HELD on it is busy."""

    READY = 0
    DATA_IN = 1  # a block waits to be read by the host
    DATA_OUT = 2  # the host owes a block
    DMA_IN = 3  # DMARQ: a block waits for the host's DMA engine
    DMA_OUT = 4  # DMARQ: the host's DMA engine owes a block
    HELD = 5  # software reset is asserted
    RESETTING = 6
    DIAGNOSING = 7  # as device 1 of EXECUTE DEVICE DIAGNOSTIC: no interrupt at the end
    DIAGNOSING_FIRST = 8  # as device 0: it raises the interrupt for both
    DECODING = 9  # a command was written
    LOADING = 10  # reads: the next block is on its way from the medium
    STORING = 11  # writes: a block is on its way to the medium
    VERIFYING = 12
    KEEPING = 13  # WRITE BUFFER: the block goes into the sector buffer


@dataclass
class DriveState:
    """Everything one disk remembers, but for the medium."""

    # Command block. The 16-bit registers are two-byte queues: the last value written is in the low
    # byte, the one before (high order byte, HOB) in the high byte.
    error: int = 0
    features: int = 0
    count: int = 0
    lba_low: int = 0
    lba_mid: int = 0
    lba_high: int = 0
    device: int = 0
    command: int = 0
    status: int = 0
    interrupt: bool = False  # "interrupt pending" of the standard; nIEN and selection gate the wire

    # Protocol
    phase: int = Phase.READY.value
    busy_until_ns: int | None = None

    # The transfer under way: address of the next block, sectors still to go, sectors per block.
    extended: bool = False
    dma: bool = False
    lba: int = 0
    remaining: int = 0
    block: int = 1
    data_in: bytes = b""
    position: int = 0
    data_out: bytearray = field(default_factory=bytearray)
    expected: int = 0

    # Settings
    heads: int = 16
    sectors_per_track: int = 63
    multiple: int = MULTIPLE_LIMIT
    transfer_mode: int = TransferMode.PIO_DEFAULT.value
    dma_mode: int = TransferMode.MULTIWORD_DMA_2.value
    write_cache: bool = True
    look_ahead: bool = True
    revert: bool = False  # software reset goes back to the power-on settings
    power: int = Power.ACTIVE.value
    asleep: bool = False
    sector_buffer: bytes = bytes(SECTOR_SIZE)

    # Accounting: requests accepted and bytes moved from and to the medium. Survives every reset.
    reads: int = 0
    writes: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
