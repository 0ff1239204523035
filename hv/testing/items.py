"""Manifests as pytest sees them: a file of items, one a case."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hv.errors import ConfigError, GuestError
from hv.testing.child import EngineDied
from hv.testing.guest_run import GuestRun, Job
from hv.testing.guest_tests import GuestTests, parse_guest_tests
from hv.testing.keys import SESSION
from hv.testing.manifest import Case, read_manifest
from hv.testing.reporting import add_properties, report_subtests
from hv.testing.session import GuestProblems, Made, TestSession, story_of
from hv.testing.verdict import problems_of


class ManifestFile(pytest.File):
    """A manifest."""

    def collect(self) -> Iterator["GuestItem"]:
        """Its cases; a manifest that cannot be read is an error of collection."""
        try:
            cases = read_manifest(self.path)
        except ConfigError as error:
            raise self.CollectError(str(error)) from None
        for case in cases:
            nodeid = f"{self.nodeid}::{case.name}"  # given whole: pytest takes it apart at "["
            yield GuestItem.from_parent(self, name=case.name, nodeid=nodeid, case=case)


class GuestItem(pytest.Item):
    """One case: run it, judge it."""

    def __init__(self, *, case: Case, **rest: Any) -> None:
        super().__init__(**rest)
        self.case = case

    def runtest(self) -> None:
        """Raises GuestProblems, or whatever made the run impossible."""
        session = self.config.stash[SESSION]
        case = self.case
        job = Job(case.image, case.options, case.max_insns, case.after)
        made: Made | None = None
        try:
            made = session.run(job)
            problems = self._judge(session, made.run)
        except (ConfigError, OSError, ValueError) as error:  # a path with a NUL is a ValueError
            raise GuestProblems([str(error)]) from None
        except EngineDied as error:
            problems = [str(error)]
        except GuestError as error:
            problems, made = [str(error)], session.failed_boot()
        if problems:
            text = "\n".join([*problems, *(story_of(made.run) if made else [])])
            raise GuestProblems([text, *session.leave_bundle(self.nodeid, job, text, made)])

    def _judge(self, session: TestSession, run: GuestRun) -> list[str]:
        add_properties(self, run)
        expected = self.case.expectation
        tests = parse_guest_tests(run.serial) if expected.subtests else GuestTests()
        if tests.tests:
            report_subtests(self, tests.tests)
        problems = problems_of(run, expected, tests)
        if expected.golden and not (problems and session.update):
            problems += session.golden_problems(self, self.name, run)
        return problems

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The problems, with no traceback of ours above them."""
        if isinstance(excinfo.value, GuestProblems | AssertionError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return Path(self.path), self.case.line - 1, f"guest: {self.name}"
