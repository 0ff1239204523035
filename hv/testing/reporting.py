"""How runs show in reports: subtests, properties for JUnit, annotations for GitHub."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hv.testing.guest_run import GuestRun
from hv.testing.guest_tests import GuestTest
from hv.testing.session import REWRITTEN

_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY_ESCAPES = {**_ESCAPES, ":": "%3A", ",": "%2C"}


class GuestTestFailed(AssertionError):
    """A guest says that one of its tests failed."""


def add_properties(node: pytest.Item, run: GuestRun) -> None:
    """Numbers for JUnit's XML and for whoever reads reports."""
    node.user_properties.extend(
        [
            ("hv_outcome", run.outcome),
            ("hv_insns", run.insns),
            ("hv_exits", run.exits()),
            ("hv_vtime_ns", run.vtime_ns),
        ]
    )


def report_subtests(item: pytest.Item, tests: list[GuestTest]) -> None:
    """Report each of a guest's tests by itself, where pytest (9 or newer) has subtests."""
    try:
        from _pytest.subtests import SubtestContext, SubtestReport
    except ImportError:
        item.add_report_section("call", "guest's tests", "\n".join(test.line for test in tests))
        return
    for test in tests:
        call = pytest.CallInfo.from_call(partial(_tell, test), when="call")
        report = item.ihook.pytest_runtest_makereport(item=item, call=call)
        context = SubtestContext(msg=test.name, kwargs={})
        item.ihook.pytest_runtest_logreport(report=SubtestReport._new(report, context, None, None))


def _tell(test: GuestTest) -> None:
    if test.verdict == "failed":
        raise GuestTestFailed(test.line)
    if test.verdict in ("skipped", "todo"):
        raise pytest.skip.Exception(test.why or test.line, _use_item_location=True)


class GoldenNews:
    """Says at the end which golden files were rewritten; of the process that prints the summary only."""

    def __init__(self) -> None:
        self._files: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember what a test has rewritten."""
        found = (str(value) for name, value in report.user_properties if name == REWRITTEN)
        self._files.update(dict.fromkeys(found))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """A line a file."""
        for path in sorted(self._files):
            terminalreporter.write_line(f"hv: golden file rewritten: {path}")


class GithubAnnotations:
    """Tells GitHub's log where a test failed; of the process that prints the summary only."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a failure: file, line, title, message."""
        if not report.failed:
            return
        file, line, _ = report.location
        place = f"file={_escape(file, _PROPERTY_ESCAPES)},line={(line or 0) + 1}"
        title = f"title={_escape(report.nodeid, _PROPERTY_ESCAPES)}"
        self._lines.append(f"::error {place},{title}::{_escape(str(report.longrepr), _ESCAPES)}")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """GitHub reads these lines from the log."""
        for line in self._lines:
            terminalreporter.write_line(line)


def _escape(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
