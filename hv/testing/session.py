"""What one test session shares: the child that makes runs, where golden files and bundles go."""

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hv.errors import GuestError, HvError
from hv.testing.bundle import Failure, bundle_path, write_bundle, write_reopening
from hv.testing.child import Runner, make_runner
from hv.testing.golden import compare_golden, golden_document, golden_path, update_golden
from hv.testing.guest_run import GuestRun, Job
from hv.testing.reproducing import JOURNAL, Reproduced
from hv.testing.settings import patience_s, setup_of

REWRITTEN = "hv_golden_rewritten"
"""The property of a test's report that names a golden file."""


class GuestProblems(GuestError):
    """A guest did not do what its test expects: a line a problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Made(NamedTuple):
    """A run, and the machine that made it, where that is."""

    run: GuestRun
    machine: Any


@dataclass
class TestSession:
    """One process of pytest: the only one, or a worker of pytest-xdist."""

    __test__ = False

    root: Path
    here: Path
    """Where pytest was called: commands that it prints are for there."""
    bundles: Path
    golden: str
    """The folder of all golden files, from ``root``; beside the tests when empty."""
    update: bool
    runner: Runner
    journals: dict[str, Path] = field(default_factory=dict)
    """Of tests that failed."""

    def run(self, job: Job) -> "Made":
        """Make a run."""
        __tracebackhide__ = True
        return Made(*self.runner.run(job))

    def golden_problems(self, node: pytest.Item, name: str, run: GuestRun) -> list[str]:
        """How a run differs from its golden file; nothing when that has just been rewritten."""
        path = golden_path(node.path, name, self.root, self.golden)
        document = golden_document(run)
        if self.update:
            if update_golden(path, document):
                node.user_properties.append((REWRITTEN, os.path.relpath(path, self.root)))
            return []
        problems = compare_golden(path, document)
        if problems:
            problems.append(f"golden: to accept this: pytest --hv-update '{node.nodeid}'")
        return problems

    def failed_boot(self) -> "Made | None":
        """The run that did not come to what a test begins with, just now."""
        machine: Any = self.runner.failed
        return None if machine is None else Made(self.runner.describe(machine), machine)

    def leave_bundle(self, test: str, job: Job, text: str, made: "Made | None") -> list[str]:
        """Write a failed run down, None when there was none; where that is, and how to reopen it."""
        path = bundle_path(self.bundles, test)
        command = write_bundle(path, Failure(test, job, text, made.run if made else None))
        shown = os.path.relpath(path, self.root)
        lines = [f"everything about this run: {shown}"]
        again = self._reproduce(made.machine, path) if made else Reproduced(False)
        if again.problem:
            loud = "HV IS WRONG HERE, NOT THE GUEST: " if again.ours else ""
            lines.append(loud + again.problem)
        commands = [command]
        if again.journal:
            journal = os.path.join(os.path.relpath(path, self.here), JOURNAL)
            replay = shlex.join(["hv", "replay", journal])
            commands = [replay, f"{replay} --gdb :1234 --gdb-at-end", command]
            self.journals[test] = path / JOURNAL
        write_reopening(path, commands, job)
        lines.append(f"reopen it: {commands[0]}")
        if again.journal:
            lines.append(f"debug it: {commands[1]}")
        return lines

    def _reproduce(self, machine: Any, path: Path) -> Reproduced:
        try:
            return self.runner.reproduce(machine, path)
        except HvError as error:
            return Reproduced(False, f"the run could not be made again: {error}")


def make_session(config: pytest.Config) -> TestSession:
    """What this process of pytest was told to do."""
    in_process = bool(config.getoption("--hv-in-process"))
    return TestSession(
        root=config.rootpath,
        here=config.invocation_params.dir,
        bundles=config.rootpath / str(config.getini("hv_bundles")),
        golden=str(config.getini("hv_golden")),
        update=bool(config.getoption("--hv-update")),
        runner=make_runner(in_process, setup_of(config), patience_s(config)),
    )


def story_of(run: GuestRun) -> list[str]:
    """What the guest itself told beside its serial text, and where it hangs."""
    lines = [f"ended: {run.ending} ({run.insns:,} instructions)"]
    if run.guest_code:
        lines.append(f"debug exit code: {run.guest_code} ({run.guest_code:#x})")
    if run.post_codes:
        lines.append("POST codes: " + " ".join(f"{code:02X}" for code in run.post_codes[-16:]))
    if run.text_bytes:
        lines.append(f"text port: {run.text_bytes[-200:].decode('latin-1')!r}")
    lines.extend(f"host: {report}" for report in run.reports)
    if run.hang:
        lines.append(f"it stands {run.hang}")
    return lines
