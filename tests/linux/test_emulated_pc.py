"""Debian's unmodified kernels find the emulated PC's chips with their own drivers and work on them."""

import hashlib

import pytest

from hv.root.linux_guest.packages import KERNELS
from hv.vp import Ending
from tests.linux.console import TROUBLE, Boot, boot_pc, disk_contents

pytestmark = pytest.mark.linux

CHECKS = "kernel,time,serial,keyboard,mouse,rtc,disk,claims"
H, V, ENTER = 35, 47, 28  # input event codes
WRITTEN_AT, WRITTEN_SECTORS = 3, 64


PLATFORMS = {
    "at": "acpi=off reboot=k",  # 8259s and 8254, reset through the 8042
    "acpi": "",  # I/O APIC, local APIC's timer, reset register
}


@pytest.fixture(
    scope="module",
    params=[(flavour, platform) for flavour in KERNELS for platform in PLATFORMS],
    ids="-".join,
)
def booted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Boot:
    """One boot for all tests of this module, by kernel and by what it is told to use."""
    flavour, platform = request.param
    return boot_pc(flavour, CHECKS, tmp_path_factory.mktemp("boot"), PLATFORMS[platform])


def test_it_reaches_its_init_script_and_resets(booted: Boot) -> None:
    assert booted.end.ending is Ending.RESET
    assert booted.marks["uname"].startswith("Linux_6.")
    assert booted.marks["init"] == "done end=reboot"


def test_it_sees_no_hypervisor(booted: Boot) -> None:
    assert b"Hypervisor detected" not in booted.log


def test_its_log_holds_no_trouble(booted: Boot) -> None:
    assert [word for word in TROUBLE if word in booted.log] == []


def test_time_passes_as_the_tick_says(booted: Boot) -> None:
    assert 1.0 <= float(booted.marks["slept"]) < 1.1
    assert int(booted.marks["ticks"]) > 0


def test_8250_prints_through_interrupts_and_hears_what_is_typed(booted: Boot) -> None:
    assert booted.marks["serial_port"] == "uart:16550Aport:000003F8"
    assert int(booted.marks["serial_interrupts"]) > 8
    assert booted.marks["serial_line"] == "typed on the host"


def test_atkbd_delivers_the_keys(booted: Boot) -> None:
    expected = [f"{key}:{state}" for key in (H, V, ENTER) for state in (1, 0)]
    assert booted.marks["keys"] == ",".join(expected)
    assert int(booted.marks["keyboard_interrupts"]) >= len(expected)


def test_the_mouse_answers_its_driver(booted: Boot) -> None:
    if booted.marks["mouse_name"] == "serio_raw":  # the cloud kernel has no psmouse
        assert booted.marks["mouse_reset"] == "faaa00"
        assert booted.marks["mouse_report"] == "080503"
    else:
        assert "Explorer" in booted.marks["mouse_name"]
        assert booted.marks["mouse_report"] == "2:0:5,2:1:65533"  # Y counts down the screen


def test_rtc_cmos_reads_the_clock(booted: Boot) -> None:
    assert booted.marks["rtc_name"] == "rtc_cmos"
    assert booted.marks["rtc"].startswith("2024-01-01T00:00:")


def test_pata_legacy_reads_the_whole_disk_right(booted: Boot) -> None:
    assert booted.marks["disk_sha256"] == hashlib.sha256(disk_contents()).hexdigest()
    assert int(booted.marks["disk_interrupts"]) > 0


def test_what_it_wrote_is_in_the_overlay(booted: Boot) -> None:
    pattern = (b"written by the guest\n" * 2000)[: WRITTEN_SECTORS * 512]
    expected = bytearray(disk_contents())
    expected[WRITTEN_AT * 512 : (WRITTEN_AT + WRITTEN_SECTORS) * 512] = pattern
    disk = booted.machine.disk(0)
    assert disk.read(0, disk.sectors) == bytes(expected)
    assert booted.marks["disk_sha256_after"] == hashlib.sha256(expected).hexdigest()
