"""State as bytes and back: MessagePack, checked against the declared types. Nothing is ever executed.

Integers of more than 64 bits (an APIC has 256 request bits) are an extension of their own.
"""

from typing import Any, TypeVar

import msgspec

from hv.errors import ConfigError
from hv.saved import Part

T = TypeVar("T")

_BIG = 1
"""Extension code: an unsigned integer, little-endian."""
_LARGEST = 1 << 64
_SMALLEST = -(1 << 63)


def to_bytes(value: object) -> bytes:
    """Plain data, dataclasses and named tuples as MessagePack."""
    return msgspec.msgpack.encode(_plain(value))


def plain(data: bytes) -> Any:
    """What ``to_bytes`` was given, with lists for tuples and dictionaries for dataclasses."""
    return msgspec.msgpack.decode(data, ext_hook=_big)


def from_bytes(data: bytes, form: type[T]) -> T:
    """What ``to_bytes`` was given. ConfigError when it is not of type ``form``."""
    try:
        return msgspec.convert(plain(data), form)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ConfigError(f"not a {form.__name__}: {error}") from None


def save_part(part: Part) -> object:
    """A part's state as plain data."""
    return _plain(part.save())


def load_part(part: Part, saved: object) -> None:
    """Give a part its state. ValueError or msgspec.MsgspecError when this is not one."""
    if isinstance(part.form, dict):
        value: object = _fields(part.form, saved)
    else:
        value = msgspec.convert(saved, part.form)
        _compare(value, saved)
    part.load(value)


def _fields(form: dict[str, Any], saved: object) -> dict[str, object]:
    if not isinstance(saved, dict) or list(saved) != list(form):
        raise ValueError(f"its fields are not {', '.join(form)}")
    values = {name: msgspec.convert(saved[name], form[name]) for name in form}
    _compare(values, saved)
    return values


def _compare(value: object, saved: object) -> None:
    """A field that is missing or unknown would be filled or dropped without a word."""
    if to_bytes(value) != to_bytes(saved):
        raise ValueError("fields are missing, unknown or out of order")


def _plain(value: object) -> Any:
    return _small(msgspec.to_builtins(value, builtin_types=(bytes, bytearray, memoryview)))


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
