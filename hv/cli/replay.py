"""``hv replay``: is a run the one that was recorded, and where does it stop being so?"""

import sys
from pathlib import Path

from hv.errors import ConfigError
from hv.root.journal.file import Journal, load_journal
from hv.root.journal.records import Input
from hv.root.journal.replay import Divergence, Player, Replay, Sources, find_sources
from hv.root.journal.search import Found, first_difference

EXIT_EQUAL, EXIT_DIVERGED = 0, 1


def debug_replay(path: Path, address: str | None, *, at_end: bool) -> int:
    """Let a debugger look at the run in a journal, until it leaves."""
    from hv.cli.gdb import debug_recorded  # seldom needed

    if address is None:
        raise ConfigError("--gdb-at-end goes with --gdb", usage=True)
    debug_recorded(_sources(path), address, _tell, at_end=at_end)
    return EXIT_EQUAL


def _sources(path: Path) -> Sources:
    sources = find_sources(load_journal(path), path.parent)
    for line in (*sources.notes, *sources.changed):
        _tell(line)
    return sources


def replay(path: Path, *, search: bool, quiet: bool) -> int:
    """Run a journal again; 0 when everything was equal, 1 when not."""
    sources = _sources(path)
    journal = sources.journal
    player = Player(sources.now, journal.events)
    try:
        divergence = Replay(journal, player).run()
    finally:
        player.close()
    if divergence is None:
        if not quiet:
            _tell(_summary(journal))
        return EXIT_DIVERGED if sources.changed else EXIT_EQUAL
    _tell(_where(divergence))
    if search:
        _search(sources, divergence)
    return EXIT_DIVERGED


def _tell(text: str) -> None:
    print(f"hv: {text}", file=sys.stderr)


def _summary(journal: Journal) -> str:
    inputs = sum(isinstance(event, Input) for event in journal.events)
    checks = len(journal.events) - inputs
    end = journal.end.at
    return (
        f"the same run: {end.insns:,} instructions, {end.vtime_ns / 1e9:.6f} s virtual, "
        f"inputs: {inputs}, checks of the state: {checks}"
    )


def _where(divergence: Divergence) -> str:
    parts = f": {', '.join(divergence.parts)}" if divergence.parts else ""
    return (
        f"diverged between instruction {divergence.low:,} and {divergence.high:,}: "
        f"{divergence.detail}{parts}"
    )


def _search(sources: Sources, divergence: Divergence) -> None:
    """Name the instruction, where the recorded run can be had again."""
    if sources.recorded is None:
        _tell("the journal does not hold what was run: the instruction cannot be named")
        return
    found = first_difference(sources.recorded, sources.now, sources.journal.events, divergence)
    if found is None:
        _tell("what the journal says was run agrees with this run: it is the journal that differs")
        return
    _tell(_instruction(found))
    for line in found.details:
        _tell(f"  {line}")


def _instruction(found: Found) -> str:
    if not found.text:
        return f"different before instruction {found.insns:,}, {found.where}"
    return f"first divergent instruction: number {found.insns:,} at {found.where}: {found.text}"
