"""Debian's cloud kernel to its init script: here, and under QEMU's TCG with the same images."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from hv.clock import host_seconds
from hv.config import MachineConfig
from hv.loaders import LoadOptions, load
from hv.root.machine import Machine
from tests.bench import qemu
from tests.bench.measure import Contender, compare
from tests.linux import initramfs
from tests.linux.packages import FETCHED

MEMORY = 256
COMMAND_LINE = "console=ttyS0 panic=-1 acpi=off noapic nolapic reboot=k"
REACHED = b"MARK init=started"


def boot_seconds(initrd: Path, clock: Callable[[], float] = host_seconds) -> float:
    """Seconds to the init script's first mark."""
    start = clock()
    options = LoadOptions(memory=MEMORY << 20, command_line=COMMAND_LINE, initrd=(initrd,))
    image = load(FETCHED.kernel("cloud"), options)
    machine = Machine(MachineConfig(memory=MEMORY << 20), image)
    machine.run(slice_insns=2_000_000, between=lambda: REACHED not in machine.serial_log)
    seconds = clock() - start
    machine.close()
    return seconds


def _qemu(initrd: Path) -> float:
    command = [
        *(qemu.QEMU, "-accel", "tcg", "-M", "isapc", "-cpu", "qemu64", "-display", "none"),
        *("-m", str(MEMORY), "-kernel", str(FETCHED.kernel("cloud")), "-initrd", str(initrd)),
        *("-append", COMMAND_LINE, "-serial", "stdio", "-monitor", "none", "-net", "none"),
        "-no-reboot",
    ]
    return qemu.time_until(command, REACHED, host_seconds)


def boot_to_init() -> None:
    if not qemu.installed():
        return
    with tempfile.TemporaryDirectory() as folder:
        initrd = Path(folder) / "initramfs.cpio"
        initrd.write_bytes(initramfs.build("cloud"))
        compare(
            "Debian's cloud kernel to its init script",
            Contender("hv", lambda: boot_seconds(initrd)),
            Contender("QEMU TCG, isapc", lambda: _qemu(initrd)),
            "ratio <= 2.0",
            0,
            "",
        )
