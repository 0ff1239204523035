"""MODE SENSE and MODE SELECT, 6 and 10, over any set of mode pages.

After SPC-3 (INCITS 408-2005), 6.7 to 6.10 and 7.4 (mode parameters). Left out: block descriptors in answers
(a driver may send one; it is skipped), subpages, saved values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from .scsi_cdb import Opcode, u16
from .scsi_sense import (
    INVALID_FIELD_IN_CDB,
    INVALID_FIELD_IN_PARAMETER_LIST,
    PARAMETER_LIST_LENGTH_ERROR,
    SAVING_PARAMETERS_NOT_SUPPORTED,
    CheckCondition,
)

WRITE_PROTECT = 0x80
DPO_AND_FUA = 0x10

_HEADER_6 = Struct(">BBBB")
_HEADER_10 = Struct(">HBB2xH")
_LENGTH_6, _LENGTH_10 = 1, 2  # the field that does not count itself

_PAGE_CODE = 0x3F
_CONTROL_SHIFT = 6
_ALL_PAGES = 0x3F
_ALL_SUBPAGES = 0xFF
_SUBPAGE_FORMAT = 0x40

_PAGE_FORMAT, _SAVE_PAGES = 0x10, 0x01


class PageControl(IntEnum):
    CURRENT = 0
    CHANGEABLE = 1
    DEFAULT = 2
    SAVED = 3


@dataclass(frozen=True, slots=True)
class ModePage:
    """One page: three bodies (without code and length) of the same size."""

    code: int
    current: bytes
    default: bytes
    changeable: bytes

    def body(self, control: int) -> bytes:
        if control == PageControl.CHANGEABLE:
            return self.changeable
        return self.default if control == PageControl.DEFAULT else self.current

    def accepts(self, body: bytes) -> bool:
        """Whether ``body`` differs from the current values only where it may."""
        return len(body) == len(self.current) and not any(
            (new ^ old) & ~mask
            for new, old, mask in zip(body, self.current, self.changeable, strict=True)
        )


def mode_sense(cdb: bytes, pages: Sequence[ModePage], device_specific: int) -> bytes:
    """The answer, cut to the allocation length. ``pages`` in the order of their codes."""
    control, code, subpage = cdb[2] >> _CONTROL_SHIFT, cdb[2] & _PAGE_CODE, cdb[3]
    if control == PageControl.SAVED:
        raise CheckCondition(SAVING_PARAMETERS_NOT_SUPPORTED)
    wanted = [page for page in pages if code in (page.code, _ALL_PAGES)]
    if not wanted or subpage not in (0, _ALL_SUBPAGES):
        raise CheckCondition(INVALID_FIELD_IN_CDB)
    listed = b"".join(bytes([page.code, len(page.current)]) + page.body(control) for page in wanted)
    if cdb[0] == Opcode.MODE_SENSE_6:
        length = _HEADER_6.size - _LENGTH_6 + len(listed)
        return (_HEADER_6.pack(length, 0, device_specific, 0) + listed)[: cdb[4]]
    length = _HEADER_10.size - _LENGTH_10 + len(listed)
    return (_HEADER_10.pack(length, 0, device_specific, 0) + listed)[: u16(cdb, 7)]


def mode_select(
    cdb: bytes, data_out: bytes, pages: Sequence[ModePage]
) -> tuple[int, dict[int, bytes]]:
    """Bytes used, and the new bodies by page code. Nothing has changed when this raises."""
    short = cdb[0] == Opcode.MODE_SELECT_6
    size = cdb[4] if short else u16(cdb, 7)
    if cdb[1] & _SAVE_PAGES or not cdb[1] & _PAGE_FORMAT:
        raise CheckCondition(INVALID_FIELD_IN_CDB)
    if not size:
        return 0, {}
    header = _HEADER_6 if short else _HEADER_10
    if size > len(data_out) or size < header.size:
        raise CheckCondition(PARAMETER_LIST_LENGTH_ERROR)
    *_, descriptors = header.unpack_from(data_out)
    return size, _bodies(data_out[header.size + descriptors : size], pages)


def _bodies(listed: bytes, pages: Sequence[ModePage]) -> dict[int, bytes]:
    known = {page.code: page for page in pages}
    bodies = {}
    while listed:
        if len(listed) < 2 or len(listed) < 2 + listed[1]:
            raise CheckCondition(PARAMETER_LIST_LENGTH_ERROR)
        body, page = listed[2 : 2 + listed[1]], known.get(listed[0] & _PAGE_CODE)
        if listed[0] & _SUBPAGE_FORMAT or page is None or not page.accepts(body):
            raise CheckCondition(INVALID_FIELD_IN_PARAMETER_LIST)
        bodies[page.code] = body
        listed = listed[2 + listed[1] :]
    return bodies
