"""Watching a bus: what crosses its channels, told as it happens."""

from collections.abc import Callable
from enum import Enum

from .view import RingView


class Traffic(Enum):
    """What can cross a channel; in is from the guest."""

    PACKET_IN = "packet in"
    PACKET_OUT = "packet out"
    SIGNAL_IN = "signal in"
    SIGNAL_OUT = "signal out"


Observer = Callable[[str, Traffic, int, tuple[RingView, RingView] | None], None]
"""``observer(channel, traffic, ring_bytes, rings)``: the guest-to-host and the host-to-guest ring as they
are now; None while the channel is closed."""
