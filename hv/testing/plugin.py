"""The plugin for pytest: ``hv_run``, ``vm``, manifests, ``--hv-update``. Cheap while nobody uses it."""

import os
from collections.abc import Generator, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hv.testing.fixtures import MachineFactory, RunGuest
    from hv.testing.session import TestSession

_SUFFIX = ".hvtest.toml"
_TIMEOUT_S = "600"
_CHECKED = ("--hv-timeout", "--hv-pulse")
"""Options with a value that can be wrong."""
_STORY = "what the guest did"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and settings, all of them ``hv``'s."""
    group = parser.getgroup("hv", "guests of the hv emulator")
    group.addoption(
        "--hv-update",
        action="store_true",
        help="rewrite the golden files that changed (refused where CI is set)",
    )
    group.addoption(
        "--hv-in-process",
        action="store_true",
        help="run guests in this process: an engine that crashes takes the session along",
    )
    group.addoption(
        "--hv-timeout",
        metavar="S",
        help="seconds of the host's that a guest's process may take for an answer (0: for ever)",
    )
    group.addoption(
        "--hv-cov",
        action="append",
        default=[],
        metavar="FILE",
        help="which code of the guests ran, in all tests: lcov when FILE ends in .info, else drcov",
    )
    group.addoption(
        "--hv-pulse",
        metavar="N",
        help="save and restore every machine after every N instructions: no result changes",
    )
    group.addoption(
        "--hv-gdb",
        nargs="?",
        const=":1234",
        metavar="[HOST]:PORT",
        help="serve gdb at the end of the run of every test that fails, forward and backward",
    )
    parser.addini("hv_timeout", default=_TIMEOUT_S, help="the same as a setting")
    parser.addini(
        "hv_manifests",
        type="args",
        default=[],
        help="more files to collect as manifests, by pattern, beside *.hvtest.toml",
    )
    parser.addini(
        "hv_golden",
        default="",
        help="the folder of all golden files; each lies in __hv__ beside its test when this is missing",
    )
    parser.addini(
        "hv_bundles", default=".hv_failures", help="where failed runs leave their bundles"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to update golden files where nobody looks at them."""
    if config.getoption("--hv-update") and os.environ.get("CI"):
        raise pytest.UsageError("--hv-update: golden files are not rewritten in CI (CI is set)")
    if any(map(config.getoption, _CHECKED)) or config.getini("hv_timeout") != _TIMEOUT_S:
        from hv.testing.settings import check

        check(config)
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        if config.getoption("--hv-cov"):
            from hv.testing.coverage_session import join_session

            join_session(config, worker)
        return
    if config.getoption("--hv-gdb"):
        from hv.testing.gdb_service import GdbService

        config.pluginmanager.register(GdbService(config), "hv-gdb")
    if config.getoption("--hv-cov"):
        from hv.testing.coverage_session import CoverageSession

        config.pluginmanager.register(CoverageSession(config), "hv-coverage")
    if os.environ.get("GITHUB_ACTIONS"):
        from hv.testing.reporting import GithubAnnotations

        config.pluginmanager.register(GithubAnnotations(config.rootpath), "hv-github")
    if config.getoption("--hv-update"):
        from hv.testing.reporting import GoldenNews

        config.pluginmanager.register(GoldenNews(), "hv-golden-news")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Manifests are test files, too."""
    patterns = parent.config.getini("hv_manifests")
    if file_path.name.endswith(_SUFFIX) or (patterns and _is_named(file_path, parent, patterns)):
        from hv.testing.items import ManifestFile

        _session(parent.config)
        return ManifestFile.from_parent(parent, path=file_path)
    return None


def _is_named(path: Path, parent: pytest.Collector, patterns: list[str]) -> bool:
    root = parent.config.rootpath
    relative = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    return any(fnmatch(relative, pattern) or fnmatch(path.name, pattern) for pattern in patterns)


def _session(config: pytest.Config) -> "TestSession":
    """The session's own things, made when first needed."""
    from hv.testing.keys import SESSION
    from hv.testing.session import make_session

    if SESSION not in config.stash:
        config.stash[SESSION] = make_session(config)
        config.add_cleanup(config.stash[SESSION].runner.stop)
    return config.stash[SESSION]


@pytest.fixture
def hv_run(request: pytest.FixtureRequest) -> "RunGuest":
    """Run a guest to its end: ``run = hv_run("boot.asm", memory="16M")``."""
    from hv.testing.fixtures import RunGuest

    run = RunGuest(_session(request.config), request.node)
    request.node.stash.setdefault(_STORIES, []).append(run.story)
    return run


@pytest.fixture
def vm(request: pytest.FixtureRequest) -> Iterator["MachineFactory"]:
    """Live machines: ``machine = vm("@hello"); machine.expect("Hello")``."""
    from hv.testing.fixtures import MachineFactory

    factory = MachineFactory(_session(request.config), request.node)
    request.node.stash.setdefault(_STORIES, []).append(factory.story)
    yield factory
    factory.close()


_STORIES = pytest.StashKey[list[Any]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Beside a failure of a test that ran guests stands what these did."""
    report = yield
    if call.when == "call" and report.failed:
        for story in item.stash.get(_STORIES, []):
            lines = story()
            if lines:
                report.sections.append((_STORY, "\n".join(lines)))
    return report
