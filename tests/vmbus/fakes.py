"""Stand-ins for what the bus is given: guest memory, the SynIC, and a service that keeps a diary."""

from collections import deque
from collections.abc import Callable
from typing import Any
from uuid import UUID

from hv.vmbus.service import Channel, Offer, Packet

SINT2_MESSAGE = 1


class FakeMemory:
    """RAM from 0; beyond it reads are all ones and writes are lost."""

    def __init__(self, size: int = 32 << 20) -> None:
        self.bytes = bytearray(size)

    def read(self, gpa: int, size: int) -> bytes:
        if gpa >= len(self.bytes):
            return b"\xff" * size
        return bytes(self.bytes[gpa : gpa + size]).ljust(size, b"\xff")

    def write(self, gpa: int, data: bytes) -> None:
        if gpa < len(self.bytes):
            data = data[: len(self.bytes) - gpa]
            self.bytes[gpa : gpa + len(data)] = data


class FakeSynic:
    """SINT 2 of every processor: a queue of channel messages and a set of event flags."""

    def __init__(self) -> None:
        self.messages: dict[int, deque[bytes]] = {}
        self.flags: dict[int, set[int]] = {}
        self.log: list[tuple[str, int, bytes | int]] = []
        """("message", vp, payload) and ("event", vp, flag) in the order in which they came."""

    def post_message(self, vp: int, message_type: int, payload: bytes) -> None:
        assert message_type == SINT2_MESSAGE
        assert 8 <= len(payload) <= 240
        self.messages.setdefault(vp, deque()).append(payload)
        self.log.append(("message", vp, payload))

    def signal_event(self, vp: int, flag: int) -> None:
        assert 0 <= flag < 2048
        self.flags.setdefault(vp, set()).add(flag)
        self.log.append(("event", vp, flag))

    def forget_messages(self, vp: int) -> None:
        self.messages.pop(vp, None)


class Diary:
    """A service that writes down what happens to it; ``on_open`` and ``on_ready`` make it do things.

    By default it takes every packet and leaves it at that.
    """

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self.events: list[str] = []
        self.packets: list[Packet] = []
        self.channel: Channel | None = None
        self.on_open: Callable[[Channel], object] = lambda _channel: None
        self.on_ready: Callable[[Channel], object] = self.take_all

    def open(self, channel: Channel) -> None:
        self.events.append("open")
        self.channel = channel
        self.on_open(channel)

    def ready(self) -> None:
        self.events.append("ready")
        assert self.channel is not None
        self.on_ready(self.channel)

    def close(self) -> None:
        self.events.append("close")
        self.channel = None

    def take_all(self, channel: Channel) -> None:
        """Every packet that waits, into ``packets``."""
        while packet := channel.receive():
            self.packets.append(packet)


def offer(number: int = 1, *, name: str = "diary", pipe: bool = False, **rest: Any) -> Offer:
    """An offer of a device class of its own, instance ``number``."""
    return Offer(
        name,
        UUID("11111111-2222-3333-4455-66778899aabb"),
        UUID(int=number),
        pipe=pipe,
        **rest,
    )
