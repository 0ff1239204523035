"""The result of a run: one schema (``hv.result/1``), the same bytes for the same run.

CSV is the exits, one row each.
"""

import csv
import io
from itertools import pairwise
from typing import Any

import msgspec

import hv
from hv.cost import WorkKind
from hv.cpu.engine import UNICORN_VERSION
from hv.cpu.exits import ExitReason
from hv.loaders.image import DEFAULT_SEED
from hv.root.bill import Bill
from hv.root.by_symbol import SymbolCounts
from hv.root.exit_names import exit_direction
from hv.root.machine import Machine, Mark
from hv.stats import ExitKey
from hv.vp import End, Ending

SCHEMA = "hv.result/1"

EXIT_PASS, EXIT_FAIL, EXIT_USAGE, EXIT_INTERNAL, EXIT_CONFIG = 0, 1, 2, 3, 4

EXIT_CODES = {
    Ending.POWERED_OFF: EXIT_PASS,
    Ending.TRIPLE_FAULT: 10,
    Ending.PANIC: 11,
    Ending.STUCK: 12,
    Ending.RESET: 13,
    Ending.UNSUPPORTED: 14,
    Ending.BUDGET: 124,
    Ending.STOPPED: 130,
}
"""Process exit code by ending; a debug exit is 0 or 1 by what the guest said."""


class ExitRow(msgspec.Struct, frozen=True):
    """Exits of one kind. ``insns``: retired since the exit before; ``cycles``: what the exits cost."""

    reason: str
    device: str
    target: str
    direction: str
    width: int
    count: int
    insns: int
    cycles: int
    bytes: int


class WorkRow(msgspec.Struct, frozen=True):
    """What a device did for the guest. ``cycles``: what that cost."""

    device: str
    kind: str
    requests: int
    cycles: int
    bytes: int


class SymbolRow(msgspec.Struct, frozen=True):
    """Exits of one of the guest's functions, as ``hv.root.by_symbol`` counts them."""

    symbol: str
    exits: int
    insns: int
    cycles: int


class HostRow(msgspec.Struct, frozen=True):
    """What the host took to answer exits of one kind: noise, different in every run."""

    reason: str
    device: str
    target: str
    direction: str
    width: int
    count: int
    host_ns: int


class MarkRow(msgspec.Struct, frozen=True):
    """A point in time that the guest named."""

    id: int
    insns: int
    vtime_ns: int


class Interval(msgspec.Struct, frozen=True):
    """What lies between two marks. ``exits`` counts those that a hypervisor on hardware would see."""

    first: int
    second: int
    insns: int
    cycles: int
    vtime_ns: int
    exits: int
    exit_rows: list[ExitRow]
    work_rows: list[WorkRow]


class Result(msgspec.Struct, frozen=True):
    """``hv.result/1``. ``cycles`` leaves out the time in which the processor was halted.

    ``symbols`` and ``host`` are there when they were asked for; ``host`` alone differs from run to run.
    """

    schema: str
    outcome: str
    detail: str
    exit_code: int
    guest_code: int | None
    insns: int
    cycles: int
    vtime_ns: int
    state_hash: str
    seed: str
    versions: dict[str, str]
    cost_model: str
    exits: list[ExitRow]
    work: list[WorkRow]
    marks: list[MarkRow]
    between_marks: list[Interval]
    symbols: list[SymbolRow] | msgspec.UnsetType = msgspec.UNSET
    host: list[HostRow] | msgspec.UnsetType = msgspec.UNSET


def outcome_of(end: End) -> tuple[str, int]:
    """The outcome's name and the process exit code."""
    if end.ending is Ending.DEBUG_EXIT:
        return ("pass", EXIT_PASS) if end.code == 0 else ("fail", EXIT_FAIL)
    return end.ending.value, EXIT_CODES[end.ending]


def exit_rows(machine: Machine, bill: Bill) -> list[ExitRow]:
    """Every kind of exit in the bill, in a fixed order."""
    rows = []
    for key, (count, insns, moved), cycles in (
        (item.key, item.count, item.cycles) for item in bill.exits
    ):
        reason = ExitReason(key.reason)
        device, target = machine.exit_target(key)
        direction = exit_direction(reason)
        rows.append(
            ExitRow(
                *(reason.label, device, target, direction, key.width),
                *(count, insns, cycles.typical, moved),
            )
        )
    rdtsc = bill.counts.rdtsc
    if rdtsc:
        price = bill.rdtsc_cycles().typical
        rows.append(ExitRow("rdtsc", "processor", "", "", 8, rdtsc, 0, price, 0))
    return rows


def work_rows(bill: Bill) -> list[WorkRow]:
    """Every device's work in the bill."""
    return [
        WorkRow(
            item.key.device,
            WorkKind[item.key.kind].value,
            item.count.requests,
            item.cycles.typical,
            item.count.bytes,
        )
        for item in bill.work
    ]


def interval(machine: Machine, first: Mark, second: Mark) -> Interval:
    """What was counted between two marks."""
    counts = second.moment.since(first.moment)
    bill = Bill(machine.pricing, counts)
    return Interval(
        first=first.id,
        second=second.id,
        insns=counts.insns,
        cycles=counts.vtime_ns - counts.idle_ns,
        vtime_ns=counts.vtime_ns,
        exits=bill.exit_count,
        exit_rows=exit_rows(machine, bill),
        work_rows=work_rows(bill),
    )


def _host_rows(machine: Machine, rows: list[ExitRow]) -> list[HostRow]:
    """``rows`` are those of the whole run; RDTSC, behind the others, is not measured."""
    measured = sorted(
        (ExitKey.unpack(key), ns) for key, ns in machine.partition.vp.exits.host_ns().items()
    )
    return [
        HostRow(*(row.reason, row.device, row.target, row.direction, row.width, row.count, ns))
        for row, (_, ns) in zip(rows, measured, strict=False)
    ]


def make_result(machine: Machine, end: End, counts: SymbolCounts | None = None) -> Result:
    """Put a finished run into the schema."""
    outcome, exit_code = outcome_of(end)
    vp = machine.partition.vp
    bill = Bill(machine.pricing, vp.moment())
    exits = exit_rows(machine, bill)
    return Result(
        schema=SCHEMA,
        outcome=outcome,
        detail=end.detail,
        exit_code=exit_code,
        guest_code=end.code if end.ending is Ending.DEBUG_EXIT else None,
        insns=machine.insns,
        cycles=machine.vtime_ns - vp.idle_ns,
        vtime_ns=machine.vtime_ns,
        state_hash=machine.state_hash(),
        seed=DEFAULT_SEED.hex(),
        versions={"hv": hv.__version__, "unicorn": UNICORN_VERSION},
        cost_model=machine.pricing.model.name,
        exits=exits,
        work=work_rows(bill),
        marks=[MarkRow(m.id, m.moment.insns, m.moment.vtime_ns) for m in machine.marks],
        between_marks=[interval(machine, a, b) for a, b in pairwise(machine.marks)],
        symbols=[SymbolRow(*row) for row in counts.rows()] if counts else msgspec.UNSET,
        host=_host_rows(machine, exits) if vp.timer else msgspec.UNSET,
    )


def to_json(result: Result) -> bytes:
    """Indented, keys in the schema's order, a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"


def to_csv(result: Result) -> str:
    """The exits, a row each."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(ExitRow.__struct_fields__)
    for row in result.exits:
        values: tuple[Any, ...] = msgspec.structs.astuple(row)
        writer.writerow(values)
    return out.getvalue()
