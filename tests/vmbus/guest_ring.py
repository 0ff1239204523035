"""A channel's rings from the guest's end, as a Linux driver works them. Constants of its own."""

import struct
from dataclasses import dataclass

from tests.vmbus.fakes import FakeMemory

PAGE = 4096

# Control page
WRITE, READ, MASK, PENDING, FEATURES = 0x00, 0x04, 0x08, 0x0C, 0x40

# Packet types
INBAND, XFER_PAGES, GPA_DIRECT, COMPLETION = 6, 7, 9, 11


@dataclass(frozen=True)
class GuestPacket:
    """What came out of the host-to-guest ring. ``header`` is what lies between descriptor and payload."""

    kind: int
    flags: int
    transaction_id: int
    header: bytes
    payload: bytes


class GuestRing:
    """Control page and data of one ring. Nothing here assumes that pages are neighbours."""

    def __init__(self, memory: FakeMemory, pages: list[int]) -> None:
        self.memory = memory
        self.pages = pages
        self.size = (len(pages) - 1) * PAGE
        for offset in (WRITE, READ, MASK, PENDING):
            self.store(offset, 0)
        self.store(FEATURES, 1)

    def word(self, offset: int) -> int:
        return int.from_bytes(self.memory.read(self.pages[0] * PAGE + offset, 4), "little")

    def store(self, offset: int, value: int) -> None:
        self.memory.write(self.pages[0] * PAGE + offset, value.to_bytes(4, "little"))

    def _address(self, at: int) -> int:
        at %= self.size
        return self.pages[1 + at // PAGE] * PAGE + at % PAGE

    def read(self, at: int, size: int) -> bytes:
        return b"".join(self.memory.read(self._address(at + i), 8) for i in range(0, size, 8))

    def write(self, at: int, data: bytes) -> None:
        for i in range(0, len(data), 8):
            self.memory.write(self._address(at + i), data[i : i + 8])

    def used(self) -> int:
        return (self.word(WRITE) - self.word(READ)) % self.size

    def free(self) -> int:
        return self.size - self.used()


def descriptor(
    kind: int, payload: bytes, transaction_id: int, flags: int = 0, header: bytes = b""
) -> bytes:
    """A whole packet, trailer excluded."""
    payload = payload.ljust(-(-len(payload) // 8) * 8, b"\0")
    start = 16 + len(header)
    lengths = (start // 8, (start + len(payload)) // 8)
    return struct.pack("<HHHHQ", kind, *lengths, flags, transaction_id) + header + payload


def produce(ring: GuestRing, packet: bytes) -> bool | None:
    """Put a packet into the guest-to-host ring. None: full; else whether the host must be signalled."""
    if ring.free() <= len(packet) + 8:
        return None
    old = ring.word(WRITE)
    ring.write(old, packet + struct.pack("<II", 0, old))
    ring.store(WRITE, (old + len(packet) + 8) % ring.size)
    return not ring.word(MASK) and old == ring.word(READ)


def consume(ring: GuestRing) -> tuple[GuestPacket, bool] | None:
    """Take a packet out of the host-to-guest ring; and whether the host waits for the room."""
    used = ring.used()
    if not used:
        return None
    read = ring.word(READ)
    kind, start, length, flags, transaction_id = struct.unpack("<HHHHQ", ring.read(read, 16))
    assert 2 <= start <= length, "descriptor offsets"
    assert length * 8 + 8 <= used, "packet beyond the write index"
    data = ring.read(read, length * 8 + 8)
    assert struct.unpack_from("<II", data, length * 8) == (0, read), "trailer"
    before = ring.free()
    ring.store(READ, (read + length * 8 + 8) % ring.size)
    pending = ring.word(PENDING)
    signal = bool(ring.word(FEATURES) & 1 and pending and before <= pending < ring.free())
    payload = data[start * 8 : length * 8]
    return GuestPacket(kind, flags, transaction_id, data[16 : start * 8], payload), signal
