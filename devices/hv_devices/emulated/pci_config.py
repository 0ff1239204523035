"""The configuration space of one PCI function: 256 bytes, each bit fixed, writable or cleared by writing 1.

After the PCI Local Bus Specification 2.1, chapter 6 (6.1, organisation; 6.2, the header all functions
share). A function is a table of ``ConfigRegister`` rows; bytes that no row names are reserved and read 0.
Left out: capability lists, expansion ROMs, headers of PCI-to-PCI bridges.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

CONFIG_SIZE = 256
INTEL = 0x8086


class Header(IntEnum):
    """Offsets of the registers that every function has (6.1)."""

    VENDOR_ID = 0x00
    DEVICE_ID = 0x02
    COMMAND = 0x04
    STATUS = 0x06
    REVISION_ID = 0x08
    CLASS_CODE = 0x09
    LATENCY_TIMER = 0x0D
    HEADER_TYPE = 0x0E
    BASE_ADDRESS_4 = 0x20


class Command(IntFlag):
    """Command register (6.2.2)."""

    IO_SPACE = 1 << 0
    MEMORY_SPACE = 1 << 1
    BUS_MASTER = 1 << 2
    SPECIAL_CYCLES = 1 << 3
    PARITY_ERROR = 1 << 6
    SERR = 1 << 8


class Status(IntFlag):
    """Status register (6.2.3). The events are cleared by writing 1."""

    FAST_BACK_TO_BACK = 1 << 7
    PARITY_REPORTED = 1 << 8
    DEVSEL_MEDIUM = 1 << 9
    SIGNALED_TARGET_ABORT = 1 << 11
    RECEIVED_TARGET_ABORT = 1 << 12
    RECEIVED_MASTER_ABORT = 1 << 13
    SIGNALED_SERR = 1 << 14


MULTIFUNCTION = 1 << 7
"""Header type: software looks for functions 1 to 7, too."""


@dataclass(frozen=True, slots=True)
class ConfigRegister:
    """One register: where it is, how it comes out of reset, which of its bits software may change."""

    offset: int
    size: int
    reset: int = 0
    writable: int = 0
    clears: int = 0  # bits that writing 1 clears


@dataclass(frozen=True, slots=True)
class Identity:
    """What a function says it is."""

    device_id: int
    class_code: int
    revision: int = 0
    vendor_id: int = INTEL
    header_type: int = 0


def identity_registers(identity: Identity) -> tuple[ConfigRegister, ...]:
    """The header's read-only rows."""
    return (
        ConfigRegister(Header.VENDOR_ID, 2, identity.vendor_id),
        ConfigRegister(Header.DEVICE_ID, 2, identity.device_id),
        ConfigRegister(Header.REVISION_ID, 1, identity.revision),
        ConfigRegister(Header.CLASS_CODE, 3, identity.class_code),
        ConfigRegister(Header.HEADER_TYPE, 1, identity.header_type),
    )


@dataclass(slots=True)
class ConfigState:
    """The registers as they read."""

    registers: bytearray = field(default_factory=lambda: bytearray(CONFIG_SIZE))


class ConfigSpace:
    """The configuration registers of one function."""

    def __init__(self, registers: Iterable[ConfigRegister]) -> None:
        self._at_reset, self._writable, self._clears = (bytearray(CONFIG_SIZE) for _ in range(3))
        for row in registers:
            part = slice(row.offset, row.offset + row.size)
            self._at_reset[part] = row.reset.to_bytes(row.size, "little")
            self._writable[part] = row.writable.to_bytes(row.size, "little")
            self._clears[part] = row.clears.to_bytes(row.size, "little")
        self.state = ConfigState()
        self.reset()

    def reset(self) -> None:
        self.state = ConfigState(bytearray(self._at_reset))

    def read(self, offset: int, width: int) -> int:
        return int.from_bytes(self.state.registers[offset : offset + width], "little")

    def write(self, offset: int, value: int, width: int) -> None:
        """Software's write: fixed bits keep their value."""
        registers = self.state.registers
        end = min(offset + width, CONFIG_SIZE)
        for at in range(offset, end):
            byte = value >> 8 * (at - offset) & 0xFF
            writable = self._writable[at]
            kept = registers[at] & ~writable & ~(byte & self._clears[at])
            registers[at] = kept | byte & writable

    def raise_flags(self, offset: int, bits: int) -> None:
        """The chip itself sets bits of a 16-bit register."""
        value = self.read(offset, 2) | bits
        self.state.registers[offset : offset + 2] = value.to_bytes(2, "little")
