"""Intel 82441FX PCI and Memory Controller (PMC), the host bridge of the 440FX: its configuration registers.

Document: Intel 440FX PCIset 82441FX and 82442FX data sheet (290549-001), 3.2. The registers keep what
software writes and tell how much memory there is; ``memory`` decides the row boundaries (DRB, 8 MiB units)
as firmware would leave them after counting. Left out: what the registers steer. Shadow RAM (PAM) and the
memory of system management mode (SMRAM) do not exist: the area below 1 MiB stays as the firmware found it.
"""

from .pci_config import (
    Command,
    ConfigRegister,
    ConfigSpace,
    Header,
    Identity,
    Status,
    identity_registers,
)

DEVICE_ID = 0x1237
_HOST_BRIDGE = 0x060000
_REVISION = 2

_ROWS = 8
_ROW_UNIT = 8 << 20
_LAST_BOUNDARY = 0xFF  # 2 040 MiB: what eight bits can say
_PAM_REGISTERS = 7
_READ_WRITE_ENABLE = 0x33  # of both areas of a PAM register
_PAM_FIRMWARE = 0x30  # PAM0: the upper half is the firmware's area, the lower one is reserved

_COMMAND_WRITABLE = (Command.PARITY_ERROR | Command.SERR).value
_COMMAND_FIXED = (Command.MEMORY_SPACE | Command.BUS_MASTER).value
_STATUS_FIXED = (Status.FAST_BACK_TO_BACK | Status.DEVSEL_MEDIUM).value
_STATUS_EVENTS = (
    Status.PARITY_REPORTED
    | Status.RECEIVED_TARGET_ABORT
    | Status.RECEIVED_MASTER_ABORT
    | Status.SIGNALED_SERR
).value


def _registers(memory: int) -> tuple[ConfigRegister, ...]:
    boundary = min(-(-memory // _ROW_UNIT), _LAST_BOUNDARY)
    return (
        *identity_registers(Identity(DEVICE_ID, _HOST_BRIDGE, _REVISION)),
        ConfigRegister(Header.COMMAND, 2, _COMMAND_FIXED, _COMMAND_WRITABLE),
        ConfigRegister(Header.STATUS, 2, _STATUS_FIXED, clears=_STATUS_EVENTS),
        ConfigRegister(Header.LATENCY_TIMER, 1, writable=0xF8),
        ConfigRegister(0x50, 2, 0x0004, 0xC07C),  # PMCCFG
        ConfigRegister(0x53, 1, 0x80, 0xC0),  # DBC: data path
        ConfigRegister(0x57, 1, 0x01, 0x67),  # DRAMC: refresh, hole
        ConfigRegister(0x58, 1, 0x10, 0x7B),  # DRAMT: timing
        ConfigRegister(0x59, 1, 0x00, _PAM_FIRMWARE),
        *(ConfigRegister(0x59 + n, 1, 0, _READ_WRITE_ENABLE) for n in range(1, _PAM_REGISTERS)),
        *(ConfigRegister(0x60 + row, 1, boundary, 0xFF) for row in range(_ROWS)),  # DRB
        ConfigRegister(0x68, 1, 0x00, 0xC0),  # FDHC: fixed hole
        ConfigRegister(0x70, 1, 0x00, 0xF8),  # MTT: multi-transaction timer
        ConfigRegister(0x71, 1, 0x10, 0x1F),  # CLT: latency timer of the processor bus
        ConfigRegister(0x72, 1, 0x02, 0x78),  # SMRAM
        ConfigRegister(0x90, 1, 0x00, 0xFB),  # ERRCMD
        ConfigRegister(0x91, 1, 0x00, clears=0x11),  # ERRSTS
    )


class I82441FX(ConfigSpace):
    """Function 0 of the host bridge, for a machine with ``memory`` bytes."""

    def __init__(self, memory: int) -> None:
        super().__init__(_registers(memory))
