"""Checkpoints at places drawn by chance: saved, restored and saved again they are the same bytes, and what
was restored ends as the run that nobody touched.

Places are drawn evenly over a guest's whole run; a machine is saved at the first block boundary from there
on. Each guest gets one place, and the rest go by chance.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from hv.clock import host_seconds
from hv.root.checkpoint import load_checkpoint, save_checkpoint
from hv.root.machine import Machine
from tests.soak.dice import Dice
from tests.soak.guests import GUESTS, Told, finish, power_on
from tests.soak.table import Table

SHORT = 400_000
"""Instructions that the accelerator's Python twin does in no time."""


@dataclass(frozen=True)
class Guest:
    """What is run: ``start`` makes its machine, about to start."""

    name: str
    start: Callable[[], Machine]
    max_insns: int


@dataclass
class Tally:
    """How one guest fared."""

    insns: int = 0
    points: int = 0
    fixed: int = 0
    equal: int = 0
    troubles: tuple[str, ...] = ()


def own_guests() -> list[Guest]:
    """Samples and paths of pairs."""
    return [
        Guest(name, lambda name=name: power_on(name), sample.max_insns)
        for name, sample in GUESTS.items()
    ]


def shares(guests: list[Guest], count: int, dice: Dice) -> Iterator[tuple[Guest, int]]:
    """How many of ``count`` places are each guest's: one and more, or none where there are too few."""
    extra = dice.shuffled(guests)[:count] if count < len(guests) else list(guests)
    chosen = extra + [dice.one_of(guests) for _ in range(count - len(extra))]
    for guest in guests:
        if guest in chosen:
            yield guest, chosen.count(guest)


def check(guest: Guest, count: int, dice: Dice, folder: Path) -> Tally:
    """Save and restore ``guest`` at ``count`` places of its run."""
    whole = guest.start()
    expected = finish(whole, guest.max_insns)
    tally = Tally(insns=whole.insns)
    whole.close()
    going = guest.start()
    for at in sorted(dice.below(tally.insns) for _ in range(count)):
        going.run(at)
        accelerated = tally.insns > SHORT or dice.below(2) > 0
        with patch.dict(os.environ, HV_ACCEL=str(int(accelerated))):
            _check_here(going, guest, expected, folder, tally)
    going.close()
    return tally


def _check_here(going: Machine, guest: Guest, expected: Told, folder: Path, tally: Tally) -> None:
    """Compare what ``going`` becomes by way of a file. It is not changed."""
    first, second = folder / "first", folder / "second"
    save_checkpoint(going, first)
    again = load_checkpoint(first)
    save_checkpoint(again, second)
    fixed = first.read_bytes() == second.read_bytes()
    equal = finish(again, guest.max_insns) == expected
    again.close()
    tally.points += 1
    tally.fixed += fixed
    tally.equal += equal
    if not (fixed and equal):
        what = "saves other bytes" if not fixed else "ends otherwise"
        tally.troubles += (f"{guest.name}: restored at {going.insns:,} instructions it {what}",)


def run_checkpoints(
    shared: Iterable[tuple[Guest, int]], title: str, dice: Dice, folder: Path
) -> list[str]:
    """A table by guest on standard output; what differed, a line each."""
    heads = ("guest" + " " * 26, "instructions", "checkpoints", "same bytes", "same end", "seconds")
    table = Table(title, heads)
    total = Tally()
    for guest, count in shared:
        begin = host_seconds()
        tally = check(guest, count, dice, folder)
        figures = (tally.insns, tally.points, tally.fixed, tally.equal)
        spent = f"{host_seconds() - begin:.1f}"
        table.row(guest.name, *(f"{figure:,}" for figure in figures), spent)
        total.points += tally.points
        total.fixed += tally.fixed
        total.equal += tally.equal
        total.troubles += tally.troubles
    table.end(
        f"{total.points} checkpoints: {total.fixed} gave the same bytes again, {total.equal} the same end"
    )
    return list(total.troubles)
