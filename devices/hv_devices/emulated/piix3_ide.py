"""Intel 82371SB (PIIX3), function 1: the IDE interface's configuration registers.

Document: Intel 82371FB (PIIX) and 82371SB (PIIX3) data sheet (290550-002), 2.3. The interface is in legacy
mode: its two channels are at the addresses and interrupts of the AT, each one decoded when its IDETIM says
so, and only the bus master registers (``bus_master_ide``) move with a base address. The chip tells the
board by ``changed`` when what it decodes, or whether it may master the bus, is new. Left out: transfer
timing, which IDETIM and SIDETIM keep without effect.
"""

from collections.abc import Callable

from .pci_config import (
    Command,
    ConfigRegister,
    ConfigSpace,
    Header,
    Identity,
    Status,
    identity_registers,
)

DEVICE_ID = 0x7010
BUS_MASTER_PORTS = 16
"""Size of the window that the bus master base address (BMIBA) moves."""

_IDE_LEGACY_BUS_MASTER = 0x010180

_IO_SPACE = 1 << 0  # BMIBA: an address of ports, not of memory
_BASE = 0xFFF0
_IDETIM = (0x40, 0x42)
_SIDETIM = 0x44
_DECODE_ENABLE = 1 << 15

_STATUS_FIXED = (Status.FAST_BACK_TO_BACK | Status.DEVSEL_MEDIUM).value
_STATUS_EVENTS = (
    Status.SIGNALED_TARGET_ABORT | Status.RECEIVED_TARGET_ABORT | Status.RECEIVED_MASTER_ABORT
).value

_REGISTERS = (
    *identity_registers(Identity(DEVICE_ID, _IDE_LEGACY_BUS_MASTER)),
    ConfigRegister(Header.COMMAND, 2, 0, (Command.IO_SPACE | Command.BUS_MASTER).value),
    ConfigRegister(Header.STATUS, 2, _STATUS_FIXED, clears=_STATUS_EVENTS),
    ConfigRegister(Header.LATENCY_TIMER, 1, writable=0xF0),
    ConfigRegister(Header.BASE_ADDRESS_4, 4, _IO_SPACE, _BASE),
    *(ConfigRegister(offset, 2, 0, 0xF3FF) for offset in _IDETIM),
    ConfigRegister(_SIDETIM, 1, 0, 0xFF),
)


class Piix3Ide(ConfigSpace):
    """Function 1 of the PIIX3."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed: Callable[[], None] = lambda: None  # nobody hears of the first reset
        super().__init__(_REGISTERS)
        self._changed = changed

    def reset(self) -> None:
        super().reset()
        self._changed()

    def write(self, offset: int, value: int, width: int) -> None:
        super().write(offset, value, width)
        self._changed()

    def set_up(self, bus_master_base: int) -> None:
        """As firmware leaves it: both channels decoded, bus master registers at a base, all enabled."""
        self.write(Header.BASE_ADDRESS_4, bus_master_base, 4)
        for register in _IDETIM:
            self.write(register, _DECODE_ENABLE, 2)
        self.write(Header.COMMAND, Command.IO_SPACE | Command.BUS_MASTER, 2)

    def decodes_channel(self, channel: int) -> bool:
        """Whether the ports of channel 0 or 1 are the interface's."""
        return self._enabled(Command.IO_SPACE) and bool(
            self.read(_IDETIM[channel], 2) & _DECODE_ENABLE
        )

    @property
    def bus_master_base(self) -> int | None:
        """First port of the bus master registers; None while nothing decodes them."""
        base = self.read(Header.BASE_ADDRESS_4, 4) & _BASE
        return base if base and self._enabled(Command.IO_SPACE) else None

    @property
    def may_master(self) -> bool:
        return self._enabled(Command.BUS_MASTER)

    def master_aborted(self) -> None:
        """Nobody answered an address that the bus master put on the bus."""
        self.raise_flags(Header.STATUS, Status.RECEIVED_MASTER_ABORT)

    def _enabled(self, bit: Command) -> bool:
        return bool(self.read(Header.COMMAND, 2) & bit.value)
