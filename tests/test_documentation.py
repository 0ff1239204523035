"""What the documents tell people to type works as they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def hv(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    arguments = command.split()[1:]
    return subprocess.run(
        [sys.executable, "-m", "hv", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=120,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the README's boot sector in it."""
    (tmp_path / "boot.asm").write_text(blocks("asm")[0])
    return tmp_path


def test_the_first_commands(folder: Path) -> None:
    lines = [line.split("#")[0] for line in blocks("sh")[1].splitlines()]
    commands = [line for line in lines if line.startswith("hv ")]
    assert len(commands) == 4
    for command in commands:
        waits_for_a_key = "boot.asm" in command
        run = hv(command + (" --keys x" if waits_for_a_key else ""), folder)
        assert run.returncode == 0, run.stderr


def test_the_transcript_is_what_happens(folder: Path) -> None:
    command, *output = blocks("console")[0].splitlines()
    run = hv(command.removeprefix("$ "), folder)
    assert run.stderr.splitlines() == output
    assert "Hello, bare metal" in (folder / "screen.txt").read_text()


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", README)) <= targets


def test_links_between_documents_lead_somewhere() -> None:
    for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text()):
            assert (ROOT / target).exists(), f"{name}: {target}"


def test_every_room_in_the_code_map_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for path in re.findall(r"`((?:hv|devices|tests|guests|firmware)/[\w./]+)`", text):
        assert list(ROOT.glob(path)), path
