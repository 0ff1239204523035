"""From runs of a Linux work to its report."""

from pathlib import Path

from msgspec.structs import replace

from hv.cost import Spread
from hv.root.comparison import PathReport, WorkLine, WorkReport
from hv.root.linux_guest.packages import Packages, default_folder
from hv.root.linux_guest.run import LinuxRun, run_path
from hv.root.linux_guest.works import LinuxPath, LinuxWork
from hv.root.pair_run import path_report, work_report

TIMER_INTERRUPTS = "timer_interrupts"
"""What the init script calls its own count of them around the work."""


def packages_of(work: LinuxWork) -> Packages:
    """Where the kernel of ``work`` is looked for."""
    return Packages(Path(work.folder) if work.folder else default_folder())


def run_linux(work: LinuxWork, cost_model: str | None = None) -> WorkReport:
    """Run every path of ``work``. GuestError: they did not do the same work."""
    packages = packages_of(work)
    paths = {path.name: report_path(work, path, packages, cost_model) for path in work.paths}
    return work_report(work, paths)


def report_path(
    work: LinuxWork, path: LinuxPath, packages: Packages, cost_model: str | None = None
) -> PathReport:
    """Run one path and give its machine back."""
    run = run_path(work, path, packages, cost_model)
    try:
        report = path_report(run.machine, run.counts, path.name, path.kind, path.shows, run.outcome)
        return replace(report, work_lines=report.work_lines + _timer_line(run))
    finally:
        run.machine.close()


def _timer_line(run: LinuxRun) -> list[WorkLine]:
    """Timer interrupts as Linux counts them, in works that are about time. Their cost is elsewhere."""
    count = run.results.get(TIMER_INTERRUPTS)
    return (
        []
        if count is None
        else [WorkLine("Linux's own count of timer interrupts", int(count), 0, Spread())]
    )
