"""What can be seen of a bus from outside: plain data, a copy, for reports and for people."""

from dataclasses import dataclass

from .counters import Counters


@dataclass(frozen=True, slots=True)
class RingView:
    size: int
    waiting: int | None
    """Bytes that were not read yet; None: the guest's index is none."""


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One service and its channel."""

    name: str
    interface: str
    instance: str
    sub_channel: int
    state: str
    relid: int
    """0 while the guest has not been offered it."""
    connection_id: int
    target_vp: int
    gpadls: int
    guest_to_host: RingView | None
    """None while the channel is not open."""
    host_to_guest: RingView | None
    counters: Counters
    failure: str
    """Why the channel broke last; empty: it never did."""


@dataclass(frozen=True, slots=True)
class BusView:
    """The connection and every channel, in the order of their services."""

    version: str | None
    """As "5.3"; None while no guest is connected."""
    target_vp: int
    offers_requested: bool
    gpadl_pages: int
    messages: int
    refused: int
    """Messages that led to nothing, or only to a failure as answer."""
    last_failure: str
    channels: tuple[ChannelView, ...]
