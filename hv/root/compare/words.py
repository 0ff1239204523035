"""What a comparison says, in sentences: where a path's exits come from, which order of paths holds."""

from dataclasses import dataclass
from itertools import combinations, pairwise

from hv.root.compare.numbers import LEVELS, percent
from hv.root.comparison import ExitLine, PathReport, WorkReport

TOP_SOURCES = 3

_OF_A_DEVICE = {
    "port_read": ("read", "reads"),
    "port_write": ("write", "writes"),
    "mmio_read": ("read", "reads"),
    "mmio_write": ("write", "writes"),
    "msr_read": ("read", "reads"),
    "msr_write": ("write", "writes"),
}
_OF_THE_PROCESSOR = {
    "hlt": ("halt", "halts"),
    "cpuid": ("CPUID", "CPUIDs"),
    "rdtsc": ("RDTSC", "RDTSCs"),
    "interrupt": ("interrupt", "interrupts"),
    "root_interrupt": ("interrupt from the root", "interrupts from the root"),
    "software_interrupt": ("INT n", "INT ns"),
    "exception": ("exception", "exceptions"),
    "syscall": ("SYSCALL", "SYSCALLs"),
    "hypercall": ("hypercall", "hypercalls"),
}
_INJECTIONS = frozenset({"interrupt", "root_interrupt"})
_PROCESSOR = "processor"


def listed(items: list[str], last: str = "and") -> str:
    """ "a, b and c" """
    return f" {last} ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else items[0]


def _exits(path: PathReport) -> list[ExitLine]:
    """Lines of exits alone: an injection goes the other way."""
    return [line for line in path.exit_lines if line.count and line.reason not in _INJECTIONS]


def top_sources(path: PathReport, most: int = TOP_SOURCES) -> list[ExitLine]:
    """The exits that cost most by the typical figures; by their number when the model is free."""
    return sorted(_exits(path), key=lambda line: (-line.cycles.typical, -line.count))[:most]


def _where(line: ExitLine) -> str:
    names = [] if line.device == _PROCESSOR else [line.device]
    return " ".join(filter(None, [*names, line.target]))


def exit_words(line: ExitLine) -> str:
    """ "2,048 writes of ata0 port 0x01f6" """
    one_or_many = line.count != 1
    if line.reason in _OF_A_DEVICE:
        verb = _OF_A_DEVICE[line.reason][one_or_many]
        return f"{line.count:,} {verb} of {_where(line)}"
    names = _OF_THE_PROCESSOR.get(line.reason)
    what = names[one_or_many] if names else f"{line.reason} exit{'s' if one_or_many else ''}"
    where = _where(line)
    return f"{line.count:,} {what}" + (f" ({where})" if where else "")


def exit_share(path: PathReport, line: ExitLine) -> str:
    """ "31% of its cycles", or of its exits where no exit costs anything."""
    lines = _exits(path)
    if any(each.cycles.typical for each in lines):
        return f"{percent(line.cycles.typical, path.cycles.typical)} of its cycles"
    return f"{percent(line.count, sum(each.count for each in lines))} of its exits"


def sources_sentence(path: PathReport) -> str:
    """Where the exits of ``path`` come from."""
    sources = top_sources(path)
    if not sources:
        return "no exits."
    parts = [f"{exit_words(line)} ({exit_share(path, line)})" for line in sources]
    rest = sum(line.count for line in _exits(path)) - sum(line.count for line in sources)
    if rest:
        parts.append(f"{rest:,} other exit{'s' if rest > 1 else ''}")
    return listed(parts) + "."


def beside_sentence(path: PathReport) -> str:
    """What interrupts and the devices' own work take; empty when there is neither."""
    total = path.cycles.typical
    parts = []
    priced = any(line.cycles.high for line in path.exit_lines)
    injected = [line for line in path.exit_lines if line.reason in _INJECTIONS]
    if path.injections:
        share = percent(sum(line.cycles.typical for line in injected), total)
        parts.append(f"{path.injections:,} interrupt{'s' if path.injections > 1 else ''} ({share})")
    for work in path.work_lines:
        if priced and not work.cycles.high:  # a count that the guest gave
            parts.append(f"{work.requests:,} by {work.device}")
            continue
        requests = f"{work.requests:,} request{'s' if work.requests != 1 else ''}"
        parts.append(f"{requests} to {work.device} ({percent(work.cycles.typical, total)})")
    return f"Beside them: {listed(parts)}." if parts else ""


@dataclass(frozen=True, slots=True)
class Order:
    """Which path is cheaper than which, and whether that depends on the model's figures."""

    cheapest_first: tuple[str, ...]
    swapped: tuple[tuple[str, str], ...]
    """Pairs of paths that do not compare alike at low, typical and high."""
    equal: tuple[bool, ...]
    """For each path but the first: it costs what the one before it costs."""
    separate: bool
    """Each path is cheaper at its high figures than the next one at its low figures."""

    @property
    def holds(self) -> bool:
        return not self.swapped


def order_of(work: WorkReport) -> Order:
    """The order of the paths by cycles, cheapest first by the typical figures."""
    ranked = sorted(work.paths, key=lambda path: path.cycles.typical)
    swapped = [
        (first.path, second.path)
        for first, second in combinations(ranked, 2)
        if len({_sign(first, second, level) for level in LEVELS}) > 1
    ]
    separate = all(first.cycles.high < second.cycles.low for first, second in pairwise(ranked))
    equal = tuple(first.cycles == second.cycles for first, second in pairwise(ranked))
    return Order(tuple(path.path for path in ranked), tuple(swapped), equal, separate)


def _sign(first: PathReport, second: PathReport, level: str) -> int:
    one, other = getattr(first.cycles, level), getattr(second.cycles, level)
    return int(one > other) - int(one < other)


def order_sentence(work: WorkReport) -> str:
    """Which conclusions about the paths hold whichever figures of the model are right."""
    if len(work.paths) < 2:
        return "One path: nothing to compare."
    order = order_of(work)
    first, *others = order.cheapest_first
    steps = zip(order.equal, others, strict=True)
    names = first + "".join(f" = {name}" if same else f", {name}" for same, name in steps)
    if order.holds:
        more = "; even their ranges do not overlap" if order.separate else ""
        return f"Cheapest first at low, typical and high figures alike: {names}{more}."
    swaps = listed([f"between {one} and {other}" for one, other in order.swapped])
    return f"Cheapest first by the typical figures: {names}; {swaps} it depends on the model's figures."
