"""From runs of a Linux work to its report."""

import msgspec

from hv.root.comparison import PathReport, Ratio, Spread, WorkLine, WorkReport
from hv.root.linux_guest.packages import Packages
from hv.root.linux_guest.run import LinuxRun, run_path
from hv.root.linux_guest.works import LinuxPath, LinuxWork
from hv.root.machine import Mark

TIMER_INTERRUPTS = "timer_interrupts"
"""What the init script calls its own count of them around the work."""


def work_report(work: LinuxWork, packages: Packages) -> WorkReport:
    """Run all paths of ``work``, one after the other."""
    return join(work, [report_path(work, path, packages) for path in work.paths])


def report_path(work: LinuxWork, path: LinuxPath, packages: Packages) -> PathReport:
    """Run one path and give its machine back. Arguments and result can go to a worker process and back."""
    run = run_path(work, path, packages)
    try:
        return _reduce(path, run)
    finally:
        run.machine.close()


def join(work: LinuxWork, paths: list[PathReport]) -> WorkReport:
    """The paths side by side, each with its ratio to the baseline."""
    baseline = next(path for path in paths if path.path == work.baseline)
    return WorkReport(
        work=work.name,
        title=work.title,
        unit=work.unit,
        units=work.units,
        equal=work.equal,
        baseline=work.baseline,
        paths=[msgspec.structs.replace(path, ratio=_ratio(path, baseline)) for path in paths],
    )


def _ratio(path: PathReport, baseline: PathReport) -> Ratio:
    def of(cycles: int, base: int) -> float:
        return round(cycles / base, 4) if base else 0.0

    ours, theirs = path.cycles, baseline.cycles
    return Ratio(
        of(ours.low, theirs.low), of(ours.typical, theirs.typical), of(ours.high, theirs.high)
    )


def _reduce(path: LinuxPath, run: LinuxRun) -> PathReport:
    """What lies between the marks, by the machine's own."""
    marks = {mark.id: mark for mark in run.machine.marks}
    first = Mark(0, 0, 0, 0) if run.first_mark is None else marks[run.first_mark]
    last = marks[run.last_mark]
    elapsed = last.vtime_ns - first.vtime_ns
    return PathReport(
        path=path.name,
        kind=path.kind,
        shows=path.shows,
        insns=last.insns - first.insns,
        exits=last.exits - first.exits,
        injections=0,
        cycles=Spread(elapsed, elapsed, elapsed),
        elapsed=elapsed,
        guest_cycles=run.guest_cycles,
        checksum=run.checksum,
        ratio=Ratio(1.0, 1.0, 1.0),
        causes=[],
        exit_lines=[],
        work_lines=_timer_line(run),
    )


def _timer_line(run: LinuxRun) -> list[WorkLine]:
    """Timer interrupts as Linux counts them, in works that are about time."""
    count = run.results.get(TIMER_INTERRUPTS)
    if count is None:
        return []
    return [WorkLine("timer interrupts, by Linux's count", int(count), 0, Spread(0, 0, 0))]
