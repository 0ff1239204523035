"""What a machine can be asked to be, as keywords: the flags of ``hv run`` and the keys of a manifest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import msgspec

from hv.config import MachineConfig, apply_overrides, parse_disk
from hv.errors import ConfigError
from hv.loaders import LoadOptions, Mode
from hv.root.mouse_hand import MouseEvent
from hv.root.samples import DiskSpec


class Options(TypedDict, total=False):
    """All keywords of ``hv.Machine``; what is not given is as with ``hv run``."""

    memory: int | str
    """Bytes of RAM, or as ``"64M"``."""
    hv: str
    firmware: str
    boot: str
    epoch: int
    cost_model: str
    disks: Sequence[str]
    """``FILE[,ro|rw][,bus=...]`` each, as with ``--disk``."""
    cdroms: Sequence[str]
    disk: Mapping[str, str]
    """A disk made for the run: ``{"size": "1M", "fill": "lba"}``."""
    scsi_disk: Mapping[str, str]
    format: str
    origin: int
    mode: int
    append: str
    initrd: Sequence[str]
    defines: Mapping[str, int]
    """Definitions made before the first line of assembly source."""
    include: Sequence[str]
    """Folders where assembly source finds what it includes."""
    keys: str
    """Typed from power-on, as with ``--keys``. Empty: not even what a sample's manifest says."""
    mouse: Sequence[Mapping[str, Any]]
    """As in guests.toml: ``{"at_ms": 500, "dx": 5}``."""
    at: Sequence[str]
    """What the host does, as with ``--at``: ``"500ms:shutdown"``."""


class CheckedOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``Options``, every value of the type that it should be."""

    memory: int | str | None = None
    hv: str | None = None
    firmware: str | None = None
    boot: str | None = None
    epoch: int | None = None
    cost_model: str | None = None
    disks: tuple[str, ...] = ()
    cdroms: tuple[str, ...] = ()
    disk: DiskSpec | None = None
    scsi_disk: DiskSpec | None = None
    format: str | None = None
    origin: int | None = None
    mode: int | None = None
    append: str = ""
    initrd: tuple[str, ...] = ()
    defines: dict[str, int] = {}
    include: tuple[str, ...] = ()
    keys: str | None = None
    mouse: tuple[MouseEvent, ...] | None = None
    at: tuple[str, ...] | None = None

    def configuration(self, base: Mapping[str, object]) -> MachineConfig:
        """The machine; ``base`` is what the image itself wants."""
        names = ("memory", "hv", "firmware", "boot", "epoch", "cost_model")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        config = apply_overrides({**base, **given}, {}, "machine options")
        return config.with_disks(tuple(parse_disk(text) for text in self.disks), self.cdroms)

    def loading(self, memory: int) -> LoadOptions:
        """What the loaders are told."""
        if self.mode is not None and self.mode not in tuple(Mode):
            raise ConfigError(f"mode {self.mode} is not 16, 32 or 64", usage=True)
        return LoadOptions(
            memory=memory,
            format=self.format,
            origin=self.origin,
            mode=None if self.mode is None else Mode(self.mode),
            command_line=self.append,
            initrd=tuple(Path(name) for name in self.initrd),
        )


def check_options(options: Mapping[str, object]) -> CheckedOptions:
    """Keywords as given -> options. ConfigError names the one that is wrong."""
    try:
        return msgspec.convert(dict(options), CheckedOptions)
    except msgspec.ValidationError as error:
        raise ConfigError(f"machine options: {error}", usage=True) from None
