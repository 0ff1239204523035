"""Which code of the guests a session ran: a part for each run, all parts merged at the end."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hv.errors import ConfigError
from hv.testing.guest_run import Job, asked_for

if TYPE_CHECKING:
    from hv.cpu.engine.coverage import RunBlock
    from hv.loaders import BootImage
    from hv.root.coverage.files import Covered
    from hv.testing.tested import TestedMachine

LINES = ".info"
BLOCKS = ".drcov"
NOTE = ".note"
"""A part that says what is left out, and why."""


class Parts:
    """Where one process leaves the parts of its runs."""

    def __init__(self, folder: Path, lines: bool) -> None:
        """``lines``: wanted beside blocks; not every image has them."""
        self._folder = folder
        self._lines = lines
        self._known: dict[str, tuple[Covered | None, bool]] = {}

    def leave(self, machine: "TestedMachine", ran: "Iterable[RunBlock]") -> None:
        """Write down what one machine ran of its image."""
        from hv.root.coverage import drcov, lcov

        covered, has_lines = self._find(machine)
        if covered is None:
            return
        blocks = list(ran)
        self._write(drcov.dump(covered.drcov(blocks)), BLOCKS)
        if has_lines:
            self._write(lcov.dump(covered.lcov(blocks)), LINES)

    def _find(self, machine: "TestedMachine") -> "tuple[Covered | None, bool]":
        key = asked_for(machine.job)
        if key not in self._known:
            self._known[key] = self._look(machine.job, machine.image())
        return self._known[key]

    def _look(self, job: Job, image: "BootImage | None") -> "tuple[Covered | None, bool]":
        from hv.root.coverage.files import Covered

        if image is None:
            self._note("a machine that boots from its disks: name the first one as the image")
            return None, False
        try:
            covered = Covered(image, job.image if isinstance(job.image, str) else None, _label(job))
        except ConfigError as error:
            self._note(str(error))
            return None, False
        if not self._lines:
            return covered, False
        try:
            covered.find_lines(job.options.get("include", ()), job.options.get("defines"))
        except ConfigError as error:
            self._note(str(error))
            return covered, False
        return covered, True

    def _note(self, text: str) -> None:
        self._write(text.encode("utf-8", "surrogateescape"), NOTE)

    def _write(self, content: bytes, suffix: str) -> None:
        handle, name = tempfile.mkstemp(".partial", dir=self._folder)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.rename(name, name.removesuffix(".partial") + suffix)


def _label(job: Job) -> str:
    """What drcov calls an image, where its name does not tell it from others."""
    if isinstance(job.image, bytes):
        return f"image in memory {hashlib.sha256(job.image).hexdigest()[:16]}"
    defines: Mapping[str, Any] = job.options.get("defines") or {}
    made_with = "".join(f" -D{name}={defines[name]}" for name in sorted(defines))
    return f"{job.image}{made_with}" if made_with else ""


def merge_parts(folder: Path, outputs: Sequence[Path]) -> Iterator[str]:
    """Merge what a session's processes left into each output; what there is to say about it."""
    from hv.root.coverage.files import LCOV_SUFFIX, merge

    yield from sorted({f"left out: {path.read_text()}" for path in folder.glob(f"*{NOTE}")})
    for output in outputs:
        kind = LINES if output.suffix == LCOV_SUFFIX else BLOCKS
        parts = sorted(folder.glob(f"*{kind}"))
        if not parts:
            yield f"nothing to write to {output}: no guest ran of which it could tell"
            continue
        merge(parts, output)
        yield f"{output}: {len(parts)} run{'s' if len(parts) > 1 else ''}"
