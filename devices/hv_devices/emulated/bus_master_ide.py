"""One channel of a bus master IDE controller: a command, a status and a table of memory regions.

After SFF-8038i revision 1.0 (Bus Master Programming Interface for IDE ATA Controllers) and the Intel
82371SB (PIIX3) data sheet (290550-002), 2.7. The table is read entry by entry as the drive moves data.

How a command ends (data sheet, "interrupt/activity status combinations"):

* regions as large as the transfer: interrupt, not active;
* regions larger: interrupt, still active until software stops the engine;
* regions smaller: not active, no interrupt, and the drive waits for ever with DRQ;
* an address where nobody answers: error, not active, no interrupt from the engine.

The address counters have 16 bits: a table or a region that leaves its 64 KiB, which the documents forbid,
goes on at its beginning. Left out: FIFO and PCI timing; data moves the moment both sides are ready.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from struct import Struct
from typing import NamedTuple, Protocol

from hv.interfaces import GuestMemory
from hv.irq import Wire

SIZE = 8
"""Ports of one channel."""


class Register(IntEnum):
    """Offsets within the channel's ports; the others are reserved and read 0."""

    COMMAND = 0  # BMICX
    STATUS = 2  # BMISX
    TABLE = 4  # BMIDTPX, four bytes


class Command(IntFlag):
    """BMICX."""

    START = 1 << 0
    TO_MEMORY = 1 << 3  # the bus master writes; not to be changed while it is active


class Status(IntFlag):
    """BMISX."""

    ACTIVE = 1 << 0
    ERROR = 1 << 1  # writing 1 clears it
    INTERRUPT = 1 << 2  # the drive's wire has risen; writing 1 clears it
    DRIVE_0_DMA = 1 << 5  # for software's own use
    DRIVE_1_DMA = 1 << 6


_COMMAND, _STATUS, _TABLE = Register.COMMAND.value, Register.STATUS.value, Register.TABLE.value
_START, _TO_MEMORY = Command.START.value, Command.TO_MEMORY.value
_COMMAND_BITS = _START | _TO_MEMORY
_ACTIVE, _ERROR, _INTERRUPT = Status.ACTIVE.value, Status.ERROR.value, Status.INTERRUPT.value
_CLEARED_BY_ONE = _ERROR | _INTERRUPT
_SOFTWARES = (Status.DRIVE_0_DMA | Status.DRIVE_1_DMA).value

_ENTRY = Struct("<IHH")
_WORD = _ENTRY.size // 2
_END_OF_TABLE = 1 << 15  # of an entry's last word
_PAGE_OFFSET = 0xFFFF  # what a 16-bit counter counts
_WHOLE = 0x10000


class DmaDevice(Protocol):
    """The drive's side of the cable while it asserts DMARQ."""

    def dma_ready(self, to_memory: bool) -> int:
        """How many bytes the drive can move in this direction now."""

    def dma_take(self, size: int) -> bytes:
        """That many bytes for memory, at most as many as are ready."""

    def dma_give(self, data: bytes) -> None:
        """Bytes from memory, at most as many as the drive is ready for."""


class BusMemory(GuestMemory, Protocol):
    """Memory as the PCI bus has it: an address may be nobody's."""

    def claimed(self, gpa: int, size: int) -> int:
        """How many of ``size`` bytes from ``gpa`` on somebody answers for."""


class Region(NamedTuple):
    """What an entry of the table describes."""

    base: int
    size: int
    last: bool


@dataclass(slots=True)
class State:
    """One channel's registers and where its engine is in the table."""

    command: int = 0
    status: int = 0
    table: int = 0
    entry: int = 0  # address of the entry to read next
    to_memory: bool = False
    address: int = 0  # of the next byte of the region
    left: int = 0  # bytes of the region still to move
    last: bool = False


class BusMasterIde:
    """One channel's engine. ``dmarq`` and ``intrq`` are the wires it has from the cable."""

    SAVED = {"_granted": bool}

    def __init__(self, memory: BusMemory, aborted: Callable[[], None]) -> None:
        self._memory = memory
        self._aborted = aborted
        self._device: DmaDevice | None = None
        self._granted = False
        self.dmarq = Wire(self._request_changed)
        self.intrq = Wire(self._interrupt_changed)
        self.state = State()

    def connect(self, device: DmaDevice) -> None:
        """Plug in the cable."""
        self._device = device

    def reset(self) -> None:
        self.state = State()

    def grant(self, granted: bool) -> None:
        """Whether the function may master the bus; without it an active engine waits."""
        self._granted = granted
        self._move()

    # Ports. Every width is allowed.

    def read(self, offset: int, width: int) -> int:
        s = self.state
        registers = bytes((s.command, 0, s.status, 0)) + s.table.to_bytes(4, "little")
        value = int.from_bytes(registers[offset : offset + width], "little")
        beyond = max(offset + width - SIZE, 0)
        return value | ((1 << 8 * beyond) - 1) << 8 * (width - beyond)

    def write(self, offset: int, value: int, width: int) -> None:
        for at in range(offset, min(offset + width, SIZE)):
            byte = value >> 8 * (at - offset) & 0xFF
            if at >= _TABLE:
                self._write_table(8 * (at - _TABLE), byte)
            elif at == _STATUS:
                self._write_status(byte)
            elif at == _COMMAND:
                self._write_command(byte)

    def _write_table(self, shift: int, byte: int) -> None:
        s = self.state
        s.table = (s.table & ~(0xFF << shift) | byte << shift) & ~0b11

    def _write_status(self, value: int) -> None:
        s = self.state
        kept = s.status & ~_SOFTWARES & ~(value & _CLEARED_BY_ONE)
        s.status = kept | value & _SOFTWARES

    def _write_command(self, value: int) -> None:
        s = self.state
        before = s.command
        if s.status & _ACTIVE:
            value = value & ~_TO_MEMORY | before & _TO_MEMORY
        s.command = value & _COMMAND_BITS
        if not value & _START:
            s.status &= ~_ACTIVE
            s.left = 0
        elif not before & _START:
            self._start()

    def _start(self) -> None:
        s = self.state
        s.status |= _ACTIVE
        s.to_memory = bool(s.command & _TO_MEMORY)
        s.entry = s.table
        s.left, s.last = 0, False
        self._move()

    # Wires

    def _interrupt_changed(self, level: bool) -> None:
        if level:
            self.state.status |= _INTERRUPT

    def _request_changed(self, level: bool) -> None:
        if level:
            self._move()

    # The engine

    def _move(self) -> None:
        """Go on until the drive has no more, the table ends, or nobody answers."""
        s, device = self.state, self._device
        if not self._granted or device is None:
            return
        while s.status & _ACTIVE:
            if not s.left:
                self._next_region()
            elif not self._move_piece(device):
                return

    def _next_region(self) -> None:
        s, memory = self.state, self._memory
        words = (s.entry, _counted(s.entry, _WORD))
        if any(memory.claimed(at, _WORD) < _WORD for at in words):
            self._abort()
            return
        s.address, s.left, s.last = _region(b"".join(memory.read(at, _WORD) for at in words))
        s.entry = _counted(words[1], _WORD)

    def _move_piece(self, device: DmaDevice) -> bool:
        """As much of the region as can move in one go; False when the drive can move nothing now.

        A region that passes the end of its 64 KiB has two pieces.
        """
        s, memory = self.state, self._memory
        piece = min(s.left, _WHOLE - (s.address & _PAGE_OFFSET))
        wanted = min(piece, device.dma_ready(s.to_memory))
        answered = memory.claimed(s.address, wanted)
        if answered and s.to_memory:
            memory.write(s.address, device.dma_take(answered))
        elif answered:
            device.dma_give(memory.read(s.address, answered))
        s.address = _counted(s.address, answered)
        s.left -= answered
        if answered < wanted:
            self._abort()
        elif s.last and not s.left:
            s.status &= ~_ACTIVE
        return wanted > 0

    def _abort(self) -> None:
        self.state.status = self.state.status & ~_ACTIVE | _ERROR
        self._aborted()


def _region(entry: bytes) -> Region:
    """Bit 0 of base and of size do not exist; size 0 is 64 KiB."""
    base, size, flags = _ENTRY.unpack(entry)
    return Region(base & ~1, size & ~1 or _WHOLE, bool(flags & _END_OF_TABLE))


def _counted(address: int, size: int) -> int:
    return address & ~_PAGE_OFFSET | address + size & _PAGE_OFFSET
