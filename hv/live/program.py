"""From what a person names to a machine that is about to run it: an image, its machine, its symbols."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from hv.config import MachineConfig
from hv.errors import ConfigError
from hv.live.options import CheckedOptions
from hv.loaders import BootImage, LoadOptions, SymbolTable, load_bytes
from hv.root.deeds import Deed
from hv.root.disk import MemoryDisk
from hv.root.images import (
    flat_options,
    is_assembly,
    is_boot_code,
    load_image,
    symbols_of,
    whole_sectors,
)
from hv.root.keys import KeyEvent, parse_keys
from hv.root.machine import Machine, Outputs
from hv.root.mouse_hand import MouseEvent
from hv.root.pairs import find_guest
from hv.root.samples import DiskSpec, Sample
from hv.root.schedule import Report, arrange, parse_deed

T = TypeVar("T")


def _made(disk: DiskSpec | None) -> tuple[MemoryDisk, ...]:
    return (MemoryDisk(disk.contents()),) if disk else ()


ImageSource = str | Path | bytes | None
"""A file, ``@sample``, ``@pair/path``, an image in memory, or None: the machine boots from its disks."""


@dataclass(frozen=True)
class Program:
    """Everything that decides a run."""

    image: BootImage | None
    config: MachineConfig
    disk: DiskSpec | None = None
    scsi_disk: DiskSpec | None = None
    keys: tuple[KeyEvent, ...] = ()
    mouse: tuple[MouseEvent, ...] = ()
    deeds: tuple[Deed, ...] = field(default=())

    def begin(self, outputs: Outputs, report: Report) -> Machine:
        """A new machine with the image in it, its disks as they were and its input planned. ``report``
        hears of what deeds bring.
        """
        machine = Machine(self.config, self.image, outputs, _made(self.disk), _made(self.scsi_disk))
        arrange(machine, report, deeds=self.deeds, mouse=self.mouse, keys=self.keys)
        return machine


def load_program(source: ImageSource, options: CheckedOptions) -> Program:
    """Find and load what ``source`` names. ConfigError in one line for whatever is wrong with it."""
    if isinstance(source, str) and source.startswith("@"):
        return _sample_program(find_guest(source[1:]), options)
    config = options.configuration({})
    return Program(
        _load(source, options, config),
        config,
        disk=options.disk,
        scsi_disk=options.scsi_disk,
        keys=tuple(parse_keys(options.keys or "")),
        mouse=options.mouse or (),
        deeds=tuple(parse_deed(text) for text in options.at or ()),
    )


def _load(source: ImageSource, options: CheckedOptions, config: MachineConfig) -> BootImage | None:
    loading = options.loading(config.memory)
    if source is None:
        if not config.disks:
            raise ConfigError("nothing to run: name an image or a disk", usage=True)
        return None
    if isinstance(source, bytes):
        return load_bytes(source, loading, name="image in memory")
    path = Path(source)
    if is_assembly(path) and path.is_file() and options.format in (None, "flat"):
        return _assemble(path, options, loading)
    return load_image(path, loading)


def _assemble(path: Path, options: CheckedOptions, loading: LoadOptions) -> BootImage:
    from hv.asm import assemble_file  # not cheap to import, and most images are no source

    assembly = assemble_file(path, include_dirs=options.include, defines=options.defines)
    if loading.format is None and is_boot_code(assembly):
        image = load_bytes(whole_sectors(assembly.code), loading, name=str(path))
    else:
        image = load_bytes(assembly.code, flat_options(assembly, loading), name=str(path))
    return replace(image, symbols=SymbolTable(lambda: symbols_of(assembly)))


def _sample_program(sample: Sample, options: CheckedOptions) -> Program:
    """A sample with what its manifest wants, where ``options`` do not say otherwise."""
    config = options.configuration(sample.machine())
    return Program(
        sample.boot_image(config.memory),
        config,
        disk=options.disk or sample.disk,
        scsi_disk=options.scsi_disk or sample.scsi_disk,
        keys=tuple(parse_keys(_first(options.keys, sample.keys))),
        mouse=_first(options.mouse, sample.mouse),
        deeds=tuple(parse_deed(text) for text in _first(options.at, sample.at)),
    )


def _first(given: T | None, wanted: T) -> T:
    """What was said, even if it is nothing; otherwise what the sample wants."""
    return wanted if given is None else given
