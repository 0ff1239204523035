"""The NS16550A's registers by name, in bit order.

Document: PC16550D data sheet, National Semiconductor, June 1995 (TL/C/8652), section 8.0.
"""

from enum import IntEnum, IntFlag


class Ier(IntFlag):
    """Interrupt enable."""

    RX_DATA = 1 << 0
    TX_EMPTY = 1 << 1
    LINE_STATUS = 1 << 2
    MODEM_STATUS = 1 << 3


class Iir(IntEnum):
    """Interrupt identification: bits 3:0, and what bits 7:6 say while the FIFOs are on."""

    MODEM_STATUS = 0x00
    NONE = 0x01
    TX_EMPTY = 0x02
    RX_DATA = 0x04
    LINE_STATUS = 0x06
    RX_TIMEOUT = 0x0C
    FIFOS_ON = 0xC0


class Fcr(IntFlag):
    """FIFO control."""

    ENABLE = 1 << 0
    RESET_RX = 1 << 1
    RESET_TX = 1 << 2
    DMA_MODE = 1 << 3
    TRIGGER = 3 << 6


class Lcr(IntFlag):
    """Line control."""

    WORD_LENGTH = 3 << 0
    LONG_STOP = 1 << 2
    PARITY = 1 << 3
    EVEN_PARITY = 1 << 4
    STICK_PARITY = 1 << 5
    BREAK = 1 << 6
    DLAB = 1 << 7


class Mcr(IntFlag):
    """Modem control."""

    DTR = 1 << 0
    RTS = 1 << 1
    OUT1 = 1 << 2
    OUT2 = 1 << 3
    LOOP = 1 << 4


class Lsr(IntFlag):
    """Line status."""

    DATA_READY = 1 << 0
    OVERRUN = 1 << 1
    PARITY_ERROR = 1 << 2
    FRAMING_ERROR = 1 << 3
    BREAK = 1 << 4
    THR_EMPTY = 1 << 5
    TX_EMPTY = 1 << 6
    FIFO_ERROR = 1 << 7


class Msr(IntFlag):
    """Modem status: changes since the last read, and the lines themselves."""

    DELTA_CTS = 1 << 0
    DELTA_DSR = 1 << 1
    RING_ENDED = 1 << 2
    DELTA_DCD = 1 << 3
    CTS = 1 << 4
    DSR = 1 << 5
    RI = 1 << 6
    DCD = 1 << 7
