"""ACPI tables of the board: from the root pointer down to the DSDT.

Document: ACPI Specification 6.5, 5.2. The machine has the fixed hardware of hv_devices.emulated.acpi_pm
and is in ACPI mode from the beginning: there is no SMI command port. The guest writes to the FACS (its
global lock), so what ``build`` gives belongs in memory that can be written and that the memory map calls
reserved. Left out: x2APIC entries, hence APIC IDs from 255 on, NUMA, HPET, MCFG.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from struct import Struct, pack, pack_into
from typing import NamedTuple

from hv.root.acpi_dsdt import definition_block
from hv.types import Gpa
from hv_devices.emulated import acpi_pm
from hv_devices.emulated.i82093aa import IOAPIC_PAGE
from hv_devices.emulated.local_apic import APIC_PAGE
from hv_devices.emulated.portcf9 import RESET_VALUE

ACPI_AREA = 0xE0000
"""Where guests search for the root pointer, below the firmware."""
ACPI_AREA_SIZE = 0x10000
SCI_IRQ = 9

_OEM, _OEM_TABLE, _CREATOR = b"HVEMU ", b"HVPC    ", b"HV  "
_HEADER = Struct("<4sIBB6s8sI4sI")
_CHECKSUM_AT = 9
_ALIGNMENT = 16

_RSDP = Struct("<8sB6sBIIQB3x")
_RSDP_OLD_SIZE = 20
_RSDP_CHECKSUM_AT, _RSDP_EXTENDED_CHECKSUM_AT = 8, 32

_FACS = Struct("<4sIIIIIQB31x")
_FACS_ALIGNMENT = 64
_FACS_VERSION = 2

# The FADT: offset and form of the fields we set.
_FADT_SIZE = 276
_FADT_REVISION = 6
_FIRMWARE_CTRL = 36, "<I"
_DSDT = 40, "<I"
_SCI_INT = 46, "<H"
_P_LVL2_LAT = 96, "<H"
_P_LVL3_LAT = 98, "<H"
_CENTURY = 108, "<B"
_IAPC_BOOT_ARCH = 109, "<H"
_FLAGS = 112, "<I"
_RESET_REG = 116, "<BBBBQ"
_RESET_VALUE = 128, "<B"
_X_DSDT = 140, "<Q"


class _Block(NamedTuple):
    """A register block and where the FADT has its 32-bit address, its size and its address structure."""

    offset: int
    size: int
    access: int
    old_address_at: int
    size_at: int
    address_at: int


_SYSTEM_IO = 1
_BYTES, _WORDS, _DWORDS = 1, 2, 3

_BLOCKS = (
    _Block(acpi_pm.PM1_EVENT, acpi_pm.PM1_EVENT_SIZE, _WORDS, 56, 88, 148),
    _Block(acpi_pm.PM1_CONTROL, acpi_pm.PM1_CONTROL_SIZE, _WORDS, 64, 89, 172),
    _Block(acpi_pm.PM_TIMER, acpi_pm.PM_TIMER_SIZE, _DWORDS, 76, 91, 208),
    _Block(acpi_pm.GPE0, acpi_pm.GPE0_SIZE, _BYTES, 80, 92, 220),
)

_NO_C2, _NO_C3 = 101, 1001  # microseconds that are too long to be true
_CENTURY_CELL = 0x32
_RESET_PORT = 0xCF9

_MADT_REVISION = 5
_MADT_HEAD = Struct("<II")
_PCAT_COMPAT = 1  # two 8259s are there, too
_LOCAL_APIC = Struct("<BBBBI")
_IO_APIC = Struct("<BBBBII")
_OVERRIDE = Struct("<BBBBIH")
_LOCAL_NMI = Struct("<BBBHB")
_ENABLED = 1
_IO_APIC_ID = 0  # as the chip comes out of reset; its IDs are not the processors'
_ISA_BUS = 0
_ALL_PROCESSORS = 0xFF
_AS_THE_BUS, _LEVEL_HIGH, _EDGE_HIGH = 0b0000, 0b1101, 0b0101
_TIMER_IRQ, _TIMER_PIN = 0, 2
_NMI_PIN = 1


class BootArchitecture(IntFlag):
    """FADT: what of a PC is there."""

    LEGACY_DEVICES = 1 << 0
    HAS_8042 = 1 << 1


class Fixed(IntFlag):
    """FADT: fixed features. A set bit for a button or the RTC says that it is no fixed hardware."""

    WBINVD = 1 << 0
    PROC_C1 = 1 << 2
    NO_FIXED_SLEEP_BUTTON = 1 << 5
    NO_FIXED_RTC = 1 << 6
    TIMER_IS_32_BITS = 1 << 8
    RESET_REGISTER = 1 << 10


@dataclass(frozen=True)
class AcpiPlatform:
    """What the tables tell of: processors by their APIC IDs, where the board put the PM ports."""

    apic_ids: Sequence[int] = (0,)
    pm_base: int = 0x600
    vmbus: bool = False


class AcpiTables(NamedTuple):
    """Where the root pointer is, and all that belongs into memory."""

    rsdp: Gpa
    pieces: tuple[tuple[Gpa, bytes], ...]


def build(platform: AcpiPlatform, area: int = ACPI_AREA) -> AcpiTables:
    """All tables, from ``area`` on; the root pointer comes first."""
    pieces: list[tuple[Gpa, bytes]] = []
    free = area + _round_up(_RSDP.size, _ALIGNMENT)

    def place(data: bytes, alignment: int = _ALIGNMENT) -> int:
        nonlocal free
        at = _round_up(free, alignment)
        free = at + len(data)
        pieces.append((Gpa(at), data))
        return at

    facs = place(_facs(), _FACS_ALIGNMENT)
    dsdt = place(_table(b"DSDT", 2, definition_block(vmbus=platform.vmbus)))
    fadt = place(_fadt(platform.pm_base, facs, dsdt))
    madt = place(_madt(platform.apic_ids))
    rsdt = place(_table(b"RSDT", 1, pack("<II", fadt, madt)))
    xsdt = place(_table(b"XSDT", 1, pack("<QQ", fadt, madt)))
    return AcpiTables(Gpa(area), ((Gpa(area), _rsdp(rsdt, xsdt)), *pieces))


def _round_up(number: int, step: int) -> int:
    return -(-number // step) * step


def _with_checksum(data: bytes, at: int) -> bytes:
    """``data`` with the byte at ``at``, zero so far, set so that all add up to zero."""
    return data[:at] + bytes((-sum(data) & 0xFF,)) + data[at + 1 :]


def _table(signature: bytes, revision: int, body: bytes) -> bytes:
    size = _HEADER.size + len(body)
    head = _HEADER.pack(signature, size, revision, 0, _OEM, _OEM_TABLE, 1, _CREATOR, 1)
    return _with_checksum(head + body, _CHECKSUM_AT)


def _rsdp(rsdt: int, xsdt: int) -> bytes:
    plain = _RSDP.pack(b"RSD PTR ", 0, _OEM, 2, rsdt, _RSDP.size, xsdt, 0)
    old = _with_checksum(plain[:_RSDP_OLD_SIZE], _RSDP_CHECKSUM_AT)
    return _with_checksum(old + plain[_RSDP_OLD_SIZE:], _RSDP_EXTENDED_CHECKSUM_AT)


def _facs() -> bytes:
    return _FACS.pack(b"FACS", _FACS.size, 0, 0, 0, 0, 0, _FACS_VERSION)


def _fadt(pm_base: int, facs: int, dsdt: int) -> bytes:
    table = bytearray(_FADT_SIZE)

    def put(field: tuple[int, str], *values: int) -> None:
        offset, form = field
        pack_into(form, table, offset, *values)

    put(_FIRMWARE_CTRL, facs)
    put(_DSDT, dsdt)
    put(_X_DSDT, dsdt)
    put(_SCI_INT, SCI_IRQ)
    for block in _BLOCKS:
        port = pm_base + block.offset
        put((block.old_address_at, "<I"), port)
        put((block.size_at, "<B"), block.size)
        put((block.address_at, "<BBBBQ"), _SYSTEM_IO, 8 * block.size, 0, block.access, port)
    put(_P_LVL2_LAT, _NO_C2)
    put(_P_LVL3_LAT, _NO_C3)
    put(_CENTURY, _CENTURY_CELL)
    put(_IAPC_BOOT_ARCH, BootArchitecture.LEGACY_DEVICES | BootArchitecture.HAS_8042)
    put(
        _FLAGS,
        Fixed.WBINVD
        | Fixed.PROC_C1
        | Fixed.NO_FIXED_SLEEP_BUTTON
        | Fixed.NO_FIXED_RTC
        | Fixed.TIMER_IS_32_BITS
        | Fixed.RESET_REGISTER,
    )
    put(_RESET_REG, _SYSTEM_IO, 8, 0, _BYTES, _RESET_PORT)
    put(_RESET_VALUE, RESET_VALUE)
    return _table(b"FACP", _FADT_REVISION, bytes(table[_HEADER.size :]))


def _madt(apic_ids: Sequence[int]) -> bytes:
    entries = [
        _LOCAL_APIC.pack(0, _LOCAL_APIC.size, index, apic_id, _ENABLED)
        for index, apic_id in enumerate(apic_ids)
    ]
    entries += [
        _IO_APIC.pack(1, _IO_APIC.size, _IO_APIC_ID, 0, IOAPIC_PAGE, 0),
        _OVERRIDE.pack(2, _OVERRIDE.size, _ISA_BUS, _TIMER_IRQ, _TIMER_PIN, _AS_THE_BUS),
        _OVERRIDE.pack(2, _OVERRIDE.size, _ISA_BUS, SCI_IRQ, SCI_IRQ, _LEVEL_HIGH),
        _LOCAL_NMI.pack(4, _LOCAL_NMI.size, _ALL_PROCESSORS, _EDGE_HIGH, _NMI_PIN),
    ]
    head = _MADT_HEAD.pack(APIC_PAGE, _PCAT_COMPAT)
    return _table(b"APIC", _MADT_REVISION, head + b"".join(entries))
