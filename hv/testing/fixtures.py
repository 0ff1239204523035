"""What ``hv_run`` and ``vm`` give to a Python test."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

import pytest

from hv.errors import GuestError, HvError
from hv.testing.guest_run import GuestRun, Job
from hv.testing.guest_tests import GuestTests, parse_guest_tests
from hv.testing.manifest import DEFAULT_MAX_INSNS
from hv.testing.reporting import add_properties
from hv.testing.session import GuestProblems, Made, TestSession, story_of
from hv.testing.steps import check_steps

DEFAULT_BUDGET = 1_000_000_000
"""Instructions that a step may take when nothing is said."""

_TAIL = 400

if TYPE_CHECKING:
    from hv.live import LiveMachine, Options


class RunGuest:
    """``hv_run(image, **options)``: run a guest to its end in the session's child process."""

    def __init__(self, session: TestSession, node: pytest.Item) -> None:
        self._session = session
        self._node = node
        self._job: Job | None = None
        self._made: Made | None = None

    def __call__(
        self,
        image: str | Path | bytes | None = None,
        *,
        max_insns: int = DEFAULT_MAX_INSNS,
        after: Sequence[Sequence[Any]] | None = None,
        **options: "Unpack[Options]",
    ) -> GuestRun:
        """``image`` is sought beside the test's module, ``after`` is what it begins with. HvError for what
        makes no machine.
        """
        __tracebackhide__ = True
        steps = None if after is None else check_steps(after)
        found = find_image(image, self._node.path)
        job = Job(found, cast(Mapping[str, Any], options), max_insns, steps)
        self._job, self._made = job, None
        try:
            self._made = self._session.run(job)
        except GuestError:
            self._made = self._session.failed_boot()
            raise
        add_properties(self._node, self._made.run)
        return self._made.run

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
        if self._job is None:
            return []
        told = story_of(self._made.run) if self._made else ["the run did not come to an end"]
        text = "\n".join(told)
        return [*told, *self._session.leave_bundle(self._node.nodeid, self._job, text, self._made)]


class MachineFactory:
    """``vm(image, **options)``: a live machine, closed at the end of the test."""

    def __init__(self, session: TestSession, node: pytest.Item) -> None:
        self._session = session
        self._node = node
        self._machines: list[Any] = []
        self._job: Job | None = None

    def __call__(
        self, image: str | Path | bytes | None = None, **options: "Unpack[Options]"
    ) -> "LiveMachine":
        """``image`` is sought beside the test's module."""
        return self._open(Job(find_image(image, self._node.path), dict(options), DEFAULT_MAX_INSNS))

    def boot(
        self,
        image: str | Path | bytes | None = None,
        steps: Sequence[Sequence[Any]] = (),
        *,
        budget: int = DEFAULT_BUDGET,
        **options: "Unpack[Options]",
    ) -> "LiveMachine":
        """A machine that has come through ``steps``: the first test boots it, all others go on from there.
        Each step may take ``budget`` instructions; GuestError when the guest does not come to one.
        """
        __tracebackhide__ = True
        found = find_image(image, self._node.path)
        return self._open(Job(found, dict(options), budget, check_steps(steps)))

    def _open(self, job: Job) -> "LiveMachine":
        __tracebackhide__ = True
        self._job = job
        try:
            self._machines.append(self._session.runner.open(job))
        except GuestError:
            self._machines.append(self._session.runner.failed)
            raise
        return cast("LiveMachine", self._machines[-1])

    def story(self) -> list[str]:
        """Of a failed test: where each machine stands, and everything about the latest."""
        lines: list[str] = []
        made: Made | None = None
        for number, machine in enumerate(self._machines, 1):
            try:
                made = Made(self._session.runner.describe(machine), machine)
            except HvError as error:
                lines.append(f"machine {number}: {error}")
                continue
            lines += [f"machine {number}", *story_of(made.run)]
            lines.append(f"serial text ends with {made.run.serial[-_TAIL:]!r}")
        if self._job is not None:
            text = "\n".join(lines)
            lines += self._session.leave_bundle(self._node.nodeid, self._job, text, made)
        return lines

    def close(self) -> None:
        """Close every machine of the test."""
        for machine in self._machines:
            self._session.runner.close(machine)
        self._session.runner.close_all()


def find_image(image: str | Path | bytes | None, module: Path) -> str | bytes | None:
    """A name as a test writes it: ``@sample``, or a path, from the module's folder if it is there."""
    if image is None or isinstance(image, bytes):
        return image
    name = str(image)
    if name.startswith("@"):
        return name
    beside = module.parent / name
    return str(beside if beside.exists() else Path(name).absolute())
