"""Debian's unmodified kernels find Hyper-V and drive its synthetic devices with their own drivers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hv.config import DEFAULT_EPOCH
from hv.types import SECTOR_SIZE
from hv.vp import Ending
from tests.linux import media
from tests.linux.booted import Booted, BootedKernels
from tests.linux.console import TROUBLE, Boot
from tests.linux.hyperv_console import HOT_DISK, POINTED_AT, Host, bus, synthetic
from tests.linux.media import BIG_FILE, FILES_AT, FILES_SECTORS, GREETING, Media, digest

pytestmark = pytest.mark.linux

CHECKS = (
    "kernel,vmbus,time,scsi,readonly,files,dvd,keys,pointer,"
    "timesync,heartbeat,kvp,devices,hotplug,rebind,log,shutdown"
)
WRITTEN = b"written by the guest\n"
NO_MORE_ITEMS = 0x80070103

# What drivers/hv, arch/x86/kernel/cpu/mshyperv.c, drivers/scsi and drivers/hid say, in this order.
DETECTION = (
    "Hypervisor detected: Microsoft Hyper-V",
    "Hyper-V: privilege flags low 0x",
    "Hyper-V: Host Build 10.0.",
    "Hyper-V: LAPIC Timer Frequency: 0x",
    "clocksource: hyperv_clocksource_tsc_page: mask: 0xffffffffffffffff",
    "tsc: Marking TSC unstable due to running on Hyper-V",
    "tsc: Detected 1000.000 MHz processor",
    "ACPI: RSDP 0x",
    "ACPI: XSDT 0x",
    "ACPI: FACP 0x",
    "ACPI: DSDT 0x",
    "ACPI: APIC 0x",
    "ACPI: Using ACPI (MADT) for SMP configuration information",
    "Booting paravirtualized kernel on Hyper-V",
    "Kernel command line: ",
    "Memory: ",
    "printk: console [ttyS0] enabled",
)
INTERRUPTS = (
    "APIC: Switch to symmetric I/O mode setup",
    "Hyper-V: enabling crash_kexec_post_notifiers",
    "Hyper-V: Using enlightened APIC",
    "Calibrating delay loop (skipped), value calculated using timer frequency",
    "smpboot: CPU0: ",
    "smp: Brought up 1 node, 1 CPU",
    "ACPI: Interpreter enabled",
    "clocksource: Switched to clocksource hyperv_clocksource_tsc_page",
    "Trying to unpack rootfs image as initramfs",
    "Freeing initrd memory",
    "Serial: 8250/16550 driver",
    "Run /init as init process",
)
BUS_AND_STORAGE = (
    "hv_vmbus: Vmbus version:5.3",
    "SCSI subsystem initialized",
    "hv_vmbus: registering driver hv_storvsc",
    "scsi host0: storvsc_host_t",
    "scsi 0:0:0:0: Direct-Access     Msft     Virtual Disk     1.0  PQ: 0 ANSI: 5",
    "scsi 0:0:0:3: CD-ROM            Msft     Virtual DVD-ROM  1.0  PQ: 0 ANSI: 5",
    "sd 0:0:0:0: [sda] 8192 512-byte logical blocks: (4.19 MB/4.00 MiB)",
    "sd 0:0:0:0: [sda] Write Protect is off",
    "sd 0:0:0:0: [sda] Write cache: enabled, read cache: enabled, supports DPO and FUA",
    "sd 0:0:0:0: [sda] Attached SCSI disk",
    "sd 0:0:0:1: [sdb] Write Protect is on",
    " sdc: sdc1 sdc2",
    "EXT4-fs (sdc1): mounted filesystem",
    "EXT4-fs (sdc1): unmounting filesystem",
    "sr 0:0:0:3: Attached scsi CD-ROM sr0",
)
OTHER_DEVICES = (
    "hv_vmbus: registering driver hyperv_keyboard",
    "input: AT Translated Set 2 keyboard as /devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00/",
    "hv_vmbus: registering driver hid_hyperv",
    "input: Microsoft Vmbus HID-compliant Mouse as /devices/0006:045E:0621.0001/",
    "hid-hyperv 0006:045E:0621.0001: input: VIRTUAL HID v0.01 Mouse",
    "hv_vmbus: registering driver hv_utils",
    "hv_utils: Heartbeat IC version 3.0",
    "hv_utils: Shutdown IC version 3.2",
    "hv_utils: TimeSync IC version 4.0",
    "hv_utils: KVP IC version 4.0",
)
GOING_DOWN = (
    "hv_utils: Shutdown request received - graceful shutdown initiated",
    "sd 0:0:0:0: [sda] Synchronizing SCSI cache",
    "reboot: Power down",
)

DRIVERS = {
    "58f75a6d-d949-4320-99e1-a2a2576d581c": "hid_hyperv",
    "d34b2567-b9b6-42b9-8778-0a4ec0b955bf": "hyperv_keyboard",
    "f8b3781b-1e82-4818-a1c3-63d806ec15bb": "hv_storvsc",
    "fd149e91-82e0-4a7d-afa6-2a4166cbd7c0": "hv_utils",  # heartbeat
    "b6650ff7-33bc-4840-8048-e0676786f393": "hv_utils",  # shutdown
    "2dd1ce17-079e-403c-b352-a1921ee207ee": "hv_utils",  # time synchronization
    "242ff919-07db-4180-9c2e-b86cb68c8c55": "hv_utils",  # key-value pairs
}


@dataclass
class Run:
    """What a fork of a booted kernel did, and the host that answered it."""

    booted: Booted
    boot: Boot
    host: Host

    @property
    def marks(self) -> dict[str, str]:
        return self.boot.marks

    @property
    def media(self) -> Media:
        return self.booted.media


@pytest.fixture(scope="module", params=["cloud-hyperv", "generic-hyperv"])
def run(request: pytest.FixtureRequest, booted: BootedKernels) -> Iterator[Run]:
    """One run for all tests of this module, by kernel."""
    host, kernel = Host(), booted(request.param)
    run = Run(kernel, kernel.run(CHECKS, host.cues(), end="poweroff"), host)
    yield run
    run.boot.machine.close()


def overlaid(disk: bytes) -> bytes:
    """``disk`` with what the guest's check writes: 64 sectors from sector 3."""
    size = 64 * SECTOR_SIZE
    pattern = (WRITTEN * (size // len(WRITTEN) + 1))[:size]
    return disk[: 3 * SECTOR_SIZE] + pattern + disk[3 * SECTOR_SIZE + size :]


def test_it_says_what_a_guest_of_hyper_v_says(run: Run) -> None:
    log, at, missing = run.boot.log.decode(), 0, []
    for line in (*DETECTION, *INTERRUPTS, *BUS_AND_STORAGE, *OTHER_DEVICES, *GOING_DOWN):
        found = log.find(line, at)
        if found < 0:
            missing.append(line)
        else:
            at = found
    assert missing == []


def test_its_log_holds_no_trouble(run: Run) -> None:
    lines = run.boot.log.splitlines()
    assert [line for line in lines if any(word in line for word in TROUBLE)] == []
    of_the_bus = [line for line in lines if b"hv_vmbus" in line or b"hv_utils" in line]
    bad = (b"fail", b"timed out", b"time-out", b"unable", b"WARN")
    assert [line for line in of_the_bus if any(word in line.lower() for word in bad)] == []


def test_the_bus_had_nothing_to_refuse(run: Run) -> None:
    view = bus(run.boot.machine).inspect()
    assert (view.version, view.refused, view.last_failure) == ("5.3", 0, "")
    assert [channel.failure for channel in view.channels if channel.failure] == []


def test_every_offered_device_has_its_driver(run: Run) -> None:
    listed = run.marks["vmbus_devices"].rstrip(",").split(",")
    assert {device: driver for driver, device in (one.split(":") for one in listed)} == DRIVERS
    offered = {channel.instance for channel in bus(run.boot.machine).inspect().channels}
    assert offered == set(DRIVERS)


def test_time_is_the_hypervisors(run: Run) -> None:
    assert run.marks["clocksource"] == "hyperv_clocksource_tsc_page"
    assert run.marks["clockevent"] == "Hyper-V clockevent"
    assert 1.0 <= float(run.marks["slept"]) < 1.1
    assert int(run.marks["stimer_ticks"]) > 0
    assert run.marks["ticks"] == "0"  # neither 8254 nor local APIC


def test_storvsc_reads_the_whole_disk_right(run: Run) -> None:
    assert run.marks["disk"] == "Virtual_Disk____"
    assert run.marks["disk_sha256"] == digest(media.PLAIN)
    assert int(run.marks["disk_interrupts"]) > 0


def test_what_it_wrote_is_in_the_overlay(run: Run) -> None:
    expected = overlaid(media.PLAIN)
    disk = run.boot.machine.disk(0, "scsi")
    assert disk.read(0, disk.sectors) == expected
    assert run.marks["disk_sha256_after"] == digest(expected)
    assert run.media.plain.read_bytes() == media.PLAIN


def test_a_read_only_disk_stays_as_it_is(run: Run) -> None:
    assert run.marks["readonly_flag"] == "1"
    assert run.marks["readonly_write"] == "1"
    assert run.marks["readonly_sha256"] == digest(media.READ_ONLY)
    assert run.media.read_only.read_bytes() == media.READ_ONLY


def test_it_finds_the_partitions(run: Run) -> None:
    assert run.marks["partitions"] == "sdc:18432,sdc1:16384,sdc2:1024"
    assert run.marks["partition_sha256"] == digest(media.DATA)


def test_ext4_reads_and_writes_files(run: Run) -> None:
    assert run.marks["files_read"] == digest(BIG_FILE)
    assert run.marks["files_written"] == digest((WRITTEN * 75_000)[:1_500_000])
    assert run.marks["files_moved"] == digest(BIG_FILE)
    assert run.marks["files_count"] == "101"
    assert run.marks["files_umount"] == "0"


def test_ext4_leaves_a_clean_file_system_behind(run: Run, tmp_path: Path) -> None:
    image = tmp_path / "ext4-afterwards"
    disk = run.boot.machine.disk(2, "scsi")
    image.write_bytes(disk.read(FILES_AT, FILES_SECTORS))
    assert "FILE SYSTEM WAS MODIFIED" not in media.check_file_system(image)
    assert media.read_file(image, "/written") == (WRITTEN * 75_000)[:1_500_000]
    assert media.read_file(image, "/folder/99") == b"99\n"


def test_a_dvd_is_mounted_and_read(run: Run) -> None:
    assert run.marks["dvd"] == "./folder/big.bin,./hello.txt,"
    assert run.marks["dvd_sha256"] == digest(BIG_FILE)
    assert run.marks["dvd_text"] == GREETING.decode()


def test_the_synthetic_keyboard_delivers_the_keys(run: Run) -> None:
    h, v, enter = 35, 47, 28  # input event codes
    expected = [f"{key}:{state}" for key in (h, v, enter) for state in (1, 0)]
    assert run.marks["keys"] == ",".join(expected)


def test_the_mouse_delivers_absolute_coordinates(run: Run) -> None:
    move = [f"3:{axis}:{place}" for axis, place in enumerate(POINTED_AT)]  # EV_ABS
    button = ["4:4:1", "1:272:1"]  # MSC_SCAN, BTN_LEFT
    wheel = ["2:8:65535", "2:11:65416"]  # REL_WHEEL -1, REL_WHEEL_HI_RES -120
    assert run.marks["mouse_report"].split(",") == move + button + wheel


def test_a_wrong_clock_is_set_right(run: Run) -> None:
    date, uptime = run.marks["date"].split(" uptime=")
    assert abs(int(date) - DEFAULT_EPOCH - float(uptime)) <= 1
    assert run.marks["ptp_clock"] == "hyperv"


def test_the_heart_beats(run: Run) -> None:
    heartbeat = synthetic(run.boot.machine).heartbeat
    assert heartbeat.alive
    assert heartbeat.state.sequence >= 2
    assert heartbeat.state.missed == 0


def test_key_value_pairs_go_both_ways(run: Run) -> None:
    assert run.marks["kvp_external"] == "hello from the host, größer"
    assert run.marks["kvp_facts"] == "HostName=hv,VirtualMachineName=hv,"
    assert run.marks["kvp_deleted"] == "0"
    answers = run.host.answers(run.boot.machine)
    statuses = {name: None if one is None else int(one.status) for name, one in answers.items()}
    assert statuses == {**dict.fromkeys(answers, 0), "get nothing": NO_MORE_ITEMS}
    release = run.marks["uname"].split("_")[1]
    assert answers["get"] is not None
    assert answers["get"].value == "answer of the guest"
    assert answers["enumerate"] is not None
    assert answers["enumerate"].items == (("OSName", "Linux"), ("OSVersion", release))


def test_disks_and_devices_come_and_go_while_it_runs(run: Run) -> None:
    assert run.marks["hotplug_sha256"] == digest(HOT_DISK)
    steps = ("detached", "rescinded", "offered")
    assert [run.marks[f"hotplug_{step}"] for step in steps] == ["0", "0", "0"]


def test_its_driver_lets_go_of_the_controller_and_takes_it_again(run: Run) -> None:
    assert run.marks["rebind_gone"] == "0"
    assert run.marks["rebind_sha256"] == digest(overlaid(media.PLAIN))


def test_a_shutdown_from_the_host_powers_it_off(run: Run) -> None:
    assert run.marks["shutdown_asked"] == "yes"
    assert run.boot.end.ending is Ending.POWERED_OFF
    assert synthetic(run.boot.machine).shutdown.outcome == "accepted"


@pytest.mark.parametrize("run", ["cloud-hyperv"], indirect=True)
def test_all_of_it_happens_the_same_way_in_a_boot_that_nobody_forked(run: Run) -> None:
    again = run.booted.run_unforked(CHECKS, Host().cues(), end="poweroff")
    assert again.log == run.boot.log
    assert again.machine.insns == run.boot.machine.insns
    assert again.machine.state_hash() == run.boot.machine.state_hash()
    again.machine.close()
