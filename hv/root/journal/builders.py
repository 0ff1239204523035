"""Where a run starts: machines built from a recipe or a checkpoint, the same for a replay as for the run that
was recorded.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from hv.config import MachineConfig
from hv.errors import ConfigError
from hv.loaders import BootImage
from hv.root.checkpoint import Snapshot, open_checkpoint
from hv.root.journal.media import file_digest
from hv.root.journal.recipe import image_digest, named_files, sample_of
from hv.root.journal.records import FileDigest, PowerOn, Recipe, Resumed
from hv.root.keys import parse_keys
from hv.root.machine import Machine, Outputs
from hv.root.schedule import Report, arrange, parse_deed


def _silent(_text: str) -> None:
    """Nobody hears what deeds bring."""


class Builder(Protocol):
    """Builds the machine of one start, as often as it is asked to. No file of the user's is written to."""

    def build(self, outputs: Outputs | None = None, report: Report = _silent) -> Machine:
        """A machine before its first instruction of the run. ConfigError as from ``hv run``."""


@dataclass(frozen=True, slots=True)
class RecipeBuilder:
    """Machines of one recipe, from power-on."""

    recipe: Recipe
    image: BootImage | None

    def build(self, outputs: Outputs | None = None, report: Report = _silent) -> Machine:
        """See ``Builder``."""
        recipe, sample = self.recipe, sample_of(self.recipe)
        media = sample.media() if sample else ()
        scsi = sample.scsi_media() if sample else ()
        machine = Machine(_harmless(recipe.config), self.image, outputs, media, scsi)
        try:
            deeds, keys = [parse_deed(text) for text in recipe.at], parse_keys(recipe.keys)
            arrange(machine, report, deeds=deeds, mouse=recipe.mouse, keys=keys)
        except ConfigError:
            machine.close()
            raise
        return machine


@dataclass(frozen=True, slots=True)
class CheckpointBuilder:
    """Machines that go on from one checkpoint."""

    snapshot: Snapshot

    def build(self, outputs: Outputs | None = None, report: Report = _silent) -> Machine:
        """See ``Builder``."""
        return self.snapshot.machine(outputs, report)


def power_on(recipe: Recipe, image: BootImage | None) -> PowerOn:
    """What a journal says of a machine that was just built from ``recipe`` and ``image``."""
    return PowerOn(recipe, image_digest(image), named_files(recipe))


def resumed(checkpoint: Path) -> Resumed:
    """What a journal says of a machine that was just taken from a checkpoint."""
    return Resumed(file_digest(str(checkpoint)))


def from_checkpoint(known: FileDigest, folder: Path) -> CheckpointBuilder:
    """The checkpoint that a journal in ``folder`` names: beside it, or where it was. ConfigError: it is in
    neither place, or damaged.
    """
    path = Path(known.path)
    found = [place for place in (folder / path.name, path) if place.exists()]
    if not found:
        raise ConfigError(f"{path}: the checkpoint is neither there nor beside the journal")
    for place in found:
        if file_digest(str(place)).sha256 == known.sha256:
            return CheckpointBuilder(open_checkpoint(place).harmless())
    raise ConfigError(f"{found[0]}: is not the checkpoint that the run went on from")


def _harmless(config: MachineConfig) -> MachineConfig:
    """The same machine, but that what the guest writes stays out of the user's files."""
    replace = msgspec.structs.replace
    disks = (replace(disk, mode="overlay") if disk.mode == "rw" else disk for disk in config.disks)
    return replace(config, disks=tuple(disks))
