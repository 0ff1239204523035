"""Matched pairs: one workload over several drivers, as guests/pairs/pairs.toml declares them."""

import tomllib
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from hv.errors import ConfigError, InternalError
from hv.root.mouse_walk import MouseWalk
from hv.root.resources import source_folder
from hv.root.samples import Sample, find_sample

FOLDER = "pairs"
MANIFEST = "pairs.toml"


class Parameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a workload is repeated for; its sources see ``name`` as a definition."""

    name: str
    unit: str
    values: tuple[int, ...]


class PairPath(Sample, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way to do a workload: a guest with its machine."""

    kind: Literal["emulated", "synthetic"]
    values: tuple[int, ...] | None = None

    @property
    def path(self) -> Path:
        return source_folder("guests") / FOLDER / self.source


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One workload with its paths in the report's order, for one value of its parameter.

    ``keys`` and ``mouse`` are the input of all its paths.
    """

    title: str
    unit: str
    units: int
    equal: str
    baseline: str
    path: dict[str, PairPath]
    parameter: Parameter | None = None
    keys: str = ""
    mouse: MouseWalk | None = None
    name: str = ""
    value: int | None = None

    @property
    def path_names(self) -> tuple[str, ...]:
        return tuple(self.path)

    def variants(self) -> list["Pair"]:
        """The comparisons that this workload stands for: one for each value of its parameter."""
        parameter = self.parameter
        if parameter is None:
            return [self]
        return [self._for(parameter.name, value) for value in parameter.values]

    def _for(self, parameter: str, value: int) -> "Pair":
        paths = {
            name: msgspec.structs.replace(path, defines={**path.defines, parameter: value})
            for name, path in self.path.items()
            if path.values is None or value in path.values
        }
        name = f"{self.name}:{short_size(value)}"
        return msgspec.structs.replace(self, name=name, value=value, path=paths)


def short_size(value: int) -> str:
    """512 -> "512", 65536 -> "64K"."""
    return f"{value >> 10}K" if value and value % 1024 == 0 else str(value)


def _named(name: str, table: dict[str, object]) -> Pair:
    pair = msgspec.convert({**table, "name": name}, Pair)
    mouse = pair.mouse.events() if pair.mouse else ()
    paths = {
        path: msgspec.structs.replace(
            spec, name=f"{name}/{path}", keys=spec.keys or pair.keys, mouse=spec.mouse or mouse
        )
        for path, spec in pair.path.items()
    }
    if pair.baseline not in paths:
        raise InternalError(f"{MANIFEST}: the baseline of {name} is no path of it")
    return msgspec.structs.replace(pair, path=paths)


@cache
def all_pairs() -> tuple[Pair, ...]:
    """Every comparison, in the manifest's order."""
    file = source_folder("guests") / FOLDER / MANIFEST
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8")).get("pair", {})
        named = [_named(name, table) for name, table in tables.items()]
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InternalError(f"{file.name}: {error}") from error
    return tuple(variant for pair in named for variant in pair.variants())


def find_pairs(patterns: list[str]) -> list[Pair]:
    """The comparisons that match: ``@disk-read`` (all its sizes), ``@disk-read:4K``, ``@disk-*``.

    All of them when there is no pattern. ConfigError for a pattern that matches none.
    """
    chosen: dict[str, Pair] = {}
    for pattern in patterns or ["*"]:
        bare = pattern.removeprefix("@")
        matching = [
            pair
            for pair in all_pairs()
            if fnmatchcase(pair.name, bare) or fnmatchcase(pair.name.partition(":")[0], bare)
        ]
        if not matching and patterns:
            raise ConfigError(f"no pair {pattern}: `hv compare --list` names them", usage=True)
        chosen.update((pair.name, pair) for pair in matching)
    return [pair for pair in all_pairs() if pair.name in chosen]


def find_path(name: str) -> tuple[Pair, PairPath]:
    """One path of one comparison: ``@disk-read:4K/dma``. ConfigError for a name that is none."""
    wanted, slash, path = name.removeprefix("@").partition("/")
    pair = next((pair for pair in all_pairs() if pair.name == wanted), None)
    if pair is None:
        variants = [pair.name for pair in all_pairs() if pair.name.startswith(f"{wanted}:")]
        if variants:
            raise ConfigError(f"@{wanted} is one of {', '.join(variants)}", usage=True)
        raise ConfigError(f"no pair @{wanted}: `hv compare --list` names them", usage=True)
    if path not in pair.path:
        problem = f"no path {path!r}" if slash else "several paths: name one behind a slash"
        raise ConfigError(f"@{wanted} has {problem}: {', '.join(pair.path)}", usage=True)
    return pair, pair.path[path]


def find_guest(name: str) -> Sample:
    """A sample by its name, or a path of a pair by both, ``tick/i8254``. ConfigError for neither."""
    return find_path(name)[1] if "/" in name else find_sample(name)
