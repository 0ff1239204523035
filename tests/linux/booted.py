"""Debian's kernels, each booted once: to the question that its init script asks. Tests go on in forks of it.

What a boot led to is a checkpoint in a folder that all workers of a test session share.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from functools import cached_property
from pathlib import Path

from hv.config import MachineConfig
from hv.root.checkpoint import Snapshot, open_checkpoint, save_checkpoint
from hv.root.disk import MemoryDisk, OverlayDisk
from hv.root.machine import Machine, Outputs
from hv.vp import Ending
from tests.linux import media
from tests.linux.console import BUDGET, MEMORY, Boot, Cues, Prompter, disk_contents, kernel
from tests.linux.hyperv_console import child
from tests.linux.media import Media

QUESTION = "init=asks"


@dataclass(frozen=True)
class Start:
    """What decides a boot: the kernel, the hypervisor's interface, what the kernel is told."""

    flavour: str
    hv: str
    extra: str


STARTS = {
    "cloud-at": Start("cloud", "none", "acpi=off reboot=k"),
    "cloud-acpi": Start("cloud", "none", ""),
    "generic-at": Start("generic", "none", "acpi=off reboot=k"),
    "generic-acpi": Start("generic", "none", ""),
    "cloud-hyperv": Start("cloud", "all", ""),
    "generic-hyperv": Start("generic", "all", ""),
    "newer-hyperv": Start("backports", "all", ""),
}
"""``at``: 8259s and 8254, reset through the 8042. ``acpi``: I/O APIC, local APIC's timer, reset register.
Neither has a hypervisor. All have an IDE disk; children of a hypervisor have disks and a DVD on SCSI, too.
"""


@dataclass
class Booted:
    """A kernel whose init script waits to hear what to do. ``folder`` has its media and its checkpoint."""

    start: Start
    folder: Path

    @property
    def media(self) -> Media:
        return media.found(self.folder)

    @cached_property
    def snapshot(self) -> Snapshot:
        """Where the boot led to; the first of all workers that asks for it boots."""
        path = self.folder / "booted.checkpoint"
        with (self.folder / "lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if not path.exists():
                media.make(self.folder)
                machine = self.boot(Prompter({}))
                save_checkpoint(machine, path)
                machine.close()
        return open_checkpoint(path)

    def run(self, checks: str, cues: Cues, **words: object) -> Boot:
        """Let a fork run ``checks``, with more words for init, and do what it asks for, until it ends."""
        host = Prompter(cues)
        host.machine = self.snapshot.machine(Outputs(serial=host.listen))
        return _answered(host, {"checks": checks, **words})

    def run_unforked(self, checks: str, cues: Cues, **words: object) -> Boot:
        """The same by a boot of its own, which nobody saved."""
        host = Prompter(cues)
        self.boot(host)
        return _answered(host, {"checks": checks, **words})

    def boot(self, host: Prompter) -> Machine:
        """Up to the question, heard by ``host``."""
        start, asked = self.start, []
        config = MachineConfig(memory=MEMORY, hv="none")
        if start.hv != "none":
            config = child(self.media, start.hv)
        image = kernel(start.flavour, self.folder, MEMORY, f"{start.extra} checks=ask")
        disk = OverlayDisk(MemoryDisk(disk_contents()))
        machine = Machine(config, image, Outputs(serial=host.listen), (disk,))
        host.machine = machine

        def hear() -> None:
            asked.append(machine.insns)
            machine.partition.vp.pause()

        host.at_once(QUESTION, hear)
        end = machine.run(BUDGET, between=lambda: not asked)
        if end.ending is not Ending.STOPPED:
            raise RuntimeError(f"{start} never asked: {end.ending.value}")
        return machine


BootedKernels = Callable[[str], Booted]
"""By the name of its start."""


def _answered(host: Prompter, words: Mapping[str, object]) -> Boot:
    """Tell init what to do, a moment from now, and let it."""
    line = " ".join(f"{name}={value}" for name, value in words.items())
    host.act(lambda machine: machine.board.com1.receive(line.encode() + b"\n"))
    return Boot(host.machine, host.machine.run(BUDGET))
