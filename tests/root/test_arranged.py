"""Whoever builds a machine plans what is to happen to it in the same order: of two things that are due at the
same time, the same one comes first everywhere.
"""

from pathlib import Path

import msgspec
import pytest

from hv.cli import main
from hv.clock import SavedClock
from hv.live import LiveMachine
from hv.root.checkpoint import load_checkpoint
from hv.root.journal.builders import RecipeBuilder
from hv.root.journal.recipe import current_image
from hv.root.journal.records import Recipe
from hv.root.machine import Machine
from hv.root.mouse_hand import MouseEvent
from hv.root.pair_run import machine_for
from hv.root.samples import find_sample

NAME = "endless_loop"
KEYS = "<wait:500ms>a"
AT = ("500ms:nmi", "500ms:power-button")
MOUSE = MouseEvent(500, dx=1)


def timers(machine: Machine) -> SavedClock:
    """Every timer's deadline and its rank among those of the same time."""
    saved = machine.partition.clock.save()
    machine.close()
    return saved


def of_a_sample(mouse: tuple[MouseEvent, ...]) -> SavedClock:
    changes = {"keys": KEYS, "mouse": mouse, "at": AT}
    return timers(machine_for(msgspec.structs.replace(find_sample(NAME), **changes)))


def test_a_sample_a_live_machine_and_a_recipe() -> None:
    moves = [{"at_ms": MOUSE.at_ms, "dx": MOUSE.dx}]
    with LiveMachine(f"@{NAME}", keys=KEYS, at=AT, mouse=moves) as machine:
        live = timers(machine.internal)
        config = machine.internal.config
    recipe = Recipe(config, image=f"@{NAME}", keys=KEYS, mouse=(MOUSE,), at=AT)
    replayed = timers(RecipeBuilder(recipe, current_image(recipe)).build())
    assert of_a_sample((MOUSE,)) == live == replayed
    assert len([timer for timer in live.timers if timer is not None]) >= len((KEYS, MOUSE, *AT))


def test_the_command_line(tmp_path: Path) -> None:
    saved = tmp_path / "start.checkpoint"
    deeds = [word for text in AT for word in ("--at", text)]
    flags = ["--keys", KEYS, *deeds, "--max-insns", "0", "--checkpoint", str(saved), "-q"]
    with pytest.raises(SystemExit):
        main(["run", f"@{NAME}", *flags])
    assert timers(load_checkpoint(saved)) == of_a_sample(())
