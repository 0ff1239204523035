"""Debian's unmodified kernels find the IDE interface on the PCI bus and let it move the data (ata_piix)."""

import hashlib
from collections.abc import Iterator

import pytest

from hv.vp import Ending
from tests.linux.booted import BootedKernels
from tests.linux.console import SECTORS, TROUBLE, Boot, disk_contents

pytestmark = pytest.mark.linux

WRITTEN_AT, WRITTEN_SECTORS = 3, 4096
PIO_BLOCK = 16
"""Sectors that one interrupt of pata_legacy is good for."""


@pytest.fixture(
    scope="module",
    params=["cloud-at", "cloud-acpi", "generic-hyperv", "newer-hyperv"],
)
def run(request: pytest.FixtureRequest, booted: BootedKernels) -> Iterator[Boot]:
    """One run for all tests of this module, by kernel and machine."""
    run = booted(request.param).run("kernel,dma", {}, write_sectors=WRITTEN_SECTORS)
    yield run
    run.machine.close()


def test_it_ends_in_order_and_without_trouble(run: Boot) -> None:
    assert run.end.ending is Ending.RESET
    assert run.marks["init"] == "done end=reboot"
    assert [word for word in TROUBLE if word in run.log] == []
    assert run.marks["dma_warnings"] == "0"


def test_three_functions_are_on_the_bus(run: Boot) -> None:
    assert run.marks["pci"] == (
        "0000:00:00.0=0x060000,0000:00:01.0=0x060100,0000:00:01.1=0x010180,"
    )


def test_the_driver_uses_the_bus_master_at_the_old_addresses(run: Boot) -> None:
    assert run.marks["dma_port"].startswith(
        "ata1:_PATA_max_MWDMA2_cmd_0x1f0_ctl_0x3f6_bmdma_0xc000_irq_14"
    )
    assert run.marks["dma_mode"] == "XFER_MW_DMA_2"


def test_the_whole_disk_is_read_right(run: Boot) -> None:
    assert run.marks["disk_sha256"] == hashlib.sha256(disk_contents()).hexdigest()


def test_what_it_wrote_is_in_the_overlay_and_reads_back(run: Boot) -> None:
    pattern = (b"written by the guest\n" * 100_000)[: WRITTEN_SECTORS * 512]
    expected = bytearray(disk_contents())
    expected[WRITTEN_AT * 512 : (WRITTEN_AT + WRITTEN_SECTORS) * 512] = pattern
    disk = run.machine.disk(0)
    assert disk.read(0, disk.sectors) == bytes(expected)
    assert run.marks["disk_sha256_after"] == hashlib.sha256(expected).hexdigest()


def test_an_interrupt_is_good_for_more_than_by_pio(run: Boot) -> None:
    assert 0 < int(run.marks["disk_interrupts"]) < SECTORS // PIO_BLOCK
