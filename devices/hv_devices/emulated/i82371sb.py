"""Intel 82371SB (PIIX3), function 0: the PCI-to-ISA bridge's configuration registers.

Document: Intel 82371FB (PIIX) and 82371SB (PIIX3) data sheet (290550-002), 2.2. The chips of the ISA side
(interrupt controllers, timer, port B, reset control) are files of their own, and function 1, the IDE
interface, is ``piix3_ide``. The registers keep what software writes. Left out: what they steer. Chips of
the ISA bus are always decoded, no PCI interrupt is routed (nothing has an INTx# pin), and there are no
system management interrupts, no USB and no second I/O APIC.
"""

from .pci_config import (
    MULTIFUNCTION,
    Command,
    ConfigRegister,
    ConfigSpace,
    Header,
    Identity,
    Status,
    identity_registers,
)

DEVICE_ID = 0x7000
_ISA_BRIDGE = 0x060100

_COMMAND_FIXED = (Command.IO_SPACE | Command.MEMORY_SPACE | Command.BUS_MASTER).value
_STATUS_EVENTS = (
    Status.SIGNALED_TARGET_ABORT
    | Status.RECEIVED_TARGET_ABORT
    | Status.RECEIVED_MASTER_ABORT
    | Status.SIGNALED_SERR
).value
_PIRQ_UNROUTED = 0x80
_PIRQS = 4

_REGISTERS = (
    *identity_registers(Identity(DEVICE_ID, _ISA_BRIDGE, header_type=MULTIFUNCTION)),
    ConfigRegister(Header.COMMAND, 2, _COMMAND_FIXED, Command.SPECIAL_CYCLES.value),
    ConfigRegister(Header.STATUS, 2, Status.DEVSEL_MEDIUM.value, clears=_STATUS_EVENTS),
    ConfigRegister(0x4C, 1, 0x4D, 0x7F),  # IORT: recovery times of the ISA bus
    ConfigRegister(0x4E, 2, 0x0003, 0x01FF),  # XBCS: chip selects of the X bus
    *(ConfigRegister(0x60 + pirq, 1, _PIRQ_UNROUTED, 0x8F) for pirq in range(_PIRQS)),  # PIRQRC
    ConfigRegister(0x69, 1, 0x02, 0xFA),  # TOM: top of memory for ISA masters
    ConfigRegister(0x70, 1, 0x80, 0xEF),  # MBIRQ0
    ConfigRegister(0x76, 2, 0x0C0C, 0x8F8F),  # MBDMA
    ConfigRegister(0x78, 2, 0x0002, 0xFFFF),  # PCSC: programmable chip select
    ConfigRegister(0x80, 1, 0x00, 0x7F),  # APICBASE
    ConfigRegister(0x82, 1, 0x00, 0x0F),  # DLC: deterministic latency
)


class I82371SB(ConfigSpace):
    """Function 0 of the PIIX3."""

    def __init__(self) -> None:
        super().__init__(_REGISTERS)
