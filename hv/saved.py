"""The door through which a thing's state is saved and put back: plain data of a declared type.

Most things keep their state in one dataclass, ``state``; what else changes while they live they name in
``SAVED``. Things that are more than fields have ``save`` and ``load`` and say in ``SAVED_AS`` what type lies
between them. Loading drives no line and arms no timer: both are saved where they are. A thing that has to
put something right when all others are loaded, too, has ``restored``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """One thing with a state. ``save`` gives data of type ``form``, ``load`` takes it."""

    thing: object
    form: Any
    save: Callable[[], Any]
    load: Callable[[Any], None]
    restored: Callable[[], None]


Parts = dict[str, Part]
"""By path, in the order in which they are loaded."""


def part(thing: Any) -> Part:
    """The door of ``thing``, as its class declares it."""
    restored = getattr(thing, "restored", _nothing)
    form = getattr(thing, "SAVED_AS", None)
    if form is not None:
        return Part(thing, form, thing.save, thing.load, restored)
    return _fields(thing, saved_fields(thing), restored)


def saved_fields(thing: Any) -> dict[str, Any]:
    """The attributes that are ``thing``'s state, and their types."""
    fields: dict[str, Any] = {}
    if hasattr(thing, "state"):
        fields["state"] = type(thing.state)
    for owner in reversed(type(thing).__mro__):
        fields |= owner.__dict__.get("SAVED", {})
    return fields


def parts(things: Mapping[str, object], prefix: str = "") -> Parts:
    """The doors of several things, each under its name behind ``prefix``."""
    return {prefix + name: part(thing) for name, thing in things.items()}


def _nothing() -> None:
    """Most things are done when their fields are set."""


def _fields(thing: Any, fields: dict[str, Any], restored: Callable[[], None]) -> Part:
    def save() -> dict[str, Any]:
        return {name: getattr(thing, name) for name in fields}

    def load(saved: dict[str, Any]) -> None:
        for name in fields:
            setattr(thing, name, saved[name])

    return Part(thing, fields, save, load, restored)
