"""``hv walk``: one path of a pair, exit by exit."""

from hv.cost import DEFAULT_MODEL, CostModel, load_model
from hv.errors import ConfigError
from hv.root.fold import Fold, folds
from hv.root.pairs import find_path
from hv.root.walk import Kind, Step, Walk, walk

_FEW = 40
"""Exits shown of a path that does not repeat."""
_HEADS = ("exit", "insns", "at ns", "what", "value", "meaning", "cycles")
_LEFT = frozenset({"what", "meaning"})
_NAMES = {Kind.EXIT: "exit", Kind.INJECTION: "injection", Kind.WORK: "device request"}


def show_walk(name: str, exits: int | None, cost_model: str | None) -> int:
    """Run the path ``name`` and print its first round, or its first ``exits`` exits."""
    pair, path = find_path(name)
    if exits is not None and exits < 1:
        raise ConfigError("--exits takes a number from 1", usage=True)
    model = load_model(cost_model or DEFAULT_MODEL)
    way = walk(path, cost_model)
    print(f"{name.removeprefix('@')}: {pair.title}\n{path.shows}\n")
    if not way.steps:
        print("Nothing leaves the guest between the marks, and nothing comes in.")
        return 0
    steps = way.first(exits) if exits is not None else _round(way)
    print("\n".join(_table(steps)), end="\n\n")
    print(_sum("Shown", steps))
    if steps == way.steps[: way.round] and way.round < len(way.steps):
        print(f"That comes {len(way.steps) // way.round:,} times.")
    print(_sum("Between the marks", way.steps))
    print(f"Cycles by {model.name}, each a nanosecond:")
    print("\n".join(_legend(steps, model)))
    return 0


def _round(way: Walk) -> list[Step]:
    repeats = way.round < len(way.steps)
    return way.steps[: way.round] if repeats else way.first(_FEW)


def _sum(where: str, steps: list[Step]) -> str:
    counts = (
        _counted(sum(step.kind is kind for step in steps), name) for kind, name in _NAMES.items()
    )
    cycles = sum(step.cycles for step in steps)
    return f"{where}: {', '.join(counts)}; {cycles:,} cycles beside the guest's instructions."


def _counted(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _table(steps: list[Step]) -> list[str]:
    """A line a step; what repeats in a row but for its time is shown once."""
    rows: list[tuple[str, ...]] = [_HEADS]
    number = 0
    for fold in folds([_likeness(step) for step in steps]):
        block = steps[fold.start : fold.start + fold.size]
        exits = 0
        for step in block:
            exits += step.kind is Kind.EXIT
            rows.append(_row(step, number + exits))
        number += exits * fold.times
        if fold.times > 1:
            rows.append(("...", "", "", _again(fold), "", "", ""))
    used = [column for column in range(len(_HEADS)) if any(row[column] for row in rows[1:])]
    widths = {column: max(len(row[column]) for row in rows) for column in used}
    return [_line(row, widths) for row in rows]


def _again(fold: Fold) -> str:
    lines = "this line" if fold.size == 1 else f"these {fold.size} lines"
    return f"{lines} {_counted(fold.times - 1, 'more time')}"


def _likeness(step: Step) -> tuple[object, ...]:
    return step.kind, step.what, step.insns, step.value, step.meaning


def _row(step: Step, number: int) -> tuple[str, ...]:
    is_exit = step.kind is Kind.EXIT
    return (
        f"{number:,}" if is_exit else "",
        f"{step.insns:,}",
        f"{step.at_ns:,}",
        step.what if is_exit else f"({step.what})",
        step.value,
        step.meaning,
        f"{step.cycles:,}",
    )


def _line(row: tuple[str, ...], widths: dict[int, int]) -> str:
    cells = (
        row[column].ljust(width) if _HEADS[column] in _LEFT else row[column].rjust(width)
        for column, width in widths.items()
    )
    return "  ".join(cells).rstrip()


def _legend(steps: list[Step], model: CostModel) -> list[str]:
    """What each price adds up from, in the order in which they appear."""
    prices = dict.fromkeys((step.cycles, step.figures) for step in steps)
    width = max((len(f"{cycles:,}") for cycles, _ in prices), default=0)
    lines = []
    for cycles, figures in prices:
        parts = (
            f"{name} {model.price((name,)).typical:,}" + (f" x {times:,}" if times != 1 else "")
            for name, times in figures
        )
        lines.append(f"  {cycles:{width},} = {' + '.join(parts)}")
    return lines
