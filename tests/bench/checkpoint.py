"""Checkpoints of a booted Debian kernel: how long saving and restoring take, what 20 forks cost beside a
boot, and 20 checkpoints beside one.
"""

import tempfile
from pathlib import Path

from hv.clock import host_seconds
from hv.config import MachineConfig
from hv.root.checkpoint import load_checkpoint, save_checkpoint
from hv.root.machine import Machine
from tests.bench.measure import Contender, alone, compare
from tests.linux.booted import STARTS, Booted
from tests.linux.console import MEMORY, Prompter, kernel

SMALL = 64 << 20
FORKS = 20
TEST_INSNS = 500_000
SAID, ANSWERED = b"checks=kernel\n", b"MARK check=kernel"
"""A short test: the guest's init script hears a line and answers."""

REACHED = b"MARK init=started"


def _booted(folder: Path, memory: int) -> Machine:
    """Run to the init script, or as far as the kernel gets in less memory than that needs."""
    image = kernel("cloud", folder, memory, "")
    machine = Machine(MachineConfig(memory=memory), image)
    machine.run(slice_insns=2_000_000, between=lambda: REACHED not in machine.serial_log)
    return machine


def _seconds_of_boot(debian: Booted) -> float:
    start = host_seconds()
    debian.boot(Prompter({})).close()
    return host_seconds() - start


def _seconds_of_forks(debian: Booted) -> float:
    start = host_seconds()
    for _ in range(FORKS):
        _ask(debian.snapshot.machine())
    return host_seconds() - start


def _ask(fork: Machine) -> None:
    fork.board.com1.receive(SAID)
    fork.run(slice_insns=50_000, between=lambda: ANSWERED not in fork.serial_log)
    fork.close()


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
        title = f"Saving {SMALL >> 20} MiB of which Debian's kernel has filled most"
        alone(title, lambda: _seconds_of_saving(machine, path), "none")
        machine.close()
        size = path.stat().st_size >> 20
        title = (
            f"Restoring {SMALL >> 20} MiB of which Debian's kernel has filled most, from {size} MiB"
        )
        alone(title, lambda: _seconds_of_restoring(path), "median <= 0.1 s")


def forks() -> None:
    with tempfile.TemporaryDirectory() as name:
        debian = Booted(STARTS["cloud-acpi"], Path(name))
        debian.snapshot.machine().close()  # the boot that is forked is not measured
        compare(
            f"{FORKS} test runs of a booted Linux of {MEMORY >> 20} MiB, which answers, and its boot",
            Contender(f"{FORKS} forks of one boot", lambda: _seconds_of_forks(debian)),
            Contender("one boot", lambda: _seconds_of_boot(debian)),
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
