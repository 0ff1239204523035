"""What a register is for and what its bits say, where a port or address has one: words for ``hv walk``.

Names are those of the data sheets that the chips' own files cite; ports are where every PC has them.
"""

from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import NamedTuple

from hv_devices.emulated import ata_registers as ata
from hv_devices.emulated import bus_master_ide as bm

Decode = Callable[[int], str]


def _as_number(_value: int) -> str:
    return ""


class Register(NamedTuple):
    """What reading and what writing a register is; ``of_read`` and ``of_write`` spell out values."""

    when_read: str = ""
    when_written: str = ""
    of_read: Decode = _as_number
    of_write: Decode = _as_number

    def name(self, *, reading: bool) -> str:
        """What the register is called in this direction; empty for one that has no name here."""
        return self.when_read if reading else self.when_written

    def told(self, value: int, *, reading: bool) -> str:
        """What ``value`` says; empty for a plain number."""
        return self.of_read(value) if reading else self.of_write(value)


def _bits(flags: type[IntFlag]) -> Decode:
    """The names of the bits that are set, highest first."""
    names = [(flag.value, flag.name or "") for flag in reversed(flags)]

    def decode(value: int) -> str:
        return " ".join(name for bit, name in names if value & bit) or "0"

    return decode


def _code(codes: type[IntEnum]) -> Decode:
    names = {code.value: (code.name or "").replace("_", " ") for code in codes}
    return lambda value: names.get(value, "")


_NON_SPECIFIC_EOI, _OCW2_COMMAND, _INIT, _OCW3 = 0x20, 0xE0, 0x10, 0x08


def _i8259a_command(value: int) -> str:
    if value & _INIT:
        return "ICW1"
    if value & _OCW3:
        return "OCW3"
    return "end of interrupt" if value & _OCW2_COMMAND == _NON_SPECIFIC_EOI else "OCW2"


_ATA_STATUS = _bits(ata.Status)
_I8259A_COMMAND = Register("request or service", "command", of_write=_i8259a_command)

_IDE = {
    0: Register("data", "data"),
    1: Register("error", "features", _bits(ata.Error), _code(ata.Feature)),
    2: Register("sector count", "sector count"),
    3: Register("LBA 7-0", "LBA 7-0"),
    4: Register("LBA 15-8", "LBA 15-8"),
    5: Register("LBA 23-16", "LBA 23-16"),
    6: Register("device, LBA 27-24", "device, LBA 27-24", _bits(ata.Device), _bits(ata.Device)),
    7: Register("status", "command", _ATA_STATUS, _code(ata.Command)),
}
_IDE_CONTROL = Register(
    "alternate status", "device control", _ATA_STATUS, of_write=_bits(ata.Control)
)
_SERIAL = {
    0: Register("receive buffer", "transmit holding"),
    1: Register("interrupt enable", "interrupt enable"),
    2: Register("interrupt identification", "FIFO control"),
    3: Register("line control", "line control"),
    4: Register("modem control", "modem control"),
    5: Register("line status", "factory test"),
    6: Register("modem status", "not used"),
    7: Register("scratch", "scratch"),
}
_COUNTERS = {
    number: Register(f"counter {number}, or its latch", f"counter {number}") for number in range(3)
}


def _at(base: int, registers: dict[int, Register]) -> dict[int, Register]:
    return {base + offset: register for offset, register in registers.items()}


PORTS: dict[int, Register] = {
    0x20: _I8259A_COMMAND,
    0x21: Register("mask", "mask"),
    **_at(0x40, _COUNTERS),
    0x43: Register("", "control word or latch"),
    0x60: Register("output buffer", "data to the keyboard"),
    0x61: Register("port B", "port B"),
    0x64: Register("status", "command"),
    0x70: Register("", "index"),
    0x71: Register("the register chosen", "the register chosen"),
    0xA0: _I8259A_COMMAND,
    0xA1: Register("mask", "mask"),
    **_at(0x170, _IDE),
    **_at(0x1F0, _IDE),
    **_at(0x2F8, _SERIAL),
    0x376: _IDE_CONTROL,
    0x3F6: _IDE_CONTROL,
    **_at(0x3F8, _SERIAL),
    0x608: Register("power management timer", ""),
}
"""Ports that are the same on every PC, and the ACPI registers where this board puts them."""

WINDOWS: dict[tuple[str, int], Register] = {
    ("bus master ide", bm.Register.COMMAND): Register(
        "command", "command", _bits(bm.Command), _bits(bm.Command)
    ),
    ("bus master ide", bm.Register.STATUS): Register(
        "status", "clear", _bits(bm.Status), _bits(bm.Status)
    ),
    ("bus master ide", bm.Register.TABLE): Register("table", "address of the region table"),
    ("local apic", 0x0B0): Register("", "end of interrupt"),
    ("local apic", 0x320): Register("timer's vector", "timer's vector"),
    ("local apic", 0x380): Register("initial count", "initial count"),
    ("local apic", 0x390): Register("current count", ""),
    ("i82093aa", 0x00): Register("register chosen", "choose a register"),
    ("i82093aa", 0x10): Register("the register chosen", "the register chosen"),
}
"""Registers by chip and offset, where ports or addresses are the guest's choice."""


def register_at(device: str, offset: int, port: int | None = None) -> Register:
    """The register of ``device`` at its own ``offset``, or at ``port``; one without a name if it has none."""
    found = WINDOWS.get((device, offset))
    if found is None and port is not None:
        found = PORTS.get(port)
    return found or Register()
