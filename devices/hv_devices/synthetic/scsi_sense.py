"""Sense data: how a logical unit says what is the matter.

After SPC-3 (INCITS 408-2005), 4.5 (sense data, sense keys) and annex D (additional sense codes). Fixed
format only; left out: descriptor format, sense-key specific bytes (which field of a CDB was wrong), deferred
errors.
"""

from enum import IntEnum
from struct import Struct
from typing import NamedTuple

FIXED_LENGTH = 18

_FIXED = Struct(">BxBIB4xBB4x")
_CURRENT = 0x70
_VALID = 0x80
_ADDITIONAL_LENGTH = FIXED_LENGTH - 8
_MAX_INFORMATION = 0xFFFF_FFFF


class SenseKey(IntEnum):
    NO_SENSE = 0x0
    NOT_READY = 0x2
    MEDIUM_ERROR = 0x3
    ILLEGAL_REQUEST = 0x5
    UNIT_ATTENTION = 0x6
    DATA_PROTECT = 0x7
    MISCOMPARE = 0xE


class Sense(NamedTuple):
    """Key, additional code and qualifier; ``information`` is an address on the medium, if there is one."""

    key: int
    asc: int
    ascq: int = 0
    information: int | None = None

    def fixed(self) -> bytes:
        """Fixed format. An address that is too large for it is left out, as the standard wants."""
        information = self.information
        valid = information is not None and information <= _MAX_INFORMATION
        return _FIXED.pack(
            _CURRENT | (_VALID if valid else 0),
            self.key,
            information if information is not None and valid else 0,
            _ADDITIONAL_LENGTH,
            self.asc,
            self.ascq,
        )


class CheckCondition(Exception):
    """A command ends here, with this sense. Raised by a command, caught where it was dispatched."""

    def __init__(self, sense: Sense) -> None:
        super().__init__(sense)
        self.sense = sense


NO_SENSE = Sense(SenseKey.NO_SENSE, 0x00)

MEDIUM_NOT_PRESENT_TRAY_CLOSED = Sense(SenseKey.NOT_READY, 0x3A, 0x01)
MEDIUM_NOT_PRESENT_TRAY_OPEN = Sense(SenseKey.NOT_READY, 0x3A, 0x02)

WRITE_ERROR = Sense(SenseKey.MEDIUM_ERROR, 0x0C)
UNRECOVERED_READ_ERROR = Sense(SenseKey.MEDIUM_ERROR, 0x11)

PARAMETER_LIST_LENGTH_ERROR = Sense(SenseKey.ILLEGAL_REQUEST, 0x1A)
INVALID_OPCODE = Sense(SenseKey.ILLEGAL_REQUEST, 0x20)
LBA_OUT_OF_RANGE = Sense(SenseKey.ILLEGAL_REQUEST, 0x21)
INVALID_FIELD_IN_CDB = Sense(SenseKey.ILLEGAL_REQUEST, 0x24)
INVALID_FIELD_IN_PARAMETER_LIST = Sense(SenseKey.ILLEGAL_REQUEST, 0x26)
SAVING_PARAMETERS_NOT_SUPPORTED = Sense(SenseKey.ILLEGAL_REQUEST, 0x39)
MEDIUM_REMOVAL_PREVENTED = Sense(SenseKey.ILLEGAL_REQUEST, 0x53, 0x02)

MEDIUM_MAY_HAVE_CHANGED = Sense(SenseKey.UNIT_ATTENTION, 0x28)

WRITE_PROTECTED = Sense(SenseKey.DATA_PROTECT, 0x27)

MISCOMPARE = Sense(SenseKey.MISCOMPARE, 0x1D)
