"""The Linux works of ``hv compare``: Debian's unmodified drivers on one disk, its kernel at rest."""

from hashlib import sha256

import msgspec
import pytest

from hv.root.comparison import WorkReport
from hv.root.linux_guest.report import packages_of, report_path, run_linux
from hv.root.linux_guest.works import LinuxWork, find_linux_works
from tests.linux.packages import FETCHED

pytestmark = pytest.mark.linux

SECTORS = 32768
SALT = 0x5A5A0000  # what is written, against what was there


def pattern(salt: int) -> str:
    """The digest of a disk in which every 32-bit word is its sector's number, XOR ``salt``."""
    return sha256(
        b"".join((lba ^ salt).to_bytes(4, "little") * 128 for lba in range(SECTORS))
    ).hexdigest()


def work(name: str) -> LinuxWork:
    (found,) = find_linux_works([name], str(FETCHED.folder))
    return found


@pytest.fixture(scope="module")
def reports() -> dict[str, WorkReport]:
    """Every Linux work, once."""
    works = find_linux_works(["linux*"], str(FETCHED.folder))
    return {work.name: run_linux(work) for work in works}


@pytest.mark.parametrize(("name", "salt"), [("linux-disk-read", 0), ("linux-disk-write", SALT)])
def test_every_driver_moves_the_whole_disk_right(
    name: str, salt: int, reports: dict[str, WorkReport]
) -> None:
    paths = reports[name].paths
    assert [path.path for path in paths] == ["pata_legacy", "ata_piix", "hv_storvsc"]
    assert {path.checksum for path in paths} == {pattern(salt)}


@pytest.mark.parametrize("name", ["linux-disk-read", "linux-disk-write"])
def test_exits_fall_from_pio_to_dma_to_storvsc(name: str, reports: dict[str, WorkReport]) -> None:
    pio, dma, storvsc = (path.exits for path in reports[name].paths)
    assert pio > dma > storvsc
    assert reports[name].units == 16  # MiB


def test_the_guests_own_watch_agrees(reports: dict[str, WorkReport]) -> None:
    for report in reports.values():
        for path in report.paths:
            assert path.guest_cycles == path.elapsed, (report.work, path.path)


def test_an_idle_linux_with_every_enlightenment_is_interrupted_less(
    reports: dict[str, WorkReport],
) -> None:
    none, full = reports["linux-idle"].paths
    timer_none, timer_full = (path.work_lines[-1].requests for path in (none, full))
    assert 10 <= timer_full <= timer_none
    assert full.exits < none.exits
    assert 10.0e9 <= full.elapsed < 10.1e9


def test_a_boot_with_every_enlightenment_has_fewer_exits(reports: dict[str, WorkReport]) -> None:
    none, full = reports["linux-boot"].paths
    assert full.exits < none.exits
    assert full.insns > 100_000_000


def test_ratios_are_against_the_baseline(reports: dict[str, WorkReport]) -> None:
    for report in reports.values():
        (baseline,) = (path for path in report.paths if path.path == report.baseline)
        for path in report.paths:
            ratio = path.cycles.typical / baseline.cycles.typical
            assert path.ratio.typical == pytest.approx(ratio, abs=1e-4)


def test_the_same_path_again_gives_the_same_bytes(reports: dict[str, WorkReport]) -> None:
    idle = work("linux-idle")
    first = reports[idle.name].paths[-1]
    again = report_path(idle, idle.path(first.path), packages_of(idle))
    again = msgspec.structs.replace(again, ratio=first.ratio)
    assert msgspec.json.encode(again) == msgspec.json.encode(first)
