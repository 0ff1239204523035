"""Every chip's declared state as plain data: what JSON knows, bytes as hexadecimal text.

A path names a chip and then what is in its state: ``pit``, ``pit/counters/0/count``.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from hv.errors import ConfigError
from hv.live.registers import Registers
from hv.root.machine import Machine

_BOARD_CHIPS = {
    "pit": "pit",
    "port61": "port61",
    "rtc": "rtc",
    "keyboard": "keyboard",
    "mouse": "mouse",
    "port92": "port92",
    "i8042": "i8042",
    "com1": "com1",
    "com2": "com2",
    "vga": "vga",
    "firmware_disk": "firmware_disk",
    "post": "post",
    "portcf9": "portcf9",
}


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

    def __init__(self, machine: Machine, registers: Registers) -> None:
        board, pci, platform = machine.board, machine.board.pci, machine.board.platform
        partition = machine.partition
        self._chips: dict[str, Callable[[], object]] = {
            "cpu": lambda: dict(registers),
            "clock": lambda: {"insns": machine.insns, "vtime_ns": machine.vtime_ns},
            "pic": lambda: {"master": board.pic.master.state, "slave": board.pic.slave.state},
            "apic": lambda: platform.apic.state,
            "ioapic": lambda: platform.ioapic.state,
            "acpi_pm": lambda: platform.pm.state,
            "pci": lambda: {
                "bus": pci.bus.state,
                "host_bridge": pci.host_bridge.state,
                "isa_bridge": pci.isa_bridge.state,
                "ide": pci.ide.state,
            },
        }
        for name, attribute in _BOARD_CHIPS.items():
            self._chips[name] = _state_of(getattr(board, attribute))
        for number, (channel, engine) in enumerate(zip(pci.ata, pci.engines, strict=True)):
            self._chips[f"ata{number}"] = _channel_of(channel)
            self._chips[f"bus_master{number}"] = _state_of(engine)
        if machine.synthetic is not None:
            self._chips["vmbus"] = machine.synthetic.inspect
        if partition.hypervisor is not None:
            self._chips["hypervisor"] = partition.hypervisor.inspect

    @property
    def names(self) -> tuple[str, ...]:
        """What there is to inspect."""
        return tuple(sorted(self._chips))

    def look(self, path: str) -> Any:
        """The state at ``path``; ``""`` is everything. ConfigError names what there is instead."""
        if not path:
            return {name: plain(self._chips[name]()) for name in self.names}
        name, *rest = path.split("/")
        if name not in self._chips:
            raise ConfigError(f"no chip is called {name!r}: {', '.join(self.names)}", usage=True)
        found = plain(self._chips[name]())
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


def _state_of(chip: Any) -> Callable[[], object]:
    return lambda: chip.state


def _channel_of(channel: Any) -> Callable[[], object]:
    return lambda: {"channel": channel.state, "drives": [_drive(d) for d in channel.drives]}


def _drive(drive: Any) -> object:
    return None if drive is None else drive.state
