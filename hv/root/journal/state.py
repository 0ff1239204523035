"""The state of a machine as one short digest a part: memory, processor, clock, and every chip and service.

Two machines in the same state have the same digests; where they differ, the part's name says where to look.
Left out: what is on disks. A disk that differs shows in memory as soon as the guest reads it.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Set
from enum import Enum

from hv.cpu.pace import TSC_ADJUST
from hv.root.machine import Machine

_CHUNK = 1 << 16
_ZERO = bytes(_CHUNK)
_DIGEST_BYTES = 8

MEMORY, PROCESSOR, CLOCK = "memory", "processor", "clock"

_NOT_DEVICES = frozenset({PROCESSOR, CLOCK, "accounting", "typing", "mouse_hand", "record"})
"""Digested in their own way, or the host's: what it counts, has still to type, was told."""


def digests(machine: Machine) -> dict[str, str]:
    """A digest of every part, in a fixed order. Only between two runs of the machine."""
    processor = machine.partition.vp.architectural_state()
    parts = {
        MEMORY: memory_digest(machine),
        PROCESSOR: _digest(processor),
        CLOCK: _digest(_plain(_clock(machine))),
    }
    parts.update(device_digests(machine))
    return parts


def device_digests(machine: Machine) -> dict[str, str]:
    """A digest of every chip, service and interface."""
    return {name: _digest(_plain(state)) for name, state in device_states(machine)}


def device_states(machine: Machine) -> Iterator[tuple[str, object]]:
    """The state of every chip, service and interface, by the path that a checkpoint has it under."""
    for path, part in machine.parts().items():
        if path not in _NOT_DEVICES:
            yield path, part.save()


def memory_digest(machine: Machine) -> str:
    """RAM, ROM and video memory; empty chunks cost next to nothing."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    buffer = machine.partition.memory.buffer
    for at in range(0, len(buffer), _CHUNK):
        chunk = buffer[at : at + _CHUNK]
        if chunk != _ZERO[: len(chunk)]:
            digest.update(at.to_bytes(8, "little"))
            digest.update(chunk)
    return digest.hexdigest()


def _clock(machine: Machine) -> tuple[object, ...]:
    vp = machine.partition.vp
    return (
        machine.vtime_ns,
        machine.partition.clock.next_deadline(),
        vp.idle_ns,
        vp.rdtsc_exits,
        vp.pace[TSC_ADJUST],
        vp.halted,
    )


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()


def _plain(value: object) -> bytes:
    """Bytes that are equal for equal values, whatever the order of a dictionary or a set.

    An object that is no data stands for its kind: a callback has no state of its own.
    """
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value).encode("utf-8", "surrogatepass") + b";"
    if isinstance(value, bytes | bytearray | memoryview):
        return b"b%d:" % len(value) + bytes(value)
    if dataclasses.is_dataclass(value):
        fields = (getattr(value, field.name) for field in dataclasses.fields(value))
        return _joined(b"(", (_plain(item) for item in fields))
    if isinstance(value, Mapping):
        pairs = (_plain(key) + _plain(item) for key, item in value.items())
        return _joined(b"{", sorted(pairs))
    if isinstance(value, Set):
        return _joined(b"<", sorted(_plain(item) for item in value))
    if isinstance(value, Iterable):
        return _joined(b"[", (_plain(item) for item in value))
    return type(value).__qualname__.encode() + b"!"


def _joined(mark: bytes, items: Iterable[bytes]) -> bytes:
    return mark + b"".join(items) + b"]"
