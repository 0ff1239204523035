"""Debian's unmodified kernels find the IDE interface on the PCI bus and let it move the data (ata_piix)."""

import hashlib
from dataclasses import dataclass

import pytest

from hv.config import MachineConfig
from hv.root.disk import MemoryDisk, OverlayDisk
from hv.vp import Ending
from tests.linux.console import MEMORY, SECTORS, TROUBLE, Boot, boot, disk_contents

pytestmark = pytest.mark.linux

WRITTEN_AT, WRITTEN_SECTORS = 3, 4096
PIO_BLOCK = 16
"""Sectors that one interrupt of pata_legacy is good for."""


@dataclass(frozen=True)
class Setting:
    """A kernel, what it is told to use, and the hypervisor's interface beside it."""

    flavour: str
    extra: str
    hv: str


SETTINGS = {
    "8259": Setting("cloud", "acpi=off", "none"),
    "acpi": Setting("cloud", "", "none"),
    "acpi-hyperv": Setting("generic", "", "all"),
    "newer-hyperv": Setting("backports", "", "all"),
}


@pytest.fixture(scope="module", params=list(SETTINGS))
def booted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Boot:
    """One boot for all tests of this module, by setting."""
    setting = SETTINGS[request.param]
    return boot(
        setting.flavour,
        "kernel,dma",
        tmp_path_factory.mktemp("boot"),
        MachineConfig(memory=MEMORY, hv=setting.hv),
        media=(OverlayDisk(MemoryDisk(disk_contents())),),
        extra=f"{setting.extra} write_sectors={WRITTEN_SECTORS}",
        cues={},
    )


def test_it_ends_in_order_and_without_trouble(booted: Boot) -> None:
    assert booted.end.ending is Ending.RESET
    assert booted.marks["init"] == "done end=reboot"
    assert [word for word in TROUBLE if word in booted.log] == []
    assert booted.marks["dma_warnings"] == "0"


def test_three_functions_are_on_the_bus(booted: Boot) -> None:
    assert booted.marks["pci"] == (
        "0000:00:00.0=0x060000,0000:00:01.0=0x060100,0000:00:01.1=0x010180,"
    )


def test_the_driver_uses_the_bus_master_at_the_old_addresses(booted: Boot) -> None:
    assert booted.marks["dma_port"].startswith(
        "ata1:_PATA_max_MWDMA2_cmd_0x1f0_ctl_0x3f6_bmdma_0xc000_irq_14"
    )
    assert booted.marks["dma_mode"] == "XFER_MW_DMA_2"


def test_the_whole_disk_is_read_right(booted: Boot) -> None:
    assert booted.marks["disk_sha256"] == hashlib.sha256(disk_contents()).hexdigest()


def test_what_it_wrote_is_in_the_overlay_and_reads_back(booted: Boot) -> None:
    pattern = (b"written by the guest\n" * 100_000)[: WRITTEN_SECTORS * 512]
    expected = bytearray(disk_contents())
    expected[WRITTEN_AT * 512 : (WRITTEN_AT + WRITTEN_SECTORS) * 512] = pattern
    disk = booted.machine.disk(0)
    assert disk.read(0, disk.sectors) == bytes(expected)
    assert booted.marks["disk_sha256_after"] == hashlib.sha256(expected).hexdigest()


def test_an_interrupt_is_good_for_more_than_by_pio(booted: Boot) -> None:
    assert 0 < int(booted.marks["disk_interrupts"]) < SECTORS // PIO_BLOCK
