"""A plugin for pytest: runs guests in an order of its own, and writes down all that they told.

The environment says where to (``HV_SOAK_FOLDER``), in which order (``HV_SOAK_SEED``), which guests not
(``HV_SOAK_WITHOUT``, by comma), and after how many instructions a guest is saved and restored first
(``HV_SOAK_PULSE``; 0: never).
"""

import os
from pathlib import Path

import msgspec
import pytest

from hv.testing.guest_run import GuestRun, Job
from hv.testing.session import Made, TestSession
from tests.soak.dice import Dice

FOLDER = Path(os.environ.get("HV_SOAK_FOLDER", "."))
ORDER = os.environ.get("HV_SOAK_SEED", "")
WITHOUT = frozenset(os.environ.get("HV_SOAK_WITHOUT", "").split(","))
PULSE = int(os.environ.get("HV_SOAK_PULSE", "0"))


def file_name(guest: str) -> str:
    """Of a guest's files, without their endings."""
    return guest.removeprefix("@").replace("/", "-")


def keep(guest: str, result: bytes, serial: bytes, text: bytes) -> None:
    """Write down what a guest told."""
    for part, content in (("result", result), ("serial", serial), ("text", text)):
        (FOLDER / f"{file_name(guest)}.{part}").write_bytes(content)


def _keep_run(guest: str, run: GuestRun) -> None:
    result = msgspec.json.format(msgspec.json.encode(run.result), indent=2) + b"\n"
    keep(guest, result, run.serial_bytes, run.text_bytes)


def pytest_configure(config: pytest.Config) -> None:
    """Have a manifest's runs written down, too."""
    patch = pytest.MonkeyPatch()
    run_job = TestSession.run

    def run(session: TestSession, job: Job) -> Made:
        made = run_job(session, job)
        name = str(job.image)
        _keep_run(name if name.startswith("@") else Path(name).stem, made.run)
        return made

    patch.setattr(TestSession, "run", run)
    config.add_cleanup(patch.undo)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What ran before a guest must not matter to it."""
    wanted = [item for item in items if file_name(_guest_of(item)) not in WITHOUT]
    items[:] = Dice(ORDER).shuffled(wanted)


def _guest_of(item: pytest.Item) -> str:
    """The guest that a test runs: an entry of a manifest, or a parameter of ours."""
    case = getattr(item, "case", None)
    if case is None:
        return str(item.callspec.params["name"])  # type: ignore[attr-defined]
    return str(case.image) if case.image.startswith("@") else Path(case.image).stem
