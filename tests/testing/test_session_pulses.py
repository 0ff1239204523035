"""``--hv-pulse``: every machine is saved and restored all the time, and nothing of any result changes."""

import pytest

from tests.testing.projects import HELLO, PLUGIN, run, source, write

pytest_plugins = ("pytester",)

MANIFEST = """
[guest.hello]
image = "hello.asm"
golden = true

[guest.sample]
image = "@ps2_keyboard_echo"
golden = true
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    write(pytester, hello__asm=source(HELLO), kernel__hvtest__toml=MANIFEST)
    pytester.makepyfile(
        test_it="""
        def test_runs(hv_run):
            run = hv_run("hello.asm")
            hv_run.check_golden(run)
            assert run.exits("port_write", "com1") == 26

        def test_machines(vm, pytestconfig):
            machine = vm("hello.asm")
            assert machine.expect("kernel").before == ""
            fork = machine.fork()
            machine.run_until_address("send")
            machine.finish()
            fork.finish()
            assert fork.state_hash() == machine.state_hash()
            boot = vm.boot("hello.asm", [("run", 9000)])
            boot.finish()
            assert boot.state_hash() == machine.state_hash()
            every = pytestconfig.getoption("--hv-pulse")
            for one in (machine, boot):
                assert one.pulse_every == (int(every) if every else None)
                assert (one.pulses > 0) == bool(every)
            assert fork.pulse_every == machine.pulse_every
        """
    )
    run(pytester, "--hv-update").assert_outcomes(passed=4)
    return pytester


@pytest.mark.parametrize("how", [("--hv-pulse=997",), ("--hv-pulse=2000", "--hv-in-process")])
def test_golden_files_hold(project: pytest.Pytester, how: tuple[str, ...]) -> None:
    run(project, *how).assert_outcomes(passed=4)


def test_workers_pulse_too(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess(*PLUGIN, "-n2", "--hv-pulse=2000")
    result.assert_outcomes(passed=4)


def test_coverage_is_gathered_over_all_the_machines(project: pytest.Pytester) -> None:
    run(project, "--hv-cov=whole.info", "-k", "not sample").assert_outcomes(passed=3)
    run(project, "--hv-cov=pulsed.info", "-k", "not sample", "--hv-pulse=1000")
    files = [(project.path / f"{name}.info").read_text() for name in ("whole", "pulsed")]
    assert files[0] == files[1]
    assert "DA:9,5\n" in files[0]


@pytest.mark.parametrize("given", ["0", "-5", "often", "1.5"])
def test_a_pulse_is_a_number_of_instructions(pytester: pytest.Pytester, given: str) -> None:
    result = run(pytester, f"--hv-pulse={given}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    wanted = f"ERROR: --hv-pulse: '{given}' is no number of instructions"
    result.stderr.fnmatch_lines([wanted])
