"""82093AA I/O APIC: 24 inputs, a redirection table, messages to local APICs.

Document: Intel 82093AA data sheet (order number 290566-001), section 3. Reached through two registers:
offset 0 selects, offset 10h is the window, 32 bits wide.

As the data sheet says, an edge on a masked input is lost, and a level-triggered input requests again when
the EOI message with its vector finds it still asserted. A level that no local APIC takes is offered again
when its entry is written or its input changes. An input that is driven high is asserted whatever its
polarity bit says: the bit is only kept. An entry that is made edge-triggered forgets its remote IRR, which
is how software ends an interrupt without a local APIC. Left out: SMI, and the serial bus with its
arbitration ID, which reads as the ID.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Protocol

from .apic_bus import ApicMessage, DeliveryMode

IOAPIC_PAGE = 0xFEC00000
PINS = 24
VERSION = (PINS - 1) << 16 | 0x11

SELECT, WINDOW = 0x00, 0x10


class Register(IntEnum):
    """What SELECT chooses. Every table entry has two: the low half first."""

    ID = 0x00
    VERSION = 0x01
    ARBITRATION = 0x02
    TABLE = 0x10


class Entry(IntFlag):
    """A redirection table entry, 64 bits."""

    VECTOR = 0xFF
    MODE = 7 << 8
    LOGICAL = 1 << 11
    STATUS = 1 << 12
    ACTIVE_LOW = 1 << 13
    REMOTE_IRR = 1 << 14
    LEVEL = 1 << 15
    MASKED = 1 << 16
    DESTINATION = 0xFF << 56


_U32 = 0xFFFFFFFF
_ID_WRITABLE = 0x0F000000
_WRITABLE = (
    Entry.VECTOR
    | Entry.MODE
    | Entry.LOGICAL
    | Entry.ACTIVE_LOW
    | Entry.LEVEL
    | Entry.MASKED
    | Entry.DESTINATION
).value
_MASKED, _LEVEL, _REMOTE_IRR = Entry.MASKED.value, Entry.LEVEL.value, Entry.REMOTE_IRR.value
_LOGICAL = Entry.LOGICAL.value
_LOWEST = DeliveryMode.LOWEST_PRIORITY.value
_ID, _VERSION = Register.ID.value, Register.VERSION.value
_ARBITRATION, _TABLE = Register.ARBITRATION.value, Register.TABLE.value
_TABLE_END = _TABLE + 2 * PINS


class Bus(Protocol):
    """The way to the local APICs (hv_devices.emulated.apic_bus.ApicBus)."""

    def send(self, message: ApicMessage) -> bool:
        """False when no local APIC took it."""


@dataclass(slots=True)
class State:
    """Everything the chip remembers. ``lines`` mirrors the pins, which others drive."""

    lines: int = 0
    select: int = 0
    id: int = 0
    table: list[int] = field(default_factory=lambda: [_MASKED] * PINS)


class Input:
    """One INTIN pin, as the device behind it sees it."""

    __slots__ = ("_chip", "_number")

    def __init__(self, chip: "I82093AA", number: int) -> None:
        self._chip = chip
        self._number = number

    def set(self, level: bool) -> None:
        self._chip.drive(self._number, level)


def _no_watcher(_unmasked: int) -> None:
    """Default for a door that nobody uses."""


class I82093AA:
    """``watch`` is told a mask of the inputs that could interrupt when it changed, so that a source nobody
    listens to needs no timer. Not called on construction.
    """

    def __init__(self, bus: Bus, *, watch: Callable[[int], None] = _no_watcher) -> None:
        self._bus = bus
        self._watch = watch
        self._inputs = [Input(self, number) for number in range(PINS)]
        self.state = State()

    def line(self, number: int) -> Input:
        """The input pin INTIN0 to INTIN23."""
        return self._inputs[number]

    def reset(self) -> None:
        """As after power-on, but that the pins are where their drivers hold them."""
        before = self.unmasked
        self.state = State(lines=self.state.lines)
        if before:
            self._watch(0)

    @property
    def unmasked(self) -> int:
        """Inputs whose change would send a message."""
        return sum(1 << pin for pin, entry in enumerate(self.state.table) if not entry & _MASKED)

    # The two registers.

    def read(self, offset: int, width: int) -> int:
        if offset == SELECT:
            return self.state.select
        if offset == WINDOW and width == 4:
            return self._read_selected()
        return (1 << 8 * width) - 1

    def write(self, offset: int, value: int, width: int) -> None:
        if offset == SELECT:
            self.state.select = value & 0xFF
        elif offset == WINDOW and width == 4:
            self._write_selected(value)

    def _read_selected(self) -> int:
        state = self.state
        select = state.select
        if _TABLE <= select < _TABLE_END:
            pin, half = divmod(select - _TABLE, 2)
            return state.table[pin] >> 32 * half & _U32
        return {_ID: state.id, _ARBITRATION: state.id, _VERSION: VERSION}.get(select, _U32)

    def _write_selected(self, value: int) -> None:
        state = self.state
        select = state.select
        if select == _ID:
            state.id = value & _ID_WRITABLE
        elif _TABLE <= select < _TABLE_END:
            self._write_entry(*divmod(select - _TABLE, 2), value)

    def _write_entry(self, pin: int, half: int, value: int) -> None:
        table = self.state.table
        before = table[pin]
        writable = _WRITABLE & _U32 << 32 * half
        entry = before & ~writable | value << 32 * half & writable
        if not entry & _LEVEL:
            entry &= ~_REMOTE_IRR
        table[pin] = entry
        if (entry ^ before) & _MASKED:
            self._watch(self.unmasked)
        self._serve_level(pin)

    # Interrupts.

    def drive(self, pin: int, level: bool) -> None:
        """An input pin is driven high or low."""
        state = self.state
        bit = 1 << pin
        if level == bool(state.lines & bit):
            return
        state.lines ^= bit
        entry = state.table[pin]
        if not level or entry & _MASKED:
            return
        if _is_level(entry):
            self._serve_level(pin)
        else:
            self._bus.send(_message(entry, level=False))

    def end_of_interrupt(self, vector: int) -> None:
        """The EOI message of a local APIC: ``vector`` was level-triggered."""
        for pin, entry in enumerate(self.state.table):
            if entry & _REMOTE_IRR and entry & 0xFF == vector:
                self.state.table[pin] = entry & ~_REMOTE_IRR
                self._serve_level(pin)

    def _serve_level(self, pin: int) -> None:
        """A level-triggered input requests while it is asserted and its last request has ended."""
        state = self.state
        entry = state.table[pin]
        if entry & (_MASKED | _REMOTE_IRR) or not state.lines >> pin & 1 or not _is_level(entry):
            return
        if self._bus.send(_message(entry, level=True)):
            state.table[pin] |= _REMOTE_IRR


def _is_level(entry: int) -> bool:
    """Only vectors can be level-triggered; NMI, INIT and ExtINT are edges whatever the entry says."""
    return bool(entry & _LEVEL) and (entry >> 8 & 7) <= _LOWEST


def _message(entry: int, *, level: bool) -> ApicMessage:
    logical = bool(entry & _LOGICAL)
    return ApicMessage(entry & 0xFF, entry >> 8 & 7, entry >> 56, logical, level, pin=True)
