"""What is wrong with a run, by what was expected of it: one line a thing."""

from collections.abc import Iterator

from hv.patterns import compile_pattern
from hv.testing.guest_run import GuestRun
from hv.testing.guest_tests import GuestTests
from hv.testing.manifest import Allowance, Budget, Expectation

_TAIL_LINES = 8


def problems_of(run: GuestRun, expected: Expectation, tests: GuestTests) -> list[str]:
    """Everything that is not as expected; golden files are compared elsewhere."""
    return [
        *_ending_problems(run, expected),
        *_serial_problems(run.serial, expected.serial),
        *(f"FAIL: {test.name}" for test in tests.tests if test.verdict == "failed"),
        *(f"guest's tests: {problem}" for problem in tests.problems),
        *_budget_problems(run, expected.budget),
    ]


def _ending_problems(run: GuestRun, expected: Expectation) -> Iterator[str]:
    if run.outcome != expected.outcome:
        yield f"outcome: expected {expected.outcome}, got {run.ending}"
    if expected.exit_code is not None and run.exit_code != expected.exit_code:
        yield f"exit code: expected {expected.exit_code}, got {run.exit_code}"
    if expected.guest_code is not None and run.guest_code != expected.guest_code:
        yield f"guest code: expected {expected.guest_code}, got {run.guest_code}"


def _serial_problems(serial: str, patterns: tuple[str, ...]) -> Iterator[str]:
    """The patterns must be found in order; only the first that is not found says anything."""
    at = 0
    for pattern in patterns:
        found = compile_pattern(pattern).search(serial, at)
        if found is None:
            tail = serial[at:].splitlines(keepends=True)
            yield f"serial: {pattern!r} did not come; from there on the guest said:"
            yield from (f"    {line!r}" for line in tail[:_TAIL_LINES])
            if not tail:
                yield "    nothing"
            elif len(tail) > _TAIL_LINES:
                yield f"    ... {len(tail) - _TAIL_LINES} lines more"
            return
        at = found.end()


def _budget_problems(run: GuestRun, budget: Budget) -> Iterator[str]:
    rows = [
        ("instructions", run.insns, budget.insns),
        ("virtual ns", run.vtime_ns, budget.vtime_ns),
    ]
    rows += [
        (f"exits {name}", _exits(run, name), allowed) for name, allowed in budget.exits.items()
    ]
    for name, used, allowed in rows:
        if allowed is not None and (problem := _over(used, allowed)):
            yield f"budget: {name}: {problem}"


def _exits(run: GuestRun, name: str) -> int:
    """``reason`` or ``reason device``; ``total`` is all of them."""
    if name == "total":
        return run.exits()
    reason, _, device = name.partition(" ")
    return run.exits(reason, device or None)


def _over(used: int, allowed: Allowance) -> str:
    if isinstance(allowed, int):
        return f"{used:,}, {used - allowed:,} more than {allowed:,}" if used > allowed else ""
    exact = int(allowed.removeprefix("="))
    return f"{used:,}, not {exact:,} ({used - exact:+,})" if used != exact else ""
