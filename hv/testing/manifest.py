"""Manifests: guests and what they must do, as data. One table a guest, ``[guest.NAME]``.

The keys of a table are those of guests/guests.toml and of ``hv.live.Options``, and beside them ``image``,
``golden``, ``budget``, ``matrix`` and ``subtests``. ``[defaults]`` has what every guest of the file has
unless it says otherwise. Nothing here loads an image or an engine: collecting
tests is cheap.
"""

import itertools
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from hv.cpu.exits import ExitReason
from hv.errors import ConfigError
from hv.patterns import compile_pattern
from hv.testing.steps import Step, check_steps

DEFAULT_MAX_INSNS = 100_000_000

MOST_CELLS = 1000
"""Of one entry's matrix: more are a mistake."""

Allowance = int | str
"""An upper limit, or ``"=N"``: exactly so many."""

_PATH_LISTS = ("cdroms", "initrd", "include")
_PATHS = ("firmware", "cost_model")
_EXITS = (*(reason.label for reason in ExitReason), "total")
_NAME = re.compile(r"[\w.+-][\w .+-]*")
_EXACT = re.compile(r"=[0-9][0-9_]*")


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run may cost, to the instruction. ``exits``: by reason, or reason and device."""

    insns: Allowance | None = None
    vtime_ns: Allowance | None = None
    exits: dict[str, Allowance] = {}


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What a guest must do."""

    outcome: str = "pass"
    exit_code: int | None = None
    guest_code: int | None = None
    serial: tuple[str, ...] = ()
    golden: bool = False
    subtests: bool = True
    budget: Budget = Budget()


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One table as written; the options are checked by whoever builds the machine."""

    image: str | None = None
    source: str | None = None
    shows: str = ""
    max_insns: int = DEFAULT_MAX_INSNS
    after: tuple[tuple[Any, ...], ...] | None = None
    matrix: dict[str, list[Any]] = {}
    outcome: str = "pass"
    exit_code: int | None = None
    guest_code: int | None = None
    serial: tuple[str, ...] = ()
    expect: tuple[str, ...] = ()
    golden: bool = False
    subtests: bool = True
    budget: Budget = Budget()
    memory: int | str | None = None
    hv: str | None = None
    firmware: str | None = None
    boot: str | None = None
    epoch: int | None = None
    cost_model: str | None = None
    disks: tuple[str, ...] | None = None
    cdroms: tuple[str, ...] | None = None
    disk: dict[str, str] | None = None
    scsi_disk: dict[str, str] | None = None
    format: str | None = None
    origin: int | None = None
    mode: int | None = None
    append: str | None = None
    initrd: tuple[str, ...] | None = None
    defines: dict[str, int] | None = None
    include: tuple[str, ...] | None = None
    keys: str | None = None
    mouse: tuple[dict[str, Any], ...] | None = None
    at: tuple[str, ...] | None = None


OPTION_NAMES = Table.__struct_fields__[Table.__struct_fields__.index("memory") :]
"""Keys that describe the machine: those of ``hv.live.Options``."""


@dataclass(frozen=True, slots=True)
class Case:
    """One run: an entry of a manifest, or one cell of its matrix."""

    name: str
    line: int
    """Of its table in the manifest, from 1."""
    image: str | None
    options: Mapping[str, Any]
    max_insns: int
    after: tuple[Step, ...] | None
    """What it begins with, done once for all cases that begin so."""
    expectation: Expectation


def read_manifest(path: Path) -> list[Case]:
    """Every case in the order of the file. ConfigError names the file, the guest and what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{path}: {reason}") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: {error or 'nested too deeply'}") from None
    tables, defaults = data.pop("guest", {}), data.pop("defaults", {})
    if data:
        raise ConfigError(f"{path}: {next(iter(data))!r} is not a [guest.NAME] table")
    if not isinstance(tables, dict):
        raise ConfigError(f"{path}: guest is not a table of guests")
    if not isinstance(defaults, dict):
        raise ConfigError(f"{path}: defaults is not a table")
    cases: list[Case] = []
    for name, table in tables.items():
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{path}: guest {name!r}: a name is of letters, digits, and ._+-")
        try:
            table = {**defaults, **msgspec.convert(table, dict[str, Any])}
            cases.extend(_cases(path, name, _line_of(text, name), table))
        except (msgspec.ValidationError, ConfigError) as error:
            raise ConfigError(f"{path}: guest {name}: {error}") from None
    return cases


def _cases(path: Path, name: str, line: int, table: dict[str, Any]) -> Iterator[Case]:
    """An entry's cells; the entry itself when it has no matrix."""
    base = msgspec.convert(table, Table)
    names, columns = tuple(base.matrix), tuple(base.matrix.values())
    for axis, column in base.matrix.items():
        if axis in ("matrix", "golden", "shows") or not column:
            raise ConfigError(f"matrix: {axis!r} cannot be varied, or has no values")
    if math.prod(map(len, columns)) > MOST_CELLS:
        raise ConfigError(f"matrix: more than {MOST_CELLS} cells")
    for values in itertools.product(*columns):
        cell = msgspec.convert({**table, **dict(zip(names, values, strict=True))}, Table)
        label = "-".join(_label(value) for value in values)
        yield _case(path.parent, f"{name}[{label}]" if names else name, line, cell)


def _case(folder: Path, name: str, line: int, table: Table) -> Case:
    if table.image is not None and table.source is not None:
        raise ConfigError("names an image and a source")
    image = table.image if table.source is None else table.source
    if image is not None and not image.startswith("@"):
        image = str(folder / image)
    for pattern in (*table.serial, *table.expect):
        compile_pattern(pattern)
    for allowance in (table.budget.insns, table.budget.vtime_ns, *table.budget.exits.values()):
        if isinstance(allowance, str) and not _EXACT.fullmatch(allowance):
            raise ConfigError(f"budget: {allowance!r} is neither a number nor '=number'")
    for exits in table.budget.exits:
        if exits.partition(" ")[0] not in _EXITS:
            raise ConfigError(f"budget: no exits are called {exits!r}: {', '.join(_EXITS)}")
    expectation = Expectation(
        outcome=table.outcome,
        exit_code=table.exit_code,
        guest_code=table.guest_code,
        serial=(*table.serial, *table.expect),
        golden=table.golden,
        subtests=table.subtests,
        budget=table.budget,
    )
    options = _options(folder, table)
    after = None if table.after is None else check_steps(table.after)
    return Case(name, line, image, options, table.max_insns, after, expectation)


def _options(folder: Path, table: Table) -> dict[str, Any]:
    """The machine's options, files found beside the manifest."""
    given = {name: getattr(table, name) for name in OPTION_NAMES}
    options = {name: value for name, value in given.items() if value is not None}
    for name in _PATH_LISTS:
        if name in options:
            options[name] = [str(folder / item) for item in options[name]]
    for name in _PATHS:
        if name in options and (folder / options[name]).is_file():
            options[name] = str(folder / options[name])
    if "disks" in options:
        options["disks"] = [str(folder / item) for item in options["disks"]]
    return options


def _label(value: Any) -> str:
    text = str(value) if isinstance(value, int | str) else msgspec.json.encode(value).decode()
    return re.sub(r"[\s\[\]/:]+", "_", text) or "none"


def _line_of(text: str, name: str) -> int:
    header = re.compile(
        rf"""^\s*\[\s*guest\s*\.\s*["']?{re.escape(name)}["']?\s*\]""", re.MULTILINE
    )
    found = header.search(text)
    return 1 if found is None else text.count("\n", 0, found.end()) + 1
