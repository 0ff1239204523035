"""A SCSI DVD-ROM drive with a tray: blocks of 2048 bytes, discs that come and go.

After MMC-6 (INCITS 468-2010), clause 6; what the answers look like is in ``scsi_mmc``. A new disc is told
as a unit attention and as a media event. Left out: audio, READ CD, writing, speeds, power conditions,
persistent prevention; what is left out is an invalid operation.
"""

from dataclasses import dataclass
from struct import Struct

from hv.interfaces import BlockDevice
from hv.types import SECTOR_SIZE

from . import scsi_mmc
from .scsi_blocks import Blocks
from .scsi_cdb import Opcode, extent, u16, u32
from .scsi_device import GOOD, Reply, Request, ScsiDevice, UnitState
from .scsi_inquiry import DeviceType, Identity
from .scsi_mmc import DriveStatus, FeatureRequest, MediaEvent, TocFormat
from .scsi_mode import ModePage, mode_select, mode_sense
from .scsi_sense import (
    INVALID_FIELD_IN_CDB,
    MEDIUM_MAY_HAVE_CHANGED,
    MEDIUM_NOT_PRESENT_TRAY_CLOSED,
    MEDIUM_NOT_PRESENT_TRAY_OPEN,
    MEDIUM_REMOVAL_PREVENTED,
    CheckCondition,
)

BLOCK_SIZE = 2048

DVD_IDENTITY = Identity(DeviceType.CD_DVD, removable=True, product="Virtual DVD-ROM", serial="HV1")

_CAPACITY = Struct(">II")

_START, _LOAD_EJECT = 0x01, 0x02
_PREVENT, _PERSISTENT = 0x01, 0x02
_POLLED = 0x01
_MSF = 0x02
_FORMAT = 0x0F
_FEATURE_REQUEST = 0x03
_DISC_DATA_TYPE = 0x07
_TRACK_BY = 0x03
_MEDIA_TYPE = 0x0F


class ImageBytes:
    """A disc image held in memory; a last sector that is not whole is filled up with zeros."""

    read_only = True

    def __init__(self, image: bytes) -> None:
        self.sectors = -(-len(image) // SECTOR_SIZE)
        self._image = image.ljust(self.sectors * SECTOR_SIZE, b"\0")

    def read(self, lba: int, count: int) -> bytes:
        return self._image[lba * SECTOR_SIZE : (lba + count) * SECTOR_SIZE]

    def write(self, lba: int, data: bytes) -> None:
        """Nobody writes to a disc that is read-only."""

    def flush(self) -> None:
        """There is nothing to keep."""


@dataclass
class DvdState(UnitState):
    """``event``: what GET EVENT STATUS NOTIFICATION has to tell."""

    tray_open: bool = False
    locked: bool = False
    event: int = MediaEvent.NONE.value


class ScsiDvd(ScsiDevice):
    """A drive, empty or with a disc in it."""

    UNHINDERED = ScsiDevice.UNHINDERED | {
        Opcode.GET_CONFIGURATION.value,
        Opcode.GET_EVENT_STATUS_NOTIFICATION.value,
    }

    SAVED = {"has_disc": bool}

    state: DvdState

    def __init__(
        self, medium: BlockDevice | bytes | None = None, identity: Identity | None = None
    ) -> None:
        super().__init__(identity or DVD_IDENTITY)
        self.state = DvdState()
        self._disc = None if medium is None else _blocks(medium)
        self.commands |= {
            Opcode.READ_10: self._read,
            Opcode.READ_12: self._read,
            Opcode.READ_CAPACITY_10: self._read_capacity,
            Opcode.READ_TOC: self._read_toc,
            Opcode.READ_DISC_INFORMATION: self._read_disc_information,
            Opcode.READ_TRACK_INFORMATION: self._read_track_information,
            Opcode.READ_DISC_STRUCTURE: self._read_disc_structure,
            Opcode.GET_CONFIGURATION: self._get_configuration,
            Opcode.GET_EVENT_STATUS_NOTIFICATION: self._get_event_status,
            Opcode.MODE_SENSE_6: self._mode_sense,
            Opcode.MODE_SENSE_10: self._mode_sense,
            Opcode.MODE_SELECT_6: self._mode_select,
            Opcode.MODE_SELECT_10: self._mode_select,
            Opcode.START_STOP_UNIT: self._start_stop_unit,
            Opcode.PREVENT_ALLOW_MEDIUM_REMOVAL: self._prevent_allow,
        }

    def reset(self) -> None:
        """The lock is gone; the tray stays where it is, and what it brought is still news."""
        old = self.state
        self.state = DvdState(attention=old.attention, tray_open=old.tray_open, event=old.event)

    # The person in front of the drive

    @property
    def medium(self) -> BlockDevice | None:
        """The disc in the drive or on its tray."""
        return self._disc.medium if self._disc else None

    @property
    def has_disc(self) -> bool:
        """A disc is in the drive or on its tray. Saved as that: the disc itself is the root's."""
        return self._disc is not None

    @has_disc.setter
    def has_disc(self, there: bool) -> None:
        if there and self._disc is None:
            raise ValueError("the disc that was in this drive is not here")
        if not there:
            self._disc = None

    def insert(self, medium: BlockDevice | bytes) -> None:
        """Put a disc in, instead of the one that was there."""
        self._disc = _blocks(medium)
        self._load()

    def eject(self, *, force: bool = False) -> bool:
        """Take the disc out. False: the guest has locked the drive, and is asked to let go.

        ``force`` takes it out all the same.
        """
        s = self.state
        if s.locked and not force:
            s.event = MediaEvent.EJECT_REQUEST.value
            return False
        s.locked = False
        if self._loaded():
            s.event = MediaEvent.MEDIA_REMOVAL.value
        self._disc = None
        s.tray_open = False
        s.attention = None
        return True

    def _load(self) -> None:
        """The tray closes on a disc."""
        s = self.state
        s.tray_open = False
        s.attention = MEDIUM_MAY_HAVE_CHANGED
        s.event = MediaEvent.NEW_MEDIA.value

    def _loaded(self) -> bool:
        return self._disc is not None and not self.state.tray_open

    def _ready(self) -> Blocks:
        """The disc, or the refusal that there is none."""
        if self._disc is not None and not self.state.tray_open:
            return self._disc
        if self.state.tray_open:
            raise CheckCondition(MEDIUM_NOT_PRESENT_TRAY_OPEN)
        raise CheckCondition(MEDIUM_NOT_PRESENT_TRAY_CLOSED)

    # The disc

    def _test_unit_ready(self, _request: Request) -> Reply:
        self._ready()
        return GOOD

    def _read(self, request: Request) -> Reply:
        disc, where = self._ready(), extent(request.cdb)
        disc.check_transfer(where)
        data = disc.read(where)
        self.statistics.reads += 1
        self.statistics.bytes_read += len(data)
        return Reply(data)

    def _read_capacity(self, _request: Request) -> Reply:
        disc = self._ready()
        return Reply(_CAPACITY.pack(disc.last, disc.block_size))

    def _read_toc(self, request: Request) -> Reply:
        disc, cdb = self._ready(), request.cdb
        msf = bool(cdb[1] & _MSF)
        data = None
        if cdb[2] & _FORMAT == TocFormat.TOC:
            data = scsi_mmc.toc(cdb[6], disc.count, msf=msf)
        elif cdb[2] & _FORMAT == TocFormat.SESSIONS:
            data = scsi_mmc.sessions(msf=msf)
        return _cut(data, u16(cdb, 7))

    def _read_disc_information(self, request: Request) -> Reply:
        self._ready()
        known = not request.cdb[1] & _DISC_DATA_TYPE
        return _cut(scsi_mmc.disc_information() if known else None, u16(request.cdb, 7))

    def _read_track_information(self, request: Request) -> Reply:
        disc, cdb = self._ready(), request.cdb
        data = scsi_mmc.track_information(cdb[1] & _TRACK_BY, u32(cdb, 2), disc.count)
        return _cut(data, u16(cdb, 7))

    def _read_disc_structure(self, request: Request) -> Reply:
        disc, cdb = self._ready(), request.cdb
        dvd = not cdb[1] & _MEDIA_TYPE
        return _cut(scsi_mmc.disc_structure(cdb[7], disc.count) if dvd else None, u16(cdb, 8))

    # The drive

    def _get_configuration(self, request: Request) -> Reply:
        cdb = request.cdb
        wanted = cdb[1] & _FEATURE_REQUEST
        if wanted > FeatureRequest.ONE:
            raise CheckCondition(INVALID_FIELD_IN_CDB)
        data = scsi_mmc.configuration(
            wanted, u16(cdb, 2), present=self._loaded(), block_size=BLOCK_SIZE
        )
        return _cut(data, u16(cdb, 7))

    def _get_event_status(self, request: Request) -> Reply:
        cdb, s = request.cdb, self.state
        if not cdb[1] & _POLLED:
            raise CheckCondition(INVALID_FIELD_IN_CDB)
        status = DriveStatus(s.event, s.tray_open, self._loaded())
        data, told = scsi_mmc.event_status(cdb[4], status)
        reply = _cut(data, u16(cdb, 7))
        if told and reply.data == data:
            s.event = MediaEvent.NONE.value
        return reply

    def _mode_sense(self, request: Request) -> Reply:
        return Reply(mode_sense(request.cdb, self._mode_pages(), 0))

    def _mode_select(self, request: Request) -> Reply:
        taken, _ = mode_select(request.cdb, request.data_out, self._mode_pages())
        return Reply(taken=taken)

    def _mode_pages(self) -> list[ModePage]:
        return scsi_mmc.mode_pages(locked=self.state.locked)

    def _prevent_allow(self, request: Request) -> Reply:
        if request.cdb[4] & _PERSISTENT:
            raise CheckCondition(INVALID_FIELD_IN_CDB)
        self.state.locked = bool(request.cdb[4] & _PREVENT)
        return GOOD

    def _start_stop_unit(self, request: Request) -> Reply:
        start, tray = request.cdb[4] & _START, request.cdb[4] & _LOAD_EJECT
        if tray and start:
            self._close_tray()
        elif tray:
            self._open_tray()
        elif start:
            self._ready()
        return GOOD

    def _open_tray(self) -> None:
        """The guest ejects. The disc lies on the tray: closing it brings the disc back."""
        s = self.state
        if s.tray_open:
            return
        if s.locked:
            raise CheckCondition(MEDIUM_REMOVAL_PREVENTED)
        if self._disc is not None:
            s.event = MediaEvent.MEDIA_REMOVAL.value
        s.tray_open = True

    def _close_tray(self) -> None:
        if self.state.tray_open and self._disc is not None:
            self._load()
        self.state.tray_open = False


def _blocks(medium: BlockDevice | bytes) -> Blocks:
    if isinstance(medium, bytes):
        medium = ImageBytes(medium)
    return Blocks(medium, BLOCK_SIZE // SECTOR_SIZE)


def _cut(data: bytes | None, size: int) -> Reply:
    """As much of the answer as there is room for; None: the command asked for what there is not."""
    if data is None:
        raise CheckCondition(INVALID_FIELD_IN_CDB)
    return Reply(data[:size])
