"""A SCSI logical unit: dispatch, sense, unit attention and the commands that every unit has.

After SPC-3 (INCITS 408-2005), clause 6, and SAM-3 (INCITS 402-2005), clause 5 (unit attention). One
initiator and one command at a time. Left out: reservations, ACA, task management beyond a reset, the unit
attention of power-on and resets (Hyper-V raises none), SEND DIAGNOSTIC other than the self-test.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeAlias

from hv.interfaces import BlockDevice

from .scsi_cdb import Opcode, u16
from .scsi_inquiry import Identity, PageMaker, device_identification, inquiry, serial_number
from .scsi_sense import (
    INVALID_FIELD_IN_CDB,
    INVALID_OPCODE,
    NO_SENSE,
    CheckCondition,
    Sense,
)

_DESCRIPTOR_FORMAT = 0x01
_SELF_TEST = 0x04

_REQUEST_SENSE = Opcode.REQUEST_SENSE.value


@dataclass(frozen=True, slots=True)
class Request:
    """A command. ``data_out`` is all that the initiator has for the unit."""

    cdb: bytes
    data_out: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """How it ended: ``sense`` for CHECK CONDITION, else GOOD.

    ``data`` goes to the initiator, ``taken`` bytes of its own were used.
    """

    data: bytes = b""
    taken: int = 0
    sense: Sense | None = None


Command: TypeAlias = Callable[[Request], Reply]

GOOD = Reply()


@dataclass(slots=True)
class Statistics:
    """What a unit did since the machine was built. A reset leaves it alone."""

    commands: int = 0
    refused: int = 0
    """Commands that ended in CHECK CONDITION."""
    reads: int = 0
    writes: int = 0
    flushes: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    bytes_zeroed: int = 0
    """By UNMAP and WRITE SAME."""


@dataclass
class UnitState:
    """``attention`` interrupts the next command; ``kept`` is sense that nobody was told yet."""

    attention: Sense | None = None
    kept: Sense | None = None


class ScsiDevice:
    """Base of all units: a table of commands, filled by each kind."""

    UNHINDERED = frozenset({Opcode.INQUIRY.value, Opcode.REQUEST_SENSE.value})
    """Commands that a unit attention neither stops nor is used up by."""

    SAVED: dict[str, type] = {"statistics": Statistics}

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.statistics = Statistics()
        self.state = UnitState()
        self.commands: dict[int, Command] = {
            Opcode.TEST_UNIT_READY: self._test_unit_ready,
            Opcode.REQUEST_SENSE: self._request_sense,
            Opcode.INQUIRY: self._inquiry,
            Opcode.SEND_DIAGNOSTIC: self._send_diagnostic,
        }
        self.vital_pages: dict[int, PageMaker] = {
            0x80: lambda: serial_number(self.identity),
            0x83: lambda: device_identification(self.identity),
        }

    @property
    def medium(self) -> BlockDevice | None:
        """What it reads from; None: there is nothing in it."""
        return None

    def reset(self) -> None:
        """Forget what the initiator has set."""
        self.state = UnitState()

    def execute(self, request: Request) -> Reply:
        """Do one command, whatever it is."""
        self.statistics.commands += 1
        try:
            return self._dispatch(request)
        except CheckCondition as refusal:
            self.statistics.refused += 1
            return Reply(sense=refusal.sense)

    def inspect(self) -> dict[str, object]:
        """Who the unit is, and what it did."""
        return {
            "product": self.identity.product,
            "serial": self.identity.serial,
            **asdict(self.statistics),
        }

    def keep(self, sense: Sense) -> None:
        """The initiator did not want ``sense`` with the status: it will ask for it."""
        self.state.kept = sense

    def _dispatch(self, request: Request) -> Reply:
        opcode = request.cdb[0]
        if opcode != _REQUEST_SENSE:
            self.state.kept = None
        attention = self.state.attention
        if attention is not None and opcode not in self.UNHINDERED:
            self.state.attention = None
            raise CheckCondition(attention)
        command = self.commands.get(opcode)
        if command is None:
            raise CheckCondition(INVALID_OPCODE)
        return command(request)

    def _test_unit_ready(self, _request: Request) -> Reply:
        return GOOD

    def _request_sense(self, request: Request) -> Reply:
        if request.cdb[1] & _DESCRIPTOR_FORMAT:
            raise CheckCondition(INVALID_FIELD_IN_CDB)
        state = self.state
        if state.kept is not None:
            sense, state.kept = state.kept, None
        elif state.attention is not None:
            sense, state.attention = state.attention, None
        else:
            sense = NO_SENSE
        return Reply(sense.fixed()[: request.cdb[4]])

    def _inquiry(self, request: Request) -> Reply:
        data = inquiry(request.cdb, self.identity, self.vital_pages)
        return Reply(data[: u16(request.cdb, 3)])

    def _send_diagnostic(self, request: Request) -> Reply:
        if request.cdb[1] & ~_SELF_TEST or u16(request.cdb, 3):
            raise CheckCondition(INVALID_FIELD_IN_CDB)
        return GOOD
