"""A newer kernel, Debian's backport, on the same machine: the checks in short form."""

from collections.abc import Iterator

import pytest

from hv.vp import Ending
from tests.linux import media
from tests.linux.booted import BootedKernels
from tests.linux.console import TROUBLE, Boot
from tests.linux.hyperv_console import Host, bus, synthetic
from tests.linux.media import digest

pytestmark = pytest.mark.linux

CHECKS = "kernel,vmbus,time,scsi,readonly,files,dvd,keys,pointer,heartbeat,kvp,shutdown"


@pytest.fixture(scope="module")
def newer(booted: BootedKernels) -> Iterator[Boot]:
    """One run for all tests of this module."""
    run = booted("newer-hyperv").run(CHECKS, Host().cues(), end="poweroff")
    yield run
    run.machine.close()


def test_it_is_newer_and_ends_when_the_host_asks(newer: Boot) -> None:
    _, release, _ = newer.marks["uname"].split("_", 2)
    major, minor = map(int, release.split(".")[:2])
    assert (major, minor) > (6, 1)
    assert newer.end.ending is Ending.POWERED_OFF


def test_its_log_holds_no_trouble(newer: Boot) -> None:
    lines = newer.log.splitlines()
    assert [line for line in lines if any(word in line for word in TROUBLE)] == []
    assert bus(newer.machine).inspect().last_failure == ""


def test_it_keeps_time_by_the_hypervisor(newer: Boot) -> None:
    assert newer.marks["clocksource"] == "hyperv_clocksource_tsc_page"
    assert newer.marks["clockevent"] == "Hyper-V clockevent"


def test_its_drivers_work_on_our_devices(newer: Boot) -> None:
    assert newer.marks["disk_sha256"] == digest(media.PLAIN)
    assert newer.marks["readonly_sha256"] == digest(media.READ_ONLY)
    assert newer.marks["files_read"] == digest(media.BIG_FILE)
    assert newer.marks["files_umount"] == "0"
    assert newer.marks["dvd_sha256"] == digest(media.BIG_FILE)
    assert newer.marks["keys"].endswith("28:1,28:0")
    assert synthetic(newer.machine).heartbeat.alive
    assert newer.marks["kvp_external"].startswith("hello from the host")
