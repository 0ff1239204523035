"""What a person does to a running machine: types, moves the mouse, changes media, asks it to shut down.

Everything happens at the virtual time at which it is asked for, or by timers of that time, so that the
same calls at the same places make the same run.
"""

from pathlib import Path

from hv.errors import ConfigError
from hv.live.seat import Seat
from hv.root.disk import Disk, MemoryDisk, open_disk
from hv.root.keys import parse_keys
from hv.root.machine import Machine
from hv.root.mouse_hand import MouseEvent
from hv_devices.synthetic.scsi_dvd import ScsiDvd

_NS_PER_MS = 1_000_000
_CLICK_MS = 50
_LEFT = 1


class Input:
    """The hands of the person in front of one machine."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._inserted: list[Disk] = []
        self._mouse_ms = 0

    @property
    def _machine(self) -> Machine:
        return self._seat.machine

    def serial(self, data: bytes | str) -> None:
        """Send bytes to COM1. ConfigError when the line has no room for all of them: run first."""
        raw = data.encode("latin-1") if isinstance(data, str) else data
        taken = self._machine.board.com1.receive(raw)
        if taken < len(raw):
            raise ConfigError(
                f"the serial line took {taken} of {len(raw)} bytes: the guest reads too slowly"
            )

    def keys(self, text: str) -> None:
        """Type, in the notation of ``hv run --keys``: ``"ls<ret><wait:1s><ctrl-c>"``."""
        self._machine.hand.play(parse_keys(text))

    def move_mouse(self, dx: int, dy: int) -> None:
        """Push it right and up by so many steps."""
        self._mouse(dx=dx, dy=dy)

    def place_mouse(self, x: int, y: int) -> None:
        """Put the synthetic mouse there: 0 to 0x7FFF from the upper left corner."""
        self._mouse(x=x, y=y)

    def hold_buttons(self, buttons: int) -> None:
        """Hold these buttons from now on: 1 left, 2 right, 4 middle."""
        self._mouse(buttons=buttons)

    def click(self, buttons: int = _LEFT) -> None:
        """Press and let go, 50 ms of virtual time later."""
        self._mouse(buttons=buttons)
        self._mouse_ms += _CLICK_MS - 1
        self._mouse(buttons=0)

    def _mouse(
        self,
        *,
        dx: int = 0,
        dy: int = 0,
        x: int | None = None,
        y: int | None = None,
        buttons: int | None = None,
    ) -> None:
        """One event in the millisecond behind the last one."""
        now_ms = self._machine.vtime_ns // _NS_PER_MS
        self._mouse_ms = max(self._mouse_ms, now_ms) + 1
        event = MouseEvent(self._mouse_ms, dx, dy, x, y, buttons)
        self._machine.mouse_hand.play((event,))

    def insert_floppy(self, medium: str | Path | bytes | None, drive: int = 0) -> None:
        """Change the floppy in a drive that the machine was built with; None takes it out."""
        if not self._machine.board.firmware_disk.change(drive, self._open(medium, "overlay")):
            raise ConfigError(f"the machine has no floppy drive {drive}", usage=True)

    def insert_disc(self, medium: str | Path | bytes, lun: int | None = None) -> None:
        """Put a disc into a drive that the machine was built with, instead of what was there."""
        disc = self._open(medium, "ro")
        assert disc is not None
        self._disc_drive(lun).insert(disc)

    def eject_disc(self, lun: int | None = None, *, force: bool = False) -> bool:
        """Take the disc out. False: the guest holds it, and has been asked to let go."""
        return self._disc_drive(lun).eject(force=force)

    def shutdown(self, *, reboot: bool = False, reason: str = "asked by the host") -> bool:
        """Ask the guest to shut down, through its integration service. False: no driver listens."""
        synthetic = self._machine.synthetic
        if synthetic is None:
            raise ConfigError("nobody to ask: the machine has no hypervisor (hv=none)", usage=True)
        return synthetic.shutdown.request(reboot=reboot, reason=reason)

    def press_power_button(self) -> None:
        """The button at the front, as ACPI tells the guest of it."""
        self._machine.board.platform.pm.press_power_button()

    def nmi(self) -> None:
        """One non-maskable interrupt."""
        self._machine.partition.vp.nmi()

    def close(self) -> None:
        """Give back the files of what was inserted."""
        for disk in self._inserted:
            disk.close()

    def _open(self, medium: str | Path | bytes | None, mode: str) -> Disk | None:
        if medium is None:
            return None
        disk: Disk
        if isinstance(medium, bytes):
            disk = MemoryDisk(medium, read_only=mode == "ro")
        else:
            disk = open_disk(medium, "ro" if mode == "ro" else "overlay")
        self._inserted.append(disk)
        return disk

    def _disc_drive(self, lun: int | None) -> ScsiDvd:
        synthetic = self._machine.synthetic
        units = synthetic.storage.target.luns if synthetic else {}
        drives = {at: unit for at, unit in units.items() if isinstance(unit, ScsiDvd)}
        if lun is None and drives:
            return drives[min(drives)]
        if lun not in drives:
            raise ConfigError(
                "the machine has no such disc drive: name a disc in cdroms", usage=True
            )
        return drives[lun]
