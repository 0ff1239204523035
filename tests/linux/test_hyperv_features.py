"""With fewer enlightenments Debian's kernel falls back on others, and its synthetic devices still work."""

from pathlib import Path

import pytest

from hv.cpu.exits import ExitReason
from hv.vp import Ending
from tests.linux import media
from tests.linux.console import TROUBLE
from tests.linux.hyperv_console import boot_child, bus

pytestmark = pytest.mark.linux

EOI_MSR = 0x40000070
TSC_PAGE, MSR = "hyperv_clocksource_tsc_page", "hyperv_clocksource_msr"
STIMER, APIC_TIMER = "Hyper-V clockevent", "lapic-deadline"


@pytest.mark.parametrize(
    ("hv", "clocksource", "clockevent"),
    [
        ("default", TSC_PAGE, STIMER),
        (
            "all,-stimer-direct,-no-auto-eoi,-apic",
            TSC_PAGE,
            STIMER,
        ),  # timer messages, AutoEOI, MMIO
        ("all,-reftsc,-frequencies,-stimer", MSR, APIC_TIMER),
    ],
    ids=["default", "messages", "registers"],
)
def test_it_takes_what_there_is(hv: str, clocksource: str, clockevent: str, tmp_path: Path) -> None:
    boot = boot_child("vmbus,time,scsi", tmp_path, hv=hv)
    assert boot.end.ending is Ending.POWERED_OFF
    assert [word for word in TROUBLE if word in boot.log] == []
    assert bus(boot.machine).inspect().refused == 0
    marks = boot.marks
    assert (marks["clocksource"], marks["clockevent"]) == (clocksource, clockevent)
    assert 1.0 <= float(marks["slept"]) < 1.1
    disk = boot.machine.disk(0, "scsi")
    assert marks["disk_sha256_after"] == media.digest(disk.read(0, disk.sectors))
    boot.machine.close()


@pytest.mark.parametrize("hv", ["all", "all,-eoi-assist"])
def test_the_assist_page_spares_it_its_ends_of_interrupt(hv: str, tmp_path: Path) -> None:
    boot = boot_child("vmbus,time", tmp_path, hv=hv)
    assert boot.end.ending is Ending.POWERED_OFF
    assert [word for word in TROUBLE if word in boot.log] == []
    rows = boot.machine.partition.vp.moment().exit_rows()
    interrupts = sum(count.number for key, count in rows if key.reason == ExitReason.INTERRUPT)
    ends = sum(count.number for key, count in rows if key.target == EOI_MSR)
    assert interrupts > 100
    # An interrupt that keeps another one waiting needs its end even so.
    assert ends < interrupts // 20 if hv == "all" else ends > interrupts * 9 // 10
    boot.machine.close()
