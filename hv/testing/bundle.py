"""What a failed run leaves: one folder with all there is to look at, and the command that reopens it."""

import hashlib
import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hv.testing.guest_run import GuestRun, Job

_FLAGS = ("memory", "hv", "firmware", "boot", "format", "origin", "mode", "append", "keys")
_LIST_FLAGS = {"disks": "disk", "cdroms": "cdrom", "initrd": "initrd", "at": "at"}
_SETTINGS = ("epoch", "cost_model")
_UNSAID = ("mouse", "disk", "scsi_disk")
"""What a machine can be given that no flag of ``hv run`` says."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What goes into a bundle."""

    test: str
    job: Job
    text: str
    run: GuestRun | None


def bundle_path(folder: Path, test: str) -> Path:
    """A folder of its own for each test."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in test)
    if len(safe) > 100:
        safe = f"{safe[:80]}-{hashlib.sha256(test.encode()).hexdigest()[:12]}"
    return folder / safe


def write_bundle(path: Path, failure: Failure) -> str:
    """Leave a bundle in place of the one before; the command that makes such a run from power-on."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    run, job = failure.run, failure.job
    image = job.image if isinstance(job.image, str) else None
    if isinstance(job.image, bytes):
        (path / "image").write_bytes(job.image)
        image = str(path / "image")
    elif run is not None and run.disk_image is not None:
        (path / "image").write_bytes(run.disk_image)
        if not (image or "").startswith("@"):
            image = str(path / "image")
    (path / "failure.txt").write_text(failure.text + "\n", encoding="utf-8")
    machine = {
        "test": failure.test,
        "options": job.options,
        "max_insns": job.max_insns,
        "after": job.after,
    }
    machine.update(_image_facts(job.image))
    _write_json(path / "machine.json", machine)
    if run is not None:
        (path / "serial.txt").write_bytes(run.serial_bytes)
        (path / "text.txt").write_bytes(run.text_bytes)
        (path / "exits.txt").write_text("\n".join(run.latest_exits) + "\n", encoding="utf-8")
        _write_json(path / "result.json", run.result)
    return run_command(image, job)


def run_command(image: str | None, job: Job) -> str:
    """The ``hv run`` that makes the same run, as far as flags can say it."""
    words = ["hv", "run", *([image] if image else [])]
    options = job.options
    for name in _FLAGS:
        if name in options:
            words += [f"--{name}", str(options[name])]
    for name, flag in _LIST_FLAGS.items():
        for value in options.get(name, ()):
            words += [f"--{flag}", str(value)]
    for name in _SETTINGS:
        if name in options:
            words += ["--set", f"{name}={options[name]}"]
    words += ["--max-insns", str(job.max_insns)]
    return shlex.join(words)


def write_reopening(path: Path, commands: list[str], job: Job) -> None:
    """The commands that reopen a run, the one that says the machine in flags last."""
    notes = []
    unsaid = [name for name in _UNSAID if name in job.options]
    if unsaid and not str(job.image).startswith("@"):
        notes.append(f"no flag says what this run had, too: {', '.join(unsaid)} (machine.json)")
    if job.after is not None:
        notes.append("no flag says what was done with the machine first (machine.json)")
    lines = [*commands, *(f"# {note}" for note in notes)]
    (path / "reopen.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _image_facts(image: str | bytes | None) -> dict[str, object]:
    if isinstance(image, bytes):
        return {"image": "in memory", "sha256": hashlib.sha256(image).hexdigest()}
    if image is None or image.startswith("@") or not Path(image).is_file():
        return {"image": image}
    with Path(image).open("rb") as file:
        return {"image": image, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    path.write_text(
        json.dumps(data, indent=1, sort_keys=True, default=str) + "\n", encoding="utf-8"
    )
