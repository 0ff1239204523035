"""The contract between the bus and a virtualization service provider (VSP).

A service is handed an open channel and is told when there may be something to do. It does no ring
arithmetic and knows no message of the channel protocol; the bus knows nothing of what a service speaks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol
from uuid import UUID

MAX_USER_DATA = 120


class PacketKind(IntEnum):
    """Packet types that can cross a channel (vmpacket descriptor, type field)."""

    INBAND = 6
    XFER_PAGES = 7
    GPA_DIRECT = 9
    COMPLETION = 11


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered to the guest: a device of class ``interface``, this one being ``instance``.

    ``pipe``: messages carry a pipe header, which the channel adds and takes away. ``max_packet`` bounds
    an incoming packet's payload in bytes; a longer one ends the channel. ``sub_channel``: 0 is the device's
    own channel, others are more channels of the same instance.
    """

    name: str
    interface: UUID
    instance: UUID
    pipe: bool = False
    user_data: bytes = b""
    mmio_megabytes: int = 0
    sub_channel: int = 0
    max_packet: int = 0x4000


@dataclass(frozen=True, slots=True)
class GpaRange:
    """A guest buffer: ``byte_count`` bytes from ``byte_offset`` in the first of ``pages`` (frame numbers)."""

    byte_count: int
    byte_offset: int
    pages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TransferRange:
    """``byte_count`` bytes at ``byte_offset`` of a buffer that the guest shared before."""

    byte_count: int
    byte_offset: int


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet from the guest, copied out of the ring."""

    kind: int
    transaction_id: int
    wants_completion: bool
    payload: bytes
    ranges: tuple[GpaRange, ...] = field(default=())


class Channel(Protocol):
    """An open channel as its service sees it. Nothing here raises for what the guest did."""

    def receive(self, completion_size: int = 0) -> Packet | None:
        """The next packet, or None: the ring is empty, the channel has ended, or there is no room to
        answer: a packet that wants a completion is taken only when ``completion_size`` bytes of payload
        would fit into the other ring, where they are then reserved until ``complete``.
        """

    def complete(self, transaction_id: int, payload: bytes) -> None:
        """Answer a packet that wanted a completion; its room was reserved (ValueError: not that much).

        Every packet that wants one needs one, or the reserved room stays lost. Without effect for a
        packet that did not want one. Completions carry no pipe header.
        """

    def send(
        self, payload: bytes, *, transaction_id: int = 0, wants_completion: bool = False
    ) -> bool:
        """An in-band packet to the guest. False: no room now; ``Service.ready`` is called when there is."""

    def send_transfer(
        self,
        payload: bytes,
        page_set: int,
        ranges: Sequence[TransferRange],
        *,
        transaction_id: int,
    ) -> bool:
        """A packet that points into a shared buffer (``page_set``) and wants a completion.

        Otherwise as ``send``.
        """

    def buffer(self, gpadl: int) -> tuple[GpaRange, ...]:
        """The buffer that the guest shared under this handle; empty when there is none (any more).

        ``hv.vmbus.gpa.part`` cuts pieces out of it.
        """

    def read(self, ranges: Sequence[GpaRange], size: int) -> bytes:
        """Gather up to ``size`` bytes from guest buffers (short when they hold less)."""

    def write(self, ranges: Sequence[GpaRange], data: bytes) -> int:
        """Scatter ``data`` over guest buffers; the number of bytes that found room."""

    def fail(self, reason: str) -> None:
        """The guest broke the service's protocol beyond repair: end this channel, say why.

        ``Service.close`` follows, but never from within a call of the service's.
        """


class Service(Protocol):
    """A virtualization service provider: one device behind one channel."""

    @property
    def offer(self) -> Offer: ...

    def open(self, channel: Channel) -> None:
        """The guest opened the channel; state of an earlier opening is gone."""

    def ready(self) -> None:
        """The guest signalled: packets may wait, or room has appeared. May come without cause."""

    def close(self) -> None:
        """The channel is gone; ``open`` may come again."""

    def resume(self, channel: Channel) -> None:
        """The service's state was put back, and with it the channel that it had. Nothing moves."""
