"""Debian's unmodified kernels find the emulated PC's chips with their own drivers and work on them."""

import hashlib
from collections.abc import Iterator

import pytest

from hv.vp import Ending
from tests.linux.booted import BootedKernels
from tests.linux.console import PC_CUES, TROUBLE, Boot, disk_contents

pytestmark = pytest.mark.linux

CHECKS = "kernel,time,serial,keyboard,mouse,rtc,disk,claims"
H, V, ENTER = 35, 47, 28  # input event codes
WRITTEN_AT, WRITTEN_SECTORS = 3, 64


@pytest.fixture(scope="module", params=["cloud-at", "cloud-acpi", "generic-at", "generic-acpi"])
def run(request: pytest.FixtureRequest, booted: BootedKernels) -> Iterator[Boot]:
    """One run for all tests of this module, by kernel and by what it is told to use."""
    run = booted(request.param).run(CHECKS, PC_CUES)
    yield run
    run.machine.close()


def test_it_reaches_its_init_script_and_resets(run: Boot) -> None:
    assert run.end.ending is Ending.RESET
    assert run.marks["uname"].startswith("Linux_6.")
    assert run.marks["init"] == "done end=reboot"


def test_it_sees_no_hypervisor(run: Boot) -> None:
    assert b"Hypervisor detected" not in run.log


def test_its_log_holds_no_trouble(run: Boot) -> None:
    assert [word for word in TROUBLE if word in run.log] == []


def test_time_passes_as_the_tick_says(run: Boot) -> None:
    assert 1.0 <= float(run.marks["slept"]) < 1.1
    assert int(run.marks["ticks"]) > 0


def test_8250_prints_through_interrupts_and_hears_what_is_typed(run: Boot) -> None:
    assert run.marks["serial_port"] == "uart:16550Aport:000003F8"
    assert int(run.marks["serial_interrupts"]) > 8
    assert run.marks["serial_line"] == "typed on the host"


def test_atkbd_delivers_the_keys(run: Boot) -> None:
    expected = [f"{key}:{state}" for key in (H, V, ENTER) for state in (1, 0)]
    assert run.marks["keys"] == ",".join(expected)
    assert int(run.marks["keyboard_interrupts"]) >= len(expected)


def test_the_mouse_answers_its_driver(run: Boot) -> None:
    if run.marks["mouse_name"] == "serio_raw":  # the cloud kernel has no psmouse
        assert run.marks["mouse_reset"] == "faaa00"
        assert run.marks["mouse_report"] == "080503"
    else:
        assert "Explorer" in run.marks["mouse_name"]
        assert run.marks["mouse_report"] == "2:0:5,2:1:65533"  # Y counts down the screen


def test_rtc_cmos_reads_the_clock(run: Boot) -> None:
    assert run.marks["rtc_name"] == "rtc_cmos"
    assert run.marks["rtc"].startswith("2024-01-01T00:00:")


def test_pata_legacy_reads_the_whole_disk_right(run: Boot) -> None:
    assert run.marks["disk_sha256"] == hashlib.sha256(disk_contents()).hexdigest()
    assert int(run.marks["disk_interrupts"]) > 0


def test_what_it_wrote_is_in_the_overlay(run: Boot) -> None:
    pattern = (b"written by the guest\n" * 2000)[: WRITTEN_SECTORS * 512]
    expected = bytearray(disk_contents())
    expected[WRITTEN_AT * 512 : (WRITTEN_AT + WRITTEN_SECTORS) * 512] = pattern
    disk = run.machine.disk(0)
    assert disk.read(0, disk.sectors) == bytes(expected)
    assert run.marks["disk_sha256_after"] == hashlib.sha256(expected).hexdigest()
