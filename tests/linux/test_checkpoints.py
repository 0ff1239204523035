"""Debian's kernel saved, restored and forked in the middle of its boot, and when it has booted."""

from pathlib import Path

import pytest

from hv.config import MachineConfig
from hv.root.checkpoint import Snapshot
from hv.root.disk import MemoryDisk, OverlayDisk
from hv.root.machine import Machine
from hv.root.result import make_result, to_json
from hv.vp import Ending
from hv_devices.synthetic.scsi_disk import ScsiDisk
from tests.checkpoint.tools import points, restored
from tests.linux.booted import BootedKernels
from tests.linux.console import BUDGET, TROUBLE, Cues, disk_contents, kernel

pytestmark = pytest.mark.linux

MEMORY = 128 << 20
STARTED = b"MARK init=started"
FORKS = 4
PLACES = range(50_000_000, 500_000_000, 80_000_000)
STRETCH = 3_000_000

KINDS = {"pc": ("none", "kernel,time,rtc,disk"), "hyper-v": ("all", "kernel,vmbus,time,scsi")}


def machine(kind: str, folder: Path, flavour: str = "cloud", more: str = "") -> Machine:
    """A kernel that is about to start. ``more``: checks, each behind a comma."""
    enlightened, checks = KINDS[kind]
    image = kernel(flavour, folder, MEMORY, f"checks={checks}{more}")
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
    booted: BootedKernels,
) -> None:
    def result(cues: Cues) -> tuple[bytes, bytes]:
        run = booted("cloud-hyperv").run(KINDS["hyper-v"][1], cues)
        run.machine.close()
        return to_json(make_result(run.machine, run.end)), run.log

    expected = result({})
    assert STARTED in expected[1]
    for _ in range(FORKS):
        assert result({}) == expected
    spoken_to = {"check=time": lambda machine: machine.board.com1.receive(b"only you hear this\n")}
    assert result(spoken_to)[0] != expected[0]
    assert result({}) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_the_accelerators_python_twin_runs_stretches_all_over_a_boot(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = machine(kind, tmp_path)
    for at in PLACES:
        going.run(at)
        monkeypatch.setenv("HV_ACCEL", "0")
        twin = Snapshot.of(going).machine()
        monkeypatch.setenv("HV_ACCEL", "1")
        assert going.partition.vp.engine.accelerated
        assert not twin.partition.vp.engine.accelerated
        results = [to_json(make_result(one, one.run(at + STRETCH))) for one in (going, twin)]
        assert results[0] == results[1]
        twin.close()
    assert STARTED in going.serial_log
    going.close()


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
