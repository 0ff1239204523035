"""Golden files: written when asked, compared to the last number, refused in CI; budgets are exact."""

import json

import pytest

from tests.testing.projects import HELLO, PLUGIN, run, source, write

pytest_plugins = ("pytester",)

MANIFEST = """
[guest.hello]
image = "hello.asm"
golden = true
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    write(pytester, hello__asm=source(HELLO), kernel__hvtest__toml=MANIFEST)
    return pytester


def test_without_a_golden_file_it_fails_and_says_what_to_do(project: pytest.Pytester) -> None:
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "golden: there is no kernel.hello.json yet",
            "golden: to accept this: pytest --hv-update 'kernel.hvtest.toml::hello'",
        ]
    )
    assert not (project.path / "__hv__").exists()


def test_update_writes_it_once_and_then_it_holds(project: pytest.Pytester) -> None:
    first = run(project, "--hv-update")
    first.assert_outcomes(passed=1)
    first.stdout.fnmatch_lines(["hv: golden file rewritten: __hv__/kernel.hello.json"])
    path = project.path / "__hv__" / "kernel.hello.json"
    document = json.loads(path.read_text())
    assert document["serial"] == ["kernel: up\r", "answer: 42\r", ""]
    assert list(document) == sorted(document)
    again = run(project, "--hv-update")
    again.stdout.no_fnmatch_line("*rewritten*")
    run(project).assert_outcomes(passed=1)


def test_one_byte_of_the_guest_changed_shows_the_largest_differences(
    project: pytest.Pytester,
) -> None:
    run(project, "--hv-update")
    before = (project.path / "__hv__" / "kernel.hello.json").read_bytes()
    write(project, hello__asm=source(HELLO.replace("answer: 42", "answer: 41")))
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "golden: the serial text differs (- golden, + now):",
            "*-answer: 42\\r",
            "*+answer: 41\\r",
            "golden: state_hash: *",
            "golden: to accept this: pytest --hv-update 'kernel.hvtest.toml::hello'",
        ]
    )
    assert (project.path / "__hv__" / "kernel.hello.json").read_bytes() == before


def test_numbers_are_ordered_by_how_much_they_changed(project: pytest.Pytester) -> None:
    run(project, "--hv-update")
    waits = "    mov cx, 5000\nhere: loop here\n    in al, 0x80\n    in al, 0x80\n"
    write(project, hello__asm=source(waits + HELLO))
    result = run(project)
    lines = [line for line in result.outlines if line.startswith("golden: ")]
    names = [line.split(": ")[1] for line in lines]
    assert names.index("vtime_ns") < names.index("insns") < names.index("exits")
    assert any("exits: port_read post port 0x0080 /1: nothing -> 2" in line for line in lines)
    assert any("(+5,00" in line for line in lines if "insns" in line)


def test_an_update_accepts_the_change(project: pytest.Pytester) -> None:
    run(project, "--hv-update")
    write(project, hello__asm=source(HELLO.replace("42", "41")))
    run(project, "--hv-update").stdout.fnmatch_lines(["hv: golden file rewritten:*"])
    run(project).assert_outcomes(passed=1)


def test_a_run_that_fails_otherwise_is_not_accepted(project: pytest.Pytester) -> None:
    write(project, hello__asm=source(HELLO.replace("mov al, 0", "mov al, 1")))
    run(project, "--hv-update").assert_outcomes(failed=1)
    assert not (project.path / "__hv__").exists()


def test_all_golden_files_may_lie_in_one_folder(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nhv_golden = golden\n")
    below = project.mkdir("below")
    for name in ("hello.asm", "kernel.hvtest.toml"):
        (below / name).write_bytes((project.path / name).read_bytes())
    run(project, "--hv-update").assert_outcomes(passed=2)
    files = sorted(path.relative_to(project.path) for path in project.path.rglob("*.json"))
    assert [str(path) for path in files] == [
        "golden/below/kernel.hello.json",
        "golden/kernel.hello.json",
    ]
    run(project).assert_outcomes(passed=2)
    files[0].unlink()
    run(project).assert_outcomes(passed=1, failed=1)


def test_ci_may_not_update(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = run(project, "--hv-update")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*golden files are not rewritten in CI*"])
    assert not (project.path / "__hv__").exists()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"schema": "other"}', "[" * 100_000, "\0\xff"])
def test_a_broken_golden_file_is_a_failure_in_a_line(
    project: pytest.Pytester, content: str
) -> None:
    (project.path / "__hv__").mkdir()
    (project.path / "__hv__" / "kernel.hello.json").write_text(content, encoding="latin-1")
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["golden: kernel.hello.json *"])


@pytest.mark.parametrize(
    "setting", [("HV_ACCEL", "0"), ("PYTHONHASHSEED", "1"), ("PYTHONHASHSEED", "2")]
)
def test_it_holds_everywhere(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, setting: tuple[str, str]
) -> None:
    run(project, "--hv-update")
    monkeypatch.setenv(*setting)
    project.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)


def measured(pytester: pytest.Pytester) -> tuple[int, int]:
    """Instructions and writes to COM1 of the guest."""
    document = json.loads((pytester.path / "__hv__" / "kernel.hello.json").read_text())
    return document["insns"], document["exits"]["port_write"]["com1 port 0x03f8 /1"]


def test_budgets_are_exact_to_the_instruction(project: pytest.Pytester) -> None:
    run(project, "--hv-update")
    insns, _writes = measured(project)
    for budget, verdict in (
        (insns, "passed"),
        (insns - 1, "failed"),
        (insns + 1, "passed"),
        (f'"={insns}"', "passed"),
        (f'"={insns + 1}"', "failed"),
        (f'"={insns - 1}"', "failed"),
    ):
        write(project, kernel__hvtest__toml=MANIFEST + f"budget = {{ insns = {budget} }}\n")
        result = run(project)
        result.assert_outcomes(**{verdict: 1})
        if budget == insns - 1:
            wanted = f"budget: instructions: {insns:,}, 1 more than {insns - 1:,}"
            result.stdout.fnmatch_lines([wanted])


def test_budgets_of_exits_by_reason_and_device(project: pytest.Pytester) -> None:
    run(project, "--hv-update")
    document = json.loads((project.path / "__hv__" / "kernel.hello.json").read_text())
    exits = document["exits"]
    writes = sum(n for key, n in exits["port_write"].items() if key.startswith("com1 "))
    total = sum(sum(rows.values()) for rows in exits.values())
    budget = f'budget = {{ exits = {{ "port_write com1" = {writes}, total = {total} }} }}\n'
    write(project, kernel__hvtest__toml=MANIFEST + budget)
    run(project).assert_outcomes(passed=1)
    write(
        project, kernel__hvtest__toml=MANIFEST + budget.replace(f"= {writes},", f"= {writes - 1},")
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [f"budget: exits port_write com1: {writes}, 1 more than {writes - 1}"]
    )
