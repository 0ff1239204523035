"""What a DVD-ROM drive says of itself and of the disc in it, as bytes.

After MMC-6 (INCITS 468-2010): clause 5 (features) and clause 6 (GET CONFIGURATION, GET EVENT STATUS
NOTIFICATION, READ DISC INFORMATION, READ DISC STRUCTURE, READ TOC/PMA/ATIP, READ TRACK INFORMATION); the
capabilities page is MMC-3's (INCITS 360-2002), which drivers still ask for. Every disc is one closed session
with one data track. Left out: the raw TOC, PMA, ATIP and CD-TEXT, writing, CSS.
"""

from collections.abc import Callable
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from .scsi_mode import ModePage

_TRACK, _LEAD_OUT = 0x01, 0xAA
_DATA_TRACK = 0x14  # the Q sub-channel holds a position; data, uninterrupted
_FRAMES_A_SECOND, _SECONDS_A_MINUTE = 75, 60
_LEAD_IN_FRAMES = 150
_MAX_MINUTES = 255

# Tables of contents

_TOC_HEADER = Struct(">HBB")
_TOC_ENTRY = Struct(">xBBx4s")
_NOT_COUNTED = 2  # a length field's own bytes


class TocFormat(IntEnum):
    TOC = 0
    SESSIONS = 1


def toc(first_track: int, blocks: int, *, msf: bool) -> bytes | None:
    """The track and the lead-out; only the latter from a ``first_track`` beyond. None: no such track."""
    if first_track > _TRACK and first_track != _LEAD_OUT:
        return None
    entries = b""
    if first_track <= _TRACK:
        entries = _TOC_ENTRY.pack(_DATA_TRACK, _TRACK, _address(0, msf=msf))
    entries += _TOC_ENTRY.pack(_DATA_TRACK, _LEAD_OUT, _address(blocks, msf=msf))
    return _toc_of(entries)


def sessions(*, msf: bool) -> bytes:
    """The only session and its first track."""
    return _toc_of(_TOC_ENTRY.pack(_DATA_TRACK, _TRACK, _address(0, msf=msf)))


def _toc_of(entries: bytes) -> bytes:
    return _TOC_HEADER.pack(len(entries) + _NOT_COUNTED, _TRACK, _TRACK) + entries


def _address(lba: int, *, msf: bool) -> bytes:
    if not msf:
        return lba.to_bytes(4, "big")
    seconds, frame = divmod(lba + _LEAD_IN_FRAMES, _FRAMES_A_SECOND)
    minute, second = divmod(seconds, _SECONDS_A_MINUTE)
    if minute > _MAX_MINUTES:  # a DVD is longer than any CD could say
        minute, second, frame = _MAX_MINUTES, _SECONDS_A_MINUTE - 1, _FRAMES_A_SECOND - 1
    return bytes([0, minute, second, frame])


# Features


class Feature(IntEnum):
    PROFILE_LIST = 0x0000
    CORE = 0x0001
    MORPHING = 0x0002
    REMOVABLE_MEDIUM = 0x0003
    RANDOM_READABLE = 0x0010
    DVD_READ = 0x001F


class FeatureRequest(IntEnum):
    """Which features GET CONFIGURATION wants, from a starting number on."""

    ALL = 0
    CURRENT = 1
    ONE = 2


PROFILE_DVD_ROM = 0x0010

_CONFIGURATION_HEADER = Struct(">IxxH")
_CONFIGURATION_NOT_COUNTED = 4
_FEATURE = Struct(">HBB")
_PERSISTENT_CURRENT = 0x03
_CURRENT = 0x01
_PROFILE = Struct(">HBx")
_SCSI_FAMILY = 1
_RANDOM_READABLE = Struct(">IHBx")
_DVD_BLOCKING = 0x10
_TRAY_EJECT_LOCK = 0x29
"""Tray loading, can be ejected, can be locked: in the feature and in the capabilities page."""


def configuration(request: int, start: int, *, present: bool, block_size: int) -> bytes:
    """The answer to GET CONFIGURATION. A feature of the disc is current while there is one."""
    listed = b"".join(
        data
        for number, data, current in _features(present, block_size)
        if (number == start if request == FeatureRequest.ONE else number >= start)
        and (current or request != FeatureRequest.CURRENT)
    )
    header_size = _CONFIGURATION_HEADER.size
    length = header_size - _CONFIGURATION_NOT_COUNTED + len(listed)
    return _CONFIGURATION_HEADER.pack(length, PROFILE_DVD_ROM if present else 0) + listed


def _features(present: bool, block_size: int) -> list[tuple[int, bytes, bool]]:
    profile = _PROFILE.pack(PROFILE_DVD_ROM, _CURRENT if present else 0)
    readable = _RANDOM_READABLE.pack(block_size, _DVD_BLOCKING, 0)
    tray = bytes([_TRAY_EJECT_LOCK, 0, 0, 0])
    return [
        _feature(Feature.PROFILE_LIST, profile, _PERSISTENT_CURRENT),
        _feature(Feature.CORE, _SCSI_FAMILY.to_bytes(4, "big"), _PERSISTENT_CURRENT),
        _feature(Feature.MORPHING, bytes(4), _PERSISTENT_CURRENT),
        _feature(Feature.REMOVABLE_MEDIUM, tray, _PERSISTENT_CURRENT),
        _feature(Feature.RANDOM_READABLE, readable, int(present)),
        _feature(Feature.DVD_READ, b"", int(present)),
    ]


def _feature(number: int, data: bytes, flags: int) -> tuple[int, bytes, bool]:
    return number, _FEATURE.pack(number, flags, len(data)) + data, bool(flags & _CURRENT)


# Events


class MediaEvent(IntEnum):
    NONE = 0
    EJECT_REQUEST = 1
    NEW_MEDIA = 2
    MEDIA_REMOVAL = 3


_EVENT_HEADER = Struct(">HBB")
_OPERATIONAL, _MEDIA = 1, 4
_SUPPORTED_CLASSES = 1 << _OPERATIONAL | 1 << _MEDIA
_NO_CLASS = 0x80
_DOOR_OPEN, _MEDIUM_PRESENT = 0x01, 0x02


class DriveStatus(NamedTuple):
    """What can be told about medium and tray."""

    event: int
    tray_open: bool
    present: bool


def event_status(classes: int, status: DriveStatus) -> tuple[bytes, bool]:
    """The answer for a mask of ``classes``, and whether it told of the media event.

    One class is reported: the lowest one asked for that has news, else the lowest one asked for.
    """
    wanted = classes & _SUPPORTED_CLASSES
    if not wanted:
        return _EVENT_HEADER.pack(_NOT_COUNTED, _NO_CLASS, _SUPPORTED_CLASSES), False
    media_asked = bool(wanted & 1 << _MEDIA)
    if media_asked and (status.event or wanted == 1 << _MEDIA):
        flags = (_DOOR_OPEN if status.tray_open else 0) | (_MEDIUM_PRESENT if status.present else 0)
        body = bytes([status.event, flags, 0, 0])
        return _event(_MEDIA, body), bool(status.event)
    return _event(_OPERATIONAL, bytes(4)), False


def _event(number: int, body: bytes) -> bytes:
    return _EVENT_HEADER.pack(len(body) + _NOT_COUNTED, number, _SUPPORTED_CLASSES) + body


# The disc

_DISC = Struct(">HBBBBBBB3x4sIIQBx")
_COMPLETE = 0x0E  # disc and last session
_UNRESTRICTED = 0x20
_NOWHERE = 0xFFFF_FFFF


def disc_information() -> bytes:
    """Standard disc information: complete, one session, one track."""
    size = _DISC.size - _NOT_COUNTED
    return _DISC.pack(
        size, _COMPLETE, 1, 1, 1, 1, _UNRESTRICTED, 0, bytes(4), _NOWHERE, _NOWHERE, 0, 0
    )


class TrackBy(IntEnum):
    """How READ TRACK INFORMATION names a track."""

    ADDRESS = 0
    TRACK = 1
    SESSION = 2


_TRACK_INFORMATION = Struct(">HBBxBBx16xIIBB2x")
_TRACK_MODE, _DATA_MODE = 0x04, 0x01


def track_information(by: int, number: int, blocks: int) -> bytes | None:
    """The track that begins at block 0 and takes all of the disc; None when another is asked for."""
    found = number < blocks if by == TrackBy.ADDRESS else number == _TRACK
    if by > TrackBy.SESSION or not found:
        return None
    size = _TRACK_INFORMATION.size - _NOT_COUNTED
    return _TRACK_INFORMATION.pack(size, 1, 1, _TRACK_MODE, _DATA_MODE, blocks, 0, 0, 0)


_STRUCTURE_HEADER = Struct(">HBB")
_PHYSICAL = Struct(">BBBBII")
_PHYSICAL_SIZE, _COPYRIGHT_SIZE = 2048, 4
_DVD_ROM_PART_1 = 0x01
_DISC_120_MM = 0x0F  # any transfer rate
_EMBOSSED = 0x01
_FIRST_SECTOR = 0x03_0000


def _physical_format(blocks: int) -> bytes:
    """Layer descriptor of a single-layer DVD-ROM."""
    last = min(_FIRST_SECTOR + blocks - 1, 0xFF_FFFF)
    layer = _PHYSICAL.pack(_DVD_ROM_PART_1, _DISC_120_MM, _EMBOSSED, 0, _FIRST_SECTOR, last)
    return layer.ljust(_PHYSICAL_SIZE, b"\0")


def _no_copyright(_blocks: int) -> bytes:
    return bytes(_COPYRIGHT_SIZE)


_STRUCTURES: dict[int, Callable[[int], bytes]] = {0x00: _physical_format, 0x01: _no_copyright}


def disc_structure(number: int, blocks: int) -> bytes | None:
    """A structure of the disc; None when it has none of that number."""
    make = _STRUCTURES.get(number)
    if make is None:
        return None
    data = make(blocks)
    return _STRUCTURE_HEADER.pack(len(data) + _NOT_COUNTED, 0, 0) + data


# Mode pages


_ERROR_RECOVERY, _ERROR_RECOVERY_SIZE = 0x01, 0x0A
_CAPABILITIES_PAGE = 0x2A
_CAPABILITIES = Struct(">BBBBBBHHHHxxxx")
_READS = 0x08  # DVD-ROM
_MODE_2_MULTISESSION = 0x70
_LOCKED = 0x02
_SPEED_KB = 22_160  # 16x DVD, in kilobytes per second
_BUFFER_KB = 512


def mode_pages(*, locked: bool) -> list[ModePage]:
    """Nothing in them can be changed."""
    recovery = bytes(_ERROR_RECOVERY_SIZE)
    tray = _TRAY_EJECT_LOCK | (_LOCKED if locked else 0)
    able = _CAPABILITIES.pack(
        _READS, 0, _MODE_2_MULTISESSION, 0, tray, 0, _SPEED_KB, 0, _BUFFER_KB, _SPEED_KB
    )
    return [
        ModePage(_ERROR_RECOVERY, recovery, recovery, bytes(len(recovery))),
        ModePage(_CAPABILITIES_PAGE, able, able, bytes(len(able))),
    ]
