"""The host's part in the boot tests of synthetic devices: what it plugs in, types, asks and answers."""

from pathlib import Path

from hv.config import DiskConfig, MachineConfig
from hv.root.disk import MemoryDisk
from hv.root.keys import parse_keys
from hv.root.machine import Machine
from hv.root.services import SyntheticDevices
from hv.vmbus.bus import Bus
from hv_devices.synthetic.kvp import Answer
from hv_devices.synthetic.kvp_messages import Pool
from hv_devices.synthetic.scsi_disk import ScsiDisk
from tests.linux.console import MEMORY, TYPED, Boot, Cues, boot
from tests.linux.media import Media, numbered
from tests.linux.media import make as make_media

POINTED_AT = (12345, 23456)
HOT_LUN = 4
HOT_DISK = numbered(2048, 0x1234)


class Host:
    """Acts on cues, and keeps the tickets of what it asked the guest by KVP.

    ``reboot``: when the guest is ready to be shut down, ask it to restart instead.
    """

    def __init__(self, *, reboot: bool = False) -> None:
        self._reboot = reboot
        self._tickets: dict[str, int] = {}

    def cues(self) -> Cues:
        return {
            "keyboard=type": lambda machine: machine.hand.play(parse_keys(TYPED)),
            "mouse=move": self._point,
            "kvp=ask": self._ask,
            "hotplug=attach": self._attach,
            "hotplug=detach": lambda machine: synthetic(machine).storage.detach(HOT_LUN),
            "hotplug=rescind": lambda machine: bus(machine).rescind(synthetic(machine).keyboard),
            "hotplug=offer": lambda machine: bus(machine).offer(synthetic(machine).keyboard),
            "shutdown=ask": lambda machine: synthetic(machine).shutdown.request(self._reboot),
        }

    def answers(self, machine: Machine) -> dict[str, Answer | None]:
        """What the guest answered, by what was asked."""
        return {name: synthetic(machine).kvp.take(it) for name, it in self._tickets.items()}

    def _point(self, machine: Machine) -> None:
        """Three reports: a move, a button, the wheel."""
        mouse = synthetic(machine).mouse
        mouse.move_to(*POINTED_AT)
        mouse.buttons(left=True)
        mouse.wheel(1)

    def _ask(self, machine: Machine) -> None:
        kvp = synthetic(machine).kvp
        self._tickets = {
            "set": kvp.set(Pool.EXTERNAL, "greeting", "hello from the host, größer"),
            "get": kvp.get(Pool.GUEST, "question"),
            "get nothing": kvp.get(Pool.GUEST, "no such key"),
            "enumerate": kvp.enumerate(Pool.AUTO),
            "set another": kvp.set(Pool.GUEST, "short-lived", "x"),
            "delete": kvp.delete(Pool.GUEST, "short-lived"),
            "end": kvp.set(Pool.EXTERNAL, "end", "yes"),
        }

    def _attach(self, machine: Machine) -> None:
        synthetic(machine).storage.attach(HOT_LUN, ScsiDisk(MemoryDisk(HOT_DISK)))


def synthetic(machine: Machine) -> SyntheticDevices:
    assert machine.synthetic is not None
    return machine.synthetic


def bus(machine: Machine) -> Bus:
    return synthetic(machine).bus


def child(media: Media, hv: str = "all") -> MachineConfig:
    """A child partition with three disks and a DVD on a SCSI controller."""
    return MachineConfig(
        memory=MEMORY,
        hv=hv,
        disks=(
            DiskConfig(str(media.plain), bus="scsi"),
            DiskConfig(str(media.read_only), bus="scsi", mode="ro"),
            DiskConfig(str(media.partitioned), bus="scsi"),
        ),
        cdroms=(str(media.dvd),),
    )


def boot_child(checks: str, folder: Path, *, hv: str) -> Boot:
    """Boot Debian's cloud kernel with these enlightenments, until it powers off."""
    config = child(make_media(folder), hv)
    return boot("cloud", checks, folder, config, extra="end=poweroff", cues=Host().cues())
