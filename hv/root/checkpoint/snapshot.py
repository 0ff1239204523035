"""A machine's whole state, apart from any machine: taken from one, the start of any number of others."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import copy
from pathlib import Path

import msgspec
import zstandard

import hv
from hv.config import MachineConfig
from hv.cpu.engine import UNICORN_VERSION
from hv.errors import ConfigError
from hv.loaders import NO_SYMBOLS, SymbolTable
from hv.memory import MAX_RAM, MIN_RAM, buffer_size
from hv.root.checkpoint import codec
from hv.root.checkpoint.format import SCHEMA, checksum, decode, encode
from hv.root.checkpoint.harmless import harmless
from hv.root.checkpoint.media import Kept, SavedMedia, load_media, save_media
from hv.root.checkpoint.notes import (
    Notes,
    SavedSymbols,
    check_notes,
    load_symbols,
    save_symbols,
)
from hv.root.checkpoint.pages import (
    LEVEL,
    SHARED_FOLDER,
    MemoryImage,
    OwnMemory,
    PageIndex,
    PagePool,
    PageSource,
    PageTable,
)
from hv.root.deeds import PlannedDeed
from hv.root.machine import Machine, Outputs
from hv.root.schedule import Report, schedule
from hv_devices.synthetic.scsi_device import ScsiDevice

NO_NOTES = Notes()

_MOST_STATE = 1 << 30
"""Bytes that a section of state may unpack to. Memory is not among them."""

_BROKEN = (
    *(ValueError, TypeError, OverflowError, LookupError),
    *(msgspec.MsgspecError, zstandard.ZstdError),
)
"""What data of the right checksum and the wrong content runs into."""


class Meta(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What decides whether a checkpoint can be read here: the processor's state is Unicorn's own."""

    schema: str
    hv: str
    unicorn: str


class Machinery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a machine is built from. ``cost_model``: the checksum of the model's content."""

    config: MachineConfig
    cost_model: bytes
    planned: list[PlannedDeed]
    memory: PageTable
    media: SavedMedia


def sections_of(machine: Machine, pool: PagePool, notes: Notes = NO_NOTES) -> dict[str, bytes]:
    """A machine that does not run as sections; its pages go into ``pool``. ConfigError: it cannot be.

    Nothing about the machine changes.
    """
    machinery = Machinery(
        config=machine.config,
        cost_model=_model_checksum(machine),
        planned=machine.planned,
        memory=pool.put(machine.partition.memory.view),
        media=save_media(machine.media, _units(machine), pool.put),
    )
    state = {path: codec.save_part(part) for path, part in machine.parts().items()}
    return {
        "meta": codec.to_bytes(Meta(SCHEMA, hv.__version__, UNICORN_VERSION)),
        "machine": _packed(machinery),
        "state": _packed(state),
        "notes": _packed(notes),
    }


class Snapshot:
    """What sections say, checked. Machines made from it share its memory until they write.

    ``file`` is what the sections were read from: what is wrong with them is blamed on it, and shared pages
    and images that have moved are looked for beside it. ``once``: one machine will start from here, and no
    other.
    """

    def __init__(
        self, sections: Mapping[str, memoryview], file: Path | None = None, *, once: bool = False
    ) -> None:
        self._file = file
        self._once = once
        with self._blamed():
            self._read(sections)

    def _read(self, sections: Mapping[str, memoryview]) -> None:
        meta = codec.from_bytes(_section(sections, "meta"), Meta)
        _check_versions(meta)
        self._machinery = codec.from_bytes(_unpacked(sections, "machine"), Machinery)
        config = self._machinery.config
        if not MIN_RAM <= config.memory <= MAX_RAM:
            raise ConfigError(f"a machine of {config.memory} bytes")
        self._state: dict[str, bytes] = codec.from_bytes(
            _unpacked(sections, "state"), dict[str, bytes]
        )
        index = codec.from_bytes(_unpacked(sections, "index"), PageIndex)
        folder = self._folder
        frames = (
            sections["pages"] if folder is None else sections.get("pages", folder / SHARED_FOLDER)
        )
        self.notes = codec.from_bytes(_unpacked(sections, "notes"), Notes)
        symbols = codec.from_bytes(_unpacked(sections, "symbols"), SavedSymbols)
        self._symbols = load_symbols(symbols)
        self._pages = PageSource(index, frames)
        self._image = (OwnMemory if self._once else MemoryImage)(buffer_size(config.memory))
        self._image.fill(self._pages.pages(self._machinery.memory, self._image.size))

    @classmethod
    def of(cls, machine: Machine, notes: Notes = NO_NOTES, *, once: bool = False) -> "Snapshot":
        """What ``machine`` is now, for forks of it."""
        pool = PagePool()
        sections = sections_of(machine, pool, notes) | pages_of(pool) | _NO_SYMBOLS
        file = b"".join(encode(sections))  # all the way, so that it is what a file would have held
        snapshot = cls(decode(memoryview(file)), once=once)
        snapshot._symbols = machine.symbols
        return snapshot

    def harmless(self) -> "Snapshot":
        """The same, but that its machines do not write to files of the user's."""
        other = copy(self)
        media = harmless(self._machinery.media)
        other._machinery = msgspec.structs.replace(self._machinery, media=media)
        return other

    def machine(
        self, outputs: Outputs | None = None, report: Report = lambda _text: None
    ) -> Machine:
        """A machine that goes on from here. ConfigError when the state does not fit it."""
        machinery = self._machinery
        with self._blamed(), ExitStack() as undo:
            media = load_media(machinery.media, Kept(self._pages.content, self._folder))
            for disk in media.opened:
                undo.callback(disk.close)
            machine = Machine.resumed(machinery.config, media, self._image.mapped(), outputs)
            undo.callback(machine.close)
            machine.symbols = self._symbols
            self._load(machine, report)
            check_notes(self.notes, len(machine.serial_log))
            undo.pop_all()
        return machine

    @property
    def _folder(self) -> Path | None:
        return None if self._file is None else self._file.parent

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """Whatever is wrong is the file's fault, in one line: a damaged file's own words may be in it."""
        try:
            yield
        except (ConfigError, *_BROKEN) as error:
            name = "" if self._file is None else f"{self._file}: "
            raise ConfigError(name + " ".join(str(error).split())) from None

    def _load(self, machine: Machine, report: Report) -> None:
        for planned in self._machinery.planned:
            schedule(machine, [planned.deed], report)
            machine.planned[-1].tickets.extend(planned.tickets)
        if _model_checksum(machine) != self._machinery.cost_model:
            raise ConfigError(f"cost model {machine.config.cost_model}: is not as it was")
        parts = machine.parts()
        if list(self._state) != list(parts):
            raise ConfigError("its state is that of another machine")
        for path, part in parts.items():
            try:
                codec.load_part(part, self._state[path])
            except _BROKEN as error:
                raise ConfigError(f"state of {path}: {error}") from None
        for part in parts.values():
            part.restored()


def pages_of(pool: PagePool) -> dict[str, bytes]:
    """A pool as sections."""
    return {"index": _packed(pool.index()), "pages": pool.frames()}


def symbols_of(table: SymbolTable) -> dict[str, bytes]:
    """A symbol table as a section."""
    return {"symbols": _packed(save_symbols(table))}


def _packed(value: object) -> bytes:
    return zstandard.ZstdCompressor(level=LEVEL).compress(codec.to_bytes(value))


_NO_SYMBOLS = symbols_of(NO_SYMBOLS)


def _section(sections: Mapping[str, memoryview], name: str) -> bytes:
    if name not in sections:
        raise ConfigError(f"it has no section {name!r}")
    return bytes(sections[name])


def _unpacked(sections: Mapping[str, memoryview], name: str) -> bytes:
    data = _section(sections, name)
    try:
        if zstandard.frame_content_size(data) > _MOST_STATE:
            raise ConfigError(f"section {name!r} is too large")
        return zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise ConfigError(f"section {name!r}: {error}") from None


def _check_versions(meta: Meta) -> None:
    if meta.schema != SCHEMA:
        raise ConfigError(f"schema {meta.schema}: this version reads {SCHEMA}")
    if meta.unicorn != UNICORN_VERSION:
        raise ConfigError(f"made with Unicorn {meta.unicorn}: here is {UNICORN_VERSION}")


def _model_checksum(machine: Machine) -> bytes:
    return checksum(repr(machine.pricing.model).encode())


def _units(machine: Machine) -> Mapping[int, ScsiDevice]:
    """What is on the SCSI bus now."""
    return machine.synthetic.storage.target.luns if machine.synthetic else {}
