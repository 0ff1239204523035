"""A guest without a processor: speaks the channel protocol to a bus the way Linux's driver does.

    guest = boot(service)                      # memory, SynIC, bus; connected; offers asked for
    channel = guest.open(guest.offers[0])      # rings shared, channel open
    tid = channel.send(b"...", wants_completion=True)
    assert channel.receive() == ...            # the host answers before send() returns

Buffers for GPA-direct packets: ``buffer = guest.buffer(0x3000, offset=0x200)``, ``channel.send(b"...",
buffers=[buffer])``, ``buffer.data()``. Pages are handed out in descending order, so that nothing that needs
neighbouring pages goes unnoticed. A channel in pipe mode frames and unframes its in-band messages.
Everything is asserted that a real driver would choke on. All constants are the guest's own.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from hv.vmbus.bus import Bus
from hv.vmbus.service import Service
from hv.vmbus.version import Version
from tests.vmbus.fakes import FakeMemory, FakeSynic
from tests.vmbus.guest_ring import (
    COMPLETION,
    GPA_DIRECT,
    INBAND,
    PAGE,
    GuestPacket,
    GuestRing,
    consume,
    descriptor,
    produce,
)

LATEST = 0x00050003

FIRST_CONTACT, MESSAGES = 4, 1
(
    OFFER,
    RESCIND,
    REQUEST_OFFERS,
    ALL_OFFERS,
    OPEN,
    OPEN_RESULT,
    CLOSE,
    GPADL_HEADER,
    GPADL_BODY,
    GPADL_CREATED,
    GPADL_TEARDOWN,
    GPADL_TORNDOWN,
    RELID_RELEASED,
    INITIATE_CONTACT,
    VERSION_RESPONSE,
    UNLOAD,
    UNLOAD_RESPONSE,
) = range(1, 18)
MODIFY, MODIFY_RESPONSE = 22, 24

LEAST_SIZE = {
    OFFER: 196,
    RESCIND: 12,
    OPEN_RESULT: 20,
    GPADL_CREATED: 20,
    GPADL_TORNDOWN: 12,
    VERSION_RESPONSE: 16,
    MODIFY_RESPONSE: 16,
}
"""A shorter message is one that Linux drops."""

HEADER_PAGES, BODY_PAGES = 26, 28
PIPE_FLAG = 0x10
FIRST_GPADL = 0xE1E10


@dataclass(frozen=True)
class GuestOffer:
    """OFFERCHANNEL as the guest understood it."""

    interface: UUID
    instance: UUID
    flags: int
    mmio_megabytes: int
    user_data: bytes
    sub_channel: int
    relid: int
    monitor_id: int
    monitor_allocated: int
    dedicated: int
    connection_id: int

    @property
    def pipe(self) -> bool:
        return bool(self.flags & PIPE_FLAG)

    @classmethod
    def parse(cls, message: bytes) -> "GuestOffer":
        flags, mmio = struct.unpack_from("<HH", message, 0x38)
        sub, _, relid, monitor, allocated, dedicated, connection = struct.unpack_from(
            "<HHIBBHI", message, 0xB4
        )
        return cls(
            UUID(bytes_le=message[0x08:0x18]),
            UUID(bytes_le=message[0x18:0x28]),
            flags,
            mmio,
            message[0x3C:0xB4],
            sub,
            relid,
            monitor,
            allocated,
            dedicated,
            connection,
        )


@dataclass(frozen=True)
class Buffer:
    """Guest memory for a GPA-direct packet or a GPADL."""

    memory: FakeMemory
    pages: list[int]
    offset: int
    size: int

    def range(self) -> bytes:
        """As packets and GPADLs describe it."""
        return struct.pack(f"<II{len(self.pages)}Q", self.size, self.offset, *self.pages)

    def data(self) -> bytes:
        whole = b"".join(self.memory.read(page * PAGE, PAGE) for page in self.pages)
        return whole[self.offset : self.offset + self.size]

    def fill(self, data: bytes) -> "Buffer":
        """Put ``data`` at the start of the buffer."""
        whole = bytearray(b"".join(self.memory.read(page * PAGE, PAGE) for page in self.pages))
        whole[self.offset : self.offset + len(data)] = data
        for i, page in enumerate(self.pages):
            self.memory.write(page * PAGE, bytes(whole[i * PAGE : (i + 1) * PAGE]))
        return self


@dataclass
class FakeGuest:
    """The guest's bus driver. ``inbox`` keeps messages that nobody waited for."""

    bus: Bus
    memory: FakeMemory
    synic: FakeSynic
    vp: int = 0
    version: int = 0
    offers: list[GuestOffer] = field(default_factory=list)
    inbox: list[bytes] = field(default_factory=list)
    _next_page: int = 0
    _next_gpadl: int = FIRST_GPADL

    def __post_init__(self) -> None:
        self._next_page = len(self.memory.bytes) // PAGE

    # Memory

    def pages(self, count: int) -> list[int]:
        """``count`` fresh page numbers, none followed by its neighbour."""
        self._next_page -= count
        assert self._next_page > 0, "out of guest memory"
        return list(range(self._next_page + count - 1, self._next_page - 1, -1))

    def buffer(self, size: int, offset: int = 0, data: bytes = b"") -> Buffer:
        pages = self.pages(-(-(offset + size) // PAGE))
        return Buffer(self.memory, pages, offset, size).fill(data)

    # Messages

    def post(self, message_type: int, body: bytes = b"", connection: int = MESSAGES) -> bool:
        """Send a channel message."""
        return self.bus.message(connection, 1, struct.pack("<II", message_type, 0) + body)

    def poll(self) -> list[bytes]:
        """Take what the host has posted: offers and rescinds are acted on, the rest goes to ``inbox``."""
        queue = self.synic.messages.get(self.vp)
        fresh = []
        while queue:
            message = queue.popleft()
            kind = struct.unpack_from("<I", message)[0]
            assert len(message) >= LEAST_SIZE.get(kind, 8), f"message {kind} too short"
            fresh.append(message)
            if kind == OFFER:
                self.offers.append(GuestOffer.parse(message))
            elif kind == RESCIND:
                relid = struct.unpack_from("<I", message, 8)[0]
                self.offers = [one for one in self.offers if one.relid != relid]
        self.inbox += fresh
        return fresh

    def expect(self, message_type: int) -> bytes:
        """The oldest message of that type; it must be there."""
        self.poll()
        for message in self.inbox:
            if struct.unpack_from("<I", message)[0] == message_type:
                self.inbox.remove(message)
                return message
        raise AssertionError(f"no message {message_type} in {[one.hex() for one in self.inbox]}")

    def connect(self, version: int = LATEST, interrupt_page: int = 0) -> bool:
        """INITIATE_CONTACT. False: the host does not speak ``version``."""
        modern = version >= 0x00050000
        target = 2 if modern else interrupt_page
        body = struct.pack("<IIQQQ", version, self.vp, target, 0x10203000, 0x10204000)
        assert self.post(INITIATE_CONTACT, body, FIRST_CONTACT if modern else MESSAGES)
        supported, state = struct.unpack_from("<BB", self.expect(VERSION_RESPONSE), 8)
        self.version = version if supported and not state else 0
        self.offers.clear()
        return bool(self.version)

    def request_offers(self) -> list[GuestOffer]:
        self.post(REQUEST_OFFERS)
        self.expect(ALL_OFFERS)
        return self.offers

    def unload(self) -> None:
        self.post(UNLOAD)
        self.expect(UNLOAD_RESPONSE)

    def release(self, relid: int) -> None:
        """RELID_RELEASED, after a rescind."""
        self.post(RELID_RELEASED, struct.pack("<I", relid))

    # GPADLs

    def share(self, relid: int, buffer: Buffer) -> int:
        """Make a GPADL of a buffer, as many messages as it takes; its handle."""
        handle = self._next_gpadl
        self._next_gpadl += 1
        status = self.try_share(relid, handle, buffer.range())
        assert status == 0, f"GPADL refused: {status:#x}"
        return handle

    def try_share(self, relid: int, handle: int, ranges: bytes, count: int = 1) -> int:
        """The same with any bytes as ranges; the host's status."""
        first = 8 + 8 * HEADER_PAGES
        header = struct.pack("<IIHH", relid, handle, len(ranges), count)
        self.post(GPADL_HEADER, header + ranges[:first])
        for at in range(first, len(ranges), 8 * BODY_PAGES):
            body = ranges[at : at + 8 * BODY_PAGES]
            self.post(GPADL_BODY, struct.pack("<II", 0, handle) + body)
        created = struct.unpack_from("<III", self.expect(GPADL_CREATED), 8)
        assert created[:2] == (relid, handle)
        return int(created[2])

    def tear_down(self, relid: int, handle: int) -> None:
        self.post(GPADL_TEARDOWN, struct.pack("<II", relid, handle))
        assert struct.unpack_from("<I", self.expect(GPADL_TORNDOWN), 8) == (handle,)

    # Channels

    def open(
        self, offer: GuestOffer, pages: int = 9, upstream_pages: int | None = None, vp: int = 0
    ) -> "GuestChannel":
        """Share rings of ``pages`` each (control page included) and open the channel."""
        upstream = pages if upstream_pages is None else upstream_pages
        buffer = self.buffer((upstream + pages) * PAGE)
        handle = self.share(offer.relid, buffer)
        channel = GuestChannel(
            self,
            offer,
            handle,
            GuestRing(self.memory, buffer.pages[:upstream]),
            GuestRing(self.memory, buffer.pages[upstream:]),
            vp,
        )
        status = self.try_open(offer.relid, handle, upstream, vp)
        assert status == 0, f"OPENCHANNEL refused: {status:#x}"
        return channel

    def try_open(self, relid: int, gpadl: int, downstream_page: int, vp: int = 0) -> int:
        """OPENCHANNEL; the host's status."""
        body = struct.pack("<IIIII120x", relid, relid, gpadl, vp, downstream_page)
        self.post(OPEN, body)
        result = struct.unpack_from("<III", self.expect(OPEN_RESULT), 8)
        assert result[:2] == (relid, relid)
        return int(result[2])


@dataclass
class GuestChannel:
    """An open channel from the guest's end. ``autosignal`` off: ``signal`` by hand."""

    guest: FakeGuest
    offer: GuestOffer
    gpadl: int
    outgoing: GuestRing
    incoming: GuestRing
    vp: int
    autosignal: bool = True
    _next_transaction: int = 1

    def send(
        self,
        payload: bytes,
        *,
        transaction_id: int | None = None,
        wants_completion: bool = False,
        buffers: list[Buffer] | None = None,
    ) -> int:
        """An in-band packet, or a GPA-direct one when there are buffers; its transaction id.

        The ring must have room.
        """
        if transaction_id is None:
            transaction_id = self._next_transaction
            self._next_transaction += 1
        kind, header = INBAND, b""
        if buffers is not None:
            kind = GPA_DIRECT
            header = struct.pack("<II", 0, len(buffers)) + b"".join(b.range() for b in buffers)
        elif self.offer.pipe:
            payload = struct.pack("<II", 1, len(payload)) + payload
        packet = descriptor(kind, payload, transaction_id, int(wants_completion), header)
        assert self.put(packet), "ring full"
        return transaction_id

    def complete(self, transaction_id: int, payload: bytes) -> None:
        """Answer a packet of the host's."""
        assert self.put(descriptor(COMPLETION, payload, transaction_id)), "ring full"

    def put(self, packet: bytes) -> bool:
        """Any bytes as a packet (trailer excluded), signalled when Linux would. False: no room."""
        signal = produce(self.outgoing, packet)
        if signal and self.autosignal:
            self.signal()
        return signal is not None

    def signal(self) -> None:
        assert self.guest.bus.event(self.offer.connection_id)

    def receive(self) -> GuestPacket | None:
        """The next packet of the host's; in pipe mode an in-band payload comes without its header."""
        taken = consume(self.incoming)
        if taken is None:
            return None
        packet, host_waits = taken
        if host_waits and self.autosignal:
            self.signal()
        if self.offer.pipe and packet.kind == INBAND:
            kind, length = struct.unpack_from("<II", packet.payload)
            assert kind == 1, "pipe type"
            assert length + 8 <= len(packet.payload), "pipe length"
            message = packet.payload[8 : 8 + length]
            packet = GuestPacket(
                packet.kind, packet.flags, packet.transaction_id, packet.header, message
            )
        return packet

    def receive_all(self) -> list[GuestPacket]:
        packets = []
        while packet := self.receive():
            packets.append(packet)
        return packets

    def interrupted(self) -> bool:
        """Whether the event flag was set since the last time."""
        flags = self.guest.synic.flags.get(self.vp, set())
        was = self.offer.relid in flags
        flags.discard(self.offer.relid)
        return was

    def close(self) -> None:
        """CLOSECHANNEL, then the ring is torn down."""
        self.guest.post(CLOSE, struct.pack("<I", self.offer.relid))
        self.guest.tear_down(self.offer.relid, self.gpadl)


def power_on(
    *services: Service,
    memory: FakeMemory | None = None,
    versions: Collection[Version] = tuple(Version),
) -> FakeGuest:
    """A guest on a bus with these services; not connected."""
    memory = memory or FakeMemory()
    synic = FakeSynic()
    bus = Bus(memory, synic, versions=versions)
    for service in services:
        bus.offer(service)
    return FakeGuest(bus, memory, synic)


def boot(
    *services: Service,
    version: int = LATEST,
    interrupt_page: int = 0,
    memory: FakeMemory | None = None,
) -> FakeGuest:
    """A guest on a bus with these services, connected and told of all of them."""
    guest = power_on(*services, memory=memory)
    assert guest.connect(version, interrupt_page)
    guest.request_offers()
    return guest
