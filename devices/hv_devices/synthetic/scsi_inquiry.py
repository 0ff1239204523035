"""INQUIRY: who a logical unit is.

After SPC-3 (INCITS 408-2005), 6.4 (INQUIRY), 7.6 (vital product data), and SBC-3 (INCITS 514-2014), clause
6 (pages B0, B1 and B2). The texts are those of Hyper-V's virtual disks: Linux's driver looks for "Msft".
Left out: version descriptors, the pages of ATA translation, transport protocols and third-party copies.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from struct import Struct
from typing import TypeAlias

from .scsi_sense import INVALID_FIELD_IN_CDB, CheckCondition

PageMaker: TypeAlias = Callable[[], bytes]
"""Makes what follows a page's four bytes of header."""

ABSENT = 0x7F
"""First byte of the answer for a logical unit that is not there: qualifier 3, type 1F."""

_STANDARD = Struct(">BBBB4s8s16s4s")
_REMOVABLE = 0x80
_SPC_3 = 0x05
_RESPONSE_FORMAT = 0x02
_ADDITIONAL = b"\x1f\x00\x00\x02"  # 31 bytes follow this one; commands may be queued

_EVPD = 0x01
_SUPPORTED_PAGES = 0x00

_PAGE_HEADER = Struct(">BBH")
_DESIGNATOR = Struct(">BBxB")
_BINARY, _ASCII = 0x1, 0x2
_T10_VENDOR, _NAA = 0x1, 0x3
_NAA_MICROSOFT = bytes.fromhex("60022480")  # NAA 6, then OUI 00-22-48
_NAA_SUFFIX = 12
_MAX_SERIAL = 64


class DeviceType(IntEnum):
    DISK = 0x00
    CD_DVD = 0x05


@dataclass(frozen=True, slots=True)
class Identity:
    """What a unit says of itself (ASCII; cut or padded to its field). Serial numbers should differ."""

    type: DeviceType = DeviceType.DISK
    removable: bool = False
    vendor: str = "Msft"
    product: str = "Virtual Disk"
    revision: str = "1.0"
    serial: str = "HV0"


def inquiry(cdb: bytes, identity: Identity, pages: Mapping[int, PageMaker]) -> bytes:
    """The whole answer, not yet cut to the allocation length."""
    flags, page = cdb[1], cdb[2]
    if flags & ~_EVPD or (page and not flags):
        raise CheckCondition(INVALID_FIELD_IN_CDB)
    if not flags:
        return standard(identity)
    if page == _SUPPORTED_PAGES:
        body = bytes([_SUPPORTED_PAGES, *sorted(pages)])
    elif page in pages:
        body = pages[page]()
    else:
        raise CheckCondition(INVALID_FIELD_IN_CDB)
    return _PAGE_HEADER.pack(identity.type, page, len(body)) + body


def standard(identity: Identity) -> bytes:
    """Standard INQUIRY data, 36 bytes."""
    return _STANDARD.pack(
        identity.type,
        _REMOVABLE if identity.removable else 0,
        _SPC_3,
        _RESPONSE_FORMAT,
        _ADDITIONAL,
        _text(identity.vendor, 8),
        _text(identity.product, 16),
        _text(identity.revision, 4),
    )


def absent(lun: int) -> bytes:
    """What a target with no such unit answers; on LUN 0 with names, so that a driver asks for the others."""
    data = bytearray(standard(Identity()))
    data[0] = ABSENT
    if lun:
        data[8:] = bytes(len(data) - 8)
    return bytes(data)


# Vital product data


def serial_number(identity: Identity) -> bytes:
    """Page 80."""
    return _ascii(identity.serial)[:_MAX_SERIAL]


def device_identification(identity: Identity) -> bytes:
    """Page 83: a name of the NAA's kind, made from the serial number, and one of the vendor's."""
    serial = serial_number(identity)
    naa = _NAA_MICROSOFT + sha256(serial).digest()[:_NAA_SUFFIX]
    vendor = _text(identity.vendor, 8) + serial
    return _designator(_BINARY, _NAA, naa) + _designator(_ASCII, _T10_VENDOR, vendor)


def _designator(code_set: int, kind: int, name: bytes) -> bytes:
    return _DESIGNATOR.pack(code_set, kind, len(name)) + name


_LIMITS = Struct(">BBHIIIIIIIQ20x")
_WRITE_SAME_NOT_ZERO = 0x01
_ALIGNMENT_VALID = 0x8000_0000


@dataclass(frozen=True, slots=True)
class Limits:
    """Most blocks in one command; 0: the command is not supported."""

    transfer: int
    unmap: int = 0
    unmap_descriptors: int = 0
    write_same: int = 0


def block_limits(limits: Limits) -> bytes:
    """Page B0. Nothing is better aligned or sized than anything else."""
    granularity = 1 if limits.unmap else 0
    alignment = _ALIGNMENT_VALID if limits.unmap else 0
    return _LIMITS.pack(
        _WRITE_SAME_NOT_ZERO,
        0,
        0,
        limits.transfer,
        0,
        0,
        limits.unmap,
        limits.unmap_descriptors,
        granularity,
        alignment,
        limits.write_same,
    )


_CHARACTERISTICS = Struct(">H58x")
_NOT_ROTATING = 1


def block_characteristics() -> bytes:
    """Page B1: nothing turns in here."""
    return _CHARACTERISTICS.pack(_NOT_ROTATING)


_LBPU, _LBPWS, _LBPWS10, _LBPRZ = 0x80, 0x40, 0x20, 0x04
_THIN = 2


def block_provisioning(*, thin: bool) -> bytes:
    """Page B2: UNMAP and both WRITE SAMEs unmap, what is unmapped reads as zeros; or nothing of it."""
    if not thin:
        return bytes(4)
    return bytes([0, _LBPU | _LBPWS | _LBPWS10 | _LBPRZ, _THIN, 0])


def _ascii(text: str) -> bytes:
    return text.encode("ascii", "replace")


def _text(text: str, size: int) -> bytes:
    return _ascii(text)[:size].ljust(size)
