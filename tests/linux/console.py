"""A Debian kernel on our machine, with a host that acts when the init script asks for something."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hv.config import MachineConfig
from hv.loaders import BootImage, LoadOptions, load
from hv.root.disk import Disk
from hv.root.keys import parse_keys
from hv.root.machine import Machine, Outputs
from hv.vp import End
from tests.linux import initramfs
from tests.linux.packages import FETCHED

MEMORY = 256 << 20
SECTORS = 8192
BUDGET = 4_000_000_000
TROUBLE = (
    *(b"BUG:", b"Oops", b"WARNING:", b"Call Trace", b"unhandled", b"unchecked MSR access"),
    *(b"lost interrupt", b"exception Emask", b"blocked for more than", b"rcu_preempt detected"),
)
COMMAND_LINE = "console=ttyS0,115200 panic=-1 cryptomgr.notests"
"""Without the self-tests of the kernel's ciphers, which take longer than all the rest of its start."""

TYPED = "hv<ret>"
REACTION_NS = 1_000_000
"""How long the host takes to do what it is asked for."""

Act = Callable[[Machine], object]
Cues = Mapping[str, Act]
"""What the host does when a mark comes, by "key=value"."""


def disk_contents() -> bytes:
    """4 MiB in which every sector says which it is."""
    return b"".join(lba.to_bytes(4, "little") * 128 for lba in range(SECTORS))


@dataclass
class Boot:
    """A run that is over."""

    machine: Machine
    end: End

    @property
    def log(self) -> bytes:
        return bytes(self.machine.serial_log)

    @property
    def marks(self) -> dict[str, str]:
        return initramfs.marks(self.log)


def boot(
    flavour: str,
    checks: str,
    folder: Path,
    config: MachineConfig,
    *,
    media: tuple[Disk, ...] = (),
    extra: str = "",
    cues: Cues,
) -> Boot:
    """Boot ``flavour``, let its init run ``checks``, do what it asks for, until it ends."""
    host = Prompter(cues)
    image = kernel(flavour, folder, config.memory, f"{extra} checks={checks}")
    host.machine = machine = Machine(config, image, Outputs(serial=host.listen), media)
    return Boot(machine, machine.run(BUDGET))


def kernel(flavour: str, folder: Path, memory: int, extra: str) -> BootImage:
    """``flavour`` with its initramfs, which is put into ``folder``."""
    initrd = folder / f"initramfs-{flavour}.cpio"
    initrd.write_bytes(initramfs.build(flavour))
    command_line = f"{COMMAND_LINE} {extra}"
    options = LoadOptions(memory=memory, command_line=command_line, initrd=(initrd,))
    return load(FETCHED.kernel(flavour), options)


class Prompter:
    """Listens to the console and acts a moment after each mark that is a cue, once."""

    machine: Machine

    def __init__(self, cues: Cues) -> None:
        self._waiting = {_told(mark): partial(self.act, act) for mark, act in cues.items()}
        self._line = bytearray()

    def listen(self, data: bytes) -> None:
        self._line += data
        if data.endswith(b"\n"):
            react = self._waiting.pop(bytes(self._line).strip(), None)
            self._line.clear()
            if react is not None:
                react()

    def at_once(self, mark: str, react: Callable[[], object]) -> None:
        """Call ``react`` in the middle of the block that ends this mark's line."""
        self._waiting[_told(mark)] = react

    def act(self, act: Act) -> None:
        """Do something a moment from now."""
        clock, machine = self.machine.partition.clock, self.machine
        clock.timer(lambda: act(machine)).arm(clock.now() + REACTION_NS)


def _told(mark: str) -> bytes:
    return f"MARK {mark}".encode()


PC_CUES: Cues = {
    "serial=type": lambda machine: machine.board.com1.receive(b"typed on the host\n"),
    "keyboard=type": lambda machine: machine.hand.play(parse_keys(TYPED)),
    "mouse=move": lambda machine: machine.board.mouse.move(5, 3),
}
