"""Away from the checkout: the wheel in a fresh environment, a project of its own, the tutorial's commands."""

import re
import shlex
from pathlib import Path

import pytest

from tests.testing.binaries import BOOT, FLAT, KERNEL
from tests.testing.installed import Installation

TUTORIAL = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("installed")
    (folder / "wheel").mkdir()
    return Installation(folder)


MANIFEST = """
[guest.kernel]
image = "kernel.elf"
serial = ['^kernel: up\\r$']
golden = true

[guest.boot]
image = "boot.bin"
golden = true
matrix = { hv = ["all", "none"] }

[guest.flat]
image = "flat.bin"
format = "flat"
origin = 0x200000
mode = 32
after = [["expect", "ready> "], ["serial", "x"]]
serial = ['you said x\\r']
golden = true
"""

PYTHON = """
import hv
import pytest

FLAT = {"format": "flat", "origin": 0x200000, "mode": 32}


def test_numbers(hv_run):
    run = hv_run("kernel.elf")
    assert run.passed and run.serial.endswith("answer: 42\\r\\n")


@pytest.mark.parametrize("letter", ["y", "z"])
def test_live(vm, letter):
    machine = vm.boot("flat.bin", [("expect", "ready> ")], **FLAT)
    machine.write_serial(letter)
    machine.expect(f"you said {letter}\\r")
    machine.finish()


def test_without_fixtures():
    with hv.Machine("flat.bin", **FLAT) as machine:
        machine.expect("ready> ")
        machine.write_serial("w")
        machine.finish()
"""

WAYS = [(), ("-n2",), ("--hv-pulse=1000",), ("-n2", "--hv-pulse=5000", "--hv-cov=all.drcov")]


@pytest.fixture
def project(installed: Installation, tmp_path: Path) -> Path:
    """Three binaries, a manifest, a test, golden files; no source."""
    for name, text in (("kernel.elf", KERNEL), ("boot.bin", BOOT), ("flat.bin", FLAT)):
        (tmp_path / "x.asm").write_text(text)
        built = installed.run(tmp_path, "hv", "asm", "x.asm", "-o", name)
        assert built.returncode == 0, built.stderr
    (tmp_path / "x.asm").unlink()
    (tmp_path / "kernel.hvtest.toml").write_text(MANIFEST)
    (tmp_path / "test_kernel.py").write_text(PYTHON)
    first = installed.run(tmp_path, "pytest", "-q", "--hv-update")
    assert first.returncode == 0, first.stdout
    return tmp_path


def test_a_project_with_three_guests(installed: Installation, project: Path) -> None:
    for way in WAYS:
        green = installed.run(project, "pytest", "-q", *way)
        assert (green.returncode, green.stderr) == (0, ""), green.stdout
        assert "8 passed" in green.stdout
    assert b"version 2, count 3\n" in (project / "all.drcov").read_bytes()


@pytest.mark.parametrize("way", WAYS)
def test_one_byte_of_a_guest_is_changed(
    installed: Installation, project: Path, way: tuple[str, ...]
) -> None:
    image = project / "kernel.elf"
    image.write_bytes(image.read_bytes().replace(b"answer: 42", b"answer: 43"))
    red = installed.run(project, "pytest", "-q", *way)
    assert red.returncode == 1
    assert "2 failed, 6 passed" in red.stdout
    assert "    -answer: 42\\r\n    +answer: 43\\r\n" in red.stdout
    told = re.findall("^(hv replay [^ ]*)$", red.stdout.replace("reopen it: ", ""), re.MULTILINE)
    assert sorted(told) == [
        f"hv replay .hv_failures/{test}/run.journal"
        for test in ("kernel.hvtest.toml__kernel", "test_kernel.py__test_numbers")
    ]
    for command in told:
        again = installed.run(project, *command.split())
        assert again.returncode == 0, again.stderr
        assert "the same run: " in again.stderr


def test_the_tutorial_does_what_it_says(installed: Installation, tmp_path: Path) -> None:
    asm, toml, python = (block_of(language) for language in ("asm", "toml", "python"))
    (tmp_path / "kernel.asm").write_text(asm)
    (tmp_path / "kernel.hvtest.toml").write_text(toml)
    consoles = re.findall(r"```shell-session\n(.*?)```", TUTORIAL, re.DOTALL)
    assert len(consoles) == 7
    for number, console in enumerate(consoles):
        if number == 2:
            (tmp_path / "kernel.asm").write_text(asm.replace("64 KiB", "65 KiB"))
        if number == 4:
            (tmp_path / "kernel.asm").write_text(asm)
            (tmp_path / "test_kernel.py").write_text(python)
            (tmp_path / "test_boot.py").write_text(block_of("python", 1))
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", console, re.MULTILINE):
            run = installed.run(tmp_path, *shlex.split(command))
            assert_matches(run.stdout + run.stderr, output)
    assert re.findall(r"DA:8,(\d+)", (tmp_path / "kernel.info").read_text()) == ["10"]
    assert re.findall(r"DA:8,(\d+)", (tmp_path / "twice.info").read_text()) == ["20"]


def test_the_example_of_a_live_machine_runs(installed: Installation, tmp_path: Path) -> None:
    (tmp_path / "live.py").write_text(block_of("python", 2))
    run = installed.run(tmp_path, "python", "live.py")
    assert (run.stdout, run.stderr) == ("('hello',)\n", "")


def block_of(language: str, index: int = 0) -> str:
    return str(re.findall(rf"```{language}\n(.*?)```", TUTORIAL, re.DOTALL)[index])


def assert_matches(output: str, written: str) -> None:
    """``...`` at the end of a line stands for the rest of it, alone for any lines; spaces are spaces."""
    pattern = ""
    for line in _narrow(written).splitlines():
        if line == "...":
            pattern += r"(?:.*\n)*"
        else:
            rest = ".*" if line.endswith("...") else ""
            pattern += re.escape(line.removesuffix("...") if rest else line) + rest + r"\n"
    assert re.fullmatch(pattern, _narrow(output)), output


def _narrow(text: str) -> str:
    return re.sub("([ _=])\\1+", "\\1", text.replace("\r", ""))
