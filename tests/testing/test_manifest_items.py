"""Manifests are collected without Python, each entry and each cell of a matrix one test."""

import shlex
import sys
from pathlib import Path

import pytest

from hv.live import Options
from hv.root.resources import source_folder
from hv.root.samples import all_samples
from hv.testing.manifest import OPTION_NAMES, read_manifest
from tests.testing.projects import HELLO, run, source, write

pytest_plugins = ("pytester",)

MANIFEST = """
[guest.hello]
image = "hello.asm"
serial = ['^kernel: up\\r$', '^answer: (\\d+)\\r$']

[guest.grid]
image = "hello.asm"
matrix = { memory = ["16M", "32M"], hv = ["all", "none"] }

[guest.sample]
image = "@hello"
guest_code = 0
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    write(pytester, hello__asm=source(HELLO), kernel__hvtest__toml=MANIFEST)
    return pytester


def test_a_green_manifest(project: pytest.Pytester) -> None:
    result = run(project, "-v")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(
        [
            "kernel.hvtest.toml::hello PASSED*",
            "kernel.hvtest.toml::grid?16M-all? PASSED*",
            "kernel.hvtest.toml::grid?16M-none? PASSED*",
            "kernel.hvtest.toml::grid?32M-all? PASSED*",
            "kernel.hvtest.toml::grid?32M-none? PASSED*",
            "kernel.hvtest.toml::sample PASSED*",
        ]
    )


def test_one_byte_changed_is_red_and_named(project: pytest.Pytester) -> None:
    write(project, hello__asm=source(HELLO.replace("42", "43")).replace("answer", "answ3r"))
    result = run(project, "-k", "hello and not grid")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "serial: '^answer: (*' did not come; from there on the guest said:",
            "*answ3r: 43*",
            "ended: pass (*instructions)",
            "everything about this run: .hv_failures/kernel.hvtest.toml__hello",
            "reopen it: hv replay .hv_failures/kernel.hvtest.toml__hello/run.journal",
        ]
    )


def test_one_cell_is_run_by_its_name(project: pytest.Pytester) -> None:
    run(project, "kernel.hvtest.toml::grid[32M-none]").assert_outcomes(passed=1)


def test_other_names_are_collected_when_the_configuration_says_so(
    project: pytest.Pytester,
) -> None:
    write(project, guests__toml=MANIFEST)
    run(project).assert_outcomes(passed=6)
    project.makeini("[pytest]\nhv_manifests = guests.toml\n")
    run(project).assert_outcomes(passed=12)


def test_collecting_imports_no_engine(project: pytest.Pytester) -> None:
    project.makeconftest(
        "import sys\n"
        "def pytest_collection_finish():\n"
        "    print('engine:', sorted(n for n in sys.modules if n in ('unicorn', 'capstone')))\n"
    )
    result = project.runpytest_subprocess("-p", "hv.testing.plugin", "--collect-only", "-s")
    result.stdout.fnmatch_lines(["*engine: []*"])
    assert result.ret == 0


def test_an_unused_plugin_imports_next_to_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\n"
        "def test_it():\n"
        "    mine = sorted(n for n in sys.modules if n.startswith('hv'))\n"
        "    assert mine == ['hv', 'hv.testing', 'hv.testing.plugin']\n"
    )
    pytester.runpytest_subprocess("-p", "hv.testing.plugin").assert_outcomes(passed=1)


def test_the_guest_is_run_with_what_its_entry_says(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        echo__asm=source(
            "    mov ah, 0\n    int 0x16\n    mov [text], al\n    mov si, text\n    call send\n"
            "    mov al, CODE\n    out 0xf4, al\ntext: db 0, 10, 0\n"
        ),
        echo__hvtest__toml=(
            '[guest.echo]\nimage = "echo.asm"\nkeys = "<wait:500ms>k"\ndefines = { CODE = 5 }\n'
            "outcome = 'fail'\nguest_code = 5\nexit_code = 1\nexpect = ['k']\n"
        ),
    )
    run(pytester).assert_outcomes(passed=1)


def test_defaults_hold_where_an_entry_says_nothing_else(pytester: pytest.Pytester) -> None:
    manifest = """
[defaults]
image = "@bad_exit"
outcome = "fail"
[guest.bad]
[guest.good]
image = "@hello"
outcome = "pass"
"""
    write(pytester, a__hvtest__toml=manifest)
    run(pytester).assert_outcomes(passed=2)


def test_a_path_of_a_pair_is_an_image_by_its_name(pytester: pytest.Pytester) -> None:
    manifest = """
[guest.read.matrix]
image = ["@disk-read:64K/dma", "@tick/i8254"]
[guest.gone]
image = "@disk-read:64K/drum"
"""
    write(pytester, a__hvtest__toml=manifest)
    result = run(pytester)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["@disk-read:64K has no path 'drum'*"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[guest.a]\nimagee = 'x'\n", "guest a: *imagee*"),
        ("[guest.a]\nmatrix = { memory = [] }\n", "guest a: matrix: 'memory'*"),
        ("[guest.a]\nserial = ['(']\n", "guest a: pattern '('*"),
        ("[guest.a]\nbudget = { insns = 'few' }\n", "guest a: budget: 'few'*"),
        (
            "[guest.a]\nbudget = { exits = { port_peek = 1 } }\n",
            "guest a: budget: no exits*port_peek*",
        ),
        ("[guest.a]\nmemory = 'lots", "*hvtest.toml*"),
        ("[guests.a]\n", "*'guests' is not a ?guest.NAME? table*"),
        ("guest = 3\n", "*guest is not a table*"),
        ("[guest]\na = 3\n", "guest a: *"),
        ("defaults = 3\n", "*defaults is not a table*"),
        ("[defaults]\nimagee = 'x'\n[guest.a]\nimage = 'a'\n", "guest a: *imagee*"),
    ],
)
def test_a_bad_manifest_is_an_error_of_collection(
    pytester: pytest.Pytester, text: str, complaint: str
) -> None:
    write(pytester, bad__hvtest__toml=text)
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{complaint}"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_an_image_that_is_not_there_is_one_line(pytester: pytest.Pytester) -> None:
    write(pytester, a__hvtest__toml="[guest.a]\nimage = 'gone.bin'\n")
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["cannot read *gone.bin: No such file or directory"])


def test_the_bundle_holds_the_run(project: pytest.Pytester) -> None:
    write(project, hello__asm=source(HELLO.replace("mov al, 0", "mov al, 9")))
    run(project, "-k", "sample or hello and not grid").assert_outcomes(failed=1, passed=1)
    folder = project.path / ".hv_failures" / "kernel.hvtest.toml__hello"
    assert (folder / "serial.txt").read_bytes() == b"kernel: up\r\nanswer: 42\r\n"
    assert '"guest_code": 9' in (folder / "result.json").read_text()
    assert "debug exit code: 9" in (folder / "failure.txt").read_text()
    assert (folder / "exits.txt").read_text().splitlines()[-1].endswith("debug exit port 0x00f4")
    assert '"sha256"' in (folder / "machine.json").read_text()
    reopened = project.run(*reopening(folder))
    assert reopened.ret == 1
    assert "answer: 42" in reopened.stdout.str()


def test_the_samples_are_a_manifest() -> None:
    cases = read_manifest(source_folder("guests") / "guests.toml")
    assert [case.name for case in cases] == [sample.name for sample in all_samples()]
    assert [case.expectation.serial for case in cases] == [s.serial for s in all_samples()]


def test_a_manifest_knows_every_option_of_a_machine() -> None:
    assert set(OPTION_NAMES) == set(Options.__annotations__)


def reopening(folder: Path) -> list[str]:
    """The last command that a bundle names, which says the machine in flags, with this interpreter's hv."""
    told = (folder / "reopen.txt").read_text().splitlines()
    commands = [shlex.split(line, comments=True) for line in told]
    words = [command for command in commands if command][-1]
    assert words[:2] == ["hv", "run"]
    return [sys.executable, "-m", "hv", *words[1:]]
