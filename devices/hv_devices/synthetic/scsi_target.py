"""A SCSI target: which logical units answer at which address, and what is said for those that do not.

After SPC-3 (INCITS 408-2005), 6.21 (REPORT LUNS), and SAM-3 (INCITS 402-2005), 4.9 (LUN structure;
peripheral device addressing only, as the bus that carries this has eight bits for a LUN). For a unit that
is not there INQUIRY succeeds and says so, as on Hyper-V: guests take that for an empty slot, while an error
may look like a disk.
"""

from collections.abc import Mapping
from struct import Struct
from typing import NamedTuple

from .scsi_cdb import Opcode, u16, u32
from .scsi_device import Reply, Request, ScsiDevice
from .scsi_inquiry import absent
from .scsi_sense import INVALID_FIELD_IN_CDB, Sense

MAX_LUNS = 64
"""As on one Hyper-V controller."""

_LIST_HEADER = Struct(">I4x")
_LUN = Struct(">H6x")
_LEAST_ALLOCATION = 16
_PERIPHERAL_UNITS, _WELL_KNOWN_UNITS, _ALL_UNITS = 0, 1, 2

_REPORT_LUNS, _INQUIRY = Opcode.REPORT_LUNS.value, Opcode.INQUIRY.value


class Address(NamedTuple):
    """Where a request goes. ``path`` is the bus."""

    path: int
    target: int
    lun: int


class ScsiTarget:
    """Units on target ``target`` of path ``path``; all other addresses are empty.

    ``any_path``: the path of a request is not looked at.
    """

    def __init__(
        self,
        luns: Mapping[int, ScsiDevice],
        *,
        path: int = 0,
        target: int = 0,
        any_path: bool = False,
    ) -> None:
        self._path = path
        self._target = target
        self._any_path = any_path
        self.luns: dict[int, ScsiDevice] = {}
        for lun, device in luns.items():
            self.attach(lun, device)

    def attach(self, lun: int, device: ScsiDevice) -> None:
        """Add a unit. ValueError: there is no such number, or it is taken."""
        if not 0 <= lun < MAX_LUNS:
            raise ValueError(f"LUN {lun} is none of 0 to {MAX_LUNS - 1}")
        if lun in self.luns:
            raise ValueError(f"LUN {lun} is taken")
        self.luns[lun] = device

    def detach(self, lun: int) -> ScsiDevice:
        """Take a unit away. KeyError: there is none."""
        return self.luns.pop(lun)

    def unit(self, address: Address) -> ScsiDevice | None:
        """The unit at ``address``, if there is one."""
        return self.luns.get(address.lun) if self._is_here(address) else None

    def execute(self, address: Address, request: Request) -> Reply | None:
        """Do a command. None: no unit is there to answer it."""
        opcode = request.cdb[0]
        if opcode == _REPORT_LUNS:
            return self._report_luns(address, request.cdb)
        unit = self.unit(address)
        if unit is not None:
            return unit.execute(request)
        return _inquire_absent(address.lun, request.cdb) if opcode == _INQUIRY else None

    def reset(self) -> None:
        """Reset every unit."""
        for lun in sorted(self.luns):
            self.luns[lun].reset()

    def _is_here(self, address: Address) -> bool:
        return address.target == self._target and (self._any_path or address.path == self._path)

    def _report_luns(self, address: Address, cdb: bytes) -> Reply:
        select, size = cdb[2], u32(cdb, 6)
        if select > _ALL_UNITS or size < _LEAST_ALLOCATION:
            return Reply(sense=INVALID_FIELD_IN_CDB)
        listed = b""
        if self._is_here(address) and select != _WELL_KNOWN_UNITS:
            listed = b"".join(_LUN.pack(lun) for lun in sorted(self.luns))
        return Reply((_LIST_HEADER.pack(len(listed)) + listed)[:size])


def _inquire_absent(lun: int, cdb: bytes) -> Reply:
    refusal: Sense = INVALID_FIELD_IN_CDB
    if cdb[1] or cdb[2]:
        return Reply(sense=refusal)
    return Reply(absent(lun)[: u16(cdb, 3)])
