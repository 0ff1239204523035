"""PCI bus 0 behind configuration mechanism #1: an address port and a data port, four bytes each.

After the PCI Local Bus Specification 2.1, 3.7.4.1, and the Intel 82441FX data sheet, 3.1 (CONFADD and
CONFDATA). Only a whole doubleword reaches the address; bytes and words at its place are no part of the
mechanism, so another chip may decode port CF9h. A function that is not there reads all ones and swallows
writes (master abort). Left out: mechanism #2, special cycles, buses behind bridges.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

_DWORD = 4
_ENABLE = 1 << 31
_KEPT = 0x80FFFFFC  # enable, bus, device, function, register; the rest is reserved
_BUS, _DEVICE, _FUNCTION, _REGISTER = (16, 0xFF), (11, 0x1F), (8, 0x07), (0, 0xFC)


class PciFunction(Protocol):
    """What the bus reaches: the configuration registers of one function."""

    def read(self, offset: int, width: int) -> int: ...

    def write(self, offset: int, value: int, width: int) -> None: ...


class PciSlot(NamedTuple):
    """Where a function sits on bus 0."""

    device: int
    function: int = 0


@dataclass(slots=True)
class State:
    """The address port."""

    address: int = 0


def _field(address: int, place: tuple[int, int]) -> int:
    shift, mask = place
    return address >> shift & mask


class PciBus:
    """The host bridge's two ports and the functions behind them."""

    def __init__(self, functions: Mapping[PciSlot, PciFunction]) -> None:
        self._functions = dict(functions)
        self.state = State()

    def reset(self) -> None:
        self.state = State()

    def read_address(self, offset: int, width: int) -> int:
        return self.state.address if width == _DWORD else (1 << 8 * width) - 1

    def write_address(self, offset: int, value: int, width: int) -> None:
        if width == _DWORD:
            self.state.address = value & _KEPT

    def read_data(self, offset: int, width: int) -> int:
        """``offset`` within the doubleword that the address port names."""
        inside = min(width, _DWORD - offset)
        ones = (1 << 8 * width) - 1
        function = self._selected()
        if function is None:
            return ones
        register = _field(self.state.address, _REGISTER) + offset
        return function.read(register, inside) | ones & ~((1 << 8 * inside) - 1)

    def write_data(self, offset: int, value: int, width: int) -> None:
        inside = min(width, _DWORD - offset)
        function = self._selected()
        if function is not None:
            register = _field(self.state.address, _REGISTER) + offset
            function.write(register, value & (1 << 8 * inside) - 1, inside)

    def _selected(self) -> PciFunction | None:
        address = self.state.address
        if not address & _ENABLE or _field(address, _BUS):
            return None
        return self._functions.get(PciSlot(_field(address, _DEVICE), _field(address, _FUNCTION)))
