"""``--hv-cov``: what all tests of a session ran, counted once a run, whoever made the run."""

import re
import sys

import pytest

from tests.testing.projects import PLUGIN, run, source, write

pytest_plugins = ("pytester",)

BRANCHES = """\
    mov al, CODE
    cmp al, 2
    je two
    mov bl, 1
    jmp done
two:
    mov bl, 2
done:
    mov al, 0
    out 0xf4, al
"""
"""Line 9 of the file is the first."""

ALWAYS, ONE, TWO = {9, 10, 11, 17, 18}, {12, 13}, {15}

MANIFEST = """
[guest.ones]
image = "guest.asm"
defines = { CODE = 1 }
matrix = { memory = ["8M", "16M"] }

[guest.two]
image = "guest.asm"
defines = { CODE = 2 }
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    write(pytester, guest__asm=source(BRANCHES), a__hvtest__toml=MANIFEST)
    return pytester


def counts(pytester: pytest.Pytester, name: str = "all.info") -> dict[int, int]:
    """Line -> runs."""
    text = (pytester.path / name).read_text()
    assert re.findall("^SF:(.*)", text, re.MULTILINE) == [str(pytester.path / "guest.asm")]
    return {int(line): int(count) for line, count in re.findall(r"DA:(\d+),(\d+)", text)}


def expected(ones: int, twos: int) -> dict[int, int]:
    return {
        **dict.fromkeys(ALWAYS, ones + twos),
        **dict.fromkeys(ONE, ones),
        **dict.fromkeys(TWO, twos),
    }


def body(found: dict[int, int]) -> dict[int, int]:
    return {line: count for line, count in found.items() if 9 <= line <= 18}


def test_runs_of_manifests_are_counted_by_line(project: pytest.Pytester) -> None:
    result = run(project, "--hv-cov=all.info")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["hv: coverage: *all.info: 3 runs"])
    assert body(counts(project)) == expected(ones=2, twos=1)


def test_every_way_to_run_a_guest_counts(project: pytest.Pytester) -> None:
    """A machine that its test closes itself, one that it leaves, one that fails and hangs."""
    project.makepyfile(
        """
        def test_run(hv_run):
            assert hv_run("guest.asm", defines={"CODE": 2}).passed

        def test_left(vm):
            vm("guest.asm", defines={"CODE": 1}).finish()

        def test_closed(vm):
            with vm("guest.asm", defines={"CODE": 1}) as machine:
                machine.finish()

        def test_red(vm):
            vm("guest.asm", defines={"CODE": 2}).run_until_address("two")
            assert False
        """
    )
    run(project, "--hv-cov=all.info").assert_outcomes(passed=6, failed=1)
    wanted = expected(ones=4, twos=3)
    assert body(counts(project)) == {**wanted, 15: 2, 17: 6, 18: 6}
    in_process = run(project, "--hv-cov=here.info", "--hv-in-process")
    in_process.assert_outcomes(passed=6, failed=1)
    assert counts(project, "here.info") == counts(project)


def test_looking_where_a_guest_hangs_is_no_part_of_its_run(project: pytest.Pytester) -> None:
    """The budget ends in the loop, the look at the hang runs behind it."""
    loop = "    mov cx, 100\nhere: loop here\n    mov bl, 3\nthere: jmp there\n"
    write(project, guest__asm=source(loop))
    budget = first_of_the_loop(project) + 50
    write(project, a__hvtest__toml=f"[guest.a]\nimage = 'guest.asm'\nmax_insns = {budget}\n")
    result = run(project, "--hv-cov=all.info")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["it stands at *", "*jmp*"])
    found = counts(project)
    assert [found[line] for line in (9, 10, 11, 12)] == [1, 1, 0, 0]


def first_of_the_loop(project: pytest.Pytester) -> int:
    """Instructions before the guest's own loop."""
    write(project, a__hvtest__toml="")
    project.makepyfile(
        test_where="""
        def test_it(vm):
            machine = vm("guest.asm")
            machine.run_until_address("here")
            print(f"insns: {machine.insns}")
        """
    )
    found = run(project, "-s", "test_where.py").stdout.str()
    (project.path / "test_where.py").unlink()
    return int(re.findall(r"insns: (\d+)", found)[0])


def test_workers_give_the_same_bytes(project: pytest.Pytester) -> None:
    outputs = ("--hv-cov={}.info", "--hv-cov={}.drcov")
    alone = project.runpytest_subprocess(*PLUGIN, *(name.format("alone") for name in outputs))
    two = project.runpytest_subprocess(*PLUGIN, "-n2", *(name.format("two") for name in outputs))
    for result in (alone, two):
        result.assert_outcomes(passed=3)
    for suffix in ("info", "drcov"):
        files = [(project.path / f"{name}.{suffix}").read_bytes() for name in ("alone", "two")]
        assert files[0] == files[1]


def test_it_equals_what_the_command_line_writes(project: pytest.Pytester) -> None:
    write(project, guest__asm=source(BRANCHES.replace("CODE", "2")))
    write(project, a__hvtest__toml="[guest.a]\nimage = 'guest.asm'\n")
    run(project, "--hv-cov=tests.info", "--hv-cov=tests.drcov").assert_outcomes(passed=1)
    image = str(project.path / "guest.asm")
    command = (sys.executable, "-m", "hv", "run", image, "--cov", "run.info", "--cov", "run.drcov")
    assert project.run(*command).ret == 0
    for suffix in ("info", "drcov"):
        files = [(project.path / f"{name}.{suffix}").read_bytes() for name in ("tests", "run")]
        assert files[0] == files[1]


def test_what_cannot_be_told_is_left_out_and_said(project: pytest.Pytester) -> None:
    """Blocks of an image that has no lines, of one that is in memory only; nothing of disks alone."""
    sector = b"\xb0\x00\xe6\xf4" + bytes(506) + b"\x55\xaa"
    (project.path / "guest.bin").write_bytes(sector)
    write(
        project,
        a__hvtest__toml="[guest.a]\nimage = 'guest.bin'\n[guest.b]\ndisks = ['guest.bin,ro']\n",
    )
    project.makepyfile(f"def test_it(hv_run):\n    assert hv_run({sector!r}).passed\n")
    result = run(project, "--hv-cov=all.info", "--hv-cov=all.drcov")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [
            "hv: coverage: left out: *guest.bin: lines are known of .asm sources and of ELF files*",
            "hv: coverage: left out: a machine that boots from its disks: *",
            "hv: coverage: left out: image in memory *: an image in memory has no lines",
            "hv: coverage: nothing to write to *all.info: no guest ran of which it could tell",
            "hv: coverage: *all.drcov: 2 runs",
        ]
    )
    written = (project.path / "all.drcov").read_bytes()
    assert b"version 2, count 2\n" in written
    assert written.endswith(
        b"BB Table: 2 bbs\n" + bytes.fromhex("0000000004000000 0000000004000100")
    )


def test_a_file_that_cannot_be_written_is_a_usage_error(project: pytest.Pytester) -> None:
    result = run(project, "--hv-cov=nowhere/all.info")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --hv-cov: *nowhere/all.info cannot be written"])


def test_no_guest_no_file(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it():\n    pass\n")
    result = run(pytester, "--hv-cov=all.info")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["hv: coverage: nothing to write to *all.info: *"])
    assert not (pytester.path / "all.info").exists()
