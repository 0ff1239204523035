"""The I/O port space: a dictionary from port to the chip that decodes it, filled at power-on.

An access wider than its chip is split into bytes, as an ISA bridge does. A port nobody decodes reads all
ones and swallows writes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hv.errors import ConfigError
from hv.interfaces import PortRead, PortWrite

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
