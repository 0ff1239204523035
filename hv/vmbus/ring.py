"""The two ring buffers of a channel, seen from the host.

Follows the VMBus ring layout that Linux publishes (include/linux/hyperv.h, drivers/hv/ring_buffer.c): a
control page, then data; every packet is followed by eight bytes that name where it began. The guest writes
its half of the control page whenever it likes, so each index is checked every time it is read, and ours
are kept here, never read back. Left out: monitor pages; masking the guest's signals while draining (the
guest does not run meanwhile).
"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from hv.interfaces import GuestMemory
from hv.types import PAGE_SIZE

from .service import GpaRange

_PAGE_SHIFT = 12
_PAGE_MASK = PAGE_SIZE - 1

MIN_RING_PAGES = 2
MAX_RING_PAGES = 1024
"""Control page included. Bounds the work that one signal can ask for."""

ALIGNMENT = 8
TRAILER = 8
DESCRIPTOR = 16


class Control(IntEnum):
    """Offsets in the control page, u32 each."""

    WRITE_INDEX = 0x00
    READ_INDEX = 0x04
    INTERRUPT_MASK = 0x08
    PENDING_SEND_SIZE = 0x0C
    FEATURES = 0x40


FEATURE_PENDING_SEND_SIZE = 1

_WRITE_INDEX, _READ_INDEX = Control.WRITE_INDEX.value, Control.READ_INDEX.value
_PENDING_SEND_SIZE, _FEATURES = Control.PENDING_SEND_SIZE.value, Control.FEATURES.value

_U32 = Struct("<I")
_WORDS = Struct("<IIII")
_SHAPE = Struct("<HHH")
_TRAILER = Struct("<Q")


class CorruptRing(Exception):
    """The guest left a ring in a state that no rule explains. Never leaves this package."""


class Ring:
    """Control page and data of one ring; data offsets wrap."""

    def __init__(self, memory: GuestMemory, pages: tuple[int, ...]) -> None:
        self.pages = pages
        self._memory = memory
        self._control = pages[0] << _PAGE_SHIFT
        self._data = [page << _PAGE_SHIFT for page in pages[1:]]
        self.size = len(self._data) * PAGE_SIZE

    def words(self) -> tuple[int, int, int, int]:
        """Write index, read index, interrupt mask, pending send size, as they are in memory now."""
        words: tuple[int, int, int, int] = _WORDS.unpack(
            self._memory.read(self._control, _WORDS.size)
        )
        return words

    def features(self) -> int:
        word: int = _U32.unpack(self._memory.read(self._control + _FEATURES, _U32.size))[0]
        return word

    def store(self, offset: int, value: int) -> None:
        """Write one word of the control page."""
        self._memory.write(self._control + offset, _U32.pack(value))

    def valid(self, index: int, name: str) -> int:
        """``index`` when it can be one."""
        if index >= self.size or index % ALIGNMENT:
            raise CorruptRing(f"{name} index {index:#x} in a ring of {self.size:#x} bytes")
        return index

    def read(self, offset: int, size: int) -> bytes:
        """``size`` data bytes from ``offset``; the caller knows that they fit."""
        within = offset & _PAGE_MASK
        if within + size <= PAGE_SIZE:
            return self._memory.read(self._data[offset >> _PAGE_SHIFT] + within, size)
        pieces = []
        while size:
            take = min(size, PAGE_SIZE - within)
            pieces.append(self._memory.read(self._data[offset >> _PAGE_SHIFT] + within, take))
            offset = (offset + take) % self.size
            size -= take
            within = 0
        return b"".join(pieces)

    def write(self, offset: int, data: bytes) -> None:
        """Store ``data`` from ``offset`` on; the caller knows that it fits."""
        at = 0
        while at < len(data):
            within = offset & _PAGE_MASK
            take = min(len(data) - at, PAGE_SIZE - within)
            gpa = self._data[offset >> _PAGE_SHIFT] + within
            self._memory.write(gpa, data[at : at + take])
            offset = (offset + take) % self.size
            at += take


@dataclass(frozen=True, slots=True)
class SavedRing:
    """Pages, control page first, and what the host remembers of a ring: its own index, room that is owed,
    room that somebody waits for.
    """

    pages: tuple[int, ...]
    index: int
    reserved: int = 0
    wanted: int = 0


class IncomingRing:
    """Guest to host. The read index is ours."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._read_index = 0
        ring.store(_READ_INDEX, 0)

    def save(self) -> SavedRing:
        return SavedRing(self._ring.pages, self._read_index)

    @classmethod
    def resumed(cls, ring: Ring, saved: SavedRing) -> "IncomingRing":
        """Go on with a ring; guest memory already says so."""
        new = cls.__new__(cls)
        new._ring, new._read_index = ring, saved.index
        return new

    @property
    def size(self) -> int:
        """Data bytes."""
        return self._ring.size

    def used(self) -> int:
        """Bytes that wait, as the guest's write index has it now."""
        ring = self._ring
        write_index = ring.valid(ring.words()[0], "write")
        return (write_index - self._read_index) % ring.size

    def peek(self, max_payload: int) -> bytes | None:
        """The next packet without its trailer, copied once; None when the ring is empty."""
        used = self.used()
        if not used:
            return None
        if used < DESCRIPTOR + TRAILER:
            raise CorruptRing(f"{used} bytes are no packet")
        ring = self._ring
        descriptor = ring.read(self._read_index, DESCRIPTOR)
        kind, start8, length8 = _SHAPE.unpack_from(descriptor)
        start, length = start8 * ALIGNMENT, length8 * ALIGNMENT
        if start < DESCRIPTOR or length < start or length + TRAILER > used:
            raise CorruptRing(
                f"packet of type {kind} claims data {start:#x} to {length:#x}, {used:#x} bytes wait"
            )
        if length - start > max_payload:
            raise CorruptRing(f"packet of {length - start} bytes where {max_payload} are allowed")
        rest = ring.read((self._read_index + DESCRIPTOR) % ring.size, length - DESCRIPTOR)
        return descriptor + rest

    def advance(self, length: int) -> bool:
        """Done with a packet of ``length`` bytes. True: the guest waits for the room this made."""
        ring = self._ring
        write_index, _, _, pending = ring.words()
        step = length + TRAILER
        free_before = ring.size - (ring.valid(write_index, "write") - self._read_index) % ring.size
        self._read_index = (self._read_index + step) % ring.size
        ring.store(_READ_INDEX, self._read_index)
        if not pending or not ring.features() & FEATURE_PENDING_SEND_SIZE:
            return False
        return free_before <= pending <= free_before + step


class OutgoingRing:
    """Host to guest. The write index and the pending send size are ours.

    Room can be set aside for completions that are still owed; ``put`` leaves that alone, ``put_owed`` uses
    it. What finds no room makes the ring wait: the guest is asked to signal when there is enough.
    """

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._write_index = 0
        self._reserved = 0
        self._wanted = 0
        """The least room that somebody waits for; 0: nobody."""
        ring.store(_WRITE_INDEX, 0)
        ring.store(_PENDING_SEND_SIZE, 0)
        ring.store(_FEATURES, ring.features() | FEATURE_PENDING_SEND_SIZE)

    def save(self) -> SavedRing:
        return SavedRing(self._ring.pages, self._write_index, self._reserved, self._wanted)

    @classmethod
    def resumed(cls, ring: Ring, saved: SavedRing) -> "OutgoingRing":
        """Go on with a ring; guest memory already says so."""
        new = cls.__new__(cls)
        new._ring, new._write_index = ring, saved.index
        new._reserved, new._wanted = saved.reserved, saved.wanted
        return new

    @property
    def size(self) -> int:
        """Data bytes."""
        return self._ring.size

    def used(self) -> int:
        """Bytes that the guest has not read yet."""
        ring = self._ring
        read_index = ring.valid(ring.words()[1], "read")
        return (self._write_index - read_index) % ring.size

    def _free(self) -> int:
        return self._ring.size - self.used()

    def reserve(self, length: int) -> bool:
        """Set aside room for a packet of ``length`` bytes. False: not now."""
        step = length + TRAILER
        if not self._has_room(step):
            return False
        self._reserved += step
        return True

    def put(self, packet: bytes) -> bool | None:
        """Send a packet (a multiple of 8 bytes). None: no room now; else whether to signal the guest."""
        if not self._has_room(len(packet) + TRAILER):
            return None
        return self._publish(packet)

    def put_owed(self, packet: bytes, reserved_length: int) -> bool:
        """Send a packet into room that was reserved. True: signal the guest."""
        step = len(packet) + TRAILER
        if self._free() <= step:
            raise CorruptRing("the read index went back over room that was free")
        self._reserved -= reserved_length + TRAILER
        return self._publish(packet)

    def wake(self) -> None:
        """The guest signalled: stop asking for room if there is enough now."""
        if self._wanted and self._free() - self._reserved > self._wanted:
            self._stop_asking()
        self._ask()

    def _has_room(self, step: int) -> bool:
        # Equality would make the ring full, and a full ring looks empty.
        if self._free() - self._reserved > step:
            if step >= self._wanted > 0:
                self._stop_asking()
            return True
        self._wanted = min(self._wanted or step, step)
        self._ask()
        return False

    def _stop_asking(self) -> None:
        self._wanted = 0
        self._ring.store(_PENDING_SEND_SIZE, 0)

    def _ask(self) -> None:
        """Tell the guest when to signal: once it makes ``_wanted`` bytes free beyond what is reserved.

        Some guests signal when free space passes the number, some when it reaches it; free space is a
        multiple of eight, so one more than "not enough" means the same to both. Room that is already
        there (a completion took less than its reservation) must still be announced by a signal: then
        the guest is asked to signal for the next packet that it takes.
        """
        if self._wanted:
            enough = max(self._wanted + self._reserved, self._free())
            self._ring.store(_PENDING_SEND_SIZE, enough + 1)

    def _publish(self, packet: bytes) -> bool:
        """Packet and trailer, then the index. Signals whenever the guest has not masked them.

        A guest that reads one packet per signal would wait for ever if only the step from empty to
        non-empty were announced; one signal too many does no harm.
        """
        ring = self._ring
        at = self._write_index
        ring.write(at, packet + _TRAILER.pack(at << 32))
        self._write_index = (at + len(packet) + TRAILER) % ring.size
        ring.store(_WRITE_INDEX, self._write_index)
        self._ask()
        return not ring.words()[2]


def ring_pages(
    ranges: tuple[GpaRange, ...], downstream_page: int
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The pages of both rings in a channel's ring buffer, the guest's outgoing one first; None: not rings."""
    if len(ranges) != 1:
        return None
    one = ranges[0]
    whole = one.byte_offset == 0 and one.byte_count % PAGE_SIZE == 0
    sizes = (downstream_page, len(one.pages) - downstream_page)
    if not whole or not all(MIN_RING_PAGES <= size <= MAX_RING_PAGES for size in sizes):
        return None
    return one.pages[:downstream_page], one.pages[downstream_page:]
