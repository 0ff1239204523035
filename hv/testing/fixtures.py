"""What ``hv_run`` and ``vm`` give to a Python test."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

import pytest

from hv.errors import HvError
from hv.testing.guest_run import GuestRun, Job
from hv.testing.guest_tests import GuestTests, parse_guest_tests
from hv.testing.manifest import DEFAULT_MAX_INSNS
from hv.testing.reporting import add_properties
from hv.testing.session import GuestProblems, TestSession, story_of

_TAIL = 400

if TYPE_CHECKING:
    from hv.live import LiveMachine, Options


class RunGuest:
    """``hv_run(image, **options)``: run a guest to its end in the session's child process."""

    def __init__(self, session: TestSession, node: pytest.Item) -> None:
        self._session = session
        self._node = node
        self.jobs: list[tuple[Job, GuestRun | None]] = []

    def __call__(
        self,
        image: str | Path | bytes | None = None,
        *,
        max_insns: int = DEFAULT_MAX_INSNS,
        **options: "Unpack[Options]",
    ) -> GuestRun:
        """``image`` is sought beside the test's module. HvError for what makes no machine."""
        __tracebackhide__ = True
        job = Job(find_image(image, self._node.path), cast(Mapping[str, Any], options), max_insns)
        self.jobs.append((job, None))
        run = self._session.run(job)
        self.jobs[-1] = (job, run)
        add_properties(self._node, run)
        return run

    def tests(self, run: GuestRun) -> GuestTests:
        """What the guest said of its own tests."""
        return parse_guest_tests(run.serial)

    def check_golden(self, run: GuestRun, name: str = "") -> None:
        """Compare with the golden file of this test; ``name`` tells several of one test apart."""
        node = self._node
        full = f"{node.name}.{name}" if name else node.name
        problems = self._session.golden_problems(node, full, run)
        if problems:
            raise GuestProblems(problems)

    def story(self) -> list[str]:
        """Of a failed test: what its latest run was, and where everything is."""
        if not self.jobs:
            return []
        job, run = self.jobs[-1]
        told = story_of(run) if run is not None else ["the run did not come to an end"]
        return [*told, *self._session.leave_bundle(self._node.nodeid, job, "\n".join(told), run)]


class MachineFactory:
    """``vm(image, **options)``: a live machine, closed at the end of the test."""

    def __init__(self, session: TestSession, node: pytest.Item) -> None:
        self._session = session
        self._node = node
        self._machines: list[Any] = []
        self._jobs: list[Job] = []

    def __call__(
        self, image: str | Path | bytes | None = None, **options: "Unpack[Options]"
    ) -> "LiveMachine":
        """``image`` is sought beside the test's module."""
        found = find_image(image, self._node.path)
        job = Job(found, cast(Mapping[str, Any], options), DEFAULT_MAX_INSNS)
        machine = self._session.runner.open(job)
        self._machines.append(machine)
        self._jobs.append(job)
        return cast("LiveMachine", machine)

    def story(self) -> list[str]:
        """Of a failed test: where each machine stands, and everything about the latest."""
        lines: list[str] = []
        run: GuestRun | None = None
        for number, machine in enumerate(self._machines, 1):
            try:
                run = self._session.runner.describe(machine)
            except HvError as error:
                lines.append(f"machine {number}: {error}")
                continue
            lines += [f"machine {number}", *story_of(run)]
            lines.append(f"serial text ends with {run.serial[-_TAIL:]!r}")
        if self._jobs:
            text = "\n".join(lines)
            lines += self._session.leave_bundle(self._node.nodeid, self._jobs[-1], text, run)
        return lines

    def close(self) -> None:
        """Close every machine of the test."""
        for machine in self._machines:
            self._session.runner.close(machine)


def find_image(image: str | Path | bytes | None, module: Path) -> str | bytes | None:
    """A name as a test writes it: ``@sample``, or a path, from the module's folder if it is there."""
    if image is None or isinstance(image, bytes):
        return image
    name = str(image)
    if name.startswith("@"):
        return name
    beside = module.parent / name
    return str(beside if beside.exists() else Path(name).absolute())
