"""From what a person names to a machine that is about to run it: an image, its machine, its symbols."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from hv.config import MachineConfig
from hv.errors import ConfigError
from hv.interfaces import ByteSink
from hv.live.options import CheckedOptions
from hv.loaders import BootImage, LoadOptions, load_bytes
from hv.root.deeds import Deed
from hv.root.disk import MemoryDisk
from hv.root.images import flat_options, is_assembly, is_boot_code, load_image, whole_sectors
from hv.root.keys import KeyEvent, parse_keys
from hv.root.machine import Machine, Outputs
from hv.root.mouse_hand import MouseEvent
from hv.root.pairs import find_guest
from hv.root.samples import Sample
from hv.root.schedule import parse_deed, schedule

T = TypeVar("T")
SymbolReader = Callable[[], Mapping[str, int]]
ImageSource = str | Path | bytes | None
"""A file, ``@sample``, ``@pair/path``, an image in memory, or None: the machine boots from its disks."""


@dataclass(frozen=True)
class Program:
    """Everything that decides a run."""

    image: BootImage | None
    config: MachineConfig
    read_symbols: SymbolReader = dict
    disks: tuple[MemoryDisk, ...] = ()
    scsi_disks: tuple[MemoryDisk, ...] = ()
    keys: tuple[KeyEvent, ...] = ()
    mouse: tuple[MouseEvent, ...] = ()
    deeds: tuple[Deed, ...] = field(default=())

    @cached_property
    def symbols(self) -> Mapping[str, int]:
        """Name -> linear address, read when first asked for."""
        return self.read_symbols()

    def power_on(self, serial: ByteSink, report: Callable[[str], None]) -> Machine:
        """A machine with the image in it and its input planned. ``report`` hears of what deeds bring."""
        machine = Machine(
            self.config, self.image, Outputs(serial=serial), self.disks, self.scsi_disks
        )
        machine.hand.play(self.keys)
        machine.mouse_hand.play(self.mouse)
        schedule(machine, list(self.deeds), report)
        return machine


def load_program(source: ImageSource, options: CheckedOptions) -> Program:
    """Find and load what ``source`` names. ConfigError in one line for whatever is wrong with it."""
    if isinstance(source, str) and source.startswith("@"):
        return _sample_program(find_guest(source[1:]), options)
    config = options.configuration({})
    image, read_symbols = _load(source, options, config)
    return Program(
        image,
        config,
        read_symbols,
        disks=(MemoryDisk(options.disk.contents()),) if options.disk else (),
        scsi_disks=(MemoryDisk(options.scsi_disk.contents()),) if options.scsi_disk else (),
        keys=tuple(parse_keys(options.keys or "")),
        mouse=options.mouse or (),
        deeds=tuple(parse_deed(text) for text in options.at or ()),
    )


def _load(
    source: ImageSource, options: CheckedOptions, config: MachineConfig
) -> tuple[BootImage | None, SymbolReader]:
    loading = options.loading(config.memory)
    if source is None:
        if not config.disks:
            raise ConfigError("nothing to run: name an image or a disk", usage=True)
        return None, dict
    if isinstance(source, bytes):
        image = load_bytes(source, loading, name="image in memory")
        return image, lambda: _functions(image)
    path = Path(source)
    if is_assembly(path) and path.is_file() and options.format in (None, "flat"):
        return _assemble(path, options, loading)
    image = load_image(path, loading)
    return image, lambda: _functions(image)


def _assemble(
    path: Path, options: CheckedOptions, loading: LoadOptions
) -> tuple[BootImage, SymbolReader]:
    from hv.asm import assemble_file  # not cheap to import, and most images are no source

    assembly = assemble_file(path, include_dirs=options.include, defines=options.defines)
    if loading.format is None and is_boot_code(assembly):
        image = load_bytes(whole_sectors(assembly.code), loading, name=str(path))
    else:
        image = load_bytes(assembly.code, flat_options(assembly, loading), name=str(path))
    labels = {name: assembly.symbols[name] for name in assembly.labels}
    return image, lambda: labels


def _functions(image: BootImage) -> dict[str, int]:
    return {name: address for address, name in image.symbols.functions.items()}


def _sample_program(sample: Sample, options: CheckedOptions) -> Program:
    """A sample with what its manifest wants, where ``options`` do not say otherwise."""
    config = options.configuration(sample.machine())
    disk, scsi_disk = options.disk or sample.disk, options.scsi_disk or sample.scsi_disk
    image = sample.boot_image(config.memory)
    return Program(
        image,
        config,
        lambda: _functions(image),
        disks=(MemoryDisk(disk.contents()),) if disk else (),
        scsi_disks=(MemoryDisk(scsi_disk.contents()),) if scsi_disk else (),
        keys=tuple(parse_keys(_first(options.keys, sample.keys))),
        mouse=_first(options.mouse, sample.mouse),
        deeds=tuple(parse_deed(text) for text in _first(options.at, sample.at)),
    )


def _first(given: T | None, wanted: T) -> T:
    """What was said, even if it is nothing; otherwise what the sample wants."""
    return wanted if given is None else given
