"""An open channel: the service's view of a pair of rings (hv.vmbus.service.Channel).

One object is one opening. It ends when the guest closes the channel, when the host takes the offer back or
when the guest breaks a rule; an ended channel stays around as an empty one that takes nothing, so whoever
still holds it may go on calling.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hv.interfaces import GuestMemory

from . import gpa, packet
from .counters import Counters
from .ring import TRAILER, CorruptRing, IncomingRing, OutgoingRing, SavedRing
from .service import GpaRange, Offer, Packet, PacketKind, TransferRange
from .traffic import Traffic
from .view import RingView

_INBAND, _XFER_PAGES = PacketKind.INBAND.value, PacketKind.XFER_PAGES.value
_COMPLETION = PacketKind.COMPLETION.value


@dataclass(frozen=True, slots=True)
class SavedChannel:
    """One opening. ``owed``: completions by transaction."""

    incoming: SavedRing
    outgoing: SavedRing
    owed: dict[int, list[int]]


class RingChannel:
    """Packets over two rings.

    ``signal`` reaches the guest, ``broken`` is told why the channel ended by itself, ``crossed`` hears of
    every packet, with its ring bytes, and of every signal to the guest.
    """

    def __init__(
        self,
        offer: Offer,
        memory: GuestMemory,
        incoming: IncomingRing,
        outgoing: OutgoingRing,
        counters: Counters,
        *,
        buffer: Callable[[int], tuple[GpaRange, ...]],
        signal: Callable[[], None],
        broken: Callable[[str], None],
        crossed: Callable[[Traffic, int], None],
    ) -> None:
        self._offer = offer
        self._memory = memory
        self._incoming = incoming
        self._outgoing = outgoing
        self._counters = counters
        self._buffer = buffer
        self._signal = signal
        self._broken = broken
        self._crossed = crossed
        self._max_payload = packet.padded(
            offer.max_packet + (packet.PIPE_HEADER if offer.pipe else 0)
        )
        self._owed: dict[int, list[int]] = {}
        """Payload bytes reserved for completions, by transaction."""
        self._ended = False

    def receive(self, completion_size: int = 0) -> Packet | None:
        if self._ended:
            return None
        try:
            return self._receive(completion_size)
        except CorruptRing as fault:
            self.fail(str(fault))
            return None

    def _receive(self, completion_size: int) -> Packet | None:
        data = self._incoming.peek(self._max_payload)
        if data is None:
            return None
        received = packet.parse(data)
        if self._offer.pipe and received.kind == _INBAND:
            message = packet.unframe(received.payload)
            received = Packet(
                received.kind, received.transaction_id, received.wants_completion, message
            )
        if received.wants_completion:
            if not self._outgoing.reserve(packet.inband_length(completion_size)):
                return None
            self._owed.setdefault(received.transaction_id, []).append(completion_size)
        if self._incoming.advance(len(data)):
            self._interrupt()
        self._counters.packets_in += 1
        self._counters.bytes_in += len(data) + TRAILER
        self._crossed(Traffic.PACKET_IN, len(data) + TRAILER)
        return received

    def complete(self, transaction_id: int, payload: bytes) -> None:
        owed = self._owed.get(transaction_id)
        if self._ended or not owed:
            return
        # A guest may give several packets one id: each answer takes the smallest room that holds it.
        sizes = [size for size in owed if size >= len(payload)]
        if not sizes:
            raise ValueError(f"completion of {len(payload)} bytes where {max(owed)} are reserved")
        reserved = min(sizes)
        owed.remove(reserved)
        if not owed:
            del self._owed[transaction_id]
        built = packet.build(_COMPLETION, payload, transaction_id, wants_completion=False)
        try:
            signal = self._outgoing.put_owed(built, packet.inband_length(reserved))
        except CorruptRing as fault:
            self.fail(str(fault))
            return
        self._sent(built, signal)

    def send(
        self, payload: bytes, *, transaction_id: int = 0, wants_completion: bool = False
    ) -> bool:
        if self._offer.pipe:
            payload = packet.frame(payload)
        return self._put(
            packet.build(_INBAND, payload, transaction_id, wants_completion=wants_completion)
        )

    def send_transfer(
        self,
        payload: bytes,
        page_set: int,
        ranges: Sequence[TransferRange],
        *,
        transaction_id: int,
    ) -> bool:
        header = packet.transfer_header(page_set, ranges)
        return self._put(
            packet.build(_XFER_PAGES, payload, transaction_id, wants_completion=True, header=header)
        )

    def buffer(self, gpadl: int) -> tuple[GpaRange, ...]:
        return () if self._ended else self._buffer(gpadl)

    def read(self, ranges: Sequence[GpaRange], size: int) -> bytes:
        return b"" if self._ended else gpa.gather(self._memory, ranges, size)

    def write(self, ranges: Sequence[GpaRange], data: bytes) -> int:
        return 0 if self._ended else gpa.scatter(self._memory, ranges, data)

    def fail(self, reason: str) -> None:
        if self._ended:
            return
        self.end()
        self._broken(reason)

    # For the bus

    def save(self) -> SavedChannel:
        return SavedChannel(self._incoming.save(), self._outgoing.save(), self._owed)

    def load(self, saved: SavedChannel) -> None:
        """What was owed when it was saved; its rings were resumed."""
        self._owed = saved.owed

    def end(self) -> None:
        """Nothing moves from here on."""
        self._ended = True
        self._owed.clear()

    def wake(self) -> None:
        """The guest signalled: something changed in either ring."""
        if self._ended:
            return
        try:
            self._outgoing.wake()
        except CorruptRing as fault:
            self.fail(str(fault))

    def rings(self) -> tuple[RingView, RingView]:
        """The guest-to-host and the host-to-guest ring, as they are now."""
        return _view(self._incoming), _view(self._outgoing)

    def _put(self, built: bytes) -> bool:
        if self._ended:
            return False
        try:
            signal = self._outgoing.put(built)
        except CorruptRing as fault:
            self.fail(str(fault))
            return False
        if signal is None:
            return False
        self._sent(built, signal)
        return True

    def _sent(self, built: bytes, signal: bool) -> None:
        self._counters.packets_out += 1
        self._counters.bytes_out += len(built) + TRAILER
        self._crossed(Traffic.PACKET_OUT, len(built) + TRAILER)
        if signal:
            self._interrupt()

    def _interrupt(self) -> None:
        self._counters.signals_out += 1
        self._crossed(Traffic.SIGNAL_OUT, 0)
        self._signal()


def _view(ring: IncomingRing | OutgoingRing) -> RingView:
    try:
        return RingView(ring.size, ring.used())
    except CorruptRing:
        return RingView(ring.size, None)
