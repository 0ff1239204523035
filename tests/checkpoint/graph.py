"""The objects of a machine: what hangs on it by attributes, containers, closures and bound methods."""

import functools
import mmap
import types
from collections import deque
from collections.abc import Iterator
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from uuid import UUID

OURS = ("hv.", "hv_devices.")

LEAVES = (
    int,
    float,
    str,
    bytes,
    type(None),
    Enum,
    UUID,
    Fraction,
    PurePath,
    type,
    types.ModuleType,
)


def is_ours(thing: object) -> bool:
    """An instance of a class of this project."""
    return type(thing).__module__.startswith(OURS) and not isinstance(thing, Enum)


def attributes(thing: object) -> dict[str, object]:
    """What an object holds, in its dictionary and in its slots."""
    found: dict[str, object] = {}
    for owner in type(thing).__mro__:
        slots = owner.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(thing, name):
                found[name] = getattr(thing, name)
    return found | getattr(thing, "__dict__", {})


def children(thing: object) -> Iterator[tuple[str, object]]:
    """What hangs on ``thing``, each with the way there."""
    if isinstance(thing, LEAVES):
        return
    if isinstance(thing, dict):
        yield from ((f"[{key!r}]", value) for key, value in thing.items())
    elif isinstance(thing, list | tuple | deque):
        yield from ((f"[{index}]", value) for index, value in enumerate(thing))
    elif isinstance(thing, types.MethodType):
        yield ".__self__", thing.__self__
    elif isinstance(thing, functools.partial):
        yield from ((f".args[{index}]", value) for index, value in enumerate(thing.args))
    elif isinstance(thing, types.FunctionType):
        cells = zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True)
        yield from ((f".<{name}>", cell.cell_contents) for name, cell in cells)
        yield from ((f".default[{i}]", value) for i, value in enumerate(thing.__defaults__ or ()))
    elif is_ours(thing):
        yield from ((f".{name}", value) for name, value in attributes(thing).items())


def is_content(thing: object) -> bool:
    """Bytes that can change in place."""
    return isinstance(thing, bytearray | memoryview | mmap.mmap)
