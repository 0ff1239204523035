"""Away from the checkout: the wheel in a fresh environment, a project of its own, the tutorial's commands."""

import re
import shlex
from pathlib import Path

import pytest

from tests.testing.installed import Installation
from tests.testing.projects import HELLO, saying, source

TUTORIAL = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("installed")
    (folder / "wheel").mkdir()
    return Installation(folder)


MANIFEST = """
[guest.hello]
image = "hello.bin"
serial = ['^kernel: up\\r$']
golden = true

[guest.suite]
image = "suite.bin"
golden = true

[guest.refuses]
image = "refuses.bin"
outcome = "fail"
guest_code = 5
"""

PYTHON = """
import hv
from hv.errors import GuestFailed
import pytest


def test_numbers(hv_run):
    run = hv_run("hello.bin")
    assert run.passed and run.serial.endswith("answer: 42\\r\\n")


def test_live(vm):
    assert vm("hello.bin").expect(r"answer: (\\d+)\\r").groups == ("42",)


def test_without_fixtures():
    with hv.Machine("refuses.bin") as machine, pytest.raises(GuestFailed):
        machine.finish()
"""


def test_a_project_with_three_guests(installed: Installation, tmp_path: Path) -> None:
    for name, text in (
        ("hello", source(HELLO)),
        ("suite", saying("1..2", "ok 1 - first", "ok 2 - second")),
        ("refuses", saying("no", code=5)),
    ):
        (tmp_path / f"{name}.asm").write_text(text)
        built = installed.run(tmp_path, "hv", "asm", f"{name}.asm", "-o", f"{name}.bin")
        assert built.returncode == 0, built.stderr
        (tmp_path / f"{name}.asm").unlink()
    (tmp_path / "kernel.hvtest.toml").write_text(MANIFEST)
    (tmp_path / "test_kernel.py").write_text(PYTHON)
    first = installed.run(tmp_path, "pytest", "-q", "--hv-update")
    assert first.returncode == 0, first.stdout
    green = installed.run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider")
    assert green.returncode == 0, green.stdout
    assert "6 passed" in green.stdout

    image = tmp_path / "hello.bin"
    image.write_bytes(image.read_bytes().replace(b"answer: 42", b"answer: 43"))
    red = installed.run(tmp_path, "pytest", "-q")
    assert red.returncode == 1
    assert "3 failed, 3 passed" in red.stdout
    assert "    -answer: 42\\r\n    +answer: 43\\r\n" in red.stdout
    bundle = tmp_path / ".hv_failures" / "kernel.hvtest.toml__hello"
    command = shlex.split((bundle / "reopen.txt").read_text())
    again = installed.run(tmp_path, *command)
    assert (again.returncode, again.stdout) == (0, "kernel: up\nanswer: 43\n")


def test_the_tutorial_does_what_it_says(installed: Installation, tmp_path: Path) -> None:
    asm, toml, python = (block_of(language) for language in ("asm", "toml", "python"))
    (tmp_path / "kernel.asm").write_text(asm)
    (tmp_path / "kernel.hvtest.toml").write_text(toml)
    consoles = re.findall(r"```shell-session\n(.*?)```", TUTORIAL, re.DOTALL)
    assert len(consoles) == 4
    for number, console in enumerate(consoles):
        if number == 2:
            (tmp_path / "kernel.asm").write_text(asm.replace("64 KiB", "65 KiB"))
        if number == 3:
            (tmp_path / "kernel.asm").write_text(asm)
            (tmp_path / "test_kernel.py").write_text(python)
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", console, re.MULTILINE):
            run = installed.run(tmp_path, *shlex.split(command))
            assert_matches(run.stdout, output)


def test_the_example_of_a_live_machine_runs(installed: Installation, tmp_path: Path) -> None:
    (tmp_path / "live.py").write_text(block_of("python", 1))
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
