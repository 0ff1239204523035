"""Nothing that can change is left out of a checkpoint: by how objects are written, and by what they hold.

The first half reads classes: an attribute that is set outside the constructor, or that holds something that
can be changed in place, is saved or stands below with a reason. The second half restores machines in full
swing and walks the original and the copy side by side.
"""

import ast
import dataclasses
import functools
import inspect
import textwrap
from collections import deque
from collections.abc import Iterator

import pytest

from hv.config import MachineConfig
from hv.root.checkpoint import Snapshot
from hv.root.disk import MemoryDisk, OverlayDisk
from hv.root.machine import Machine
from hv.root.pair_run import machine_for
from hv.root.samples import Sample, all_samples
from hv.root.schedule import parse_deed, schedule
from hv.saved import saved_fields
from tests.checkpoint.graph import LEAVES, attributes, children, is_content, is_ours

CONSTRUCTORS = ("__init__", "_build")
CHANGEABLE = (list, dict, set, deque, bytearray)

WIRE, TABLE, FIXED = "wired once", "a table that does not change", "made once, never changed"
WITH_OWNER, AT_REST = "saved by its owner", "only in use within one exit or one run"
ENGINE = "the engine's own, learnt again"

IGNORED = {
    "Accounting": {
        "_meters": WITH_OWNER,
        "_pricing": WIRE,
        "latest": AT_REST,
        "listener": "whoever listens is no part of the machine",
    },
    "ApicBus": {"_agents": WIRE, "_listeners": WIRE},
    "AtaChannel": {"drives": WIRE},
    "AtaDrive": {"_after": TABLE},
    "BlockDecoder": {"_by_bits": "capstone's instances, by mode"},
    "Bus": {"_handlers": TABLE, "_busy": AT_REST, "_jobs": AT_REST},
    "BusMasterIde": {"_device": WIRE},
    "CodePages": {"_regions": FIXED, "marks": ENGINE},
    "CpuidLeaves": {"_table": TABLE},
    "Engine": {
        "_abort_count": AT_REST,
        "_aborted": AT_REST,
        "_hooks": ENGINE,
        "_keep": ENGINE,
        "_words": WITH_OWNER,
    },
    "ExitHandlers": {"_by_number": TABLE},
    "ExitNames": {"_by_reason": TABLE},
    "FanOut": {"_inputs": WIRE},
    "FirmwareDisk": {"_drives": FIXED},
    "GpadlTable": dict.fromkeys(("_channels", "_assembling", "_count", "_pages"), WITH_OWNER),
    "Heartbeat": {"_channel": WITH_OWNER},
    "HypervisorInterface": {"_processors": FIXED},
    "I8259A": {"_inputs": WIRE},
    "I82093AA": {"_inputs": WIRE},
    "I82371SB": dict.fromkeys(("_at_reset", "_clears", "_writable"), TABLE),
    "I82441FX": dict.fromkeys(("_at_reset", "_clears", "_writable"), TABLE),
    "IncomingRing": {"_read_index": WITH_OWNER, "_ring": FIXED},
    "KeyboardVsp": {"_channel": WITH_OWNER, "_keys": TABLE},
    "Kvp": {"_channel": WITH_OWNER},
    "Lifecycle": {"state": "a restored machine has not run"},
    "LocalApic": {"_assist": WIRE},
    "Machine": {"media": WITH_OWNER, "planned": WITH_OWNER},
    "MemoryDisk": {"_data": WITH_OWNER},
    "MmioCallbacks": {"_error": AT_REST},
    "MmioBus": {"_regions": FIXED},
    "MouseVsp": {"_channel": WITH_OWNER},
    "MsrBus": {"_slots": FIXED},
    "OutgoingRing": dict.fromkeys(("_write_index", "_reserved", "_wanted"), WITH_OWNER),
    "OverlayDisk": {"_changed": WITH_OWNER},
    "OverlayPage": dict.fromkeys(("_hidden", "_shown", "_shown_at", "gpa"), WITH_OWNER),
    "Partition": {"hypervisor": FIXED},
    "PciBus": {"_functions": WIRE},
    "PciSlots": {"_channel_windows": FIXED, "_decoded": "follows the registers", "bus": FIXED},
    "Piix3Ide": dict.fromkeys(("_at_reset", "_clears", "_writable"), TABLE),
    "Platform": {"lines": WIRE, "pm": FIXED},
    "PortBus": {"_slots": "follows the registers"},
    "PortWindow": {"_open": "follows the registers"},
    "Ports": {"_bus": WIRE, "_events": WIRE, "_messages": WIRE},
    "Ps2Keyboard": {"_data_ready": WIRE},
    "Ps2Mouse": {"_data_ready": WIRE},
    "Ring": {"_data": FIXED},
    "Sample": {"defines": FIXED},
    "RingChannel": {"_ended": WITH_OWNER, "_owed": WITH_OWNER},
    "ScsiDisk": {"commands": TABLE, "vital_pages": TABLE},
    "ScsiDvd": {"commands": TABLE, "vital_pages": TABLE, "_disc": "saved as has_disc"},
    "ScsiTarget": {"luns": FIXED},
    "Shutdown": {"_channel": WITH_OWNER},
    "SlotTable": dict.fromkeys(("_slots", "_by_relid", "names", "_services"), WITH_OWNER),
    "StorageController": {
        "_channel": WITH_OWNER,
        "_requests": TABLE,
        "_steps": TABLE,
        "_sub_channels": "this controller is offered without any",
    },
    "SymbolTable": dict.fromkeys(("functions", "places", "_starts"), TABLE),
    "Synic": {"_slots": FIXED},
    "SyntheticProcessor": {"peers": FIXED, "timers": FIXED},
    "SystemMemory": {"buffer": "saved as pages", "view": "saved as pages"},
    "TimeSync": {"_channel": WITH_OWNER},
    "VirtualClock": {"_compact_at": "when to tidy up", "_heap": WITH_OWNER, "_sealed": FIXED},
    "VirtualProcessor": {
        "_paused": AT_REST,
        "_running": AT_REST,
        "_stops": "a debugger's",
        "_tsc_listeners": WIRE,
    },
    "VirtualTimer": {"deadline": WITH_OWNER, "sequence": WITH_OWNER},
}
"""By class: attributes that can change and are not saved under their own name, and why that is right."""

SAVED_ELSEWHERE = {
    "ApicTimer",  # its state is a part of the APIC's
    "Engine",  # its state is the processor's
    "Lifecycle",
    "Partition",
}

DIFFERENT = {
    "Accounting.latest",
    "BlockDecoder._by_bits",
    "CodePages.marks",
    "Engine._hidden",  # where the last page fault was: read in its exit only
    "Engine.state_address",
    "HookSet.keep",
    "HookSet.take_error",
    "HookSet.user",
    "Lifecycle.state",
    "SymbolTable._source",  # the image's, not the machine's
    "VirtualClock._heap",  # what was cancelled goes when its time comes
    "VirtualClock._compact_at",
    "VirtualTimer.sequence",  # of one that is not armed
    "WatchPoint.bounds",
    "WatchPoint.pointer",
}
"""What may differ between a machine and its copy."""


@functools.cache
def set_later(owner: type) -> set[str]:
    """Attributes that methods of a class bind anew."""
    found = set()
    for part in owner.__mro__:
        if not part.__module__.startswith(("hv.", "hv_devices.")):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
        for method in ast.walk(tree):
            if isinstance(method, ast.FunctionDef) and method.name not in CONSTRUCTORS:
                found |= {
                    node.attr
                    for node in ast.walk(method)
                    if isinstance(node, ast.Attribute)
                    and isinstance(node.ctx, ast.Store)
                    and isinstance(node.value, ast.Name)
                    and node.value.id == "self"
                }
    return found


@functools.cache
def named_by_save(owner: type) -> set[str]:
    """Attributes that a class's own ``save`` reads."""
    if not hasattr(owner, "SAVED_AS"):
        return set()
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner.save)))
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def changeable(value: object) -> bool:
    frozen = getattr(type(value), "__dataclass_params__", None)
    data = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return isinstance(value, CHANGEABLE) or bool(data and frozen and not frozen.frozen)


def everything(machine: Machine) -> Iterator[object]:
    todo: list[object] = [machine]
    seen: dict[int, object] = {}
    while todo:
        thing = todo.pop()
        if id(thing) not in seen:
            seen[id(thing)] = thing
            todo.extend(child for _, child in children(thing))
    return iter(seen.values())


def unsaved(machine: Machine) -> set[str]:
    """``Class.attribute`` of all that can change and has no place in a checkpoint."""
    found = set()
    for thing in everything(machine):
        owner = type(thing)
        if not is_ours(thing) or dataclasses.is_dataclass(thing):
            continue  # data belongs to whoever holds it
        known = set(saved_fields(thing)) | named_by_save(owner)
        known |= set(IGNORED.get(owner.__name__, ()))
        if isinstance(thing, BaseException):
            continue
        found |= {
            f"{owner.__name__}.{name}"
            for name, value in attributes(thing).items()
            if name not in known and (name in set_later(owner) or changeable(value))
        }
    return found


def full_machine() -> Machine:
    """Something in every socket."""
    disks = (OverlayDisk(MemoryDisk(64 << 10)), MemoryDisk(64 << 10))
    machine = Machine(MachineConfig(memory=4 << 20), media=disks, scsi_media=disks)
    schedule(machine, [parse_deed("1s:kvp-set:a=b"), parse_deed("2s:nmi")], lambda _text: None)
    return machine


def test_whatever_can_change_is_saved_or_named_with_a_reason() -> None:
    assert unsaved(full_machine()) == set()
    for sample in all_samples():
        machine = machine_for(sample)
        machine.run(sample.max_insns)
        assert unsaved(machine) == set(), sample.name
        machine.close()


def test_whatever_has_a_door_is_collected_by_path() -> None:
    machine = full_machine()
    found = {id(part.thing) for part in machine.parts().values()}
    missing = {
        type(thing).__name__
        for thing in everything(machine)
        if is_ours(thing)
        and not dataclasses.is_dataclass(thing)
        and (hasattr(thing, "SAVED_AS") or saved_fields(thing))
        and id(thing) not in found
    }
    assert missing == SAVED_ELSEWHERE


def test_an_attribute_that_nobody_saves_is_found() -> None:
    machine = full_machine()
    machine.board.pit.forgotten = [1]
    assert unsaved(machine) == {"I8254.forgotten"}


def differences(left: object, right: object) -> Iterator[tuple[str, object, object]]:
    """Where two machines' objects are not alike, by class and attribute."""
    todo = [("Machine", left, right)]
    seen = set()
    while todo:
        place, one, other = todo.pop()
        if place in DIFFERENT or (id(one), place) in seen:
            continue
        if not isinstance(one, LEAVES):
            seen.add((id(one), place))
        if type(one) is not type(other):
            yield place, one, other
        elif isinstance(one, (*LEAVES, set, frozenset)):
            if one != other:
                yield place, one, other
        elif is_content(one):
            if bytes(memoryview(one)) != bytes(memoryview(other)):
                yield place, "content", "content"
        else:
            mine, theirs = dict(children(one)), dict(children(other))
            if list(mine) != list(theirs):
                yield place, list(mine), list(theirs)
            for name in mine.keys() & theirs.keys():
                inside = f"{type(one).__name__}{name}" if is_ours(one) else place
                todo.append((inside, mine[name], theirs[name]))


@pytest.mark.parametrize("sample", all_samples(), ids=lambda sample: sample.name)
def test_a_copy_is_like_its_original_in_every_object(sample: Sample) -> None:
    whole = machine_for(sample)
    whole.run(sample.max_insns)
    machine = machine_for(sample)
    machine.run(whole.insns * 3 // 5)
    copy = Snapshot.of(machine).machine()
    assert list(differences(machine, copy)) == []
    for one in (whole, machine, copy):
        one.close()


def test_a_difference_is_found() -> None:
    machine = full_machine()
    copy = Snapshot.of(machine).machine()
    copy.board.rtc.state.index ^= 1
    assert [place for place, _, _ in differences(machine, copy)] == ["State.index"]
