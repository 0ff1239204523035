"""Names of the ATA task file: registers, bits, commands and SET FEATURES subcommands.

After INCITS 361-2002 (ATA/ATAPI-6), clauses 7 (registers) and 8 (commands). Codes the standard
has retired are listed where drivers of the AT and DOS days still use them.
"""

from enum import IntEnum, IntFlag


class Register(IntEnum):
    """Command block offsets (0x1F0 and 0x170 on a PC)."""

    DATA = 0
    ERROR = 1
    FEATURES = 1
    COUNT = 2
    LBA_LOW = 3
    LBA_MID = 4
    LBA_HIGH = 5
    DEVICE = 6
    STATUS = 7
    COMMAND = 7


class ControlRegister(IntEnum):
    """Control block offsets, counted from 0x3F6 and 0x376."""

    ALTERNATE_STATUS = 0
    DEVICE_CONTROL = 0
    DRIVE_ADDRESS = 1


class Status(IntFlag):
    """Status and Alternate Status (7.15)."""

    ERR = 1 << 0
    DRQ = 1 << 3
    DSC = 1 << 4  # seek complete; "command dependent" since ATA-4
    DF = 1 << 5
    DRDY = 1 << 6
    BSY = 1 << 7


class Error(IntFlag):
    """Error (7.9), valid while Status.ERR is set."""

    ABRT = 1 << 2
    IDNF = 1 << 4
    UNC = 1 << 6  # reads
    WP = 1 << 6  # writes


class Device(IntFlag):
    """Device (7.7)."""

    ADDRESS = 0x0F  # head, or LBA bits 27:24
    DEV = 1 << 4
    LBA = 1 << 6


class Control(IntFlag):
    """Device Control (7.8)."""

    NIEN = 1 << 1
    SRST = 1 << 2
    HOB = 1 << 7


class Command(IntEnum):
    """Command codes with a behaviour of their own; every other code is aborted."""

    NOP = 0x00
    RECALIBRATE = 0x10  # to 0x1F
    READ_SECTORS = 0x20
    READ_SECTORS_NO_RETRY = 0x21
    READ_SECTORS_EXT = 0x24
    READ_DMA_EXT = 0x25
    READ_NATIVE_MAX_EXT = 0x27
    READ_MULTIPLE_EXT = 0x29
    WRITE_SECTORS = 0x30
    WRITE_SECTORS_NO_RETRY = 0x31
    WRITE_SECTORS_EXT = 0x34
    WRITE_DMA_EXT = 0x35
    WRITE_MULTIPLE_EXT = 0x39
    READ_VERIFY = 0x40
    READ_VERIFY_NO_RETRY = 0x41
    READ_VERIFY_EXT = 0x42
    SEEK = 0x70  # to 0x7F
    EXECUTE_DEVICE_DIAGNOSTIC = 0x90
    INITIALIZE_DEVICE_PARAMETERS = 0x91
    STANDBY_IMMEDIATE_OLD = 0x94
    IDLE_IMMEDIATE_OLD = 0x95
    STANDBY_OLD = 0x96
    IDLE_OLD = 0x97
    CHECK_POWER_MODE_OLD = 0x98
    SLEEP_OLD = 0x99
    READ_MULTIPLE = 0xC4
    WRITE_MULTIPLE = 0xC5
    SET_MULTIPLE_MODE = 0xC6
    READ_DMA = 0xC8
    READ_DMA_NO_RETRY = 0xC9
    WRITE_DMA = 0xCA
    WRITE_DMA_NO_RETRY = 0xCB
    STANDBY_IMMEDIATE = 0xE0
    IDLE_IMMEDIATE = 0xE1
    STANDBY = 0xE2
    IDLE = 0xE3
    READ_BUFFER = 0xE4
    CHECK_POWER_MODE = 0xE5
    SLEEP = 0xE6
    FLUSH_CACHE = 0xE7
    WRITE_BUFFER = 0xE8
    FLUSH_CACHE_EXT = 0xEA
    IDENTIFY_DEVICE = 0xEC
    SET_FEATURES = 0xEF
    READ_NATIVE_MAX = 0xF8


class Feature(IntEnum):
    """SET FEATURES subcommands."""

    ENABLE_WRITE_CACHE = 0x02
    SET_TRANSFER_MODE = 0x03
    DISABLE_LOOK_AHEAD = 0x55
    DISABLE_REVERTING = 0x66
    DISABLE_WRITE_CACHE = 0x82
    ENABLE_LOOK_AHEAD = 0xAA
    ENABLE_REVERTING = 0xCC


class TransferMode(IntEnum):
    """SET FEATURES transfer modes: how to move data by PIO, and how by DMA."""

    PIO_DEFAULT = 0x00
    PIO_DEFAULT_NO_IORDY = 0x01
    PIO_0 = 0x08
    PIO_1 = 0x09
    PIO_2 = 0x0A
    PIO_3 = 0x0B
    PIO_4 = 0x0C
    MULTIWORD_DMA_0 = 0x20
    MULTIWORD_DMA_1 = 0x21
    MULTIWORD_DMA_2 = 0x22
    ULTRA_DMA_0 = 0x40
    ULTRA_DMA_1 = 0x41
    ULTRA_DMA_2 = 0x42
    ULTRA_DMA_3 = 0x43
    ULTRA_DMA_4 = 0x44
    ULTRA_DMA_5 = 0x45


class Power(IntEnum):
    """Power modes by the answer of CHECK POWER MODE."""

    STANDBY = 0x00
    IDLE = 0x80
    ACTIVE = 0xFF
