"""Damage to every kind of file and to the debugger's packets, by the ten thousand: one line each, never a
traceback, nothing else taken for what it was.

The tests of each kind do that every day with fewer pieces of damage; here they are told to try many.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from hv.clock import host_seconds
from tests.soak.table import Table

ROOT = Path(__file__).resolve().parents[2]
TESTS = {
    "checkpoints": "tests/checkpoint/test_checkpoint_damage.py",
    "journals": "tests/journal/test_journal_damage.py",
    "manifests": "tests/testing/test_hostile_files.py::test_a_manifest_is_read_or_refused",
    "golden files": "tests/testing/test_hostile_files.py::test_a_golden_file_is_compared_or_refused",
    "what guests say": "tests/testing/test_hostile_files.py::test_a_guest_may_say_anything",
    "results": "tests/root/test_difference.py::test_damage_is_an_error_or_a_difference",
    "coverage files": "tests/coverage/test_coverage_files.py",
    "gdb packets": "tests/debug/test_packets.py::test_any_bytes_can_be_read",
    "gdb sessions": "tests/debug/test_session.py",
}
WORDS = "damage or or_refused or any"
"""Of the names of such tests, among others in their modules."""
_TRIED = re.compile(r"(\d+) passing, \d+ failing, and (\d+) invalid")
_BAD = ("FAILED", "ERROR")
_OUTCOME = re.compile(r"^(?:=+ )?(\d+ (?:passed|failed|error).*?) in ", re.MULTILINE)


def run_damage(count: int) -> list[str]:
    """``count`` pieces of damage for each property. A table on standard output; what failed, a line each."""
    heads = ("kind" + " " * 12, "properties", "tried  ", "invalid", "tests" + " " * 20, "seconds")
    table = Table(f"Damaged files and packets, {count:,} of each", heads)
    troubles: list[str] = []
    for kind, tests in TESTS.items():
        begin = host_seconds()
        done = _pytest(tests, count)
        tried = [tuple(map(int, pair)) for pair in _TRIED.findall(done.stdout)]
        good, invalid = (sum(column) for column in zip(*tried, strict=True)) if tried else (0, 0)
        outcome = _OUTCOME.search(done.stdout)
        said = outcome[1] if outcome else "nothing was run"
        spent = f"{host_seconds() - begin:.1f}"
        table.row(kind, str(len(tried)), f"{good:,}", f"{invalid:,}", said, spent)
        if done.returncode or not good:
            failed = [line for line in done.stdout.splitlines() if line.startswith(_BAD)]
            troubles += [f"{kind}: {line}" for line in failed or ["nothing was tried"]]
    table.end("every piece was refused or read for what it says" if not troubles else "see below")
    return troubles


def _pytest(tests: str, count: int) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist")
    return subprocess.run(
        [*command, "--hypothesis-show-statistics", "-k", WORDS, tests],
        cwd=ROOT,
        env={**os.environ, "HV_MUTATIONS": str(count)},
        capture_output=True,
        text=True,
        check=False,
    )
