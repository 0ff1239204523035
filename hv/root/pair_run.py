"""One path of a comparison: a guest with two marks, run to its end and reduced to what lies between them."""

from dataclasses import dataclass

import msgspec

from hv.config import apply_overrides
from hv.cost import DEFAULT_MODEL, load_model
from hv.cpu.exits import ExitReason
from hv.errors import GuestError
from hv.root.bill import Bill, ExitItem
from hv.root.comparison import (
    Cause,
    ExitLine,
    PathReport,
    Ratio,
    WorkLine,
    Workload,
    WorkReport,
)
from hv.root.exit_names import exit_direction
from hv.root.machine import Machine
from hv.root.pairs import Pair, PairPath
from hv.root.samples import Sample
from hv.root.schedule import arrange
from hv.stats import Moment
from hv.vp import End, Ending

BEGIN, END = 1, 2
_WORDS = 2
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a path says of itself: the checksum of its work, and its own RDTSC's difference."""

    checksum: str
    guest_cycles: int


def machine_for(path: Sample, cost_model: str | None = None) -> Machine:
    """The machine of a sample or of one path of a pair, ready to run."""
    overrides = {} if cost_model is None else {"cost_model": cost_model}
    config = apply_overrides(path.machine(), overrides, path.name)
    image = path.boot_image(config.memory)
    machine = Machine(config, image, media=path.media(), scsi_media=path.scsi_media())
    arrange(
        *(machine, lambda _text: None),
        deeds=path.deeds(),
        mouse=path.mouse,
        keys=path.typed(),
    )
    return machine


def model_name(cost_model: str | None) -> str:
    """What the cost model calls itself. ConfigError: there is none, or it is broken."""
    return load_model(cost_model or DEFAULT_MODEL).name


def run_pair(pair: Pair, cost_model: str | None = None) -> WorkReport:
    """Run every path of ``pair``. GuestError: a path failed, or the paths did not do the same work."""
    paths = {name: _run_path(name, path, cost_model) for name, path in pair.path.items()}
    return work_report(pair, paths)


def work_report(work: Workload, paths: dict[str, PathReport]) -> WorkReport:
    """The paths of one workload side by side. GuestError: they did not do the same work."""
    baseline = paths[work.baseline]
    for name, path in paths.items():
        if path.checksum != baseline.checksum:
            raise GuestError(
                f"{work.name}: {name} ended with checksum {path.checksum}, "
                f"{work.baseline} with {baseline.checksum}"
            )
    return WorkReport(
        work=work.name,
        title=work.title,
        unit=work.unit,
        units=work.units,
        equal=work.equal,
        baseline=work.baseline,
        paths=[with_ratio(path, baseline) for path in paths.values()],
    )


def _run_path(name: str, path: PairPath, cost_model: str | None) -> PathReport:
    machine = machine_for(path, cost_model)
    try:
        end = machine.run(path.max_insns)
        outcome = _outcome(path, machine, end)
        return path_report(machine, between_marks(machine), name, path.kind, path.shows, outcome)
    finally:
        machine.close()


def _outcome(path: PairPath, machine: Machine, end: End) -> Outcome:
    if end.ending is not Ending.DEBUG_EXIT or end.code != 0:
        how = f"code {end.code}" if end.ending is Ending.DEBUG_EXIT else end.ending.value
        detail = end.detail or machine.serial_log.decode("ascii", "replace").strip()
        raise GuestError(f"{path.name} failed ({how}): {detail}")
    words = machine.text_log.decode("ascii", "replace").split()
    if len(words) != _WORDS:
        raise GuestError(f"{path.name} did not print a checksum and its cycles")
    return Outcome(words[0], int(words[1], 16))


def between_marks(machine: Machine, first: int = BEGIN, last: int = END) -> Moment:
    """What was counted between the two marks. GuestError when the guest set them otherwise."""
    moments = [mark.moment for mark in machine.marks if mark.id in (first, last)]
    ids = [mark.id for mark in machine.marks if mark.id in (first, last)]
    if ids != [first, last]:
        raise GuestError(f"the guest set the marks {ids}, not {[first, last]}")
    return moments[1].since(moments[0])


def path_report(
    machine: Machine, counts: Moment, name: str, kind: str, shows: str, outcome: Outcome
) -> PathReport:
    """One path's report; its ratio is that to itself until ``with_ratio`` is told the baseline."""
    bill = Bill(machine.pricing, counts)
    return PathReport(
        path=name,
        kind=kind,
        shows=shows,
        insns=counts.insns,
        exits=bill.exit_count,
        injections=bill.injections,
        cycles=bill.cycles,
        elapsed=counts.vtime_ns,
        guest_cycles=outcome.guest_cycles,
        checksum=outcome.checksum,
        ratio=Ratio(1.0, 1.0, 1.0),
        causes=[Cause(cause, cycles) for cause, cycles in bill.causes().items()],
        exit_lines=[
            _exit_line(machine, item) for item in bill.exits if machine.pricing.figures(item.key)
        ],
        work_lines=[
            WorkLine(item.key.device, item.count.requests, item.count.bytes, item.cycles)
            for item in bill.work
        ],
    )


def with_ratio(path: PathReport, baseline: PathReport) -> PathReport:
    """The same with its cycles over those of ``baseline``."""
    mine, base = path.cycles, baseline.cycles
    ratio = Ratio(
        _ratio(mine.low, base.low),
        _ratio(mine.typical, base.typical),
        _ratio(mine.high, base.high),
    )
    return msgspec.structs.replace(path, ratio=ratio)


def _ratio(cycles: int, base: int) -> float:
    return round(cycles / base, _DECIMALS) if base else 0.0


def _exit_line(machine: Machine, item: ExitItem) -> ExitLine:
    reason = ExitReason(item.key.reason)
    device, target = machine.exit_target(item.key)
    return ExitLine(
        reason=reason.label,
        device=device,
        target=target,
        direction=exit_direction(reason),
        width=item.key.width,
        count=item.count.number,
        insns=item.count.insns,
        bytes=item.count.bytes,
        cycles=item.cycles,
    )
