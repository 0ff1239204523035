"""A Debian kernel on our machine, with a host that answers when its init script asks for something."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hv.config import MachineConfig
from hv.loaders import LoadOptions, load
from hv.root.disk import MemoryDisk, OverlayDisk
from hv.root.keys import parse_keys
from hv.root.machine import Machine
from hv.vp import End
from tests.linux import initramfs, packages

MEMORY = 256 << 20
SECTORS = 8192
BUDGET = 20_000_000_000
TROUBLE = (b"BUG:", b"Oops", b"unhandled", b"lost interrupt", b"Call Trace", b"exception Emask")


def disk_contents() -> bytes:
    """4 MiB in which every sector says which it is."""
    return b"".join(lba.to_bytes(4, "little") * 128 for lba in range(SECTORS))


@dataclass
class Boot:
    """A run that is over."""

    machine: Machine
    end: End
    disk: OverlayDisk
    marks: dict[str, str]

    @property
    def log(self) -> bytes:
        return bytes(self.machine.serial_log)


def boot(flavour: str, checks: str, folder: Path, extra: str = "acpi=off reboot=k") -> Boot:
    """Boot ``flavour``, let its init run ``checks``, type and move when it asks, until it ends."""
    initrd = folder / f"initramfs-{flavour}.cpio"
    initrd.write_bytes(initramfs.build(flavour))
    command_line = f"console=ttyS0,115200 panic=-1 {extra} checks={checks}"
    options = LoadOptions(memory=MEMORY, command_line=command_line, initrd=(initrd,))
    disk = OverlayDisk(MemoryDisk(disk_contents()))
    image = load(packages.kernel(flavour), options)
    machine = Machine(MachineConfig(memory=MEMORY), image, media=(disk,))
    cues: dict[bytes, Callable[[], object]] = {
        b"MARK serial=type": lambda: machine.board.com1.receive(b"typed on the host\n"),
        b"MARK keyboard=type": lambda: machine.hand.play(parse_keys("hv<ret>")),
        b"MARK mouse=move": lambda: machine.board.mouse.move(5, 3),
    }

    def answer() -> bool:
        for cue in [cue for cue in cues if cue in machine.serial_log]:
            cues.pop(cue)()
        return True

    end = machine.run(BUDGET, slice_insns=5_000_000, between=answer)
    return Boot(machine, end, disk, initramfs.marks(bytes(machine.serial_log)))
