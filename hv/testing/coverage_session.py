"""``--hv-cov``: gives the session's processes a folder for their parts, merges these when all is over."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hv.errors import ConfigError
from hv.testing.coverage import merge_parts
from hv.testing.keys import PARTS
from hv.testing.settings import coverage_files

_FOLDER = "hv_coverage"
"""What a worker of pytest-xdist is told."""


def join_session(config: pytest.Config, told: Mapping[str, Any]) -> None:
    """In a worker: leave the parts where the session wants them."""
    config.stash[PARTS] = Path(told[_FOLDER])


class CoverageSession:
    """In the process that prints the summary only."""

    def __init__(self, config: pytest.Config) -> None:
        self._outputs = coverage_files(config)
        self._folder = Path(tempfile.mkdtemp(prefix="hv-coverage-"))
        config.stash[PARTS] = self._folder
        config.add_cleanup(lambda: shutil.rmtree(self._folder, ignore_errors=True))
        self._news: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A worker is about to start."""
        node.workerinput[_FOLDER] = str(self._folder)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Every process has left its parts."""
        try:
            self._news.extend(merge_parts(self._folder, self._outputs))
        except ConfigError as error:
            self._news.append(str(error))
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """What was written."""
        for line in self._news:
            terminalreporter.write_line(f"hv: coverage: {line}")
