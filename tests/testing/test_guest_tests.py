"""What a guest says of its own tests: PASS, FAIL, SKIP, and TAP; each is reported by itself."""

import pytest

from hv.testing.guest_tests import parse_guest_tests
from tests.testing.projects import PLUGIN, run, saying, write

pytest_plugins = ("pytester",)

ENTRY = '[guest.suite]\nimage = "suite.asm"\n'


def suite(pytester: pytest.Pytester, *lines: str, entry: str = ENTRY) -> pytest.RunResult:
    write(pytester, suite__asm=saying(*lines), suite__hvtest__toml=entry)
    return run(pytester, "-v", "-rA", "-o", "verbosity_subtests=1")


def test_lines_become_subtests(pytester: pytest.Pytester) -> None:
    result = suite(pytester, "PASS: memory", "SKIP: no disk", "PASS: timer")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "*::suite SUBPASSED?memory?*",
            "*::suite SUBSKIPPED?no disk?*",
            "*::suite SUBPASSED?timer?*",
            "*::suite PASSED*",
        ]
    )


def test_a_fail_line_fails_the_item_and_names_it(pytester: pytest.Pytester) -> None:
    result = suite(pytester, "PASS: memory", "FAIL: timer is late", "PASS: disk")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAIL: timer is late"])
    result.stdout.fnmatch_lines(["SUBFAILED?timer is late?*", "FAILED *::suite*"])


def test_tap_of_a_guest(pytester: pytest.Pytester) -> None:
    lines = (
        "1..4",
        "ok 1 - boots",
        "ok 2 - counts # SKIP no timer",
        "not ok 3 - todo # TODO",
        "ok 4",
    )
    result = suite(pytester, *lines)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "*SUBPASSED?boots?*",
            "*SUBSKIPPED?counts?*no timer*",
            "*SUBSKIPPED?todo?*",
            "*SUBPASSED?test 4?*",
        ]
    )


def test_not_ok_fails(pytester: pytest.Pytester) -> None:
    result = suite(pytester, "1..2", "ok 1 - boots", "not ok 2 - counts")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAIL: counts"])


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (("1..3", "ok 1", "ok 2"), "planned 3 tests, 2 came"),
        (("1..2", "ok 1", "ok 1"), "numbers that came twice: 1"),
        (("1..1", "ok 2"), "numbers outside of the plan: 2"),
        (("1..1", "1..1", "ok 1"), "2 plans were given*"),
        (("1..2", "ok 1", "Bail out! no memory"), "bailed out: no memory"),
    ],
)
def test_a_plan_that_is_not_fulfilled_fails(
    pytester: pytest.Pytester, lines: tuple[str, ...], complaint: str
) -> None:
    result = suite(pytester, *lines)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"guest's tests: {complaint}"])


def test_an_older_pytest_shows_them_in_a_section(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import sys\nsys.modules['_pytest.subtests'] = None\n")
    write(pytester, suite__asm=saying("PASS: a", "FAIL: b"), suite__hvtest__toml=ENTRY)
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAIL: b", "*guest's tests*", "PASS: a", "FAIL: b"])


def test_an_entry_may_say_that_these_lines_are_plain_text(pytester: pytest.Pytester) -> None:
    result = suite(pytester, "FAIL: as a word", entry=ENTRY + "subtests = false\n")
    result.assert_outcomes(passed=1)


def test_plain_words_are_no_tests() -> None:
    found = parse_guest_tests(
        "ok\r\nall ok\r\nokay 1\r\nPASS\r\nFAIL:\r\n1 ok\r\nkernel: PASS: no\r\n"
    )
    assert (found.tests, found.problems) == ([], [])


def test_what_tap_lines_say() -> None:
    text = "TAP version 14\n1..6\nok\nnot ok\nok 3 - a # b\nok 4 x # skip why\nnot ok 5 # TODO later\nOK 6\n"
    found = parse_guest_tests(text)
    assert [(test.name, test.verdict, test.why) for test in found.tests] == [
        ("test 1", "passed", ""),
        ("test 2", "failed", ""),
        ("a # b", "passed", ""),
        ("x", "skipped", "why"),
        ("test 5", "todo", "later"),
        ("test 6", "passed", ""),
    ]
    assert found.problems == []


def test_a_megabyte_of_nonsense_is_read_in_no_time() -> None:
    text = "not ok 1 - " + "# " * 300_000 + "\n" + "ok 99999999999999999999\n" * 1000
    assert parse_guest_tests(text).tests
