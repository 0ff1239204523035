"""The soak compares whole runs of the guest suite, and says what differs."""

from pathlib import Path

import pytest

from tests.soak.dice import Dice
from tests.soak.guests import GUESTS
from tests.soak.keep import file_name
from tests.soak.suite import Setting, differences, run_once


def runs(folder: Path) -> tuple[Path, Path]:
    """Two runs that told the same."""
    for run in ("one", "two"):
        (folder / run).mkdir()
        for guest in GUESTS:
            for part in ("result", "serial", "text"):
                (folder / run / f"{file_name(guest)}.{part}").write_bytes(guest.encode())
    return folder / "one", folder / "two"


def test_equal_runs_are_equal(tmp_path: Path) -> None:
    assert differences(*runs(tmp_path), []) == []


@pytest.mark.parametrize("part", ["result", "serial", "text"])
def test_a_byte_that_differs_is_told_and_a_guest_that_is_missing(tmp_path: Path, part: str) -> None:
    one, two = runs(tmp_path)
    (two / f"hello.{part}").write_bytes(b"hellp")
    (two / f"tick-i8254.{part}").unlink()
    assert differences(one, two, []) == [f"hello.{part}", f"tick-i8254.{part}"]
    assert differences(one, two, ["hello"]) == [f"tick-i8254.{part}"]


def test_environments_are_drawn_by_seed_and_every_axis_is_used() -> None:
    def drawn(seed: int) -> list[Setting]:
        dice = Dice(seed)
        return [Setting.drawn(dice) for _ in range(50)]

    assert drawn(1) == drawn(1) != drawn(2)
    for axis in ("workers", "accelerated", "manifests", "pulse"):
        assert len({getattr(setting, axis) for setting in drawn(1)}) > 1
    assert len({setting.hash_seed for setting in drawn(1)}) == 50


def test_manifests_and_machines_tell_the_same(tmp_path: Path) -> None:
    settings = (
        Setting(pulse=5_000),
        Setting(hash_seed=7, accelerated=False, manifests=True, pulse=10_007),
    )
    told = []
    for number, setting in enumerate(settings):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert run_once(setting, folder, [], "-k", "hv_synic") == []
        told.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert told[0] == told[1]
    assert set(told[0]) == {"hv_synic.result", "hv_synic.serial", "hv_synic.text"}
