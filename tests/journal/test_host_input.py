"""Whatever a journal says that the host gave to a machine: it is done, or refused in one line with nothing
done; and the machine runs on.
"""

from pathlib import Path
from typing import get_args

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from hv.asm import assemble_text
from hv.config import DiskConfig, MachineConfig
from hv.errors import ConfigError
from hv.loaders import LoadOptions, Mode, load_bytes
from hv.root.checkpoint import save_checkpoint
from hv.root.journal.builders import resumed
from hv.root.journal.file import load_journal, parse
from hv.root.journal.host import SETTABLE, HostHand
from hv.root.journal.media import medium, open_medium
from hv.root.journal.recorder import Recorder
from hv.root.journal.records import (
    Deed,
    Disc,
    Eject,
    Floppy,
    Gesture,
    HostInput,
    Input,
    Keys,
    MediumBytes,
    MediumFile,
    MemoryWrite,
    Mouse,
    Nmi,
    PowerButton,
    RegisterSet,
    Serial,
    ShutdownRequest,
)
from hv.root.journal.replay import find_sources
from hv.root.machine import Machine
from hv.root.mouse_hand import MouseEvent
from hv.vp import End
from tests.journal.sessions import recipe, record, replay
from tests.journal.test_journal_damage import sealed
from tests.mutations import EXAMPLES, damaged, refusal

IDLE = """
.origin 0x7c00
.code16
    sti
again:
    hlt
    jmp again
"""
FLOPPY = bytes(1440 * 1024)
DISC = bytes(2048 * 16)
MS = 1_000_000


def with_drives(config: MachineConfig, folder: Path) -> MachineConfig:
    """A floppy drive and a disc drive more, with the files ``floppy.img`` and ``disc.iso`` in them."""
    disc, floppy = folder / "disc.iso", folder / "floppy.img"
    disc.write_bytes(DISC)
    floppy.write_bytes(FLOPPY)
    disks = (DiskConfig(str(floppy), bus="floppy"),)
    return msgspec.structs.replace(config, disks=disks, cdroms=(str(disc),))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> MachineConfig:
    return with_drives(recipe("idle").config, tmp_path_factory.mktemp("media"))


def halting(config: MachineConfig) -> Machine:
    """A machine that waits for interrupts."""
    options = LoadOptions(memory=config.memory, format="flat", origin=0x7C00, mode=Mode(16))
    machine = Machine(config, load_bytes(assemble_text(IDLE).code, options, name="idle"))
    machine.run(100, until_ns=MS)
    return machine


numbers = st.sampled_from((0, 1, -1, 5, 0x7FFF, 1 << 31, 1 << 32, 1 << 63, 1 << 64, -(1 << 70)))
texts = st.sampled_from(("", "a", "<ret>", "<nothing>", "<wait:1s>", "\0", "\udcff", "é" * 600))
events = st.builds(
    MouseEvent,
    at_ms=numbers,
    dx=numbers,
    dy=numbers,
    x=st.none() | numbers,
    y=st.none() | numbers,
    buttons=st.none() | numbers,
)
gestures = st.lists(events, max_size=4).map(tuple)
media = st.one_of(
    st.builds(MediumFile, st.sampled_from(("", "\0", "/dev/zero", ".", "no such file"))),
    st.builds(MediumBytes, st.binary(max_size=20)),
    st.sampled_from((FLOPPY, DISC, b"", b"x", bytes(511))).map(medium),
    st.just(MediumBytes(zstandard.compress(bytes(4096))[:-3])),
)
deeds = st.one_of(
    st.sampled_from(
        ("1ms:nmi", "0s:shutdown:x", "1ms:kvp-set:a=b", "1us:kvp-get:k", "2ms:heartbeat", "1ms:x")
    ),
    texts,
)
inputs: st.SearchStrategy[HostInput] = st.one_of(
    st.builds(Serial, st.sampled_from(("com1", "com2")), st.binary(max_size=40)),
    st.builds(Serial, st.just("com1"), st.just(bytes(1 << 18))),
    st.builds(Keys, texts),
    st.builds(Mouse, gestures),
    st.builds(Gesture, gestures),
    st.builds(Deed, deeds),
    st.builds(Disc, st.none() | numbers, media),
    st.builds(Eject, st.none() | numbers, st.booleans()),
    st.builds(Floppy, numbers, st.none() | media),
    st.builds(ShutdownRequest, st.booleans(), texts),
    st.just(PowerButton()),
    st.just(Nmi()),
    st.builds(MemoryWrite, numbers | st.integers(0x7C00, 0x7C10), st.binary(max_size=8)),
    st.builds(RegisterSet, st.sampled_from((*SETTABLE, "cr3", "", "\0")), numbers),
)


@settings(max_examples=EXAMPLES // 4, deadline=None, derandomize=True, database=None)
@given(whats=st.lists(inputs, min_size=1, max_size=6))
def test_whatever_is_given_the_machine_runs_on(
    config: MachineConfig, whats: list[HostInput]
) -> None:
    machine = halting(config)
    given_to_it: list[Input] = []
    hand = HostHand(machine, given_to_it.append)
    for what in whats:
        before = machine.state_hash()
        count = len(given_to_it)
        _, refused = refusal(lambda what=what: hand.give(what))  # type: ignore[misc]
        if refused is not None:
            assert machine.state_hash() == before
            assert len(given_to_it) == count
        machine.run(machine.insns + 200, until_ns=machine.vtime_ns + 20 * MS)
    hand.close()
    machine.close()


@pytest.mark.parametrize("drive", [-1, 1, 1 << 64, -(1 << 64)])
def test_a_floppy_drive_that_is_not_there(config: MachineConfig, drive: int) -> None:
    machine = halting(config)
    with pytest.raises(ConfigError, match="no floppy drive"):
        HostHand(machine).give(Floppy(drive, None))
    machine.close()


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(what=inputs)
def test_input_is_what_it_was_behind_its_record(what: HostInput) -> None:
    try:
        record = msgspec.json.encode(what)
    except UnicodeEncodeError:
        return  # no UTF-8, so in no journal
    assert msgspec.json.decode(record, type=HostInput) == what


@pytest.fixture
def idle(tmp_path: Path) -> Path:
    path = tmp_path / "idle.asm"
    path.write_text(IDLE)
    return path


def every_kind(folder: Path) -> tuple[HostInput, ...]:
    """At least one of each; files are those of ``with_drives``."""
    return (
        Serial("com1", b"one"),
        Serial("com2", b"two"),
        Keys("abc"),
        Mouse((MouseEvent(3, dx=5),)),
        Gesture((MouseEvent(1, buttons=1), MouseEvent(51, buttons=0))),
        Gesture((MouseEvent(1, x=5, y=7),)),
        Deed("4ms:power-button"),
        Floppy(0, medium(folder / "floppy.img")),
        Floppy(0, medium(FLOPPY)),
        Floppy(0, None),
        Eject(None, force=True),
        Disc(0, medium(folder / "disc.iso")),
        Disc(None, medium(DISC)),
        Eject(0, force=False),
        ShutdownRequest(reboot=True, reason="test"),
        PowerButton(),
        MemoryWrite(0x9000, b"bytes"),
        RegisterSet("rcx", 0x1234_5678_9ABC_DEF0),
        Nmi(),
    )


def give_all(recorder: Recorder, things: tuple[HostInput, ...]) -> End:
    """A millisecond from one to the next."""
    machine = recorder.machine
    for thing in things:
        machine.run(until_ns=machine.vtime_ns + MS)
        recorder.give(thing)
    return machine.run(machine.insns + 500, until_ns=machine.vtime_ns + 90 * MS)


def test_every_kind_of_input_runs_again(idle: Path, tmp_path: Path) -> None:
    things = every_kind(tmp_path)
    assert {type(thing) for thing in things} == set(get_args(HostInput))
    what, path = recipe(idle), tmp_path / "journal"
    what = msgspec.structs.replace(what, config=with_drives(what.config, tmp_path))
    record(path, what, lambda recorder: give_all(recorder, things))
    events = [event for event in load_journal(path).events if isinstance(event, Input)]
    assert [type(event.what) for event in events] == [type(thing) for thing in things]
    assert [event.answer for event in events if isinstance(event.what, Eject)] == [1, 1]
    assert replay(path) is None


@pytest.fixture(scope="module")
def journal(config: MachineConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """From a checkpoint on, with input of every kind."""
    folder = tmp_path_factory.mktemp("journal")
    machine = halting(config)
    save_checkpoint(machine, folder / "start")
    with Recorder.to(folder / "journal", machine, resumed(folder / "start"), 1000) as recorder:
        things = every_kind(Path(config.cdroms[0]).parent)
        recorder.finish(give_all(recorder, things))
    machine.close()
    assert replay(folder / "journal") is None
    return folder / "journal"


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_damaged_input_under_good_seals_is_refused_or_done(
    config: MachineConfig, journal: Path, data: st.DataObject
) -> None:
    """Somebody forged a record: reading it is safe, and so is giving what it says."""
    lines = [line[:-27] + b"}" for line in journal.read_bytes().splitlines()]
    number = data.draw(st.integers(0, len(lines) - 1))
    lines[number] = data.draw(damaged(lines[number]))
    found, refused = refusal(lambda: parse(sealed(lines), "forged"))
    if refused is not None or found is None:
        return
    sources, _ = refusal(lambda: find_sources(found, journal.parent))
    event = found.events[number - 1]
    if sources is None or not isinstance(event, Input):
        return
    machine = halting(config)
    hand = HostHand(machine)
    refusal(lambda: hand.give(event.what))
    machine.run(machine.insns + 200, until_ns=machine.vtime_ns + 20 * MS)
    hand.close()
    machine.close()


def floppy_record(idle: Path, tmp_path: Path) -> Path:
    """The journal of a run in which ``other.img`` was put in."""
    floppy, path = tmp_path / "other.img", tmp_path / "journal"
    floppy.write_bytes(FLOPPY)
    what = recipe(idle)

    def session(recorder: Recorder) -> End:
        recorder.give(Floppy(0, medium(floppy)))
        return recorder.machine.run(100, until_ns=2 * MS)

    record(path, msgspec.structs.replace(what, config=with_drives(what.config, tmp_path)), session)
    return path


def test_a_medium_is_found_beside_the_journal(idle: Path, tmp_path: Path) -> None:
    path = floppy_record(idle, tmp_path)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("journal", "other.img", "idle.asm", "disc.iso", "floppy.img"):
        (tmp_path / name).rename(moved / name)
    assert replay(moved / path.name) is None
    (moved / "other.img").unlink()
    with pytest.raises(ConfigError, match=r"other\.img"):
        replay(moved / path.name)


def test_a_medium_that_has_changed_is_named(idle: Path, tmp_path: Path) -> None:
    path = floppy_record(idle, tmp_path)
    (tmp_path / "other.img").write_bytes(FLOPPY[:-1] + b"\1")
    sources = find_sources(load_journal(path), tmp_path)
    assert sources.changed == (f"{tmp_path}/other.img is not the medium that was put in",)


def test_a_medium_that_is_too_large_for_memory_is_refused() -> None:
    huge = bytearray(zstandard.compress(bytes(1 << 20)))
    size = zstandard.get_frame_parameters(bytes(huge)).content_size
    at = bytes(huge).index(size.to_bytes(4, "little"))
    huge[at : at + 4] = (0xFFFF_FFFF).to_bytes(4, "little")
    with pytest.raises(ConfigError, match="too many"):
        open_medium(MediumBytes(bytes(huge)), "ro")
