"""``hv run`` boots Debian's kernel from its flags alone, the same way each time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.linux import initramfs, iso9660
from tests.linux.packages import FETCHED

pytestmark = pytest.mark.linux

KEYS = "<wait:3s>hv<ret>"
WRITTEN = b"written by the guest\n"


def hv_run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    initrd = folder / "initramfs.cpio"
    initrd.write_bytes(initramfs.build("cloud"))
    command = [sys.executable, "-m", "hv", "run", "--memory", "128M", "--initrd", str(initrd)]
    return subprocess.run(
        [*command, "--kernel", str(FETCHED.kernel("cloud")), *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=600,
        check=False,
        env={**os.environ, **environment},
    )


def test_keys_and_a_writable_disk(tmp_path: Path) -> None:
    disk, result = tmp_path / "disk.img", tmp_path / "result.json"
    disk.write_bytes(bytes(1 << 20))
    append = "console=ttyS0 panic=-1 acpi=off reboot=k checks=keyboard,disk"
    run = hv_run(
        tmp_path,
        *("--append", append, "--keys", KEYS, "--disk", f"{disk},rw", "--json", str(result)),
    )
    assert json.loads(result.read_bytes())["outcome"] == "reset", run.stderr.decode()
    assert initramfs.marks(run.stdout)["keys"] == "35:1,35:0,47:1,47:0,28:1,28:0"
    assert disk.read_bytes()[3 * 512 :].startswith(WRITTEN)


def test_disks_on_scsi_a_disc_and_a_shutdown_at_a_given_time(tmp_path: Path) -> None:
    disk, disc, result = (tmp_path / name for name in ("disk.img", "disc.iso", "result.json"))
    disk.write_bytes(bytes(1 << 20))
    disc.write_bytes(iso9660.image({"HELLO.TXT": b"hello", "FOLDER/BIG.BIN": b"big"}))
    append = "console=ttyS0 cryptomgr.notests checks=vmbus,scsi,dvd,timesync,shutdown end=poweroff"
    run = hv_run(
        tmp_path,
        *("--append", append, "--disk", f"{disk},rw,bus=scsi", "--cdrom", str(disc)),
        *("--at", "10s:shutdown", "--json", str(result)),
    )
    marks = initramfs.marks(run.stdout)
    assert json.loads(result.read_bytes())["outcome"] == "powered off", run.stderr.decode()
    assert (run.returncode, marks["shutdown_asked"]) == (0, "yes")
    assert marks["dvd_text"] == "hello"
    assert disk.read_bytes()[3 * 512 :].startswith(WRITTEN)


def test_items_set_and_read_and_the_heartbeat_at_given_times(tmp_path: Path) -> None:
    """The guest's daemon answers until the host sets "end"."""
    run = hv_run(
        tmp_path,
        *("--append", "console=ttyS0 cryptomgr.notests panic=-1 checks=vmbus,kvp"),
        *("--at", "6s:heartbeat", "--at", "6s:kvp-set:greeting=hello"),
        *("--at", "7s:kvp-get:question", "--at", "8s:kvp-get:nothing"),
        *("--at", "9s:kvp-set:end=yes"),
    )
    told = run.stderr.decode()
    assert initramfs.marks(run.stdout)["kvp_external"] == "hello", told
    assert "heartbeat: alive" in told
    assert "kvp-set greeting: done" in told
    assert "kvp-get question: answer of the guest" in told
    assert "kvp-get nothing: no such item" in told


@pytest.mark.parametrize(
    ("insns", "accelerators"), [("120M", "11"), ("20M", "10")], ids=["again", "python-twin"]
)
def test_two_runs_give_the_same_bytes(insns: str, accelerators: str, tmp_path: Path) -> None:
    outputs = []
    for number, accelerator in enumerate(accelerators):
        result = tmp_path / str(number)
        run = hv_run(
            tmp_path,
            *("--append", "console=ttyS0 acpi=off", "--max-insns", insns, "--json", str(result)),
            HV_ACCEL=accelerator,
        )
        outputs.append((run.stdout, run.returncode, result.read_bytes()))
    assert outputs[0] == outputs[1]
    assert outputs[0][1] == 124
