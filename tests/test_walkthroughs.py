"""The pages that show a session: every command prints what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.transcripts import SESSIONS

ROOT = Path(__file__).parents[1]
PAGES = tuple(sorted(SESSIONS))
_FILE = re.compile(r"^`([\w.]+)` .*?```asm\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SESSION = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
_DIGEST = re.compile(r'"[0-9a-f]{64}"')


def steps(page: str) -> list[tuple[str, str]]:
    """Every command with what it is said to print, in order."""
    found = []
    for session in _SESSION.findall(page):
        for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_s_session_is_what_happens(name: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / name).read_text()
    for file, content in _FILE.findall(page):
        (tmp_path / file).write_text(content)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "hv").write_text(f'#!/bin/sh\nexec {sys.executable} -m hv "$@"\n')
    (tools / "hv").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    shown = steps(page)
    assert len(shown) > 2
    for command, output in shown:
        done = subprocess.run(
            ["/bin/sh", "-c", f"{command} 2>&1"],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert _DIGEST.sub('"..."', done.stdout) == output, command
