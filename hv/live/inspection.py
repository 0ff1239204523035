"""Every chip's declared state as plain data: what JSON knows, bytes as hexadecimal text.

A path names a chip and then what is in its state: ``pit``, ``pit/counters/0/count``. Chips and their names
are those of a checkpoint (``Machine.parts``); ``vmbus`` and ``hypervisor`` tell more than they save.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from typing import Any

from hv.errors import ConfigError
from hv.live.registers import Registers
from hv.live.seat import Seat
from hv.saved import Part

_NOT_INSPECTED = frozenset({"processor", "clock", "accounting", "typing", "mouse_hand", "record"})
"""Seen in another way, or the host's own."""


def plain(value: object) -> Any:
    """``value`` with nothing in it but dictionaries, lists, text, numbers, truth values and None."""
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, int | str) else value.name
    if value is None or isinstance(value, bool | int | str | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, AbstractSet):
        return sorted((plain(item) for item in value), key=repr)
    if isinstance(value, Sequence) or hasattr(value, "__iter__"):
        return [plain(item) for item in value]
    return str(value)


class Inspector:
    """All chips of one machine by name."""

    def __init__(self, seat: Seat, registers: Registers) -> None:
        self._seat = seat
        self._registers = registers

    def _chips(self) -> dict[str, Callable[[], object]]:
        machine = self._seat.machine
        chips: dict[str, Callable[[], object]] = {}
        groups: dict[str, dict[str, Part]] = {}
        for path, part in machine.parts().items():
            if path not in _NOT_INSPECTED:
                name, _, inner = path.partition(".")
                groups.setdefault(name, {})[inner] = part
        for name, group in groups.items():
            chips[name] = partial(_view, group)
        chips["cpu"] = lambda: dict(self._registers)
        chips["clock"] = lambda: {"insns": machine.insns, "vtime_ns": machine.vtime_ns}
        if machine.synthetic is not None:
            chips["vmbus"] = machine.synthetic.inspect
        if machine.partition.hypervisor is not None:
            chips["hypervisor"] = machine.partition.hypervisor.inspect
        return chips

    @property
    def names(self) -> tuple[str, ...]:
        """What there is to inspect."""
        return tuple(sorted(self._chips()))

    def look(self, path: str) -> Any:
        """The state at ``path``; ``""`` is everything. ConfigError names what there is instead."""
        chips = self._chips()
        if not path:
            return {name: plain(chips[name]()) for name in sorted(chips)}
        name, *rest = path.split("/")
        if name not in chips:
            raise ConfigError(f"no chip is called {name!r}: {', '.join(self.names)}", usage=True)
        found = plain(chips[name]())
        for step in rest:
            found = _enter(found, step, path)
        return found


def _enter(found: Any, step: str, path: str) -> Any:
    if isinstance(found, dict) and step in found:
        return found[step]
    if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
        return found[int(step)]
    known = "nothing more"
    if isinstance(found, dict):
        known = ", ".join(found)
    elif isinstance(found, list):
        known = f"0 to {len(found) - 1}" if found else "an empty list"
    raise ConfigError(f"{path!r}: no {step!r} here, but {known}", usage=True)


def _view(group: Mapping[str, Part]) -> dict[str, Any]:
    """The parts of one chip, each under its path within; a part's ``state`` is the part."""
    view: dict[str, Any] = {}
    for path, part in group.items():
        node = view
        for step in filter(None, path.split(".")):
            node = node.setdefault(step, {})
        data = plain(part.save())
        if isinstance(data, dict):
            state = data.pop("state", {})
            node |= state if isinstance(state, dict) else {"state": state}
            node |= data
        else:
            node["state"] = data
    return view
