"""The local APIC's registers by name, in the order of their addresses.

Document: Intel SDM vol. 3, chapter 11: table 11-1 and the figures of its sections.
"""

from enum import IntEnum, IntFlag


class Register(IntEnum):
    """Numbers of the 16-byte slots of the register page."""

    ID = 0x02
    VERSION = 0x03
    TPR = 0x08
    APR = 0x09
    PPR = 0x0A
    EOI = 0x0B
    REMOTE_READ = 0x0C
    LDR = 0x0D
    DFR = 0x0E
    SVR = 0x0F
    ISR = 0x10  # eight slots of 32 vectors
    TMR = 0x18
    IRR = 0x20
    ESR = 0x28
    ICR_LOW = 0x30
    ICR_HIGH = 0x31
    LVT_TIMER = 0x32
    LVT_THERMAL = 0x33
    LVT_PERFORMANCE = 0x34
    LVT_LINT0 = 0x35
    LVT_LINT1 = 0x36
    LVT_ERROR = 0x37
    INITIAL_COUNT = 0x38
    CURRENT_COUNT = 0x39
    DIVIDE = 0x3E


class Lvt(IntFlag):
    """An entry of the local vector table; not every entry has every field."""

    VECTOR = 0xFF
    MODE = 7 << 8
    STATUS = 1 << 12
    ACTIVE_LOW = 1 << 13
    REMOTE_IRR = 1 << 14
    LEVEL = 1 << 15
    MASKED = 1 << 16
    PERIODIC = 1 << 17
    TSC_DEADLINE = 1 << 18


class Svr(IntFlag):
    """Spurious-interrupt vector register."""

    VECTOR = 0xFF
    ENABLE = 1 << 8
    NO_FOCUS = 1 << 9


class Esr(IntFlag):
    """Error status. The bits below 5 belong to the serial bus and stay clear."""

    SEND_ILLEGAL_VECTOR = 1 << 5
    RECEIVED_ILLEGAL_VECTOR = 1 << 6
    ILLEGAL_REGISTER = 1 << 7


class Icr(IntFlag):
    """Interrupt command, low half."""

    VECTOR = 0xFF
    MODE = 7 << 8
    LOGICAL = 1 << 11
    PENDING = 1 << 12
    ASSERT = 1 << 14
    LEVEL = 1 << 15
    SHORTHAND = 3 << 18


class Shorthand(IntEnum):
    """ICR bits 19:18: destinations with a name."""

    NONE = 0
    SELF = 1
    ALL = 2
    OTHERS = 3


class Base(IntFlag):
    """MSR IA32_APIC_BASE, below the address."""

    BOOTSTRAP = 1 << 8
    X2APIC = 1 << 10
    ENABLE = 1 << 11


LVT_WRITABLE = (0x107FF, 0x107FF, 0x1A7FF, 0x1A7FF, 0x100FF)
"""Of the entries from LVT_THERMAL on. No mode for the error entry; trigger and polarity for the pins."""

VIRTUAL_WIRE = (
    (Register.SVR.value << 4, 0x10F),
    (Register.LVT_LINT0.value << 4, 0x700),
    (Register.LVT_LINT1.value << 4, 0x400),
)
"""(offset, value): what firmware writes so that the 8259s' interrupts and NMI reach the processor (Intel
MultiProcessor Specification 1.4, 3.6.2.2): enabled, LINT0 is ExtINT, LINT1 is NMI."""
