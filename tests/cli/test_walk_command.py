"""``hv walk`` as a person meets it."""

import os
import subprocess
import sys

import pytest


def hv(*arguments: str, accelerated: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hv", *arguments],
        env={**os.environ, "HV_ACCEL": str(int(accelerated))},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_one_round_is_shown_and_how_often_it_comes() -> None:
    run = hv("walk", "@disk-read:64K/storvsc")
    assert (run.returncode, run.stderr) == (0, "")
    title, shows, blank, heads, *lines = run.stdout.splitlines()
    assert title == "disk-read:64K/storvsc: read 1 MiB from a disk"
    assert shows == "READ(10) through the VMBus, one request under way"
    assert not blank
    assert heads.split() == ["exit", "insns", "at", "ns", "what", "value", "meaning", "cycles"]
    assert [line.split()[0] for line in lines[:5]] == ["1", "0", "2", "1", "3"]
    assert "hypercall HvCallSignalEvent scsi" in lines[0]
    assert lines[5:9] == [
        "",
        "Shown: 3 exits, 1 injection, 1 device request; 34,160 cycles beside the guest's instructions.",
        "That comes 16 times.",
        "Between the marks: 48 exits, 16 injections, 16 device requests; "
        "546,560 cycles beside the guest's instructions.",
    ]


def test_repetitions_within_a_round_are_folded() -> None:
    lines = hv("walk", "disk-read:64K/pio-polled").stdout.splitlines()
    again = next(line for line in lines if line.startswith(" ...") or line.startswith("..."))
    assert again.split(maxsplit=1)[1] == "these 7 lines 126 more times"
    assert any(line.startswith("Shown: 903 exits") for line in lines)
    numbers = [int(word) for line in lines[4:] if line and (word := line.split()[0]).isdigit()]
    assert max(numbers) == 903


def test_so_many_exits_as_asked_for() -> None:
    out = hv("walk", "tick/i8254", "--exits", "3", "--cost-model", "zero").stdout
    assert "Shown: 3 exits, 2 injections, 0 device requests; 0 cycles" in out
    assert "That comes" not in out


def test_no_exit_is_said_so() -> None:
    run = hv("walk", "tlb-flush/invlpg")
    assert run.stdout.splitlines()[-1].startswith("Nothing leaves the guest")


def test_the_same_without_the_accelerator() -> None:
    paths = ("disk-read:64K/pio-interrupt", "mouse/i8042", "tick/local-apic")
    for path in paths:
        assert hv("walk", path).stdout == hv("walk", path, accelerated=False).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing/at-all"], 2, "hv: no pair @nothing"),
        (["tick"], 2, "hv: @tick has several paths"),
        (["tick/rtc"], 2, "hv: @tick has no path 'rtc'"),
        (["disk-read/dma"], 2, "hv: @disk-read is one of"),
        (["tick/i8254", "--exits", "0"], 2, "hv: --exits takes a number from 1"),
        (["tick/i8254", "--exits", "x"], 2, "hv: "),
        ([], 2, "hv: Missing argument"),
        (["tick/i8254", "--cost-model", "nothing.toml"], 4, "hv: "),
    ],
)
def test_what_is_wrong_is_one_line(arguments: list[str], code: int, message: str) -> None:
    run = hv("walk", *arguments)
    assert (run.returncode, run.stdout) == (code, "")
    assert run.stderr.startswith(message)
    assert run.stderr.count("\n") == 1


def test_a_path_of_a_pair_boots_like_a_sample() -> None:
    run = hv("run", "@tick/stimer-direct")
    assert run.returncode == 0
    assert "hv: pass" in run.stderr


def test_a_pairs_source_finds_its_includes() -> None:
    from hv.root.resources import source_folder

    folder = source_folder("guests") / "pairs"
    assert "pass" in hv("run", str(folder / "tick_i8254.asm")).stderr
    disk = hv("asm", str(folder / "disk_read_dma.asm"), "-D", "REQUEST=4096", "--symbols")
    assert "disk_read" in disk.stdout


def test_a_definition_has_a_name_and_a_number() -> None:
    for text in ("=1", "REQUEST=many", "4K=1"):
        run = hv("asm", "none.asm", "--define", text)
        assert run.returncode == 2
        assert run.stderr.count("\n") == 1
