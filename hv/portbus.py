"""The I/O port space: a dictionary from port to the chip that decodes it, filled at power-on.

Ports that a register of a chip moves or switches off are a ``PortWindow``, the only thing that changes later.
An access wider than its chip is split into bytes, as an ISA bridge does. A port nobody decodes reads all
ones and swallows writes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hv.errors import ConfigError
from hv.interfaces import PortRead, PortWrite

_LAST_PORT = 0xFFFF

ReadBlock = Callable[[int, int, int], bytes]
"""``read_block(offset, width, count)``: a whole REP INS at once."""
WriteBlock = Callable[[int, int, bytes], None]
"""``write_block(offset, width, data)``: a whole REP OUTS at once."""


@dataclass(frozen=True, slots=True)
class PortSlot:
    """One port as its chip decodes it."""

    device: str
    offset: int
    width: int
    read: PortRead
    write: PortWrite
    read_block: ReadBlock | None
    write_block: WriteBlock | None


class PortBus:
    """The port space of one partition."""

    def __init__(self) -> None:
        self._slots: dict[int, PortSlot] = {}

    def attach(
        self,
        device: str,
        port: int,
        count: int,
        read: PortRead,
        write: PortWrite,
        *,
        first_offset: int = 0,
        width: int = 1,
        read_block: ReadBlock | None = None,
        write_block: WriteBlock | None = None,
    ) -> None:
        """Let ``device`` decode ``count`` ports from ``port`` as its offsets from ``first_offset``.

        ``width`` is the widest access it takes whole. ConfigError when a port is taken.
        """
        for number in range(port, port + count):
            if number in self._slots:
                taken = self._slots[number].device
                raise ConfigError(f"port {number:#06x}: claimed by {taken} and by {device}")
            self._slots[number] = PortSlot(
                device, first_offset + number - port, width, read, write, read_block, write_block
            )

    def detach(self, port: int, count: int) -> None:
        """Let nobody decode ``count`` ports from ``port`` any more."""
        for number in range(port, port + count):
            self._slots.pop(number, None)

    def slot(self, port: int) -> PortSlot | None:
        """Who decodes ``port``."""
        return self._slots.get(port)

    def device_at(self, port: int) -> str:
        """The name statistics use for ``port``."""
        slot = self._slots.get(port)
        return slot.device if slot else "open bus"

    def read(self, port: int, width: int) -> int:
        """IN: ``width`` is 1, 2 or 4 bytes."""
        slot = self._slots.get(port)
        if slot is not None and width <= slot.width:
            return slot.read(slot.offset, width)
        if slot is None and width == 1:
            return 0xFF
        value = 0
        for i in range(width):
            slot = self._slots.get((port + i) & 0xFFFF)
            byte = slot.read(slot.offset, 1) if slot else 0xFF
            value |= (byte & 0xFF) << 8 * i
        return value

    def write(self, port: int, value: int, width: int) -> None:
        """OUT: ``width`` is 1, 2 or 4 bytes."""
        slot = self._slots.get(port)
        if slot is not None and width <= slot.width:
            slot.write(slot.offset, value, width)
            return
        for i in range(width):
            slot = self._slots.get((port + i) & 0xFFFF)
            if slot is not None:
                slot.write(slot.offset, value >> 8 * i & 0xFF, 1)

    def read_string(self, port: int, width: int, count: int) -> bytes:
        """``count`` INs from one port, as REP INS does them."""
        slot = self._slots.get(port)
        if slot is not None and slot.read_block is not None and width <= slot.width:
            return slot.read_block(slot.offset, width, count)
        return b"".join(self.read(port, width).to_bytes(width, "little") for _ in range(count))

    def write_string(self, port: int, width: int, data: bytes) -> None:
        """OUTs of all of ``data`` to one port, as REP OUTS does them."""
        slot = self._slots.get(port)
        if slot is not None and slot.write_block is not None and width <= slot.width:
            slot.write_block(slot.offset, width, data)
            return
        for i in range(0, len(data), width):
            self.write(port, int.from_bytes(data[i : i + width], "little"), width)


@dataclass(frozen=True, slots=True)
class WindowPorts:
    """Some ports of a window, with the arguments of ``PortBus.attach``; ``at`` counts from its base."""

    at: int
    count: int
    read: PortRead
    write: PortWrite
    first_offset: int = 0
    width: int = 1
    read_block: ReadBlock | None = None
    write_block: WriteBlock | None = None


class PortWindow:
    """Ports of one chip that come and go with its registers.

    The guest chooses where, so a port that is taken or does not exist is no mistake of ours: it stays
    what it was.
    """

    def __init__(self, bus: PortBus, device: str, *ports: WindowPorts) -> None:
        self._bus = bus
        self._device = device
        self._ports = ports
        self._open: list[int] = []

    def close(self) -> None:
        for port in self._open:
            self._bus.detach(port, 1)
        self._open.clear()

    def open(self, base: int) -> None:
        """Decode the ports from ``base`` on, and no others."""
        self.close()
        for part in self._ports:
            for index in range(part.count):
                self._claim(base + part.at + index, part, index)

    def _claim(self, port: int, part: WindowPorts, index: int) -> None:
        if port > _LAST_PORT or self._bus.slot(port) is not None:
            return
        self._bus.attach(
            self._device,
            port,
            1,
            part.read,
            part.write,
            first_offset=part.first_offset + index,
            width=part.width,
            read_block=part.read_block,
            write_block=part.write_block,
        )
        self._open.append(port)
