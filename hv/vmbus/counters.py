"""What crossed a channel, counted since its service was put on the bus."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    messages: int = 0
    """Channel messages from the guest that named this channel."""
    opens: int = 0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    """Ring bytes: descriptors and trailers included."""
    signals_in: int = 0
    signals_out: int = 0
