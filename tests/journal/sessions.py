"""Recorded sessions for tests, made in memory and in files."""

from collections.abc import Callable
from pathlib import Path

from hv.config import MachineConfig
from hv.root.journal.builders import RecipeBuilder, power_on
from hv.root.journal.file import Journal, dump, load_journal
from hv.root.journal.recipe import current_image
from hv.root.journal.recorder import Recorder
from hv.root.journal.records import Recipe, Record
from hv.root.journal.replay import Divergence, Player, Replay, find_sources
from hv.vp import End

MEMORY = 2 << 20

ECHO = """
.origin 0x7c00
.code16
    cli
next:
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jz next
    mov dx, 0x3f8
    in al, dx
    inc word ptr [0x600]
    mov si, ax
    cmp al, 'q'
    jne next
    mov al, 0
    out 0xf4, al
"""
"""Reads the serial port until a q comes; counts in memory."""


def recipe(image: Path | str, **more: object) -> Recipe:
    return Recipe(config=MachineConfig(memory=MEMORY), image=str(image), **more)  # type: ignore[arg-type]


def record(
    path: Path,
    what: Recipe,
    session: Callable[[Recorder], End] = lambda recorder: recorder.run(),
    every: int = 1000,
) -> Journal:
    """Run ``session`` and keep its journal in ``path``."""
    image = current_image(what)
    machine = RecipeBuilder(what, image).build()
    with Recorder.to(path, machine, power_on(what, image), every) as recorder:
        recorder.finish(session(recorder))
    machine.close()
    return load_journal(path)


def replay(path: Path) -> Divergence | None:
    """Run the journal in ``path`` again."""
    journal = load_journal(path)
    sources = find_sources(journal, path.parent)
    player = Player(sources.now, sources.journal.events)
    try:
        return Replay(sources.journal, player).run()
    finally:
        player.close()


Change = Callable[[list[Record]], None]
"""A forger's work on a journal's records, in place."""


def rewrite(path: Path, change: Change) -> None:
    """Change a journal's records, with seals that fit."""
    journal = load_journal(path)
    records: list[Record] = [journal.header, *journal.events]
    change(records)
    path.write_bytes(dump(records))


def typed(text: bytes) -> Callable[[Recorder], End]:
    """A session in which a byte comes at every slice of 3000 instructions."""

    def session(recorder: Recorder) -> End:
        rest = [bytes([byte]) for byte in text]

        def between() -> bool:
            if rest and recorder.serial(rest[0]):
                rest.pop(0)
            return True

        return recorder.run(1_000_000, slice_insns=3000, between=between)

    return session
