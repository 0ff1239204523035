"""Packets of the GDB remote serial protocol: bytes in, packets out, and back.

Follows the GDB manual (13.1), appendix E.1 (Overview): ``$data#checksum``, escapes by ``}``,
acknowledgements by ``+`` and ``-``, and the lone byte 03 that interrupts a running target. Left out: run-
length encoding, which nobody has to use, and notifications, which only go to the debugger.
"""

from dataclasses import dataclass

MOST_BYTES = 16384
"""The longest packet taken or sent, without its frame."""

INTERRUPT = 0x03
_START, _END, _ESCAPE, _RUN = b"$#}*"
_FLIP = 0x20
_SPECIAL = bytes((_START, _END, _ESCAPE, _RUN))


@dataclass(frozen=True, slots=True)
class Packet:
    """What the debugger has sent; ``data`` is None for a broken one."""

    data: bytes | None


@dataclass(frozen=True, slots=True)
class Break:
    """The debugger wants the running target to stop."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """``good`` is False when the packet sent last is to be sent again."""

    good: bool


Event = Packet | Break | Acknowledgement


def escape(data: bytes) -> bytes:
    """Binary data as it may stand in a packet."""
    if not any(byte in _SPECIAL for byte in data):
        return data
    out = bytearray()
    for byte in data:
        if byte in _SPECIAL:
            out += bytes((_ESCAPE, byte ^ _FLIP))
        else:
            out.append(byte)
    return bytes(out)


def unescape(data: bytes) -> bytes:
    """The inverse of ``escape``; an escape with nothing behind it is dropped."""
    first, *rest = data.split(bytes((_ESCAPE,)))
    return first + b"".join(bytes((part[0] ^ _FLIP,)) + part[1:] for part in rest if part)


def frame(data: bytes) -> bytes:
    """``data``, escaped where it must be, with its checksum."""
    return b"$%b#%02x" % (data, sum(data) & 0xFF)


class PacketReader:
    """Cuts a stream of bytes into events. Whatever comes in, no more than one packet is kept."""

    def __init__(self) -> None:
        self._data: bytearray | None = None
        self._checksum: bytearray | None = None
        self._too_long = False

    def feed(self, received: bytes) -> list[Event]:
        """What ``received`` completes."""
        events: list[Event] = []
        for byte in received:
            event = self._outside(byte) if self._data is None else self._inside(byte)
            if event is not None:
                events.append(event)
        return events

    def _outside(self, byte: int) -> Event | None:
        if byte == _START:
            self._begin()
        elif byte == INTERRUPT:
            return Break()
        elif byte in b"+-":
            return Acknowledgement(byte == ord("+"))
        return None

    def _begin(self) -> None:
        self._data, self._checksum, self._too_long = bytearray(), None, False

    def _inside(self, byte: int) -> Event | None:
        assert self._data is not None
        if self._checksum is not None:
            self._checksum.append(byte)
            return self._finish() if len(self._checksum) == 2 else None
        if byte == _END:
            self._checksum = bytearray()
        elif byte == _START:  # the packet before it was cut off
            self._begin()
        elif len(self._data) < MOST_BYTES:
            self._data.append(byte)
        else:
            self._too_long = True
        return None

    def _finish(self) -> Packet:
        data, checksum = bytes(self._data or b""), bytes(self._checksum or b"")
        self._data = self._checksum = None
        if self._too_long or checksum.lower() != b"%02x" % (sum(data) & 0xFF):
            return Packet(None)
        return Packet(data)
