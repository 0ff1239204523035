"""Journals on disk. Every line ends in a seal, a digest of all lines up to it: damage is found by line."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from hv.errors import ConfigError
from hv.loaders.source import read_file
from hv.root.journal.records import Check, Event, Finish, Header, Input, Record

_SEAL = b',"seal":"%s"}'
_SEAL_SIZE = len(_SEAL % (b"0" * 16))
_LONGEST_LINE = 32 << 20

_decoder = msgspec.json.Decoder(Header | Input | Check | Finish)


@dataclass(frozen=True, slots=True)
class Journal:
    """A whole journal: its header, and what happened in order. The last event is the end."""

    header: Header
    events: tuple[Event, ...]

    @property
    def end(self) -> Finish:
        last = self.events[-1]
        assert isinstance(last, Finish)
        return last


class Writer:
    """Appends records to an open file, each at once: what a crash leaves behind can still be read.

    ConfigError for a record that is too large.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._seals = _Seals()

    def write(self, record: Record) -> None:
        body = msgspec.json.encode(record)
        if len(body) + _SEAL_SIZE > _LONGEST_LINE:
            raise ConfigError(f"{len(body)} bytes at once are too many for a journal")
        self._file.write(body[:-1] + self._seals.next(body) + b"\n")
        self._file.flush()


class _Seals:
    """The chain of seals, line after line."""

    def __init__(self) -> None:
        self._chain = hashlib.sha256()

    def next(self, body: bytes) -> bytes:
        self._chain.update(body + b"\n")
        return _SEAL % self._chain.hexdigest()[:16].encode()


def dump(records: Iterable[Record]) -> bytes:
    """A journal's bytes."""
    seals = _Seals()
    lines = (msgspec.json.encode(record) for record in records)
    return b"".join(body[:-1] + seals.next(body) + b"\n" for body in lines)


def load_journal(path: Path) -> Journal:
    """Read and check a journal. ConfigError, one line with the line's number: it is damaged, or none."""
    return parse(read_file(path), str(path))


def parse(content: bytes, name: str) -> Journal:
    """A journal from its bytes; ``name`` stands for the file in complaints."""
    records = list(_records(content, name))
    if not records or not isinstance(records[0], Header):
        raise ConfigError(f"{name}: is no journal: it does not begin with a header")
    header, events = records[0], _events(records[1:], name)
    if not events or not isinstance(events[-1], Finish):
        raise ConfigError(f"{name}: ends before the run does: cut off behind line {len(records)}")
    return Journal(header, events)


def _records(content: bytes, name: str) -> Iterator[Record]:
    seals = _Seals()
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        where = f"{name}, line {number}"
        if len(line) > _LONGEST_LINE:
            raise ConfigError(f"{where}: longer than {_LONGEST_LINE >> 20} MiB")
        if not line.endswith(b"\n") or len(line) <= _SEAL_SIZE:
            raise ConfigError(f"{where}: {'cut off' if number > 1 else 'is no journal'}")
        body = line[: -_SEAL_SIZE - 1] + b"}"
        if line[-_SEAL_SIZE - 1 : -1] != seals.next(body):
            what = "is damaged" if number > 1 else "is no journal, or damaged"
            raise ConfigError(f"{where}: {what}: its seal does not fit")
        try:
            yield _decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConfigError(f"{where}: {error}") from None
        except RecursionError:
            raise ConfigError(f"{where}: nested too deeply") from None


def _events(records: list[Record], name: str) -> tuple[Event, ...]:
    """The events, which must follow each other in time and stop at the first end."""
    events: list[Event] = []
    before = (0, 0)
    for number, record in enumerate(records, 2):
        where = f"{name}, line {number}"
        if isinstance(record, Header):
            raise ConfigError(f"{where}: a second header")
        if events and isinstance(events[-1], Finish):
            raise ConfigError(f"{where}: something follows the end")
        moment = (record.at.insns, record.at.vtime_ns)
        if moment[0] < before[0] or moment[1] < before[1]:
            raise ConfigError(f"{where}: goes back in time")
        before = moment
        events.append(record)
    return tuple(events)
