"""The result of a run: one schema (``hv.result/1``), the same bytes for the same run.

CSV is the exits, one row each.
"""

import csv
import io
from itertools import pairwise
from typing import Any

import msgspec

import hv
from hv.cost import MODEL
from hv.cpu.engine import UNICORN_VERSION
from hv.cpu.exits import ExitReason
from hv.loaders.image import DEFAULT_SEED
from hv.root.exit_costs import price
from hv.root.exit_names import exit_target
from hv.root.machine import Machine, Mark
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

_READS = frozenset({ExitReason.PORT_READ, ExitReason.MMIO_READ, ExitReason.MSR_READ})
_WRITES = frozenset({ExitReason.PORT_WRITE, ExitReason.MMIO_WRITE, ExitReason.MSR_WRITE})


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


class MarkRow(msgspec.Struct, frozen=True):
    """A point in time that the guest named."""

    id: int
    insns: int
    vtime_ns: int


class Interval(msgspec.Struct, frozen=True):
    """What lies between two marks."""

    first: int
    second: int
    insns: int
    vtime_ns: int
    exits: int


class Result(msgspec.Struct, frozen=True):
    """``hv.result/1``. ``cycles`` leaves out the time in which the processor was halted."""

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
    marks: list[MarkRow]
    between_marks: list[Interval]


def outcome_of(end: End) -> tuple[str, int]:
    """The outcome's name and the process exit code."""
    if end.ending is Ending.DEBUG_EXIT:
        return ("pass", EXIT_PASS) if end.code == 0 else ("fail", EXIT_FAIL)
    return end.ending.value, EXIT_CODES[end.ending]


def _direction(reason: ExitReason) -> str:
    return "in" if reason in _READS else "out" if reason in _WRITES else ""


def exit_rows(machine: Machine) -> list[ExitRow]:
    """Every kind of exit of the run, in a fixed order."""
    vp = machine.partition.vp
    rows = []
    for key, (count, insns, moved) in vp.exits.rows():
        reason = ExitReason(key.reason)
        device, target = exit_target(machine.partition, key)
        rows.append(
            ExitRow(
                reason=reason.label,
                device=device,
                target=target,
                direction=_direction(reason),
                width=key.width,
                count=count,
                insns=insns,
                cycles=count * price(vp.costs, reason),
                bytes=moved,
            )
        )
    if vp.rdtsc_exits:
        cycles = vp.rdtsc_exits * vp.costs.rdtsc
        rows.append(ExitRow("rdtsc", "processor", "", "", 8, vp.rdtsc_exits, 0, cycles, 0))
    return rows


def _intervals(marks: list[Mark]) -> list[Interval]:
    return [
        Interval(a.id, b.id, b.insns - a.insns, b.vtime_ns - a.vtime_ns, b.exits - a.exits)
        for a, b in pairwise(marks)
    ]


def make_result(machine: Machine, end: End) -> Result:
    """Put a finished run into the schema."""
    outcome, exit_code = outcome_of(end)
    return Result(
        schema=SCHEMA,
        outcome=outcome,
        detail=end.detail,
        exit_code=exit_code,
        guest_code=end.code if end.ending is Ending.DEBUG_EXIT else None,
        insns=machine.insns,
        cycles=machine.vtime_ns - machine.partition.vp.idle_ns,
        vtime_ns=machine.vtime_ns,
        state_hash=machine.state_hash(),
        seed=DEFAULT_SEED.hex(),
        versions={"hv": hv.__version__, "unicorn": UNICORN_VERSION},
        cost_model=MODEL,
        exits=exit_rows(machine),
        marks=[MarkRow(m.id, m.insns, m.vtime_ns) for m in machine.marks],
        between_marks=_intervals(machine.marks),
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
