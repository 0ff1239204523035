"""Back and forth: every place of the past is as it was, and the run ends as it would have."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from hv.debug import waypoints
from hv.debug.doors import Access, Orders, WatchedRange
from hv.debug.session import Halt, Log
from hv.debug.target import MachineTarget
from hv.debug.timeline import Timeline
from hv.root.journal.recorder import Recorder
from hv.root.journal.records import Serial
from hv.root.machine import UNLIMITED, Machine, Outputs
from hv.root.pair_run import machine_for
from hv.root.result import make_result, to_json
from hv.root.samples import all_samples
from hv.vp import End
from tests.journal.sessions import ECHO, recipe, record, replay
from tests.machines import boot_sector, flat

T = TypeVar("T")
ORIGIN = 0x7C00
NOTHING = Orders(False, (), ())
STEP = Orders(True, (), ())
STEP_BACK = Orders(True, (), (), backward=True)
BEGIN = Halt(log=Log.BEGIN)

SAMPLES = {sample.name: sample for sample in all_samples()}
STEPS, ORDERS, FAR = 25, 10, 20_000
LOW = 0x20000


@pytest.fixture(params=["1", "0"], ids=["accelerator", "twin"])
def accelerator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HV_ACCEL", request.param)


class Debugger:
    """Orders to a timeline, and looks at what it shows."""

    def __init__(
        self,
        machine: Machine,
        outputs: Outputs | None = None,
        *,
        hand: Recorder | None = None,
        past_changes: bool = True,
    ) -> None:
        self.timeline = Timeline(machine, outputs=outputs, hand=hand, past_changes=past_changes)
        self.target = MachineTarget(self.timeline)

    def do(self, orders: Orders, budget: int = UNLIMITED) -> End | Halt | None:
        return self.target.run(orders, budget)

    def back_to(self, *addresses: int, watched: tuple[WatchedRange, ...] = ()) -> End | Halt | None:
        return self.do(Orders(False, addresses, watched, backward=True))

    def on_to(self, *addresses: int, watched: tuple[WatchedRange, ...] = ()) -> End | Halt | None:
        return self.do(Orders(False, addresses, watched))

    @property
    def pc(self) -> int:
        return self.target.read_register("pc")

    @property
    def machine(self) -> Machine:
        return self.timeline.machine

    def look(self) -> tuple[int, int, bytes, bytes]:
        """When and where, the processor, and memory as far as most samples use it."""
        machine = self.machine
        processor = machine.partition.vp.architectural_state()
        return machine.insns, machine.vtime_ns, processor, machine.partition.memory.read(0, LOW)


def echo() -> Machine:
    """Reads the serial port until a q comes; counts the bytes at 600h, and prints each."""
    return boot_sector("""
        xor ax, ax
        mov ds, ax
    next:
        mov dx, 0x3fd
        in al, dx
        test al, 1
        jz next
        mov dx, 0x3f8
        in al, dx
        inc byte [0x5000]
        out dx, al
        cmp al, 'q'
        jne next
        mov al, 0
        out 0xf4, al
    """)


def result_of(machine: Machine, end: End) -> tuple[bytes, bytes]:
    return to_json(make_result(machine, end)), bytes(machine.serial_log)


COUNTER = """
    mov cx, 5
again:
    inc word ptr [0x600]        # ORIGIN + 3
    mov ax, word ptr [0x600]    # ORIGIN + 7
    dec cx
    jnz again
    mov al, 0
    out 0xf4, al
"""
BYTE = WatchedRange(0x600, 1, Access.WRITE)


@pytest.mark.usefixtures("accelerator")
def test_back_to_each_write_of_a_byte_and_to_the_beginning() -> None:
    debugger = Debugger(flat(COUNTER))
    assert debugger.on_to(ORIGIN + 13) == Halt(address=ORIGIN + 13)
    for value in (4, 3, 2, 1, 0):
        assert debugger.back_to(watched=(BYTE,)) == Halt(watched=(Access.WRITE, 0x600))
        assert debugger.target.read_memory(0x600, 1)[0] == value
        assert debugger.pc == ORIGIN + 3
    assert debugger.back_to(watched=(BYTE,)) == BEGIN
    assert debugger.machine.insns == 0
    assert debugger.back_to(watched=(BYTE,)) == BEGIN
    assert debugger.do(STEP_BACK) == BEGIN
    for value in (1, 2, 3, 4, 5):
        assert debugger.on_to(watched=(BYTE,)) == Halt(watched=(Access.WRITE, 0x600))
        assert debugger.target.read_memory(0x600, 1)[0] == value
    assert debugger.do(NOTHING) == End(debugger.machine.partition.vp.end.ending, 0)  # type: ignore[union-attr]


@pytest.mark.usefixtures("accelerator")
def test_back_to_breakpoints_which_are_met_the_other_way_round() -> None:
    debugger = Debugger(flat(COUNTER))
    places = (ORIGIN + 3, ORIGIN + 7)
    met = []
    while isinstance(halt := debugger.on_to(*places), Halt):
        met.append((halt, debugger.look()))
    assert len(met) == 10
    debugger = Debugger(flat(COUNTER))
    assert debugger.on_to(ORIGIN + 13) == Halt(address=ORIGIN + 13)
    for halt, look in reversed(met):
        assert debugger.back_to(*places) == halt
        assert debugger.look() == look
    assert debugger.back_to(*places) == BEGIN


@pytest.mark.parametrize("name", SAMPLES)
def test_steps_are_undone_one_by_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over whatever comes there: faults, interrupts, HLT, iterations of string instructions."""
    sample = SAMPLES[name]
    whole = machine_for(sample)
    expected = result_of(whole, whole.run(sample.max_insns))
    monkeypatch.setenv("HV_ACCEL", str(int(whole.insns > 400_000)))
    debugger = Debugger(machine_for(sample))
    for part in (1, 2):
        debugger.machine.partition.run(whole.insns * part // 3)
        forward = [debugger.look()]
        while len(forward) < STEPS and isinstance(debugger.do(STEP), Halt):
            forward.append(debugger.look())
        for look in reversed(forward[:-1]):
            assert debugger.do(STEP_BACK) == Halt()
            assert debugger.look() == look
        for look in forward[1:]:
            assert debugger.do(STEP) == Halt()
            assert debugger.look() == look
    end = debugger.do(NOTHING, sample.max_insns)
    assert isinstance(end, End)
    assert result_of(debugger.machine, end) == expected


class Dice:
    """The same throws in every run."""

    def __init__(self, seed: str) -> None:
        self._state = sum(seed.encode())

    def below(self, limit: int) -> int:
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self._state >> 32) % limit

    def choice(self, things: Sequence[T]) -> T:
        return things[self.below(len(things))]


def any_order(dice: Dice, addresses: list[int]) -> Orders:
    where = [dice.choice(addresses) for _ in range(3)]
    watched = (WatchedRange(dice.choice(addresses) & ~0xFFF, 8, Access.WRITE),)
    return dice.choice(
        (
            STEP,
            STEP_BACK,
            Orders(False, where, ()),
            Orders(False, where, (), backward=True),
            Orders(False, where, watched),
            Orders(False, (), watched, backward=True),
        )
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_whoever_wanders_through_time_ends_where_he_would_have(name: str) -> None:
    sample = SAMPLES[name]
    whole = machine_for(sample)
    expected = result_of(whole, whole.run(sample.max_insns))
    dice = Dice(name)
    machine = machine_for(sample)
    machine.partition.run(dice.below(whole.insns))
    debugger = Debugger(machine)
    addresses = [debugger.pc]
    for _ in range(ORDERS):
        for _ in range(3):
            debugger.do(STEP)
            addresses.append(debugger.pc)
        if machine.insns + FAR < whole.insns:
            debugger.do(any_order(dice, addresses), machine.insns + FAR)
    end = debugger.do(NOTHING, sample.max_insns)
    assert isinstance(end, End)
    assert debugger.machine is machine
    assert result_of(machine, end) == expected


COUNTED = WatchedRange(0x5000, 1, Access.WRITE)
READ = 25_000
"""Instructions in which the firmware has started and the guest has read a byte."""


def test_what_came_from_outside_comes_again_where_it_came() -> None:
    """At block boundaries and in the middle of blocks; and is not taken while the past is looked at."""
    machine = echo()
    debugger = Debugger(machine)
    give = debugger.timeline.give
    for number, byte in enumerate(b"abcd"):
        debugger.do(NOTHING, READ * (number + 1))
        for _ in range(number):
            debugger.do(STEP)
        assert give(Serial("com1", bytes([byte]))) == 1
    debugger.do(NOTHING, READ * 5)
    here = debugger.look()
    for byte in b"dcba":
        assert debugger.back_to(watched=(COUNTED,)) == Halt(watched=(Access.WRITE, 0x5000))
        assert debugger.target.read_register("rax") & 0xFF == byte
        assert give(Serial("com1", b"x")) == 0
    assert debugger.back_to(watched=(COUNTED,)) == BEGIN
    debugger.do(NOTHING, READ * 5)
    assert debugger.machine is machine
    assert debugger.look() == here
    assert give(Serial("com1", b"q")) == 1
    assert isinstance(debugger.do(NOTHING), End)
    assert machine.serial_log == b"abcdq"


def test_what_is_changed_in_the_past_makes_another_run() -> None:
    """What the debugger did at the front before is part of history."""
    printed = bytearray()
    machine = echo()
    outputs = Outputs(serial=printed.extend)
    debugger = Debugger(machine, outputs)
    debugger.do(NOTHING, READ)
    assert debugger.target.write_memory(0x5000, b"\x20")
    for byte in b"ab":
        assert debugger.timeline.give(Serial("com1", bytes([byte]))) == 1
        debugger.do(NOTHING, debugger.machine.insns + READ)
    assert printed == b""  # this machine was made with other outputs
    assert debugger.back_to(watched=(COUNTED,)) == Halt(watched=(Access.WRITE, 0x5000))
    assert debugger.target.read_memory(0x5000, 1) == b"\x21"
    assert debugger.target.write_register("rax", ord("q"))
    assert debugger.machine is not machine
    assert debugger.back_to(watched=(COUNTED,)) == Halt(watched=(Access.WRITE, 0x5000))
    assert debugger.target.read_memory(0x5000, 1) == b"\x20"
    end = debugger.do(NOTHING)
    assert end == End(debugger.machine.partition.vp.end.ending, 0)  # type: ignore[union-attr]
    assert debugger.machine.serial_log == b"aq"
    assert printed == b"q"
    assert machine.serial_log == b"ab"


def test_what_the_debugger_changes_is_in_the_journal_that_is_kept(tmp_path: Path) -> None:
    """Where the journal has no name for it, or the run has gone on since, it is refused."""
    guest = tmp_path / "echo.s"
    guest.write_text(ECHO)

    def session(recorder: Recorder) -> End:
        debugger = Debugger(recorder.machine, hand=recorder, past_changes=False)
        debugger.do(NOTHING, 5000)
        for _ in range(3):
            debugger.do(STEP)
        assert debugger.target.write_memory(0x600, b"\x07")
        assert debugger.target.write_register("rbx", 5)
        assert debugger.target.write_register("pc", debugger.pc)
        assert not debugger.target.write_register("eflags", 2)
        assert debugger.do(STEP_BACK) == Halt()
        assert not debugger.target.write_memory(0x600, b"\x09")
        assert debugger.do(STEP) == Halt()
        assert debugger.timeline.give(Serial("com1", b"q")) == 1
        end = debugger.do(NOTHING)
        assert isinstance(end, End)
        assert debugger.target.read_memory(0x600, 1) == b"\x08"
        return end

    record(tmp_path / "run.journal", recipe(guest), session)
    assert replay(tmp_path / "run.journal") is None


def test_a_search_that_is_called_off_stays_where_it_began() -> None:
    debugger = Debugger(flat("again: inc ax\njmp again"))
    debugger.do(NOTHING, 9_000_000)
    here = debugger.look()
    debugger.timeline.poll = lambda: False
    assert debugger.back_to(ORIGIN - 1) is None
    assert debugger.look() == here


def test_old_waypoints_make_room_and_history_keeps_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waypoints, "MOST", 6)
    monkeypatch.setattr(waypoints, "_LEAST_APART", 20_000)
    monkeypatch.setattr(waypoints, "_APART_PER_PAGE", 0)
    debugger = Debugger(flat("again: inc eax\njmp again", bits=32))
    for part in range(1, 61):
        debugger.do(NOTHING, part * 21_000)
    assert debugger.do(STEP_BACK) == Halt()
    insns = debugger.machine.insns
    assert debugger.target.read_register("rax") == (insns + 1) // 2
    assert debugger.back_to(ORIGIN - 1) == BEGIN
    assert debugger.machine.insns == 0
