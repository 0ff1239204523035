"""Cost models from TOML: ``hv-2026.1`` and ``zero`` beside this file, or a user's own.

    schema = "hv.cost/1"
    name = "mine-1"
    [figure."world_switch.port"]
    low = 900
    typical = 1300
    high = 2500
    unit = "cycles/exit"
    source = "where it comes from"

Every figure must be there. All are whole cycles but ``cpi``, which may have decimals; it is above 0.
"""

import tomllib
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from hv.cost.model import CPI, FIGURES, CostModel, Figure
from hv.errors import ConfigError

DEFAULT_MODEL = "hv-2026.1"
SCHEMA = "hv.cost/1"

_FOLDER = Path(__file__).parent
_KEYS = {"schema", "name", "about", "figure"}
_NUMBERS = ("low", "typical", "high")
_TEXTS = ("unit", "source", "date", "machine", "note")
_MOST = 10**9
_MOST_CPI = 1000
_KEPT = 8


def load_model(name: str) -> CostModel:
    """The model ``name``, or the one in the file of that name. ConfigError says what is wrong where."""
    path = _FOLDER / f"{name}.toml" if is_shipped(name) else Path(name)
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ConfigError(f"{name}: is neither a file nor the name of a model")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        names = ", ".join(_shipped())
        raise ConfigError(f"no cost model {name!r}: there are {names}, or name a file") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{name}: {reason}") from None
    return _parsed(text, name)


@lru_cache(_KEPT)
def _parsed(text: str, where: str) -> CostModel:
    """Once for many machines."""
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: {error}") from None
    return _model(table, where)


def is_shipped(name: str) -> bool:
    """Whether the package brings a model of this name: otherwise it names a file."""
    return name in _shipped()


@cache
def _shipped() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def _model(table: dict[str, Any], where: str) -> CostModel:
    if table.get("schema") != SCHEMA:
        raise ConfigError(f"{where}: this is no cost model: it lacks schema = {SCHEMA!r}")
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}")
    name, about = table.get("name"), table.get("about", "")
    if not isinstance(name, str) or not name or not isinstance(about, str):
        raise ConfigError(f"{where}: name and about must be text")
    entries = table.get("figure")
    if not isinstance(entries, dict):
        raise ConfigError(f"{where}: it has no figures")
    strange = sorted(set(entries) - set(FIGURES))
    if strange:
        raise ConfigError(f"{where}: there is no figure {strange[0]!r}")
    missing = [figure for figure in FIGURES if figure not in entries]
    if missing:
        raise ConfigError(f"{where}: the figure {missing[0]!r} is missing")
    return CostModel(name, about, {f: _figure(f, entries[f], where) for f in FIGURES})


def _figure(name: str, entry: object, where: str) -> Figure:
    if not isinstance(entry, dict):
        raise ConfigError(f"{where}: figure {name!r} is no table")
    unknown = sorted(set(entry) - {*_NUMBERS, *_TEXTS})
    if unknown:
        raise ConfigError(f"{where}: figure {name!r}: unknown key {unknown[0]!r}")
    low, typical, high = (_number(name, key, entry.get(key), where) for key in _NUMBERS)
    if not low <= typical <= high:
        raise ConfigError(f"{where}: figure {name!r}: not low <= typical <= high")
    texts = {key: entry.get(key, "") for key in _TEXTS}
    if not all(isinstance(text, str) for text in texts.values()):
        raise ConfigError(f"{where}: figure {name!r}: {', '.join(_TEXTS)} are texts")
    if not texts["unit"] or not texts["source"]:
        raise ConfigError(f"{where}: figure {name!r}: it needs a unit and a source")
    return Figure(name, low, typical, high, **texts)


def _number(name: str, key: str, value: object, where: str) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ConfigError(f"{where}: figure {name!r}: {key} is not a number")
    if isinstance(value, Decimal) and not value.is_finite():
        raise ConfigError(f"{where}: figure {name!r}: {key} is not a number")
    if name == CPI:
        if not Fraction(1, 1000) <= Fraction(value) <= _MOST_CPI:
            raise ConfigError(f"{where}: figure {name!r}: {key} is not from 0.001 to {_MOST_CPI}")
        return Fraction(value)
    if value != int(value) or not 0 <= value <= _MOST:
        raise ConfigError(f"{where}: figure {name!r}: {key} is no whole number from 0 to {_MOST:,}")
    return Fraction(value)
