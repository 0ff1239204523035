"""The mark program of the Linux works: an ELF file written by hand, under an unmodified kernel."""

import re
from pathlib import Path

import pytest

from hv.config import MachineConfig
from hv.loaders import LoadOptions, load
from hv.root.linux_guest import initramfs
from hv.root.linux_guest.cpio import file
from hv.root.linux_guest.run import mark_program
from hv.root.machine import Machine
from hv.vp import Ending
from tests.linux.packages import FETCHED

pytestmark = pytest.mark.linux

MEMORY = 128 << 20
COMMAND_LINE = "console=ttyS0 quiet cryptomgr.notests panic=-1"
INIT = b"""#!/bin/busybox sh
/bin/busybox --install -s /bin
PATH=/bin
mark; echo "alone $?"
mark /bin/echo one 'two  three'; echo "true $?"
MARKED=yes mark /bin/sh -c 'echo "marked $MARKED"; exit 7'; echo "status $?"
mark /bin/sh -c 'kill -9 $$'; echo "killed $?"
mark /bin/nothing; echo "missing $?"
start-stop-daemon -S -c nobody -x /bin/mark; echo "forbidden $?"
poweroff -f
"""


USERS = b"nobody:x:65534:65534::/:/bin/sh\n"


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """One boot for all tests of this module."""
    initrd: Path = tmp_path_factory.mktemp("mark") / "initramfs.cpio"
    programs = {"init": INIT, "bin/mark": mark_program()}
    users = [file("etc/passwd", USERS)]
    initrd.write_bytes(
        initramfs.build(FETCHED, "cloud", programs=programs, modules=(), files=users)
    )
    options = LoadOptions(memory=MEMORY, command_line=COMMAND_LINE, initrd=(initrd,))
    machine = Machine(MachineConfig(memory=MEMORY), load(FETCHED.kernel(), options))
    assert machine.run(4_000_000_000).ending is Ending.POWERED_OFF
    return machine


def console(machine: Machine) -> str:
    return machine.serial_log.decode("ascii", "replace").replace("\r\n", "\n")


def test_it_marks_before_and_after_the_program(booted: Machine) -> None:
    ids = [mark.id for mark in booted.marks]
    alone, pairs = ids[:1], ids[1:]
    assert alone == [2]
    assert pairs == [1, 2] * 4


def test_the_program_gets_its_arguments_and_its_environment(booted: Machine) -> None:
    assert "\none two  three\n" in console(booted)
    assert "\nmarked yes\n" in console(booted)


@pytest.mark.parametrize(
    "line", ["alone 0", "true 0", "status 7", "killed 9", "missing 127", "forbidden 125"]
)
def test_its_exit_status_says_how_it_went(line: str, booted: Machine) -> None:
    assert f"\n{line}\n" in console(booted)


def test_what_the_watch_showed_is_the_marks_time(booted: Machine) -> None:
    """Behind each mark: one instruction, and what RDTSC costs."""
    found = re.findall(r"^tsc (\d) ([0-9a-f]{16})$", console(booted), re.MULTILINE)
    assert [int(number) for number, _ in found] == [mark.id for mark in booted.marks]
    lags = {
        int(tsc, 16) - mark.moment.vtime_ns
        for (_, tsc), mark in zip(found, booted.marks, strict=True)
    }
    assert len(lags) == 1
    assert lags.pop() == 1 + booted.pricing.model.rdtsc()
