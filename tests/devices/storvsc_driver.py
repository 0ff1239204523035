"""A guest's storage driver for tests: what Linux's sends over a channel, and what it looks at.

All numbers are the driver's own. A completion is checked the way the driver checks it: it belongs to the
packet, is as long as it, and is a COMPLETE_IO.
"""

import struct
from dataclasses import dataclass

from hv_devices.synthetic.storvsp import StorageController
from tests.vmbus.fake_guest import Buffer, FakeGuest, GuestChannel, boot
from tests.vmbus.fakes import FakeMemory

(
    COMPLETE_IO,
    REMOVE_DEVICE,
    EXECUTE_SRB,
    RESET_LUN,
    RESET_ADAPTER,
    RESET_BUS,
    BEGIN,
    END,
    VERSION,
    PROPERTIES,
    ENUMERATE_BUS,
    FCHBA_DATA,
    CREATE_SUB_CHANNELS,
) = range(1, 14)

OK = 0
BAD_PARAMETER, BAD_REQUEST, BAD_STATE = 0xC000000D, 0xC0000010, 0xC0000184
MISMATCH, OVERFLOW, NO_DEVICE, IO_ERROR = 0xC0000059, 0x80000005, 0xC00000C0, 0xC0000185

SUCCESS, ERROR, OVERRUN, INVALID_LUN, AUTOSENSE = 0x01, 0x04, 0x12, 0x20, 0x80
CHECK_CONDITION = 0x02
WRITE, READ, NONE = range(3)
NO_AUTOSENSE = 0x20

INIT_ID, RESET_ID = 0xFFFFFFFFFFFFFFFD, 0xFFFFFFFFFFFFFFFC
COMPLETION_KIND, INBAND_KIND = 0xB, 0x6
LATEST = 0x0602


def vstor(operation: int, body: bytes = b"", size: int = 64) -> bytes:
    """A packet of the storage protocol."""
    return (struct.pack("<III", operation, 1, 0) + body).ljust(size, b"\0")


@dataclass(frozen=True)
class Done:
    """A completed request."""

    packet: bytes

    @property
    def status(self) -> int:
        return int.from_bytes(self.packet[8:12], "little")

    @property
    def srb(self) -> int:
        return self.packet[0x0E]

    @property
    def scsi(self) -> int:
        return self.packet[0x0F]

    @property
    def transferred(self) -> int:
        return int.from_bytes(self.packet[0x18:0x1C], "little")

    @property
    def sense(self) -> bytes:
        return self.packet[0x1C : 0x1C + self.packet[0x15]]

    @property
    def codes(self) -> tuple[int, int, int]:
        """Sense key and codes of a request that failed with autosense."""
        assert (self.srb, self.scsi) == (ERROR | AUTOSENSE, CHECK_CONDITION)
        assert self.sense[0] & 0x7F == 0x70
        return self.sense[2] & 0xF, self.sense[12], self.sense[13]

    @property
    def good(self) -> bool:
        return (self.srb, self.scsi, self.status) == (SUCCESS, 0, OK)


class Driver:
    """One guest with one controller; ``start`` initialises as Linux does."""

    def __init__(
        self,
        controller: StorageController,
        *,
        pages: int = 9,
        upstream_pages: int | None = None,
        memory: FakeMemory | None = None,
    ) -> None:
        self.controller = controller
        self.guest: FakeGuest = boot(controller, memory=memory)
        self.channel: GuestChannel = self.guest.open(self.guest.offers[0], pages, upstream_pages)
        self.size = 64

    # Packets

    def call(
        self, payload: bytes, *, tid: int | None = None, buffers: list[Buffer] | None = None
    ) -> bytes:
        """Send a packet; its completion's payload."""
        sent = self.channel.send(
            payload, transaction_id=tid, wants_completion=True, buffers=buffers
        )
        answer = self.channel.receive()
        assert answer is not None, "no completion"
        assert (answer.kind, answer.transaction_id, answer.flags) == (COMPLETION_KIND, sent, 0)
        assert len(answer.payload) == (64 if len(payload) > 48 else 48)
        assert answer.payload[:4] == struct.pack("<I", COMPLETE_IO)
        return answer.payload

    def status(self, operation: int, body: bytes = b"") -> int:
        """Status of a packet without data."""
        payload = self.call(vstor(operation, body, self.size), tid=INIT_ID)
        return int(struct.unpack_from("<I", payload, 8)[0])

    # Initialisation

    def start(self, version: int = LATEST) -> "Driver":
        assert self.status(BEGIN) == OK
        assert self.status(VERSION, struct.pack("<HH", version, 0)) == OK
        self.size = 64 if version >= 0x0501 else 48
        assert self.status(PROPERTIES) == OK
        assert self.status(END) == OK
        return self

    def properties(self) -> tuple[int, int, int]:
        """Sub-channels, flags and bytes of a transfer."""
        payload = self.call(vstor(PROPERTIES), tid=INIT_ID)
        assert payload[8:12] == bytes(4)
        zero, channels, zero2, flags, transfer, zero3 = struct.unpack_from("<IHHIIQ", payload, 12)
        assert zero == zero2 == zero3 == 0
        return channels, flags, transfer

    # Requests

    def srb(
        self,
        cdb: bytes | str,
        *,
        lun: int = 0,
        target: int = 0,
        path: int = 0,
        direction: int = NONE,
        transfer: int = 0,
        sense_room: int = 0x14,
        flags: int = 0x14A,
        size: int = 64,
    ) -> bytes:
        """An EXECUTE_SRB packet."""
        if isinstance(cdb, str):
            cdb = bytes.fromhex(cdb)
        body = struct.pack(
            "<HBBBBBBBBBxI20s",
            size - 12,
            0,
            0,
            0,
            path,
            target,
            lun,
            len(cdb),
            sense_room,
            direction,
            transfer,
            cdb,
        )
        body += struct.pack("<HBBIII", 0, 0xFF, 0x20, flags, 60, 0)
        return vstor(EXECUTE_SRB, body)[:size]

    def none(self, cdb: bytes | str, **where: int) -> Done:
        """A request without data."""
        return Done(self.call(self.srb(cdb, size=self.size, **where)))

    def take(self, cdb: bytes | str, room: int, **where: int) -> tuple[Done, bytes]:
        """A request that reads into ``room`` bytes; how it ended and what arrived."""
        buffer = self.guest.buffer(room, offset=0x200, data=b"\xee" * room)
        packet = self.srb(cdb, direction=READ, transfer=room, size=self.size, **where)
        done = Done(self.call(packet, buffers=[buffer]))
        data = buffer.data()
        if done.good:
            assert data[done.transferred :] == b"\xee" * (room - done.transferred)
        return done, data[: done.transferred]

    def read(self, cdb: bytes | str, room: int, **where: int) -> bytes:
        """Data of a request that must succeed."""
        done, data = self.take(cdb, room, **where)
        assert done.good
        return data

    def give(self, cdb: bytes | str, data: bytes, **where: int) -> Done:
        """A request that writes ``data``."""
        buffer = self.guest.buffer(len(data), offset=0x200, data=data)
        packet = self.srb(cdb, direction=WRITE, transfer=len(data), size=self.size, **where)
        return Done(self.call(packet, buffers=[buffer]))
