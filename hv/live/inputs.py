"""What a person does to a running machine: types, moves the mouse, changes media, asks it to shut down.

Everything happens at the virtual time at which it is asked for, or by timers of that time, so that the
same calls at the same places make the same run. All of it goes through the machine's ``HostHand``.
"""

from pathlib import Path

from hv.errors import ConfigError
from hv.root.journal.host import HostHand
from hv.root.journal.media import medium as as_medium
from hv.root.journal.records import (
    Disc,
    Eject,
    Floppy,
    Gesture,
    Keys,
    Nmi,
    PowerButton,
    Serial,
    ShutdownRequest,
)
from hv.root.mouse_hand import MouseEvent

_CLICK_MS = 50
_LEFT = 1


class Input:
    """The hands of the person in front of one machine."""

    def __init__(self, hand: HostHand) -> None:
        self._hand = hand

    def serial(self, data: bytes | str) -> None:
        """Send bytes to COM1. ConfigError when the line has no room for all of them: run first."""
        raw = data.encode("latin-1") if isinstance(data, str) else data
        taken = self._hand.give(Serial("com1", raw))
        if taken < len(raw):
            raise ConfigError(
                f"the serial line took {taken} of {len(raw)} bytes: the guest reads too slowly"
            )

    def keys(self, text: str) -> None:
        """Type, in the notation of ``hv run --keys``: ``"ls<ret><wait:1s><ctrl-c>"``."""
        self._hand.give(Keys(text))

    def move_mouse(self, dx: int, dy: int) -> None:
        """Push it right and up by so many steps."""
        self._gesture(MouseEvent(1, dx=dx, dy=dy))

    def place_mouse(self, x: int, y: int) -> None:
        """Put the synthetic mouse there: 0 to 0x7FFF from the upper left corner."""
        self._gesture(MouseEvent(1, x=x, y=y))

    def hold_buttons(self, buttons: int) -> None:
        """Hold these buttons from now on: 1 left, 2 right, 4 middle."""
        self._gesture(MouseEvent(1, buttons=buttons))

    def click(self, buttons: int = _LEFT) -> None:
        """Press and let go, 50 ms of virtual time later."""
        self._gesture(MouseEvent(1, buttons=buttons), MouseEvent(1 + _CLICK_MS, buttons=0))

    def _gesture(self, *events: MouseEvent) -> None:
        """The first event in the millisecond behind the last one that is to come."""
        self._hand.give(Gesture(events))

    def insert_floppy(self, medium: str | Path | bytes | None, drive: int = 0) -> None:
        """Change the floppy in a drive that the machine was built with; None takes it out."""
        self._hand.give(Floppy(drive, None if medium is None else as_medium(medium)))

    def insert_disc(self, medium: str | Path | bytes, lun: int | None = None) -> None:
        """Put a disc into a drive that the machine was built with, instead of what was there."""
        self._hand.give(Disc(lun, as_medium(medium)))

    def eject_disc(self, lun: int | None = None, *, force: bool = False) -> bool:
        """Take the disc out. False: the guest holds it, and has been asked to let go."""
        return bool(self._hand.give(Eject(lun, force)))

    def shutdown(self, *, reboot: bool = False, reason: str = "asked by the host") -> bool:
        """Ask the guest to shut down, through its integration service. False: no driver listens."""
        return bool(self._hand.give(ShutdownRequest(reboot, reason)))

    def press_power_button(self) -> None:
        """The button at the front, as ACPI tells the guest of it."""
        self._hand.give(PowerButton())

    def nmi(self) -> None:
        """One non-maskable interrupt."""
        self._hand.give(Nmi())
