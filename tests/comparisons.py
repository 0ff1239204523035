"""Comparisons made up for the tests of reports: counts as a disk driver makes them, a simple cost model."""

from dataclasses import dataclass

from hv.root.comparison import (
    CAUSES,
    SCHEMA,
    Cause,
    Comparison,
    ExitLine,
    PathReport,
    Ratio,
    Spread,
    WorkLine,
    WorkReport,
)
from hv.root.pairs import Pair, PairPath

MODEL = "made-up.1"
WORLD_SWITCH = Spread(800, 1500, 3000)
DELIVERY = Spread(2000, 4000, 9000)
DEVICE = Spread(500, 1000, 2500)
INJECTION = Spread(600, 900, 2000)
SECTORS = 2048

Counts = tuple[tuple[str, str, str, int, int], ...]
"""Exits: reason, device, target, width, how many."""


@dataclass(frozen=True)
class Path:
    """What one path did, before the model puts cycles to it."""

    kind: str
    insns: int
    exits: Counts
    injections: int = 0
    moved: int = 1 << 20


def commands(number: int) -> Counts:
    return (
        ("port_read", "ata0", "port 0x01f7", 1, 3 * number),
        *(("port_write", "ata0", f"port 0x01f{n}", 1, number) for n in range(2, 8)),
    )


DISK = {
    "pio-polled": Path(
        "emulated", 74_213, (("port_read", "ata0", "port 0x01f0", 2, SECTORS), *commands(256))
    ),
    "pio-irq": Path(
        "emulated",
        81_877,
        (
            ("port_read", "ata0", "port 0x01f0", 2, SECTORS),
            ("port_write", "i8259a", "port 0x0020", 1, SECTORS),
            ("hlt", "processor", "", 0, SECTORS),
            *commands(128),
        ),
        injections=SECTORS,
    ),
    "dma": Path(
        "emulated",
        12_345,
        (("port_write", "ide-bm", "port 0xc000", 1, 32), *commands(16)),
        injections=16,
    ),
    "storvsc": Path(
        "synthetic",
        9_876,
        (
            ("hypercall", "processor", "HvCallSignalEvent", 0, 16),
            ("msr_write", "apic", "msr 0x40000070", 8, 16),
        ),
        injections=16,
    ),
    "storvsc-queued": Path(
        "synthetic", 8_765, (("hypercall", "vmbus", "signal event", 0, 2),), injections=2
    ),
}
TICK = {
    "i8254-i8259a": Path(
        "emulated",
        58_000,
        (("hlt", "processor", "", 0, 1000), ("port_write", "i8259a", "port 0x0020", 1, 1000)),
        injections=1000,
        moved=0,
    ),
    "local-apic": Path(
        "emulated",
        51_000,
        (
            ("hlt", "processor", "", 0, 1000),
            ("mmio_write", "local-apic", "gpa 0xfee000b0", 4, 1000),
        ),
        injections=1000,
        moved=0,
    ),
    "stimer-direct": Path(
        "synthetic", 47_000, (("hlt", "processor", "", 0, 1000),), injections=1000, moved=0
    ),
}


def times(count: int, spread: Spread) -> Spread:
    return Spread(count * spread.low, count * spread.typical, count * spread.high)


def total(spreads: list[Spread]) -> Spread:
    return Spread(
        sum(one.low for one in spreads),
        sum(one.typical for one in spreads),
        sum(one.high for one in spreads),
    )


def exit_lines(path: Path) -> list[ExitLine]:
    each = total([WORLD_SWITCH, DELIVERY, DEVICE])
    return [
        ExitLine(
            reason, device, target, direction(reason), width, n, 3 * n, n * width, times(n, each)
        )
        for reason, device, target, width, n in path.exits
    ]


def direction(reason: str) -> str:
    return "in" if reason.endswith("read") else "out" if reason.endswith("write") else ""


def causes(path: Path) -> list[Cause]:
    exits = sum(line[-1] for line in path.exits)
    spent = (
        Spread(path.insns, path.insns, path.insns),
        times(exits, WORLD_SWITCH),
        times(exits, DELIVERY),
        times(exits, DEVICE),
        times(path.moved, Spread(0, 1, 2)),
        times(path.injections, INJECTION),
    )
    return [Cause(name, spread) for name, spread in zip(CAUSES, spent, strict=True)]


def path_report(name: str, path: Path, baseline: Path) -> PathReport:
    cycles = total([cause.cycles for cause in causes(path)])
    base = total([cause.cycles for cause in causes(baseline)])
    return PathReport(
        path=name,
        kind=path.kind,
        shows=f"one way to do it: {name}",
        insns=path.insns,
        exits=sum(line[-1] for line in path.exits),
        injections=path.injections,
        cycles=cycles,
        elapsed=cycles.typical,
        guest_cycles=cycles.typical,
        checksum="9f3a1c44",
        ratio=Ratio(
            round(cycles.low / base.low, 4),
            round(cycles.typical / base.typical, 4),
            round(cycles.high / base.high, 4),
        ),
        causes=causes(path),
        exit_lines=exit_lines(path),
        work_lines=[WorkLine("ata0", 16, path.moved, Spread(1, 2, 3))],
    )


def work_report(
    name: str,
    title: str = "Read a disk",
    *,
    paths: dict[str, Path] | None = None,
    unit: str = "MiB",
    units: int = 1,
) -> WorkReport:
    paths = paths or DISK
    baseline = next(iter(paths))
    return WorkReport(
        work=name,
        title=title,
        unit=unit,
        units=units,
        equal="The same bytes into the same buffer, checked by the same checksum.",
        baseline=baseline,
        paths=[path_report(path, counts, paths[baseline]) for path, counts in paths.items()],
    )


def comparison(*works: WorkReport) -> Comparison:
    versions = {"hv": "0.1.0", "unicorn": "2.1.4"}
    return Comparison(SCHEMA, versions, MODEL, list(works or (work_report("disk-read:64K"),)))


def many(number: int) -> Comparison:
    """Workloads of all shapes: one to six paths, one unit and many."""
    works = []
    for index in range(number):
        disk = index % 2 == 0
        table = DISK | {"a-sixth-path": DISK["dma"]} if disk else TICK
        count = 1 + index * 5 % 6 if index else len(table)
        paths = dict(list(table.items())[: max(count, 1)])
        works.append(
            work_report(f"disk-read:{1 << index}K", "Read 1 MiB from a disk", paths=paths)
            if disk
            else work_report(
                f"tick-{index}", "Take a periodic tick", paths=paths, unit="tick", units=1000
            )
        )
    return comparison(*works)


# Pairs and a way to run them that workers can import.


def pair(name: str) -> Pair:
    path = PairPath(source=f"{name}.asm", shows="nothing", kind="emulated", name=f"{name}/only")
    return Pair(
        name=name,
        title=f"The pair {name}",
        unit="MiB",
        units=1,
        equal="everything",
        baseline="only",
        path={"only": path},
    )


def made_up_run(pair: Pair, _cost_model: str | None) -> WorkReport:
    """Stands for hv.root.pair_run.run_pair."""
    return work_report(pair.name, pair.title)
