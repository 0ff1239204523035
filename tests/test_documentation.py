"""What the documents tell people to type works as they say."""

import re
from pathlib import Path

import pytest

from hv.cpu.exits import ExitReason
from hv.root.pairs import all_pairs, find_pairs, short_size
from tests.guests.marked import run as run_path
from tests.transcripts import (
    DOCUMENTS,
    ROOT,
    Transcript,
    prepare,
    printed,
    renewed,
    run,
    transcripts,
)

README = (ROOT / "README.md").read_text()
COMPARE = (ROOT / "docs" / "compare.md").read_text()
DISK_READ = (ROOT / "docs" / "disk-read.md").read_text()
GUESTS = (ROOT / "guests" / "README.md").read_text()
SHOWN = [each for document in DOCUMENTS for each in transcripts(document)]


def commands(text: str) -> list[str]:
    """Every ``hv`` line of the ``sh`` blocks, without its comment."""
    found = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line.split("#")[0].strip() for block in found for line in block.splitlines()]
    return [line for line in lines if line.startswith("hv ")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the documents' commands refer to."""
    return prepare(tmp_path)


@pytest.mark.parametrize("command", commands(README.partition("A first boot sector")[0]))
def test_the_first_commands(command: str, folder: Path) -> None:
    waits_for_a_key = "boot.asm" in command
    done = run(command + (" --keys x" if waits_for_a_key else ""), folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", commands(COMPARE) + commands(GUESTS))
def test_the_commands_about_pairs(command: str, folder: Path) -> None:
    done = run(command, folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: f"{shown.document}: {shown.command}")
def test_the_transcript_is_what_happens(shown: Transcript, folder: Path) -> None:
    """``make transcripts`` writes them anew."""
    assert printed(shown.command, folder) == shown.output


def test_the_boot_sector_says_hello(folder: Path) -> None:
    (shown,) = (each for each in SHOWN if "boot.asm" in each.command)
    run(shown.command, folder)
    assert "Hello, bare metal" in (folder / "screen.txt").read_text()


def test_transcripts_are_renewed_in_place() -> None:
    text = "a\n```console\n$ hv x\nold\n$ hv y\n```\nb\n```sh\n$ hv z\n```\n"
    new = renewed(text, lambda command: f"{command[-1]} is new\n")
    assert new == (
        "a\n```console\n$ hv x\nx is new\n$ hv y\ny is new\n```\nb\n```sh\n$ hv z\n```\n"
    )


def test_every_pair_is_in_the_list_with_its_paths() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (.*?) \| (.*?) \| (.*?) \|$", COMPARE, re.MULTILINE)
    pairs = {pair.name.partition(":")[0]: pair for pair in all_pairs()}
    assert rows == [
        (name, pair.unit, pair.title, " ".join(f"`{path}`" for path in pair.path))
        for name, pair in pairs.items()
    ]


def test_the_sizes_are_those_of_the_disk_pairs() -> None:
    (said,) = re.findall(r"in requests of (.*?) bytes", COMPARE)
    for pair in find_pairs(["disk-*"]):
        assert pair.parameter is not None
        *most, last = (short_size(value) for value in pair.parameter.values)
        assert said == f"{', '.join(most)} and {last}"


@pytest.mark.parametrize("size", ["512", "4K", "64K", "256K"])
def test_the_exits_of_a_mib_are_those_that_were_counted(size: str) -> None:
    (table,) = re.findall(r"^\| path \| 512 .*?\n\n", DISK_READ, re.DOTALL | re.MULTILINE)
    head, _, *rows = (
        [cell.strip() for cell in row.split("|")[1:-1]] for row in table.split("\n")[:-2]
    )
    column = head.index(size)
    (pair,) = find_pairs([f"disk-read:{size}"])
    assert [row[0] for row in rows] == list(pair.path)
    for row in rows:
        _, exits = run_path(pair.path[row[0]])
        injections = sum(
            number for (reason, _), number in exits.items() if reason is ExitReason.INTERRUPT
        )
        assert row[column] == f"{exits.total() - injections:,} + {injections:,}"


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", README)) <= targets


def test_links_between_documents_lead_somewhere() -> None:
    others = (ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md")
    for document in (*DOCUMENTS, *others):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_room_in_the_code_map_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for path in re.findall(r"`((?:hv|devices|tests|guests|firmware)/[\w./]+)`", text):
        assert list(ROOT.glob(path)), path
