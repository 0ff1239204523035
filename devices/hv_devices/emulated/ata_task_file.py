"""The registers of an ATA disk that keep what they were told: the task file.

After INCITS 361-2002 (ATA/ATAPI-6), 6.2 (two writes of a register make its two bytes) and clause 7.
"""

from .ata_registers import Register
from .ata_state import DriveState

_SINGLE = {
    Register.ERROR.value: "error",
    Register.DEVICE.value: "device",
}
_QUEUES = {
    Register.COUNT.value: "count",
    Register.LBA_LOW.value: "lba_low",
    Register.LBA_MID.value: "lba_mid",
    Register.LBA_HIGH.value: "lba_high",
}
"""Registers of two bytes, for the 48-bit commands: the newest write and the one before."""


def read(state: DriveState, offset: int, high_order: bool) -> int:
    """A register other than Data and Status."""
    value: int
    if offset in _SINGLE:
        value = getattr(state, _SINGLE[offset])
        return value
    value = getattr(state, _QUEUES[offset])
    return value >> 8 if high_order else value & 0xFF


def write(state: DriveState, offset: int, value: int) -> None:
    """A register other than Data and Command."""
    if offset == Register.FEATURES:
        state.features = value
    elif offset == Register.DEVICE:
        state.device = value
    else:
        name = _QUEUES[offset]
        setattr(state, name, (getattr(state, name) << 8 | value) & 0xFFFF)
