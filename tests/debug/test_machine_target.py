"""A session on a real machine: whatever is asked, answered; what is changed, changed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv.debug.description import DESCRIPTIONS
from hv.debug.doors import Access, Orders, WatchedRange
from hv.debug.packets import frame
from hv.debug.session import Halt, Session
from hv.debug.target import MachineTarget
from hv.debug.timeline import Timeline
from hv.root.machine import UNLIMITED, Machine
from hv.vp import End, Ending
from tests.machines import flat

ORIGIN = 0x7C00
STEP = Orders(True, (), ())

COMMANDS = (
    "info registers",
    "info devices",
    "phys 0 64",
    "inspect vmbus",
    "stats",
    "vtime",
    "help",
)


def target_of(machine: Machine) -> MachineTarget:
    return MachineTarget(Timeline(machine))


def step(target: MachineTarget, count: int = 1) -> None:
    for _ in range(count):
        assert target.run(STEP, UNLIMITED) == Halt()


def test_a_jump_out_of_the_middle_of_a_block() -> None:
    machine = flat("mov al, 1\nnop\nout 0xf4, al\nmov al, 0\nout 0xf4, al")
    target = target_of(machine)
    step(target)
    assert machine.partition.vp.debug().midway
    assert target.write_register("pc", ORIGIN + 5)
    assert not machine.partition.vp.debug().midway
    step(target)
    assert machine.run() == End(Ending.DEBUG_EXIT, 0)


def test_in_real_mode_a_segment_is_its_selector() -> None:
    machine = flat("nop\nmov al, byte ptr [0]\nout 0xf4, al")
    target = target_of(machine)
    step(target)
    assert target.write_register("ds", 0x100)
    assert target.read_register("ds_base") == 0x1000
    assert target.write_memory(0x1000, b"\x21")
    assert not target.write_register("ds", 0x10000)
    assert machine.run() == End(Ending.DEBUG_EXIT, 0x21)


def test_in_protected_mode_segments_stay() -> None:
    target = target_of(flat("nop", bits=32))
    assert not target.write_register("ds", 0)
    assert not target.write_register("cr3", 0x1000)


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_flags_are_the_ones_that_a_program_may_change(bits: int) -> None:
    machine = flat(
        "cmp eax, eax\nnop\njc carry\nmov al, 1\nout 0xf4, al\ncarry: out 0xf4, al", bits=bits
    )
    target = target_of(machine)
    step(target)
    assert target.read_register("eflags") & 0xC5 == 0x44  # ZF PF
    all_but_tf = 0xFFFFFEFF
    assert target.write_register("eflags", all_but_tf)
    flags = target.read_register("eflags")
    assert not flags & 1 << 17  # VM
    assert not flags & 3 << 12  # IOPL
    assert flags & 1 << 10  # DF
    assert target.write_register("eflags", 0x203)
    assert target.read_register("eflags") & 0xCD5 == 1
    end = machine.run()
    assert end == End(Ending.DEBUG_EXIT, machine.partition.vp.state.q[0] & 0xFF)
    assert machine.insns == 4  # the jump was taken


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_every_register_can_be_read(bits: int) -> None:
    machine = flat("nop", bits=bits)
    target = target_of(machine)
    values = {r.name: target.read_register(r.source) for r in DESCRIPTIONS[bits].registers}
    assert values["rip" if bits == 64 else "eip"] == ORIGIN
    assert values["fctrl"] == 0x40  # as RESET leaves it
    assert values["mxcsr"] == 0x1F80
    assert values["cr0"] & 1 == (bits != 16)
    assert values["efer"] == (0x500 if bits == 64 else 0)
    assert values["cr8"] == 0


def test_a_watchpoint_over_two_pages_covers_both() -> None:
    machine = flat(
        "mov byte ptr [0x1fff], 1\nmov byte ptr [0x2000], 1\nnop\nmov al, 0\nout 0xf4, al"
    )
    target = target_of(machine)
    watched = WatchedRange(0x1FFE, 4, Access.WRITE)
    assert target.can_watch(watched)
    for insns in (1, 2):
        halt = target.run(Orders(False, (), (watched,)), UNLIMITED)
        assert halt == Halt(watched=(Access.WRITE, 0x1FFE))
        assert machine.insns == insns
    target.release()
    assert machine.run() == End(Ending.DEBUG_EXIT, 0)


def test_what_is_not_mapped_is_neither_read_nor_watched() -> None:
    target = target_of(flat("nop", bits=64))
    top = 1 << 39
    assert target.read_memory(top, 4) == b""
    assert not target.write_memory(top, b"x")
    assert not target.can_watch(WatchedRange(top, 4, Access.ANY))
    assert target.read_memory((1 << 64) - 2, 4) == b""


REQUESTS = st.one_of(
    st.builds(
        lambda kind, a, b: f"{kind}{a:x},{b:x}".encode(),
        st.sampled_from(["m", "Z0,", "Z1,", "Z2,", "Z3,", "Z4,", "z0,", "z2,", "M", "X"]),
        st.one_of(st.integers(0, 0x9000), st.integers(0, (1 << 64) - 1)),
        st.integers(0, 0x2000),
    ),
    st.builds(
        lambda number, value: b"P%x=%b" % (number, value.hex().encode()),
        st.integers(0, 80),
        st.sampled_from([4, 8, 10, 16]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
    ),
    st.sampled_from([b"g", b"?", b"s", b"c", b"bs", b"bc", b"vCont;s", b"qRcmd,zz", b"p1f"]),
    st.sampled_from(COMMANDS).map(lambda text: b"qRcmd," + text.encode().hex().encode()),
    st.text(max_size=20).map(lambda text: b"qRcmd," + text.encode().hex().encode()),
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([16, 32, 64]), st.lists(REQUESTS, max_size=40))
def test_whatever_is_asked_of_a_machine_is_answered(bits: int, requests: list[bytes]) -> None:
    machine = flat("again: inc eax\npush ax\npop ax\njmp again", bits=bits)
    target = target_of(machine)
    session = Session(target)
    for request in requests:
        session.receive(frame(request))
        order = session.take_order()
        if isinstance(order, Orders):
            met = target.run(order, machine.insns + 50)
            if machine.partition.vp.end is not None:
                return
            session.halted(met if isinstance(met, Halt) else Halt())
        assert session.output().startswith(b"+$")
