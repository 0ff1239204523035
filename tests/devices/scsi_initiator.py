"""A little SCSI initiator for tests: CDBs by the standard's layouts, and what came of them.

Constants are the standards' (SPC-4, SBC-3, MMC-6), not the devices'.
"""

import struct
from dataclasses import dataclass

from hv_devices.synthetic.scsi_device import Reply, Request, ScsiDevice
from tests.devices.ata_driver import FaultyDisk, SparseDisk, pattern

__all__ = ["BLOCK", "FaultyDisk", "Initiator", "SparseDisk", "pattern"]

BLOCK = 512

# Sense: key, additional code, qualifier
NO_SENSE = (0x0, 0x00, 0x00)
NO_MEDIUM_CLOSED, NO_MEDIUM_OPEN = (0x2, 0x3A, 0x01), (0x2, 0x3A, 0x02)
READ_ERROR, WRITE_ERROR = (0x3, 0x11, 0x00), (0x3, 0x0C, 0x00)
LIST_LENGTH = (0x5, 0x1A, 0x00)
INVALID_OPCODE, OUT_OF_RANGE = (0x5, 0x20, 0x00), (0x5, 0x21, 0x00)
INVALID_FIELD, INVALID_PARAMETER = (0x5, 0x24, 0x00), (0x5, 0x26, 0x00)
NOT_SAVED, LOCKED = (0x5, 0x39, 0x00), (0x5, 0x53, 0x02)
MEDIUM_CHANGED = (0x6, 0x28, 0x00)
WRITE_PROTECTED, MISCOMPARE = (0x7, 0x27, 0x00), (0xE, 0x1D, 0x00)

TEST_UNIT_READY = "00"


def six(opcode: int, lba: int, blocks: int) -> bytes:
    return struct.pack(">IBB", opcode << 24 | lba, blocks, 0)


def ten(opcode: int, lba: int, blocks: int, flags: int = 0) -> bytes:
    return struct.pack(">BBIBHB", opcode, flags, lba, 0, blocks, 0)


def twelve(opcode: int, lba: int, blocks: int, flags: int = 0) -> bytes:
    return struct.pack(">BBIIBB", opcode, flags, lba, blocks, 0, 0)


def sixteen(opcode: int, lba: int, blocks: int, flags: int = 0) -> bytes:
    return struct.pack(">BBQIBB", opcode, flags, lba, blocks, 0, 0)


def inquiry(page: int | None = None, size: int = 255) -> bytes:
    return struct.pack(">BBBHB", 0x12, page is not None, page or 0, size, 0)


def mode_sense_6(page: int, size: int = 255) -> bytes:
    return struct.pack(">BBBBBB", 0x1A, 0, page, 0, size, 0)


def mode_select_6(parameters: bytes, flags: int = 0x10) -> tuple[bytes, bytes]:
    """A CDB and its data."""
    return struct.pack(">BBBBBB", 0x15, flags, 0, 0, len(parameters), 0), parameters


def report_luns(size: int = 0x1000, select: int = 0) -> bytes:
    return struct.pack(">BBB3xIBB", 0xA0, 0, select, size, 0, 0)


@dataclass
class Initiator:
    """Sends CDBs, as bytes or hex, to one unit."""

    device: ScsiDevice

    def send(self, cdb: bytes | str, data: bytes = b"") -> Reply:
        if isinstance(cdb, str):
            cdb = bytes.fromhex(cdb)
        return self.device.execute(Request(cdb.ljust(16, b"\0"), data))

    def good(self, cdb: bytes | str, data: bytes = b"") -> bytes:
        """Data of a command that must succeed."""
        reply = self.send(cdb, data)
        assert reply.sense is None, sense_of(reply)
        return reply.data

    def sense(self, cdb: bytes | str, data: bytes = b"") -> tuple[int, int, int]:
        """Why a command that must fail did."""
        reply = self.send(cdb, data)
        assert reply.data == b""
        return sense_of(reply)

    def request_sense(self) -> tuple[int, int, int]:
        return decode(self.good("03 00 00 00 12 00"))

    def read(self, lba: int, blocks: int) -> bytes:
        return self.good(sixteen(0x88, lba, blocks))

    def write(self, lba: int, data: bytes) -> None:
        assert self.send(ten(0x2A, lba, len(data) // BLOCK), data).taken == len(data)


def sense_of(reply: Reply) -> tuple[int, int, int]:
    assert reply.sense is not None, "it succeeded"
    return decode(reply.sense.fixed())


def decode(sense: bytes) -> tuple[int, int, int]:
    """Key and codes of fixed-format sense data."""
    assert len(sense) == 18
    assert sense[0] & 0x7F == 0x70
    assert sense[7] == 10
    return sense[2] & 0x0F, sense[12], sense[13]
