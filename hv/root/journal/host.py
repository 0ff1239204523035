"""What the host gives to a running machine, as data: done the same way when recorded and when replayed."""

import hashlib
import stat
from pathlib import Path

from hv.errors import ConfigError
from hv.root.disk import Disk, open_disk
from hv.root.journal.records import (
    Deed,
    Disc,
    FileDigest,
    HostInput,
    Keys,
    Mouse,
    Serial,
)
from hv.root.keys import parse_keys
from hv.root.machine import Machine
from hv.root.schedule import Report, parse_deed, schedule
from hv_devices.synthetic.scsi_dvd import ScsiDvd

_CHUNK = 1 << 20


def file_digest(path: str) -> FileDigest:
    """``path`` with the SHA-256 of what it holds. ConfigError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        mode = Path(path).stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
            raise ConfigError(f"{path}: is neither a file nor a block device")
        with Path(path).open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: {reason}") from None
    return FileDigest(path, digest.hexdigest())


class HostHand:
    """Gives host input to one machine, between two slices of its run."""

    def __init__(self, machine: Machine, report: Report = lambda _text: None) -> None:
        self._machine = machine
        self._report = report
        self._discs: list[Disk] = []

    def give(self, what: HostInput) -> int:
        """Do it now; how many bytes a serial port took, 0 for all else. ConfigError: it cannot be done."""
        machine = self._machine
        match what:
            case Serial(port, data):
                return (machine.board.com1 if port == "com1" else machine.board.com2).receive(data)
            case Keys(text):
                machine.hand.play(parse_keys(text))
            case Mouse(events):
                machine.mouse_hand.play(events)
            case Deed(text):
                schedule(machine, [parse_deed(text)], self._report)
            case Disc(lun, file):
                self._change_disc(lun, file)
        return 0

    def close(self) -> None:
        """Give back the files of discs that were put in."""
        for disc in self._discs:
            disc.close()

    def _change_disc(self, lun: int, file: FileDigest | None) -> None:
        synthetic = self._machine.synthetic
        drive = synthetic.storage.target.luns.get(lun) if synthetic else None
        if not isinstance(drive, ScsiDvd):
            raise ConfigError(f"there is no disc drive {lun} on the SCSI bus", usage=True)
        if file is None:
            drive.eject(force=True)
            return
        disc = open_disk(file.path, "ro")
        self._discs.append(disc)
        drive.insert(disc)
