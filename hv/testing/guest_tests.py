"""What a guest says of its own tests on the serial line: PASS, FAIL and SKIP lines, and TAP.

TAP follows the Test Anything Protocol, version 14 (testanything.org), flat: plan, test lines with
SKIP and TODO directives, "Bail out!". Left out: YAML blocks and subtests by indentation, which are
other lines to us.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["passed", "failed", "skipped", "todo"]

_PLAIN = re.compile(r"(PASS|FAIL|SKIP): *(\S.*)")
_PLAIN_VERDICTS: dict[str, Verdict] = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}
_TEST = re.compile(
    r"(?P<bad>not )?ok\b(?: +(?P<number>\d{1,9}))?(?: *-)?(?P<name>.*?)"
    r"(?:# *(?P<directive>SKIP|TODO)\S*(?P<why>.*))?",
    re.IGNORECASE,
)
_PLAN = re.compile(r"1\.\.(\d{1,9})(?:\s*#.*)?")
_BAIL = re.compile(r"Bail out!\s*(.*)", re.IGNORECASE)
_VERSION = re.compile(r"TAP version \d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GuestTest:
    """One test as the guest tells it."""

    name: str
    verdict: Verdict
    line: str
    why: str = ""


@dataclass
class GuestTests:
    """All that a guest told."""

    tests: list[GuestTest] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What is wrong beside single tests: a plan that is not fulfilled, a bail-out."""


def parse_guest_tests(serial: str) -> GuestTests:
    """Read the serial text, line by line. Lines ``ok`` count only where a plan or a number shows TAP."""
    lines = [line.rstrip("\r\0 ") for line in serial.split("\n")]
    found = GuestTests()
    plans = [int(match[1]) for match in map(_PLAN.fullmatch, lines) if match]
    tap = bool(plans) or any(_VERSION.fullmatch(line) for line in lines)
    numbers: list[int] = []
    for line in lines:
        plain, bail = _PLAIN.fullmatch(line), _BAIL.fullmatch(line)
        if plain:
            found.tests.append(GuestTest(plain[2], _PLAIN_VERDICTS[plain[1]], line))
        elif bail and tap:
            found.problems.append(f"bailed out: {bail[1] or 'no reason given'}")
        elif (test := _TEST.fullmatch(line)) and (tap or test["number"]):
            numbers.append(int(test["number"]) if test["number"] else len(numbers) + 1)
            found.tests.append(_tap_test(test, numbers[-1], line))
    found.problems.extend(_plan_problems(plans, numbers))
    return found


def _tap_test(test: re.Match[str], number: int, line: str) -> GuestTest:
    directive = (test["directive"] or "").upper()
    verdict: Verdict = "failed" if test["bad"] else "passed"
    if directive == "SKIP":
        verdict = "skipped"
    elif directive == "TODO":
        verdict = "todo"
    name = test["name"].strip() or f"test {number}"
    return GuestTest(name, verdict, line, (test["why"] or "").strip())


def _plan_problems(plans: list[int], numbers: list[int]) -> list[str]:
    if not plans:
        return []
    if len(plans) > 1:
        return [f"{len(plans)} plans were given: one is allowed"]
    (planned,) = plans
    problems = []
    if len(numbers) != planned:
        problems.append(f"planned {planned} tests, {len(numbers)} came")
    strangers = sorted({n for n in numbers if not 1 <= n <= planned})
    twice = sorted({n for n in numbers if numbers.count(n) > 1})
    if strangers:
        problems.append(f"numbers outside of the plan: {_some(strangers)}")
    if twice:
        problems.append(f"numbers that came twice: {_some(twice)}")
    return problems


def _some(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:8]))
    return shown + (", ..." if len(numbers) > 8 else "")
