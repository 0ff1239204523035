"""Which Linux works there are, and what is said when they cannot be done."""

from pathlib import Path

import pytest

from hv.errors import ConfigError
from hv.root.linux_guest.packages import Packages
from hv.root.linux_guest.report import report_path
from hv.root.linux_guest.run import mark_program
from hv.root.linux_guest.works import WORKS, find_works


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("linux-idle", ["linux-idle"]),
        ("@linux-idle", ["linux-idle"]),
        ("linux-disk-*", ["linux-disk-read", "linux-disk-write"]),
        ("linux*", ["linux-disk-read", "linux-disk-write", "linux-idle", "linux-boot"]),
        ("*", []),
        ("*-read", []),
        ("linux-nothing", []),
    ],
)
def test_they_are_found_by_a_pattern_that_says_linux(pattern: str, names: list[str]) -> None:
    assert [work.name for work in find_works(pattern)] == names


def test_baselines_are_paths() -> None:
    for work in WORKS:
        assert work.path(work.baseline).kind == "emulated"


def test_missing_packages_are_one_clear_line(tmp_path: Path) -> None:
    (idle,) = find_works("linux-idle")
    with pytest.raises(ConfigError) as raised:
        report_path(idle, idle.path("hv-all"), Packages(tmp_path))
    assert str(raised.value) == (
        f"linux-idle/hv-all: no Debian kernel in {tmp_path}: run `hv linux-packages {tmp_path}`"
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
