"""A machine as data: what ``hv run`` and the library build a partition from. TOML on disk."""

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from hv.errors import ConfigError

DEFAULT_MEMORY = 64 << 20
DEFAULT_EPOCH = 1_704_067_200
"""What the clock chip shows at power-on: 2024-01-01 00:00:00 UTC."""

DiskBus = Literal["ide", "scsi", "both", "floppy", "auto"]
"""``both``: the same disk on IDE and on SCSI."""
DiskMode = Literal["overlay", "ro", "rw"]

_SUFFIXES = {"K": 10, "M": 20, "G": 30}


class DiskConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One disk: an image file and how it is attached."""

    path: str
    bus: DiskBus = "auto"
    mode: DiskMode = "overlay"


class MachineConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides what a guest sees. Equal configurations give equal runs."""

    memory: int = DEFAULT_MEMORY
    disks: tuple[DiskConfig, ...] = ()
    firmware: str = "bios"
    epoch: int = DEFAULT_EPOCH
    hv: str = "all"
    """Enlightenments: all, none, or a list of changes as ``all,-stimer``."""
    cdroms: tuple[str, ...] = ()
    boot: Literal["auto", "floppy", "disk"] = "auto"
    cost_model: str = "hv-2026.1"
    """What exits cost in virtual time: a name that hv.cost knows, or a file."""

    def with_disks(
        self, disks: tuple[DiskConfig, ...], cdroms: tuple[str, ...] = ()
    ) -> "MachineConfig":
        """The same machine with more disks and discs behind those it has."""
        return msgspec.structs.replace(self, disks=self.disks + disks, cdroms=self.cdroms + cdroms)


def parse_size(text: str) -> int:
    """``64M``, ``1G``, ``4096K`` or plain bytes -> bytes."""
    number, shift = text.strip(), 0
    if number and number[-1].upper() in _SUFFIXES:
        shift = _SUFFIXES[number[-1].upper()]
        number = number[:-1]
    if not number.isdecimal():
        raise ConfigError(f"size {text!r} is not a number with K, M or G", usage=True)
    return int(number) << shift


def parse_disk(text: str) -> DiskConfig:
    """``FILE[,ro|,rw][,bus=ide|scsi|both|floppy]`` -> DiskConfig."""
    path, *options = text.split(",")
    values: dict[str, str] = {"path": path}
    for option in options:
        if option in ("ro", "rw"):
            values["mode"] = option
        elif option.startswith("bus="):
            values["bus"] = option[4:]
        else:
            raise ConfigError(f"disk option {option!r} is not ro, rw or bus=...", usage=True)
    try:
        return msgspec.convert(values, DiskConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"disk {text!r}: {error}", usage=True) from None


def load_config(path: Path, overrides: dict[str, str]) -> MachineConfig:
    """Read a TOML file and apply ``key=value`` overrides. ConfigError names the file and the key."""
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{path}: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    return apply_overrides(table, overrides, str(path))


def apply_overrides(
    table: dict[str, object], overrides: dict[str, str], source: str
) -> MachineConfig:
    """A configuration from plain data. Sizes may be written with a suffix, numbers as text."""
    merged: dict[str, object] = {**table, **overrides}
    memory = merged.get("memory")
    if isinstance(memory, str):
        merged["memory"] = parse_size(memory)
    try:
        return msgspec.convert(merged, MachineConfig, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {error}") from None
