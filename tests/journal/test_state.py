"""The digests of a machine's parts: nothing that remembers is left out, equal states have equal digests."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from hv.config import DiskConfig, MachineConfig
from hv.root.disk import MemoryDisk
from hv.root.journal.state import device_digests, device_states, digests
from hv.root.machine import Machine

ROOMS = ("hv_devices.", "hv.root.")


def remembering(thing: object, path: str, seen: set[int]) -> Iterator[tuple[str, object]]:
    """Every ``state`` dataclass that can be reached over attributes, lists and dictionaries."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, list | tuple):
        for index, item in enumerate(thing):
            yield from remembering(item, f"{path}[{index}]", seen)
    elif isinstance(thing, dict):
        for key, item in thing.items():
            yield from remembering(item, f"{path}[{key}]", seen)
    elif type(thing).__module__.startswith(ROOMS):
        state = getattr(thing, "state", None)
        if dataclasses.is_dataclass(state):
            yield path, state
        for name, item in getattr(thing, "__dict__", {}).items():
            if name != "state":
                yield from remembering(item, f"{path}.{name}", seen)


def full_machine(folder: Path) -> Machine:
    disc = folder / "disc.iso"
    disc.write_bytes(bytes(4096))
    disk = folder / "disk.img"
    disk.write_bytes(bytes(4096))
    config = MachineConfig(
        memory=2 << 20, disks=(DiskConfig(str(disk), "both"),), cdroms=(str(disc),)
    )
    return Machine(config, media=(MemoryDisk(4096), MemoryDisk(4096)))


def nested(state: object) -> Iterator[object]:
    """A state and those inside it."""
    yield state
    if dataclasses.is_dataclass(state):
        for field in dataclasses.fields(state):
            yield from nested(getattr(state, field.name))
    elif isinstance(state, dict):
        for item in state.values():
            yield from nested(item)


def test_every_chip_and_service_has_its_digest(tmp_path: Path) -> None:
    machine = full_machine(tmp_path)
    told = {id(part) for _, state in device_states(machine) for part in nested(state)}
    found = dict(remembering([machine.board, machine.synthetic], "machine", set()))
    assert len(found) > 35
    assert [path for path, state in found.items() if id(state) not in told] == []


def test_names_are_not_used_twice(tmp_path: Path) -> None:
    names = [name for name, _ in device_states(full_machine(tmp_path))]
    assert len(names) == len(set(names))


def test_each_state_is_in_its_own_digest_alone(tmp_path: Path) -> None:
    """The digest of a part changes with the part's state, and no other does."""
    machine, before = full_machine(tmp_path), device_digests(full_machine(tmp_path))
    assert device_digests(machine) == before
    machine.board.rtc.state.index ^= 1
    machine.board.ata[0].drives[0].state.lba_low ^= 1  # type: ignore[union-attr]
    after = device_digests(machine)
    assert [name for name in before if before[name] != after[name]] == ["rtc", "ata0.drive0"]


def test_time_processor_and_memory_are_parts(tmp_path: Path) -> None:
    machine, before = full_machine(tmp_path), digests(full_machine(tmp_path))
    machine.partition.vp.let_pass(1)
    machine.partition.vp.state.q[3] ^= 1
    machine.partition.memory.write(0x1FFFFF, b"\x01")
    after = digests(machine)
    differing = [name for name in before if before[name] != after[name]]
    assert differing[:3] == ["memory", "processor", "clock"]
