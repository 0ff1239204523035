"""The guest's end of an integration component, the way Linux's hv_utils does it: answers in place.

Offsets count from the pipe header, which is part of what a driver reads and sends back.
"""

import struct
from dataclasses import dataclass

from hv.vmbus.service import Service
from tests.vmbus.fake_guest import FakeGuest, GuestChannel, boot
from tests.vmbus.guest_ring import INBAND, consume, descriptor

PAGES = 4
"""hv_utils opens each ring with 4 pages."""

FRAMEWORK, TYPE, VERSION, SIZE, STATUS, ID, FLAGS, BODY = 8, 0xC, 0xE, 0x12, 0x14, 0x18, 0x19, 0x1C
NEGOTIATE = 0
ASKS, ANSWERS = 3, 5
FAILED = 0x80004005

FRAMEWORKS = ((3, 0), (1, 0))


@dataclass
class Asked:
    """A packet of the host's: the transaction id of the channel, and the payload as it lay in the ring."""

    transaction_id: int
    raw: bytearray

    def u16(self, at: int) -> int:
        return int(struct.unpack_from("<H", self.raw, at)[0])

    def u32(self, at: int) -> int:
        return int(struct.unpack_from("<I", self.raw, at)[0])

    def u64(self, at: int) -> int:
        return int(struct.unpack_from("<Q", self.raw, at)[0])

    def pair(self, at: int) -> tuple[int, int]:
        return self.u16(at), self.u16(at + 2)

    @property
    def type(self) -> int:
        return self.u16(TYPE)

    @property
    def body(self) -> bytes:
        return bytes(self.raw[BODY : BODY + self.u16(SIZE)])

    def put(self, at: int, data: bytes) -> None:
        self.raw[at : at + len(data)] = data


class IcGuest:
    """One service's driver in a guest that has just opened the channel."""

    def __init__(self, service: Service, pages: int = PAGES) -> None:
        self.guest: FakeGuest = boot(service)
        self.pages = pages
        self.channel: GuestChannel = self.guest.open(self.guest.offers[0], pages)

    def reopen(self) -> None:
        """As after hibernation: the channel was closed."""
        self.channel.close()
        self.channel = self.guest.open(self.guest.offers[0], self.pages)

    def poll(self) -> Asked | None:
        """The next request, if there is one."""
        taken = consume(self.channel.incoming)
        if taken is None:
            return None
        packet, host_waits = taken
        if host_waits:
            self.channel.signal()
        assert packet.kind == INBAND
        assert packet.flags == 0
        pipe_type, length = struct.unpack_from("<II", packet.payload)
        assert pipe_type == 1
        asked = Asked(packet.transaction_id, bytearray(packet.payload))
        assert length + 8 <= len(asked.raw) < length + 16
        assert asked.u16(SIZE) == length - 0x14
        assert asked.raw[FLAGS] == ASKS
        assert asked.u32(STATUS) == 0
        return asked

    def asked(self) -> Asked:
        """The next request; it must be there."""
        asked = self.poll()
        assert asked is not None, "the host asks nothing"
        return asked

    def answer(self, asked: Asked, status: int = 0) -> None:
        """Send a request back, patched."""
        asked.put(STATUS, struct.pack("<I", status))
        asked.raw[FLAGS] = ANSWERS
        self.send_raw(bytes(asked.raw), asked.transaction_id)

    def send_raw(self, payload: bytes, transaction_id: int = 0) -> None:
        """Any bytes as an in-band packet: what a pipe header says is up to the caller."""
        assert self.channel.put(descriptor(INBAND, payload, transaction_id)), "ring full"

    def choose(self, *versions: tuple[int, int]) -> tuple[int, int] | None:
        """Answer the negotiation as Linux would that knows ``versions``, best first; what it chose."""
        asked = self.asked()
        assert asked.type == NEGOTIATE
        assert asked.pair(FRAMEWORK) == asked.pair(VERSION) == (0, 0)
        frameworks, messages = asked.pair(BODY)
        assert asked.u16(SIZE) == 8 + 4 * (frameworks + messages)
        offered = [asked.pair(0x24 + 4 * i) for i in range(frameworks + messages)]
        framework = next((one for one in FRAMEWORKS if one in offered[:frameworks]), None)
        version = next((one for one in versions if one in offered[frameworks:]), None)
        asked.put(SIZE, struct.pack("<H", 0x10))
        if framework is None or version is None:
            asked.put(BODY, struct.pack("<HH", 0, 0))
            self.answer(asked)
            return None
        asked.put(BODY, struct.pack("<HH", 1, 1))
        asked.put(0x24, struct.pack("<HHHH", *framework, *version))
        self.answer(asked)
        return version
