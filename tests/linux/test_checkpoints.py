"""Debian's kernel saved and restored in the middle of its boot, and a booted one forked."""

from pathlib import Path

import pytest

from hv.config import MachineConfig
from hv.loaders import LoadOptions, load
from hv.root.checkpoint import Snapshot, load_checkpoint, save_checkpoint
from hv.root.disk import MemoryDisk, OverlayDisk
from hv.root.machine import Machine
from hv.root.result import make_result, to_json
from hv.vp import Ending
from hv_devices.synthetic.scsi_disk import ScsiDisk
from tests.checkpoint.tools import points, restored
from tests.linux import initramfs
from tests.linux.console import BUDGET, COMMAND_LINE, TROUBLE, disk_contents
from tests.linux.packages import FETCHED

pytestmark = pytest.mark.linux

MEMORY = 128 << 20
STARTED = b"MARK init=started"
FLAVOUR = "cloud"
FORKS = 5

KINDS = {"pc": ("none", "kernel,time,rtc,disk"), "hyper-v": ("all", "kernel,vmbus,time,scsi")}


def machine(kind: str, folder: Path, flavour: str = FLAVOUR, more: str = "") -> Machine:
    """A kernel that is about to start. ``more``: checks, each behind a comma."""
    enlightened, checks = KINDS[kind]
    initrd = folder / "initramfs.cpio"
    initrd.write_bytes(initramfs.build(flavour))
    command_line = f"{COMMAND_LINE} checks={checks}{more}"
    options = LoadOptions(memory=MEMORY, command_line=command_line, initrd=(initrd,))
    image = load(FETCHED.kernel(flavour), options)
    config = MachineConfig(memory=MEMORY, hv=enlightened)
    disk = OverlayDisk(MemoryDisk(disk_contents()))
    if enlightened == "none":
        return Machine(config, image, media=(disk,))
    return Machine(config, image, scsi_media=(disk,))


def finish(machine: Machine) -> tuple[bytes, bytes]:
    result = to_json(make_result(machine, machine.run(BUDGET)))
    return result, bytes(machine.serial_log)


@pytest.mark.parametrize("kind", KINDS)
def test_a_boot_with_checkpoints_on_its_way_is_the_same_boot(kind: str, tmp_path: Path) -> None:
    whole = machine(kind, tmp_path)
    expected = finish(whole)
    assert STARTED in expected[1]
    assert [word for word in TROUBLE if word in expected[1]] == []
    assert whole.partition.vp.end.ending is Ending.RESET
    going = machine(kind, tmp_path)
    for at in points(whole.insns, 4, 1):
        going.run(at)
        again = restored(going, tmp_path)
        going.close()
        going = again
    assert finish(going) == expected
    going.close()
    whole.close()


def test_forks_of_a_booted_kernel_end_alike_and_differ_where_they_were_treated_differently(
    tmp_path: Path,
) -> None:
    booted = machine("hyper-v", tmp_path)
    booted.run(slice_insns=1_000_000, between=lambda: STARTED not in booted.serial_log)
    path = tmp_path / "booted.ckpt"
    save_checkpoint(booted, path)
    expected = finish(booted)
    booted.close()
    assert finish(load_checkpoint(path)) == expected
    snapshot = Snapshot.of(load_checkpoint(path))
    for number in range(FORKS):
        fork = snapshot.machine()
        if number == 2:
            fork.board.com1.receive(b"nobody else hears this\n")
            assert finish(fork)[0] != expected[0]
        else:
            assert finish(fork) == expected
        fork.close()


HOT_LUN, HOT_SECTORS = 5, 12345


def test_a_disk_that_was_plugged_in_is_there_behind_a_checkpoint(tmp_path: Path) -> None:
    """The kernel finds it, looks for its partitions, and is told when it goes."""
    booted = machine("hyper-v", tmp_path, more=",log")
    booted.run(slice_insns=1_000_000, between=lambda: b"MARK disk=" not in booted.serial_log)
    snapshot = Snapshot.of(booted)
    booted.close()
    ends = []
    for saved in (False, True):
        going = snapshot.machine()
        for change in (plug, unplug):
            change(going)
            for insns in (1_000, 100_000_000):
                going.run(going.insns + insns)
                going = restored(going, tmp_path) if saved else going
        ends.append(finish(going))
        going.close()
    assert ends[0] == ends[1]
    assert f"[sdb] {HOT_SECTORS} 512-byte logical blocks".encode() in ends[0][1]


def plug(machine: Machine) -> None:
    assert machine.synthetic is not None
    disk = OverlayDisk(MemoryDisk(HOT_SECTORS * 512))
    machine.synthetic.storage.attach(HOT_LUN, ScsiDisk(disk))


def unplug(machine: Machine) -> None:
    assert machine.synthetic is not None
    machine.synthetic.storage.detach(HOT_LUN)
