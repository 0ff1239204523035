"""What documents show of commands: ``console`` blocks of ``$ hv ...`` lines, each with all that it prints.

``make transcripts`` (``python -m tests.transcripts``) runs the commands and writes what they print now.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SESSIONS = frozenset({"record-replay.md", "coverage.md"})
"""Pages whose commands build on each other: tests/test_walkthroughs.py runs these as a whole."""

DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "guests" / "README.md",
    *(page for page in sorted(ROOT.glob("docs/*.md")) if page.name not in SESSIONS),
)

_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.*)\n", re.MULTILINE)


class Transcript(NamedTuple):
    """One command of a document with what stands below it."""

    document: str
    command: str
    output: str


def prepare(folder: Path) -> Path:
    """Put what the commands refer to into ``folder``: the README's boot sector, a cost model, the guests."""
    readme = (ROOT / "README.md").read_text()
    (sector,) = re.findall(r"^```asm\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    (folder / "boot.asm").write_text(sector)
    model = (ROOT / "hv" / "cost" / "hv-2026.1.toml").read_text()
    (folder / "mine.toml").write_text(model.replace('name = "hv-2026.1"', 'name = "mine"'))
    (folder / "guests").symlink_to(ROOT / "guests")
    return folder


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one ``hv ...`` in ``folder``."""
    name, *arguments = command.replace("'", "").split()
    assert name == "hv", command
    return subprocess.run(
        [sys.executable, "-m", "hv", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=300,
    )


def printed(command: str, folder: Path) -> str:
    """What the command prints, stdout first."""
    done = run(command, folder)
    return done.stdout + done.stderr


def transcripts(document: Path) -> Iterator[Transcript]:
    """All of a document's, in order."""
    for block in _BLOCK.findall(document.read_text()):
        _, *parts = _COMMAND.split(block)
        for command, output in zip(parts[::2], parts[1::2], strict=True):
            yield Transcript(document.name, command, output)


def renewed(text: str, output_of: Callable[[str], str]) -> str:
    """A document's text with what its commands print now."""

    def renew(block: re.Match[str]) -> str:
        before, *parts = _COMMAND.split(block[0])
        return before + "".join(f"$ {command}\n{output_of(command)}" for command in parts[::2])

    return _BLOCK.sub(renew, text)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = prepare(Path(name))
        for document in DOCUMENTS:
            text = document.read_text()
            new = renewed(text, lambda command: printed(command, folder))
            if new != text:
                document.write_text(new)
                print(f"{document.relative_to(ROOT)} is new")


if __name__ == "__main__":
    main()
