"""Checkpoints of a booted Debian kernel: how long saving and restoring take, what 20 forks cost beside a
boot, and 20 checkpoints beside one.
"""

import tempfile
from pathlib import Path

from hv.clock import host_seconds
from hv.config import MachineConfig
from hv.loaders import LoadOptions, load
from hv.root.checkpoint import load_checkpoint, open_checkpoint, save_checkpoint
from hv.root.machine import Machine
from tests.bench.measure import Contender, alone, compare
from tests.linux import initramfs
from tests.linux.packages import FETCHED

SMALL, MEMORY = 64, 128
FORKS = 20
TEST_INSNS = 500_000
"""A short test of a driver, behind the boot."""

COMMAND_LINE = "console=ttyS0 panic=-1 cryptomgr.notests"
REACHED = b"MARK init=started"


def _booted(folder: Path, megabytes: int) -> Machine:
    """Run to the init script, or as far as the kernel gets in less memory than that needs."""
    initrd = folder / "initramfs.cpio"
    initrd.write_bytes(initramfs.build("cloud"))
    memory = megabytes << 20
    options = LoadOptions(memory=memory, command_line=COMMAND_LINE, initrd=(initrd,))
    machine = Machine(MachineConfig(memory=memory), load(FETCHED.kernel("cloud"), options))
    machine.run(slice_insns=2_000_000, between=lambda: REACHED not in machine.serial_log)
    return machine


def _seconds_of_boot(folder: Path) -> float:
    start = host_seconds()
    _booted(folder, MEMORY).close()
    return host_seconds() - start


def _seconds_of_forks(path: Path) -> float:
    start = host_seconds()
    snapshot = open_checkpoint(path)
    for _ in range(FORKS):
        fork = snapshot.machine()
        fork.run(fork.insns + TEST_INSNS)
        fork.close()
    return host_seconds() - start


def _seconds_of_restoring(path: Path) -> float:
    start = host_seconds()
    machine = load_checkpoint(path)
    seconds = host_seconds() - start
    machine.close()
    return seconds


def _seconds_of_saving(machine: Machine, path: Path) -> float:
    start = host_seconds()
    save_checkpoint(machine, path)
    return host_seconds() - start


def restore() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "booted.ckpt"
        machine = _booted(folder, SMALL)
        save_checkpoint(machine, path)
        title = f"Saving {SMALL} MiB of which Debian's kernel has filled most"
        alone(title, lambda: _seconds_of_saving(machine, path), "none")
        machine.close()
        size = path.stat().st_size >> 20
        title = f"Restoring {SMALL} MiB of which Debian's kernel has filled most, from {size} MiB"
        alone(title, lambda: _seconds_of_restoring(path), "median <= 0.1 s")


def forks() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "booted.ckpt"
        machine = _booted(folder, MEMORY)
        save_checkpoint(machine, path)
        machine.close()
        compare(
            f"{FORKS} runs of {TEST_INSNS:,} instructions behind a boot, and one boot",
            Contender(f"{FORKS} forks of a checkpoint", lambda: _seconds_of_forks(path)),
            Contender("one boot", lambda: _seconds_of_boot(folder)),
            "ratio < 1",
            0,
            "",
        )


def shared() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        machine = _booted(folder, MEMORY)
        alone_path = folder / "alone.ckpt"
        save_checkpoint(machine, alone_path)
        (folder / "shared").mkdir()
        sizes = []
        for number in range(FORKS):
            save_checkpoint(machine, folder / "shared" / f"{number}.ckpt", shared_pages=True)
            files = [path for path in (folder / "shared").rglob("*") if path.is_file()]
            sizes.append(sum(path.stat().st_size for path in files))
            machine.run(machine.insns + TEST_INSNS)
        machine.close()
        print(
            f"\n{FORKS} checkpoints, {TEST_INSNS:,} instructions apart, that share pages (target: none)"
        )
        print(f"  one file of its own {alone_path.stat().st_size / (1 << 20):8.1f} MiB")
        print(f"  the first shared    {sizes[0] / (1 << 20):8.1f} MiB")
        print(f"  all {FORKS}              {sizes[-1] / (1 << 20):8.1f} MiB")
