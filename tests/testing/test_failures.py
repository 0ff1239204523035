"""What a red test shows: the hang, the codes, the dead process; and where it shows it."""

import xml.etree.ElementTree as ET

import pytest

from tests.testing.child_hooks import in_children
from tests.testing.projects import HELLO, PLUGIN, run, saying, source, write

pytest_plugins = ("pytester",)

POLL = """\
    mov al, 0x42
    out 0x80, al
wait_ready:
    mov dx, 0x1f7
    in al, dx
    test al, 0x40
    jnz wait_ready
    jmp wait_ready
"""


def test_a_hang_names_place_loop_and_port(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        poll__asm=source(POLL),
        poll__hvtest__toml="[guest.poll]\nimage = 'poll.asm'\nmax_insns = 100000\n",
    )
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "outcome: expected pass, got budget: stopped after 10*",
            "POST codes: * 42",
            "it stands at 0000:7c*(wait_ready*): in 256 blocks it polls port 0x01f7 (ata0), * times",
            "*in al, dx",
            "*test al, 0x40",
        ]
    )


def test_a_guest_that_sleeps_for_ever(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        sleep__asm=source("    cli\nnap:\n    hlt\n"),
        sleep__hvtest__toml="[guest.sleep]\nimage = 'sleep.asm'\n",
    )
    run(pytester).stdout.fnmatch_lines(["it stands at *(nap): halted for ever *IF=0*", "*  hlt"])


def test_an_engine_that_crashes_is_one_failed_test(pytester: pytest.Pytester) -> None:
    """The child is killed in the middle of a run that would take hours."""
    write(
        pytester,
        a__hvtest__toml=(
            "[guest.crash]\nimage = '@endless_loop'\nmax_insns = 10000000000000\n"
            "[guest.after]\nimage = '@hello'\n"
        ),
        hello__asm=source(HELLO),
    )
    pytester.makeconftest(
        """
        import os, signal, threading
        from hv.testing.keys import SESSION

        def pytest_runtest_setup(item):
            if item.name == "crash":
                pid = item.config.stash[SESSION].runner.pid
                threading.Timer(1.0, os.kill, (pid, signal.SIGSEGV)).start()
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "the process that ran the machine died by SIGSEGV",
            "everything about this run: .hv_failures/a.hvtest.toml__crash",
            "reopen it: hv run @endless_loop --max-insns 10000000000000",
        ]
    )


def test_a_machine_whose_process_died_says_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, signal, threading
        import pytest
        from hv.errors import ConfigError, InternalError
        from hv.testing.keys import SESSION

        def test_it(vm, request):
            machine = vm("@endless_loop")
            pid = request.config.stash[SESSION].runner.pid
            threading.Timer(1.0, os.kill, (pid, signal.SIGKILL)).start()
            with pytest.raises(InternalError, match="died by SIGKILL"):
                machine.run()
            with pytest.raises(ConfigError, match="its process died"):
                machine.insns
            vm("@hello").finish()
        """
    )
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)


HANGS = """
import ctypes
run = module.Machine.run

def hang(machine, *arguments, **options):
    if machine.config.epoch == 4:
        ctypes.CDLL(None).pause()
    return run(machine, *arguments, **options)

module.Machine.run = hang
"""


def test_a_child_that_hangs_is_killed_and_one_failed_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child whose engine never comes back, as Python sees it: in a call to C, for ever."""
    in_children(pytester, monkeypatch, "hv.root.machine", HANGS)
    write(
        pytester,
        a__hvtest__toml="[guest.hangs]\nimage = '@hello'\nepoch = 4\n[guest.after]\nimage = '@hello'\n",
    )
    pytester.makepyfile(
        """
        import pytest
        from hv.errors import ConfigError, InternalError

        machines = []

        def test_live_hangs(vm):
            with pytest.raises(InternalError, match="no answer for 2 s"):
                machines.append(vm("@hello", epoch=4))
                machines[0].finish()

        def test_live_after(vm):
            for machine in machines:
                with pytest.raises(ConfigError, match="its process died"):
                    machine.insns
            vm("@hello").finish()
        """
    )
    pytester.makeconftest(
        """
        from hv.testing.keys import SESSION

        def pytest_runtest_setup(item):  # a busy host may need seconds for what does not hang
            if not item.name.endswith("hangs"):
                item.config.stash[SESSION].runner._patience_s = 600
            else:
                item.config.stash[SESSION].runner._patience_s = told

        def pytest_collection_finish(session):
            global told
            told = session.config.stash[SESSION].runner._patience_s
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "--hv-timeout=2")
    result.assert_outcomes(failed=1, passed=3)
    result.stdout.fnmatch_lines(
        [
            "the process that ran the machine gave no answer for 2 s of the host's time and was killed:*",
            "everything about this run: .hv_failures/a.hvtest.toml__hangs",
            "reopen it: hv run @hello*",
        ]
    )


@pytest.mark.parametrize("given", ["soon", "-1", "inf", "nan"])
def test_a_time_limit_is_a_number_of_seconds(pytester: pytest.Pytester, given: str) -> None:
    result = run(pytester, f"--hv-timeout={given}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --hv-timeout: '{given}' is no number of seconds"])
    pytester.makeini(f"[pytest]\nhv_timeout = {given}\n")
    result = run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: hv_timeout: '{given}' is no number of seconds"])


def test_in_process_gives_the_same(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        a__hvtest__toml="[guest.hello]\nimage = '@hello'\ngolden = true\n",
    )
    run(pytester, "--hv-update").assert_outcomes(passed=1)
    pytester.runpytest_subprocess(*PLUGIN, "--hv-in-process").assert_outcomes(passed=1)


def test_two_workers_see_the_same(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        ok__asm=source(HELLO),
        bad__asm=saying("1..2", "ok 1 - one", "not ok 2 - two"),
        a__hvtest__toml=(
            "[guest.ok]\nimage = 'ok.asm'\ngolden = true\n"
            "matrix = { memory = ['8M', '16M', '32M'], hv = ['all', 'none'] }\n"
            "[guest.bad]\nimage = 'bad.asm'\n"
        ),
    )
    news = pytester.runpytest_subprocess(*PLUGIN, "--hv-update", "-n2", "-k", "ok").outlines
    assert sum("golden file rewritten: __hv__/a.ok_" in line for line in news) == 6
    alone = pytester.runpytest_subprocess(*PLUGIN)
    shared = pytester.runpytest_subprocess(*PLUGIN, "-n2")
    for result in (alone, shared):
        assert result.parseoutcomes() == {"passed": 6, "failed": 2}
        result.stdout.fnmatch_lines(["FAIL: two", "SUBFAILED?two?*"])


def test_junit_has_the_numbers(pytester: pytest.Pytester) -> None:
    write(pytester, a__hvtest__toml="[guest.hello]\nimage = '@hello'\n")
    pytester.makepyfile("def test_it(hv_run):\n    assert hv_run('@hello').passed\n")
    run(pytester, "--junitxml=out.xml").assert_outcomes(passed=2)
    cases = ET.parse(pytester.path / "out.xml").getroot().findall(".//testcase")
    found = [
        {item.get("name"): item.get("value") for item in case.findall(".//property")}
        for case in cases
    ]
    assert len(found) == 2
    assert found[0] == found[1]
    assert found[0]["hv_outcome"] == "pass"
    assert all(int(found[0][name]) > 500 for name in ("hv_insns", "hv_exits", "hv_vtime_ns"))


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_github_is_told_where(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    write(
        pytester,
        a__hvtest__toml="# one\n\n[guest.x]\nimage = '@hello'\n\n[guest.y]\nimage = '@bad_exit'\n",
    )
    assert "::error" not in run(pytester).stdout.str()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = pytester.runpytest_subprocess(*PLUGIN, *workers)
    lines = [line for line in result.outlines if line.startswith("::error")]
    assert len(lines) == 1
    start = "::error file=a.hvtest.toml,line=6,title=a.hvtest.toml%3A%3Ay::outcome: expected pass"
    assert lines[0].startswith(start)
    assert "%0A" in lines[0]
