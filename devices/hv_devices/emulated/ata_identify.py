"""The 512 bytes of IDENTIFY DEVICE: INCITS 361-2002 (ATA/ATAPI-6), 8.15.

Left out (their words say "not supported"): single word DMA, security, SMART, power-up in standby,
advanced power management, removable media, overlap and queueing, host protected area,
CompactFlash.
"""

import struct
from dataclasses import dataclass

from .ata_address import LBA28_SECTORS, current_geometry, default_geometry
from .ata_registers import TransferMode
from .ata_state import MULTIPLE_LIMIT, DriveState

_WORDS = 256
_VALID = 0x4000  # bits 15:14 = 01: this word carries information


@dataclass(frozen=True)
class Identity:
    """Who the disk says it is (printable ASCII; cut or padded to the field)."""

    serial: str = "HV0"
    model: str = "HV ATA DISK"
    firmware: str = "1.0"


@dataclass(frozen=True)
class Seat:
    """Where on the cable the disk sits: device ``unit`` (0 or 1), with a neighbour or alone."""

    unit: int = 0
    alone: bool = True


# Words 82 to 84: command sets supported. 85 to 87 say the same of those enabled.
_NOP = 1 << 14
_READ_BUFFER = 1 << 13
_WRITE_BUFFER = 1 << 12
_LOOK_AHEAD = 1 << 6
_WRITE_CACHE = 1 << 5
_POWER_MANAGEMENT = 1 << 3
_ALWAYS_ON = _NOP | _READ_BUFFER | _WRITE_BUFFER | _POWER_MANAGEMENT
_FLUSH_EXT = 1 << 13
_FLUSH = 1 << 12
_LBA48 = 1 << 10
_SECOND_SET = _FLUSH_EXT | _FLUSH | _LBA48

# Words 63 and 88: DMA modes. The low byte has those supported, the high byte the selected one.
_MULTIWORD_MODES = (TransferMode.MULTIWORD_DMA_0, 3)
_ULTRA_MODES = (TransferMode.ULTRA_DMA_0, 6)

# Word 93: what the hardware reset found.
_CABLE_80 = 1 << 13
_DEVICE_0 = 0x000B  # shall be 1, number by jumper, diagnostics passed
_ANSWERS_FOR_DEVICE_1 = 1 << 6
_SAW_DEVICE_1 = 0x0030  # DASP- and PDIAG-
_DEVICE_1 = 0x0B00  # shall be 1, number by jumper, asserted PDIAG-


def identify_device(state: DriveState, sectors: int, identity: Identity, seat: Seat) -> bytes:
    """What a disk of ``sectors`` sectors with these settings answers."""
    words = [0] * _WORDS
    _describe(words, sectors, identity)
    _capabilities(words)
    words[63] = _dma_modes(state, *_MULTIWORD_MODES)
    words[88] = _dma_modes(state, *_ULTRA_MODES)
    _addressing(words, state, sectors)
    _command_sets(words, state)
    words[93] = _hardware_reset(seat)
    return _sealed(words)


def _describe(words: list[int], sectors: int, identity: Identity) -> None:
    power_on = default_geometry(sectors)
    words[0] = 0x0040  # ATA, fixed
    words[1], words[3], words[6] = power_on.cylinders, power_on.heads, power_on.sectors
    words[2] = 0xC837  # spins without being told, this answer is complete
    words[10:20] = _text(identity.serial, 10)
    words[23:27] = _text(identity.firmware, 4)
    words[27:47] = _text(identity.model, 20)
    words[80] = 0x0070  # ATA-4 to ATA-6


def _capabilities(words: list[int]) -> None:
    words[47] = 0x8000 | MULTIPLE_LIMIT
    words[49] = 0x2F00  # standby timer, IORDY and that it can be disabled, LBA, DMA
    words[50] = _VALID
    words[51] = 0x0200  # PIO mode 2, for hosts older than words 64 to 68
    words[53] = 0x0007  # words 54-58, 64-70 and 88 are valid
    words[64] = 0x0003  # PIO modes 3 and 4
    words[65] = words[66] = 120  # ns a multiword DMA cycle, at least and recommended
    words[67] = words[68] = 120  # ns a PIO cycle, without and with IORDY


def _dma_modes(state: DriveState, first: int, count: int) -> int:
    selected = 0x100 << state.dma_mode - first if first <= state.dma_mode < first + count else 0
    return selected | (1 << count) - 1


def _addressing(words: list[int], state: DriveState, sectors: int) -> None:
    now = current_geometry(state, sectors)
    words[54:57] = now
    words[57:59] = _split(now.total, 2)
    words[59] = 0x0100 | state.multiple
    words[60:62] = _split(min(sectors, LBA28_SECTORS), 2)
    words[100:104] = _split(sectors, 4)


def _command_sets(words: list[int], state: DriveState) -> None:
    words[82] = _ALWAYS_ON | _LOOK_AHEAD | _WRITE_CACHE
    words[83] = _VALID | _SECOND_SET
    words[84] = _VALID
    enabled = _ALWAYS_ON
    if state.look_ahead:
        enabled |= _LOOK_AHEAD
    if state.write_cache:
        enabled |= _WRITE_CACHE
    words[85] = enabled
    words[86] = _SECOND_SET
    words[87] = _VALID


def _hardware_reset(seat: Seat) -> int:
    found = _VALID | _CABLE_80
    if seat.unit:
        return found | _DEVICE_1
    return found | _DEVICE_0 | (_ANSWERS_FOR_DEVICE_1 if seat.alone else _SAW_DEVICE_1)


def _text(text: str, words: int) -> tuple[int, ...]:
    """ASCII padded with spaces; the first character of a pair is the high byte of its word."""
    data = text.encode("ascii", "replace")[: 2 * words].ljust(2 * words)
    return struct.unpack(f">{words}H", data)


def _split(number: int, words: int) -> list[int]:
    return [number >> 16 * index & 0xFFFF for index in range(words)]


def _sealed(words: list[int]) -> bytes:
    """Word 255: a signature, and a checksum that makes all 512 bytes add up to 0."""
    data = bytearray(struct.pack(f"<{_WORDS}H", *words))
    data[510] = 0xA5
    data[511] = -sum(data) & 0xFF
    return bytes(data)
