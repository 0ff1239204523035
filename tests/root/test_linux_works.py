"""Which Linux works there are, and what is said when they cannot be done."""

import subprocess
import sys
from pathlib import Path

import pytest

from hv.errors import ConfigError
from hv.root.compare.works import find_works, list_works
from hv.root.linux_guest.run import mark_program
from hv.root.linux_guest.works import WORKS
from hv.root.pairs import Pair

READ, WRITE, IDLE, BOOT = "linux-disk-read", "linux-disk-write", "linux-idle", "linux-boot"


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ([IDLE], [IDLE]),
        ([f"@{IDLE}", "linux-disk-*"], [READ, WRITE, IDLE]),
        (["linux*"], [READ, WRITE, IDLE, BOOT]),
    ],
)
def test_they_are_found_by_patterns_that_begin_with_linux(
    patterns: list[str], names: list[str]
) -> None:
    assert [work.name for work in find_works(patterns, None)] == names


@pytest.mark.parametrize("patterns", [[], ["*"], ["*-read*", "disk-*"]])
def test_other_patterns_find_none_of_them(patterns: list[str]) -> None:
    found = find_works(patterns, None)
    assert found
    assert all(isinstance(work, Pair) for work in found)


def test_pairs_and_linux_works_come_together() -> None:
    names = [work.name for work in find_works(["linux-idle", "tick"], None)]
    assert names == ["tick", "linux-idle"]


def test_the_list_has_them_all() -> None:
    names = [work.name for work in list_works([])]
    assert names[-4:] == [READ, WRITE, IDLE, BOOT]
    assert "tick" in names
    assert [work.name for work in list_works(["linux-b*"])] == [BOOT]


def test_a_linux_work_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(ConfigError, match="no pair linux-nothing: `hv compare --list` names them"):
        find_works(["linux-nothing"], None)


def test_baselines_are_paths() -> None:
    for work in WORKS:
        assert work.path(work.baseline).kind == "emulated"


def test_missing_packages_are_found_before_anything_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hv", "compare", "linux-idle", "--linux", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        f"hv: linux-idle: no Debian kernel in {tmp_path}: run `hv linux-packages {tmp_path}`\n"
    )


def test_the_mark_program_is_an_executable_of_code_and_data_apart() -> None:
    """gABI 4.1: e_type at 16, e_entry at 24, e_phoff at 32, e_phnum at 56; program headers of 56 bytes."""
    elf = mark_program()

    def number(at: int, size: int) -> int:
        return int.from_bytes(elf[at : at + size], "little")

    assert elf[:7] == b"\x7fELF\x02\x01\x01"
    assert (number(16, 2), number(18, 2), number(56, 2)) == (2, 62, 2)
    at = number(32, 8)
    code, data = (
        [
            number(header, 4),
            number(header + 4, 4),
            *(number(header + 8 * n, 8) for n in range(1, 7)),
        ]
        for header in (at, at + number(54, 2))
    )
    for (kind, _, offset, address, _, in_file, in_memory, align), end in (
        (code, 0),
        (data, len(elf)),
    ):
        assert kind == 1
        assert address % align == offset % align
        assert in_file == in_memory
        assert end in (0, offset + in_file)
    assert (code[1], data[1]) == (5, 6)
    assert code[3] <= number(24, 8) < code[3] + code[5]
