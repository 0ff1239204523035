"""The first difference between two files that should be the same: results, comparisons or traces.

The first in the order in which the file has its keys. Rows that have a name (exits, work) are matched by it,
so that a kind of exit that only one side has is told as such and does not shift all others.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from hv.errors import ConfigError
from hv.loaders.source import read_file
from hv.root.comparison import SCHEMA as COMPARE_SCHEMA
from hv.root.comparison import Comparison
from hv.root.result import SCHEMA as RESULT_SCHEMA
from hv.root.result import Result

_DEEPEST = 40
_LONGEST_VALUE = 200
_EXIT_KEY = ("reason", "device", "target", "direction", "width")
_ROW_KEYS = {
    "exits": _EXIT_KEY,
    "exit_rows": _EXIT_KEY,
    "exit_lines": _EXIT_KEY,
    "work": ("device", "kind"),
    "work_rows": ("device", "kind"),
    "work_lines": ("device",),
    "works": ("work",),
    "paths": ("path",),
    "causes": ("name",),
}
"""Lists whose rows are known by some of their columns, by the list's name."""

_SCHEMAS: dict[str, tuple[str, type]] = {
    RESULT_SCHEMA: ("a result", Result),
    COMPARE_SCHEMA: ("a comparison", Comparison),
}
_TRACE = "a trace"
_MISSING = "(nothing)"


class Document(NamedTuple):
    """A file's content as plain data, and what it is: its name in a sentence."""

    kind: str
    content: object


class Change(NamedTuple):
    """One place where two files differ."""

    path: str
    first: str
    second: str


class KindChange(NamedTuple):
    """Exits of one kind: how often on either side."""

    name: str
    first: int
    second: int


def load(path: Path) -> Document:
    """Read a result, a comparison or a trace. ConfigError: it is none, or a broken one."""
    data = read_file(path)
    try:
        content = _decode(data)
        schema = content.get("schema") if isinstance(content, dict) else None
        if isinstance(schema, str) and schema in _SCHEMAS:
            kind, shape = _SCHEMAS[schema]
            msgspec.convert(content, shape)
            return Document(kind, content)
        return Document(_TRACE, _events(content))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None


def _decode(data: bytes) -> object:
    """JSON. A trace whose writer was stopped lacks its end, which the format allows."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        if not data.lstrip().startswith(b"["):
            raise
        return msgspec.json.decode(data.rstrip().removesuffix(b",") + b"]")


def _events(content: object) -> list[dict[str, object]]:
    events = content.get("traceEvents") if isinstance(content, dict) else content
    if not isinstance(events, list) or not events:
        raise msgspec.ValidationError(f"is no {RESULT_SCHEMA}, {COMPARE_SCHEMA} or trace")
    for number, event in enumerate(events):
        if not isinstance(event, dict) or not isinstance(event.get("ph"), str):
            raise msgspec.ValidationError(f"event {number} of the trace has no phase")
    return events


def changes(first: Document, second: Document) -> Iterator[Change]:
    """Every difference, in order. ConfigError: the two are of different kinds."""
    if first.kind != second.kind:
        raise ConfigError(f"{first.kind} and {second.kind} have nothing to compare")
    if first.kind == _TRACE:
        return _event_changes(first.content, second.content)
    return _walk("", first.content, second.content, 0)


def _event_changes(first: object, second: object) -> Iterator[Change]:
    """Events are told whole: half of one says little."""
    assert isinstance(first, list)
    assert isinstance(second, list)
    for path, one, other in _by_place("event", first, second):
        if any(True for _ in _walk(path, one, other, 0)):
            yield Change(path, _told(one), _told(other))


def exit_changes(first: Document, second: Document) -> list[KindChange]:
    """Kinds of exits whose count differs, largest change first; only results have them."""
    if first.kind != _SCHEMAS[RESULT_SCHEMA][0]:
        return []
    one, other = _counts(first.content), _counts(second.content)
    found = [
        KindChange(name, one.get(name, 0), other.get(name, 0)) for name in sorted({*one, *other})
    ]
    found = [change for change in found if change.first != change.second]
    return sorted(found, key=lambda change: -abs(change.second - change.first))


def _counts(content: object) -> dict[str, int]:
    result = msgspec.convert(content, Result)
    counts: dict[str, int] = {}
    for row in result.exits:
        name = " ".join(str(getattr(row, key)) for key in _EXIT_KEY if getattr(row, key) != "")
        counts[name] = counts.get(name, 0) + row.count
    return counts


def _walk(path: str, first: object, second: object, depth: int) -> Iterator[Change]:
    if depth > _DEEPEST:
        raise ConfigError(f"nested too deeply to compare at {path[:_LONGEST_VALUE]}")
    if isinstance(first, dict) and isinstance(second, dict):
        join = f"{path}." if path else ""
        pairs = _by_name(first, second, lambda key: f"{join}{key}")
    elif isinstance(first, list) and isinstance(second, list):
        pairs = _rows(path, first, second)
    else:
        if type(first) is not type(second) or first != second:
            yield Change(path, _told(first), _told(second))
        return
    for name, one, other in pairs:
        yield from _walk(name, one, other, depth + 1)


class _Nothing:
    """Stands for what one side does not have."""


_NOTHING = _Nothing()

Pairs = Iterable[tuple[str, object, object]]


def _by_name(
    first: dict[str, object], second: dict[str, object], name: Callable[[str], str]
) -> Pairs:
    for key in dict.fromkeys((*first, *second)):
        yield name(key), first.get(key, _NOTHING), second.get(key, _NOTHING)


def _rows(path: str, first: list[object], second: list[object]) -> Pairs:
    columns = _ROW_KEYS.get(path.rpartition(".")[2])
    if columns is not None:
        one, other = _keyed(first, columns), _keyed(second, columns)
        if one is not None and other is not None:
            return _by_name(one, other, lambda key: f"{path}[{key}]")
    return _by_place(path, first, second)


def _keyed(rows: list[object], columns: tuple[str, ...]) -> dict[str, object] | None:
    """Rows by their name; None when some have the same, or none."""
    found: dict[str, object] = {}
    for row in rows:
        if not isinstance(row, dict):
            return None
        values = (row.get(column, "") for column in columns)
        found[" ".join(str(value) for value in values if value != "")] = row
    return found if len(found) == len(rows) else None


def _by_place(path: str, first: list[object], second: list[object]) -> Pairs:
    for index in range(max(len(first), len(second))):
        one = first[index] if index < len(first) else _NOTHING
        other = second[index] if index < len(second) else _NOTHING
        yield f"{path}[{index}]", one, other


def _told(value: object) -> str:
    if isinstance(value, _Nothing):
        return _MISSING
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."
