"""State as bytes and back: MessagePack, checked against the declared types. Nothing is ever executed.

Integers of more than 64 bits (an APIC has 256 request bits) are an extension of their own.
"""

from typing import Any, TypeVar

import msgspec

from hv.errors import ConfigError
from hv.saved import Part

T = TypeVar("T")

_ODD = "fields are missing, unknown or out of order"
_BIG = 1
"""Extension code: an unsigned integer, little-endian."""
_LARGEST = 1 << 64
_SMALLEST = -(1 << 63)


def to_bytes(value: object) -> bytes:
    """Plain data, dataclasses and named tuples as MessagePack."""
    builtins = msgspec.to_builtins(value, builtin_types=(bytes, bytearray, memoryview))
    try:
        return msgspec.msgpack.encode(builtins)
    except OverflowError:
        return msgspec.msgpack.encode(_small(builtins))


def plain(data: bytes) -> Any:
    """What ``to_bytes`` was given, with lists for tuples and dictionaries for dataclasses."""
    return msgspec.msgpack.decode(data, ext_hook=_big)


def from_bytes(data: bytes, form: type[T]) -> T:
    """What ``to_bytes`` was given. ConfigError when it is not of type ``form``, or says it otherwise."""
    try:
        value = msgspec.convert(plain(data), form)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ConfigError(f"not a {form.__name__}: {error}") from None
    if to_bytes(value) != data:
        raise ConfigError(f"not a {form.__name__}: {_ODD}")
    return value


def save_part(part: Part) -> bytes:
    """A part's state."""
    return to_bytes(part.save())


def load_part(part: Part, saved: bytes) -> None:
    """Give a part its state. ValueError or msgspec.MsgspecError when this is not one."""
    values = plain(saved)
    value: object
    if isinstance(part.form, dict):
        value = _fields(part.form, values)
    else:
        value = msgspec.convert(values, part.form)
    if to_bytes(value) != saved:  # what is missing or unknown was filled or dropped without a word
        raise ValueError(_ODD)
    part.load(value)


def _fields(form: dict[str, Any], values: object) -> dict[str, object]:
    if not isinstance(values, dict) or list(values) != list(form):
        raise ValueError(f"its fields are not {', '.join(form)}")
    return {name: msgspec.convert(values[name], form[name]) for name in form}


def _small(value: Any) -> Any:
    """Builtins with the integers that MessagePack does not have put into extensions."""
    if isinstance(value, int):
        if _SMALLEST <= value < _LARGEST:
            return value
        return msgspec.msgpack.Ext(_BIG, value.to_bytes((value.bit_length() + 7) // 8, "little"))
    if isinstance(value, list | tuple):
        return [_small(item) for item in value]
    if isinstance(value, dict):
        return {key: _small(item) for key, item in value.items()}
    return value


def _big(code: int, data: memoryview) -> int:
    if code != _BIG:
        raise ValueError(f"extension {code}")
    return int.from_bytes(data, "little")
