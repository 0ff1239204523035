"""``hv_run`` and ``vm`` in a Python test."""

import pytest

from tests.testing.projects import HELLO, run, saying, source, write

pytest_plugins = ("pytester",)


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    write(pytester, hello__asm=source(HELLO), suite__asm=saying("PASS: a", "FAIL: b"))
    return pytester


def test_hv_run(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from hv.errors import ConfigError

        def test_a_file_beside_the_test(hv_run, monkeypatch, tmp_path):
            monkeypatch.chdir(tmp_path)
            run = hv_run("hello.asm", memory="8M", hv="none")
            assert run.passed and run.outcome == "pass" and run.guest_code == 0
            assert run.serial == "kernel: up\\r\\nanswer: 42\\r\\n"
            assert run.exits("port_write", "com1") >= 24
            assert run.exits() > run.exits("port_write")

        def test_bytes(hv_run):
            sector = (b"\\xb0\\x07\\xe6\\xf4" + bytes(506) + b"\\x55\\xaa")
            run = hv_run(sector)
            assert (run.outcome, run.guest_code, run.exit_code) == ("fail", 7, 1)

        def test_the_same_twice(hv_run):
            assert hv_run("hello.asm") == hv_run("hello.asm")

        def test_guests_own_tests(hv_run):
            names = [(t.name, t.verdict) for t in hv_run.tests(hv_run("suite.asm")).tests]
            assert names == [("a", "passed"), ("b", "failed")]

        def test_no_machine(hv_run):
            with pytest.raises(ConfigError, match="size '12x'"):
                hv_run("hello.asm", memory="12x")
        """
    )
    run(project).assert_outcomes(passed=5)


def test_golden_files_of_python_tests(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
        def test_two(hv_run):
            hv_run.check_golden(hv_run("hello.asm"))
            hv_run.check_golden(hv_run("suite.asm"), "suite")
        """
    )
    run(project).assert_outcomes(failed=1)
    run(project, "--hv-update").assert_outcomes(passed=1)
    folder = project.path / "__hv__"
    assert sorted(path.name for path in folder.iterdir()) == [
        "test_it.test_two.json",
        "test_it.test_two.suite.json",
    ]
    run(project).assert_outcomes(passed=1)


def test_a_failed_test_shows_its_run(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(hv_run):\n    assert hv_run('hello.asm').guest_code == 1\n")
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*what the guest did*",
            "ended: pass (*",
            "everything about this run: *",
            "reopen it: hv replay *run.journal",
        ]
    )


def test_vm(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from hv.errors import ConfigError, GuestEnded

        def test_talking(vm):
            machine = vm("@ps2_keyboard_echo", keys="")
            assert machine.expect("ready").text == "ready"
            machine.keys("hi<ret>")
            machine.finish()
            assert "you typed: hi" in machine.serial

        def test_looking(vm):
            machine = vm("hello.asm")
            machine.expect("kernel")
            assert machine.memory.read("text", 6) == b"kernel"
            machine.memory.write_int("text+10", 0x58, 1)
            assert machine.registers["cs_base"] + machine.registers["ip"] >= 0x7c00
            machine.registers["rax"] = machine.registers["rax"]
            assert machine.inspect("pic/master/imr") < 256
            assert machine.insns > 1000 and machine.vtime_ns > machine.insns
            assert "pit" in machine.devices()
            with pytest.raises(GuestEnded, match="nothing of the kind"):
                machine.expect("nothing of the kind")
            with pytest.raises(ConfigError):
                machine.inspect("flux capacitor")
            with pytest.raises(AttributeError):
                machine.no_such_thing

        def test_two_machines(vm):
            one, other = vm("hello.asm"), vm("hello.asm")
            one.run(insns=5000)
            other.finish()
            one.finish()
            assert one.state_hash() == other.state_hash()

        def test_a_context(vm):
            with vm("hello.asm") as machine:
                machine.finish()
            with pytest.raises(ConfigError, match="closed"):
                machine.insns
        """
    )
    run(project).assert_outcomes(passed=4)
    project.runpytest_subprocess(
        *("-p", "hv.testing.plugin", "--hv-in-process", "-k", "not context")
    ).assert_outcomes(passed=3, deselected=1)


def test_a_failed_test_shows_where_its_machines_stand(project: pytest.Pytester) -> None:
    project.makepyfile(
        "def test_it(vm):\n    m = vm('@endless_loop')\n    m.run(insns=100000)\n    assert m.serial\n"
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["machine 1", "it stands at 0000:7c00 (start):*", "> 00007c00  jmp 0x7c00", "reopen it:*"]
    )
    folder = project.path / ".hv_failures"
    (bundle,) = folder.iterdir()
    assert {"result.json", "serial.txt", "exits.txt"} <= {path.name for path in bundle.iterdir()}
