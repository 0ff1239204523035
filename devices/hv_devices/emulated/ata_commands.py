"""What the commands of an ATA disk do: INCITS 361-2002 (ATA/ATAPI-6), clause 8.

A command is a row of ``COMMANDS``: its code and a function of the drive, called when BSY has
stood its time. A request is checked before anything moves: a range that leaves the disk fails
with IDNF at the first sector outside it, and no data is transferred.

Left out, and so aborted: queued transfers, READ/WRITE LONG and FORMAT TRACK, SET MAX,
security, SMART, packet and CompactFlash commands. EXECUTE DEVICE DIAGNOSTIC belongs to the cable:
see ``ata``.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from . import ata_address
from .ata_identify import identify_device
from .ata_registers import Command, Error, Feature, Power, TransferMode
from .ata_state import DMA_BLOCK, MULTIPLE_LIMIT

if TYPE_CHECKING:
    from .ata_drive import AtaDrive

Action: TypeAlias = "Callable[[AtaDrive], None]"

_ABRT = Error.ABRT.value
_IDNF = Error.IDNF.value
_WRITE_PROTECTED = Error.WP.value | Error.ABRT.value

_BLOCK_SIZES = frozenset({0, *(1 << n for n in range(8) if 1 << n <= MULTIPLE_LIMIT)})
_DMA_MODES = frozenset(mode.value for mode in TransferMode if mode >= TransferMode.MULTIWORD_DMA_0)
_PIO_MODES = frozenset(mode.value for mode in TransferMode) - _DMA_MODES


def abort(drive: "AtaDrive") -> None:
    """NOP, and every command this disk does not know."""
    drive.fail(_ABRT)


def _succeed(drive: "AtaDrive") -> None:
    drive.complete()


# Transfers


def _locate(drive: "AtaDrive", extended: bool, block: int) -> bool:
    """Set up the transfer the registers ask for; False when they name no sectors of this disk."""
    s = drive.state
    s.extended, s.block = extended, block
    s.remaining = s.count or 0x10000 if extended else s.count & 0xFF or 0x100
    lba, reach = ata_address.decode(s), ata_address.reach(s, drive.medium.sectors)
    if lba is None:
        drive.fail(_IDNF)
        return False
    if lba + s.remaining > reach:
        drive.fail_at(max(lba, reach), _IDNF)
        return False
    s.lba = lba
    s.power = Power.ACTIVE.value
    return True


def _read(drive: "AtaDrive", extended: bool) -> None:
    if _locate(drive, extended, 1):
        drive.read_medium()


def _read_multiple(drive: "AtaDrive", extended: bool) -> None:
    block = drive.state.multiple
    if not block:
        abort(drive)
    elif _locate(drive, extended, block):
        drive.read_medium()


def _write(drive: "AtaDrive", extended: bool) -> None:
    if drive.medium.read_only:
        drive.fail(_WRITE_PROTECTED)
    elif _locate(drive, extended, 1):
        drive.write_medium()


def _write_multiple(drive: "AtaDrive", extended: bool) -> None:
    block = drive.state.multiple
    if not block:
        abort(drive)
    elif drive.medium.read_only:
        drive.fail(_WRITE_PROTECTED)
    elif _locate(drive, extended, block):
        drive.write_medium()


def _read_dma(drive: "AtaDrive", extended: bool) -> None:
    if _locate(drive, extended, DMA_BLOCK):
        drive.state.dma = True
        drive.read_medium()


def _write_dma(drive: "AtaDrive", extended: bool) -> None:
    if drive.medium.read_only:
        drive.fail(_WRITE_PROTECTED)
    elif _locate(drive, extended, DMA_BLOCK):
        drive.state.dma = True
        drive.write_medium()


def _verify(drive: "AtaDrive", extended: bool) -> None:
    if _locate(drive, extended, 1):
        drive.verify_medium()


def _seek(drive: "AtaDrive") -> None:
    s = drive.state
    s.extended = False
    lba = ata_address.decode(s)
    if lba is None or lba >= ata_address.reach(s, drive.medium.sectors):
        drive.fail(_IDNF)
    else:
        drive.complete()


def _read_buffer(drive: "AtaDrive") -> None:
    drive.send(drive.state.sector_buffer)


def _write_buffer(drive: "AtaDrive") -> None:
    drive.receive_buffer()


def _flush(drive: "AtaDrive") -> None:
    try:
        drive.medium.flush()
    except OSError:
        drive.fail(_ABRT, fault=True)
    else:
        drive.complete()


# Description and settings


def _identify(drive: "AtaDrive") -> None:
    s, sectors = drive.state, drive.medium.sectors
    drive.send(identify_device(s, sectors, drive.identity, drive.seat))


def _read_native_max(drive: "AtaDrive", extended: bool) -> None:
    s = drive.state
    s.extended = extended
    ata_address.encode(s, ata_address.reach(s, drive.medium.sectors) - 1)
    drive.complete()


def _set_multiple(drive: "AtaDrive") -> None:
    """A block size the disk cannot do turns READ and WRITE MULTIPLE off."""
    size = drive.state.count & 0xFF
    valid = size in _BLOCK_SIZES
    drive.state.multiple = size if valid else 0
    if valid:
        drive.complete()
    else:
        abort(drive)


def _initialize_parameters(drive: "AtaDrive") -> None:
    """Heads (less one) in Device and sectors per track in Count make the CHS translation."""
    s = drive.state
    heads, per_track = (s.device & 0x0F) + 1, s.count & 0xFF
    if (
        per_track
        and ata_address.translated_geometry(drive.medium.sectors, heads, per_track).cylinders
    ):
        s.heads, s.sectors_per_track = heads, per_track
        drive.complete()
    else:
        abort(drive)


_SWITCHES = {
    Feature.ENABLE_WRITE_CACHE.value: ("write_cache", True),
    Feature.DISABLE_WRITE_CACHE.value: ("write_cache", False),
    Feature.ENABLE_LOOK_AHEAD.value: ("look_ahead", True),
    Feature.DISABLE_LOOK_AHEAD.value: ("look_ahead", False),
    Feature.ENABLE_REVERTING.value: ("revert", True),
    Feature.DISABLE_REVERTING.value: ("revert", False),
}


def _set_features(drive: "AtaDrive") -> None:
    s = drive.state
    if s.features == Feature.SET_TRANSFER_MODE:
        _set_transfer_mode(drive)
    elif s.features in _SWITCHES:
        setattr(s, *_SWITCHES[s.features])
        if s.features == Feature.DISABLE_WRITE_CACHE:
            _flush(drive)
        else:
            drive.complete()
    else:
        abort(drive)


def _set_transfer_mode(drive: "AtaDrive") -> None:
    mode = drive.state.count & 0xFF
    if mode in _PIO_MODES:
        drive.state.transfer_mode = mode
        drive.complete()
    elif mode in _DMA_MODES:
        drive.state.dma_mode = mode
        drive.complete()
    else:
        abort(drive)


# Power


def _set_power(drive: "AtaDrive", mode: Power) -> None:
    drive.state.power = mode.value
    drive.complete()


def _sleep(drive: "AtaDrive") -> None:
    """After this only a reset is heard."""
    drive.state.power = Power.STANDBY.value
    drive.state.asleep = True
    drive.complete()


def _check_power(drive: "AtaDrive") -> None:
    drive.state.count = drive.state.power
    drive.complete()


COMMANDS: dict[int, Action] = {
    Command.NOP: abort,
    **{Command.RECALIBRATE + rate: _succeed for rate in range(16)},
    Command.READ_SECTORS: partial(_read, extended=False),
    Command.READ_SECTORS_NO_RETRY: partial(_read, extended=False),
    Command.READ_SECTORS_EXT: partial(_read, extended=True),
    Command.READ_DMA_EXT: partial(_read_dma, extended=True),
    Command.READ_NATIVE_MAX_EXT: partial(_read_native_max, extended=True),
    Command.READ_MULTIPLE_EXT: partial(_read_multiple, extended=True),
    Command.WRITE_SECTORS: partial(_write, extended=False),
    Command.WRITE_SECTORS_NO_RETRY: partial(_write, extended=False),
    Command.WRITE_SECTORS_EXT: partial(_write, extended=True),
    Command.WRITE_DMA_EXT: partial(_write_dma, extended=True),
    Command.WRITE_MULTIPLE_EXT: partial(_write_multiple, extended=True),
    Command.READ_VERIFY: partial(_verify, extended=False),
    Command.READ_VERIFY_NO_RETRY: partial(_verify, extended=False),
    Command.READ_VERIFY_EXT: partial(_verify, extended=True),
    **{Command.SEEK + rate: _seek for rate in range(16)},
    Command.INITIALIZE_DEVICE_PARAMETERS: _initialize_parameters,
    Command.STANDBY_IMMEDIATE_OLD: partial(_set_power, mode=Power.STANDBY),
    Command.IDLE_IMMEDIATE_OLD: partial(_set_power, mode=Power.IDLE),
    Command.STANDBY_OLD: partial(_set_power, mode=Power.STANDBY),
    Command.IDLE_OLD: partial(_set_power, mode=Power.IDLE),
    Command.CHECK_POWER_MODE_OLD: _check_power,
    Command.SLEEP_OLD: _sleep,
    Command.READ_MULTIPLE: partial(_read_multiple, extended=False),
    Command.WRITE_MULTIPLE: partial(_write_multiple, extended=False),
    Command.SET_MULTIPLE_MODE: _set_multiple,
    Command.READ_DMA: partial(_read_dma, extended=False),
    Command.READ_DMA_NO_RETRY: partial(_read_dma, extended=False),
    Command.WRITE_DMA: partial(_write_dma, extended=False),
    Command.WRITE_DMA_NO_RETRY: partial(_write_dma, extended=False),
    Command.STANDBY_IMMEDIATE: partial(_set_power, mode=Power.STANDBY),
    Command.IDLE_IMMEDIATE: partial(_set_power, mode=Power.IDLE),
    Command.STANDBY: partial(_set_power, mode=Power.STANDBY),
    Command.IDLE: partial(_set_power, mode=Power.IDLE),
    Command.READ_BUFFER: _read_buffer,
    Command.CHECK_POWER_MODE: _check_power,
    Command.SLEEP: _sleep,
    Command.FLUSH_CACHE: _flush,
    Command.WRITE_BUFFER: _write_buffer,
    Command.FLUSH_CACHE_EXT: _flush,
    Command.IDENTIFY_DEVICE: _identify,
    Command.SET_FEATURES: _set_features,
    Command.READ_NATIVE_MAX: partial(_read_native_max, extended=False),
}
