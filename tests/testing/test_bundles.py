"""What a red test leaves is that very run: ``hv replay`` makes it again, however it ended."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testing.child_hooks import in_children
from tests.testing.projects import HELLO, PLUGIN, run, source, write

pytest_plugins = ("pytester",)

ENDINGS = {
    "fail": (source("    mov al, 7\n    out 0xf4, al\n"), ""),
    "golden": (source(HELLO), "golden = true\n"),
    "budget": (source("here:\n    mov al, 1\n    out 0x80, al\n    jmp here\n"), ""),
    "sleep": (source("    hlt\n    jmp start\n"), ""),
    "stuck": (source("    cli\n    hlt\n"), ""),
    "triple": (source("    lidt [none]\n    int3\nnone: dw 0, 0, 0\n"), ""),
    "typed": (
        source("    mov ah, 0\n    int 0x16\n    out 0xf4, al\n"),
        "keys = '<wait:100ms>k'\nat = ['50ms:power-button']\n",
    ),
}


def bundle(project: pytest.Pytester, test: str) -> Path:
    return project.path / ".hv_failures" / test


def replay(folder: Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The first command of a bundle, with this interpreter's hv."""
    words = shlex.split((folder / "reopen.txt").read_text().splitlines()[0])
    assert words[:2] == ["hv", "replay"]
    return subprocess.run(
        [sys.executable, "-m", "hv", *words[1:]],
        cwd=cwd or folder.parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def assert_same(folder: Path) -> None:
    again = replay(folder)
    insns = json.loads((folder / "result.json").read_text())["insns"]
    assert again.returncode == 0, again.stderr
    assert f"hv: the same run: {insns:,} instructions" in again.stderr


@pytest.mark.parametrize("ending", list(ENDINGS))
def test_however_it_ended(pytester: pytest.Pytester, ending: str) -> None:
    text, more = ENDINGS[ending]
    write(
        pytester,
        guest__asm=text,
        a__hvtest__toml=f"[guest.a]\nimage = 'guest.asm'\nmax_insns = 40000\n{more}",
    )
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "everything about this run: .hv_failures/a.hvtest.toml__a",
            "reopen it: hv replay .hv_failures/a.hvtest.toml__a/run.journal",
            "debug it: hv replay .hv_failures/a.hvtest.toml__a/run.journal --gdb :1234",
        ]
    )
    folder = bundle(pytester, "a.hvtest.toml__a")
    assert {path.name for path in folder.iterdir()} == {
        *("start.checkpoint", "run.journal", "end.checkpoint", "trace.json", "image"),
        *("serial.txt", "text.txt", "exits.txt", "result.json", "machine.json"),
        *("failure.txt", "reopen.txt"),
    }
    assert_same(folder)


def test_the_end_can_be_looked_at(pytester: pytest.Pytester) -> None:
    text, _ = ENDINGS["budget"]
    write(pytester, guest__asm=text)
    write(pytester, a__hvtest__toml="[guest.a]\nimage = 'guest.asm'\nmax_insns = 20000\n")
    run(pytester).assert_outcomes(failed=1)
    folder = bundle(pytester, "a.hvtest.toml__a")
    ended = json.loads((folder / "result.json").read_text())
    command = [sys.executable, "-m", "hv", "run", str(folder / "end.checkpoint")]
    done = pytester.run(*command, "--max-insns", str(ended["insns"]), "--json", "out.json")
    assert done.ret in (0, 124), done.errlines
    found = json.loads((pytester.path / "out.json").read_text())
    assert (found["insns"], found["state_hash"]) == (ended["insns"], ended["state_hash"])
    events = json.loads((folder / "trace.json").read_text())
    assert sum("port 0x0080" in event["name"] for event in events) > 100


def test_what_a_python_test_gave_to_its_machine(pytester: pytest.Pytester) -> None:
    """Serial bytes, keys, memory and registers, at the moments at which they were given."""
    write(
        pytester,
        echo__asm=source(
            "again:\n    mov dx, 0x3fd\n    in al, dx\n    test al, 1\n    jz again\n    mov dx, 0x3f8\n"
            "    in al, dx\n    out dx, al\n    inc byte [count]\n    jmp again\ncount: db 0\n"
        ),
    )
    pytester.makepyfile(
        test_it="""
        def test_live(vm):
            machine = vm("echo.asm")
            machine.run_until_address("again")
            machine.write_serial("one\\n")
            machine.expect("one\\n")
            machine.memory.write("count", b"\\x40")
            machine.run(insns=1234)
            machine.registers["rbx"] = 5
            machine.keys("x")
            machine.write_serial("two\\n")
            machine.expect("two\\n")
            assert machine.memory.read_int("count", 1) == 0

        def test_booted(vm):
            machine = vm.boot("echo.asm", [("address", "again"), ("serial", "abc")])
            machine.expect("abc")
            machine.write_serial("d")
            machine.run(seconds=0.01)
            assert machine.serial == "abcd!"

        def test_forked(vm):
            machine = vm("echo.asm")
            machine.run(insns=20000)
            machine.write_serial("a")
            machine.expect("a")
            assert machine.fork().serial == ""

        def test_run(hv_run):
            run = hv_run("echo.asm", after=[("address", "again"), ("serial", "q")], max_insns=30000)
            assert run.serial == "q" and run.passed
        """
    )
    run(pytester).assert_outcomes(failed=4)
    run(pytester, "--hv-pulse=2500").assert_outcomes(failed=4)
    for name in ("live", "booted", "forked", "run"):
        assert_same(bundle(pytester, f"test_it.py__test_{name}"))
    pytester.runpytest_subprocess(*PLUGIN, "--hv-in-process", "-n2").assert_outcomes(failed=4)
    for name in ("live", "booted", "forked", "run"):
        assert_same(bundle(pytester, f"test_it.py__test_{name}"))


def test_a_boot_that_fails_leaves_its_run(pytester: pytest.Pytester) -> None:
    text, _ = ENDINGS["budget"]
    write(
        pytester,
        guest__asm=text,
        a__hvtest__toml=(
            "[guest.a]\nimage = 'guest.asm'\nmax_insns = 20000\nafter = [['expect', 'x']]\n"
        ),
    )
    pytester.makepyfile(
        test_it="""
        STEPS = [("expect", "y")]

        def test_run(hv_run):
            hv_run("guest.asm", after=STEPS, max_insns=20000)

        def test_vm(vm):
            vm.boot("guest.asm", STEPS, budget=20000)
        """
    )
    run(pytester).assert_outcomes(failed=3)
    for test in ("a.hvtest.toml__a", "test_it.py__test_run", "test_it.py__test_vm"):
        assert_same(bundle(pytester, test))


def test_a_bundle_can_be_moved(pytester: pytest.Pytester, tmp_path: Path) -> None:
    write(pytester, guest__asm=ENDINGS["fail"][0])
    write(pytester, a__hvtest__toml="[guest.a]\nimage = 'guest.asm'\n")
    run(pytester).assert_outcomes(failed=1)
    moved = tmp_path / "elsewhere"
    bundle(pytester, "a.hvtest.toml__a").rename(moved)
    (pytester.path / "guest.asm").unlink()
    command = [sys.executable, "-m", "hv", "replay", "run.journal"]
    again = subprocess.run(command, cwd=moved, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr


def test_a_run_that_is_another_one_the_next_time_is_our_bug_and_said_so(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child's reproduction is made to differ."""
    change = """
    save = module.save_reproduction

    def lie(machine, end, folder):
        made = save(machine, end, folder)
        return module.Reproduction(made.journal, made.end, "the state after 5 instructions differs")

    module.save_reproduction = lie
    """
    in_children(pytester, monkeypatch, "hv.live.reproduction", change)
    write(pytester, a__hvtest__toml="[guest.a]\nimage = '@bad_exit'\n")
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "HV IS WRONG HERE, NOT THE GUEST: made again, the run is another one: the state after 5 *",
            "reopen it: hv run @bad_exit *",
        ]
    )
