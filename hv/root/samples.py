"""The sample guests, by name: what guests/guests.toml says of each, and how to build its machine."""

import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from hv.config import DEFAULT_MEMORY, parse_size
from hv.errors import ConfigError, InternalError
from hv.loaders import BootImage, LoadOptions, Symbols, SymbolTable, load_bytes
from hv.root.build_cache import cached_build
from hv.root.deeds import Deed
from hv.root.disk import MemoryDisk
from hv.root.images import symbols_of, whole_sectors
from hv.root.keys import KeyEvent, parse_keys
from hv.root.mouse_hand import MouseEvent
from hv.root.resources import source_folder
from hv.root.schedule import parse_deed

if TYPE_CHECKING:
    from hv.asm import Assembly

MANIFEST = "guests.toml"
_DEFAULT_BUDGET = 100_000_000
_SECTOR = 512


class DiskSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A disk made for one run. ``fill`` "lba": every 32-bit word of a sector holds the sector's number."""

    size: str
    fill: Literal["lba", "zero"] = "lba"

    def contents(self) -> bytes:
        sectors = parse_size(self.size) // _SECTOR
        if self.fill == "zero":
            return bytes(sectors * _SECTOR)
        return b"".join(lba.to_bytes(4, "little") * (_SECTOR // 4) for lba in range(sectors))


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One guest: its source, the machine it wants, what it must answer."""

    source: str
    shows: str
    name: str = ""
    memory: str | None = None
    disk: DiskSpec | None = None
    scsi_disk: DiskSpec | None = None
    hv: str | None = None
    keys: str = ""
    mouse: tuple[MouseEvent, ...] = ()
    at: tuple[str, ...] = ()
    defines: dict[str, int] = {}
    max_insns: int = _DEFAULT_BUDGET
    outcome: str = "pass"
    exit_code: int = 0
    guest_code: int | None = None
    serial: tuple[str, ...] = ()
    golden: bool = False

    @property
    def path(self) -> Path:
        return source_folder("guests") / self.source

    @property
    def machine_memory(self) -> int:
        """Bytes of RAM it wants."""
        return parse_size(self.memory) if self.memory else DEFAULT_MEMORY

    def machine(self) -> dict[str, object]:
        """The configuration it wants, as plain data."""
        wanted: dict[str, object] = {"memory": self.machine_memory}
        if self.hv is not None:
            wanted["hv"] = self.hv
        return wanted

    def boot_image(self, memory: int) -> BootImage:
        """Assembled and ready to boot."""
        folder = source_folder("guests")
        code = cached_build(self.path, self._build, folders=(folder,), defines=self.defines)
        image = load_bytes(code, LoadOptions(memory=memory), name=self.source)
        return replace(image, symbols=SymbolTable(self._symbols))

    def _assemble(self) -> "Assembly":
        from hv.asm import assemble_file  # seldom needed, and not cheap to import

        folders = (source_folder("guests"),)
        return assemble_file(self.path, include_dirs=folders, defines=self.defines)

    def _build(self) -> bytes:
        return whole_sectors(self._assemble().code)

    def _symbols(self) -> Symbols:
        """Assembled once more: the cache keeps nothing but the bytes."""
        return symbols_of(self._assemble())

    def media(self) -> tuple[MemoryDisk, ...]:
        """IDE disks behind the one it boots from."""
        return (MemoryDisk(self.disk.contents()),) if self.disk else ()

    def scsi_media(self) -> tuple[MemoryDisk, ...]:
        """Disks on the synthetic SCSI controller."""
        return (MemoryDisk(self.scsi_disk.contents()),) if self.scsi_disk else ()

    def typed(self) -> list[KeyEvent]:
        return list(parse_keys(self.keys)) if self.keys else []

    def deeds(self) -> list[Deed]:
        return [parse_deed(text) for text in self.at]


@cache
def all_samples() -> tuple[Sample, ...]:
    """Every sample, in the manifest's order."""
    path = source_folder("guests") / MANIFEST
    try:
        manifest = tomllib.loads(path.read_text(encoding="utf-8"))
        defaults = manifest["defaults"]
        return tuple(
            msgspec.convert({**defaults, **table, "name": name}, Sample)
            for name, table in manifest["guest"].items()
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, msgspec.ValidationError) as error:
        raise InternalError(f"{path.name}: {error}") from error


def find_sample(name: str) -> Sample:
    """The sample ``name``. ConfigError when there is none."""
    for sample in all_samples():
        if sample.name == name:
            return sample
    raise ConfigError(f"no sample @{name}: `hv guests` lists them", usage=True)
