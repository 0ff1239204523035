"""What the host gives to a machine, as data: done in one way by a program, a recorder and a replay."""

from collections.abc import Callable
from typing import Any

from hv.cpu import state as s
from hv.errors import ConfigError
from hv.root.disk import Disk
from hv.root.journal.media import open_medium
from hv.root.journal.moment import stamp
from hv.root.journal.records import (
    Deed,
    Disc,
    Eject,
    Floppy,
    Gesture,
    HostInput,
    Input,
    Keys,
    MemoryWrite,
    Mouse,
    Nmi,
    PowerButton,
    RegisterSet,
    Serial,
    ShutdownRequest,
)
from hv.root.keys import parse_keys
from hv.root.machine import Machine
from hv.root.schedule import Report, parse_deed, schedule
from hv.vp.core import U64
from hv_devices.synthetic.scsi_dvd import ScsiDvd

SETTABLE = {
    name: index
    for index, name in enumerate(
        (
            *("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"),
            *(f"r{number}" for number in range(8, 16)),
        )
    )
} | {"rip": s.RIP}
"""Registers that the host can set: the words of a saved state."""

Given = Callable[[Input], None]


class HostHand:
    """Gives host input to one machine while it does not run; there is no other way to it.

    ``given`` hears of all that was done, with the moment of it.
    """

    def __init__(
        self,
        machine: Machine,
        given: Given = lambda _input: None,
        report: Report = lambda _text: None,
    ) -> None:
        self.machine = machine
        self._given = given
        self._report = report
        self._media: list[Disk] = []
        self._ways: dict[type, Callable[[Any], int]] = {
            Serial: self._serial,
            Keys: self._keys,
            Mouse: self._mouse,
            Gesture: self._gesture,
            Deed: self._deed,
            Disc: self._disc,
            Eject: self._eject,
            Floppy: self._floppy,
            ShutdownRequest: self._shutdown,
            PowerButton: self._power_button,
            Nmi: self._nmi,
            MemoryWrite: self._memory_write,
            RegisterSet: self._register_set,
        }

    def give(self, what: HostInput) -> int:
        """Do it now. ConfigError: it cannot be done, and nothing has happened.

        The answer: how many bytes a serial port took; whether a disc came out or a request to shut down was
        heard, 1 or 0; otherwise 0.
        """
        at = stamp(self.machine)
        answer = self._ways[type(what)](what)
        if isinstance(what, Serial):
            if not answer:
                return 0
            what = Serial(what.port, what.data[:answer])
        self._given(Input(at, what, answer))
        return answer

    def close(self) -> None:
        """Give back the files of media that were put in."""
        for medium in self._media:
            medium.close()

    # Typing and pointing.

    def _serial(self, what: Serial) -> int:
        board = self.machine.board
        return (board.com1 if what.port == "com1" else board.com2).receive(what.data)

    def _keys(self, what: Keys) -> int:
        self.machine.hand.play(parse_keys(what.text))
        return 0

    def _mouse(self, what: Mouse) -> int:
        self.machine.mouse_hand.play(what.events)
        return 0

    def _gesture(self, what: Gesture) -> int:
        self.machine.mouse_hand.play_now(what.events)
        return 0

    def _deed(self, what: Deed) -> int:
        schedule(self.machine, [parse_deed(what.text)], self._report)
        return 0

    # Media.

    def _disc(self, what: Disc) -> int:
        drive = self._drive(what.lun)
        disc = open_medium(what.medium, "ro")
        self._media.append(disc)
        drive.insert(disc)
        return 0

    def _eject(self, what: Eject) -> int:
        return int(self._drive(what.lun).eject(force=what.force))

    def _floppy(self, what: Floppy) -> int:
        floppy = None if what.medium is None else open_medium(what.medium, "overlay")
        if not self.machine.board.firmware_disk.change(what.drive, floppy):
            if floppy is not None:
                floppy.close()
            raise ConfigError(f"the machine has no floppy drive {what.drive}", usage=True)
        if floppy is not None:
            self._media.append(floppy)
        return 0

    def _drive(self, lun: int | None) -> ScsiDvd:
        synthetic = self.machine.synthetic
        units = synthetic.storage.target.luns if synthetic else {}
        drives = {at: unit for at, unit in units.items() if isinstance(unit, ScsiDvd)}
        drive = drives.get(min(drives, default=0) if lun is None else lun)
        if drive is None:
            raise ConfigError(
                "the machine has no such disc drive: name a disc in cdroms", usage=True
            )
        return drive

    # The case, and what is under it.

    def _shutdown(self, what: ShutdownRequest) -> int:
        synthetic = self.machine.synthetic
        if synthetic is None:
            raise ConfigError("nobody to ask: the machine has no hypervisor (hv=none)", usage=True)
        return int(synthetic.shutdown.request(reboot=what.reboot, reason=what.reason))

    def _power_button(self, _what: PowerButton) -> int:
        self.machine.board.platform.pm.press_power_button()
        return 0

    def _nmi(self, _what: Nmi) -> int:
        self.machine.partition.vp.nmi()
        return 0

    def _memory_write(self, what: MemoryWrite) -> int:
        memory = self.machine.partition.memory
        if not memory.contains(what.gpa, len(what.data)):
            raise ConfigError(f"no RAM for {len(what.data)} bytes at {what.gpa:#x}", usage=True)
        memory.write(what.gpa, what.data)
        return 0

    def _register_set(self, what: RegisterSet) -> int:
        if what.name not in SETTABLE:
            raise ConfigError(f"register {what.name!r} cannot be set", usage=True)
        vp = self.machine.partition.vp
        vp.settle_flags()
        vp.state.q[SETTABLE[what.name]] = what.value & U64
        vp.engine.restore()
        if what.name == "rip":
            vp.debug().jump()
        return 0
