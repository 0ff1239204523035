"""A session answers every packet, and leaves orders for whoever runs the processor."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv.debug.doors import Access, Orders, WatchedRange
from hv.debug.packets import Packet, PacketReader, frame
from hv.debug.session import INTERRUPTED, Halt, Log, Parting, Session
from tests.debug.fake_target import FakeTarget
from tests.mutations import EXAMPLES, damaged

OK, INVALID, FAULT, FULL = b"OK", b"E16", b"E0e", b"E1c"


class Debugger:
    """Sends packets, reads answers."""

    def __init__(self, target: FakeTarget | None = None) -> None:
        self.target = target or FakeTarget()
        self.session = Session(self.target)
        self.ask(b"QStartNoAckMode")
        self.session.receive(b"+")

    def ask(self, data: bytes) -> bytes | None:
        self.session.receive(frame(data))
        return self.answer()

    def answer(self) -> bytes | None:
        events = PacketReader().feed(self.session.output())
        packets = [event.data for event in events if isinstance(event, Packet)]
        assert None not in packets
        return b"\n".join(data for data in packets if data is not None) if packets else None


@pytest.fixture
def debugger() -> Debugger:
    return Debugger()


def test_packets_are_acknowledged_until_that_is_switched_off() -> None:
    session = Session(FakeTarget())
    session.receive(frame(b"qC"))
    assert session.output() == b"+" + frame(b"QC1")
    session.receive(b"-")
    assert session.output() == frame(b"QC1")
    session.receive(b"$qC#00")
    assert session.output() == b"-"
    session.receive(frame(b"QStartNoAckMode"))
    assert session.output() == b"+" + frame(OK)
    session.receive(b"-$qC#00" + frame(b"qC"))
    assert session.output() == frame(b"QC1")


def test_unknown_packets_get_the_empty_answer(debugger: Debugger) -> None:
    for data in (b"vMustReplyEmpty", b"qCRC:0,10", b"qTStatus", b"_", b"", b"Z9,0,1", b"Z5,0,1"):
        assert debugger.ask(data) == b"", data


@pytest.mark.parametrize(
    "data",
    [
        *(b"m", b"m,", b"m7c00", b"m-1,4", b"m 1,4", b"m1,2,3", b"mg,1", b"m11111111111111111,1"),
        *(b"p", b"pffff", b"P", b"P0", b"P0=", b"P0=00", b"P0=zz", b"Pfff=00", b"G", b"G00"),
        *(
            b"M0,2:00",
            b"M0,1:0",
            b"M0,1",
            b"X0,2:a",
            b"Z0,1",
            b"Z,1,1",
            b"z0,",
            b"vCont;",
            b"vCont;t",
        ),
        *(b"qXfer:features:read:other.xml:0,10", b"qXfer:features:read:target.xml", b"qRcmd,6"),
        *(b"C", b"Szz", b"cxyz"),
    ],
)
def test_packets_that_make_no_sense_are_refused(debugger: Debugger, data: bytes) -> None:
    assert debugger.ask(data) == INVALID
    assert debugger.session.take_order() is None


def test_memory_is_read_as_far_as_it_goes(debugger: Debugger) -> None:
    debugger.target.ram[0x1FFE:] = b"\x12\xab"
    assert debugger.ask(b"m1ffe,2") == b"12ab"
    assert debugger.ask(b"m1ffe,10") == b"12ab"
    assert debugger.ask(b"m2000,1") == FAULT
    assert len(debugger.ask(b"m0,ffffffffffffffff") or b"") <= 16384


def test_memory_is_written_in_hexadecimal_and_in_binary(debugger: Debugger) -> None:
    assert debugger.ask(b"M10,3:0a0b0c") == OK
    assert debugger.ask(b"X13,4:}\x03}\x04}]z") == OK
    assert debugger.target.ram[0x10:0x17] == b"\x0a\x0b\x0c#$}z"
    assert debugger.ask(b"X10,0:") == OK
    assert debugger.ask(b"M1fff,2:0000") == FAULT


def registers_of(xml: str) -> list[tuple[str, int]]:
    return [
        (name, int(bits)) for name, bits in re.findall(r'<reg name="(\w+)" bitsize="(\d+)"', xml)
    ]


def description(debugger: Debugger) -> str:
    text, at, last = b"", 0, False
    while not last:
        part = debugger.ask(b"qXfer:features:read:target.xml:%x,100" % at) or b""
        last = part[:1] == b"l"
        text += part[1:]
        at = len(text)
    return text.decode()


@pytest.mark.parametrize(
    ("bits", "architecture", "pc", "width", "vectors"),
    [
        (16, "i8086", "eip", 32, 8),
        (32, "i386", "eip", 32, 8),
        (64, "i386:x86-64", "rip", 64, 16),
    ],
)
def test_the_description_follows_the_code_size(
    bits: int, architecture: str, pc: str, width: int, vectors: int
) -> None:
    debugger = Debugger(FakeTarget(bits))
    xml = description(debugger)
    assert f"<architecture>{architecture}</architecture>" in xml
    registers = registers_of(xml)
    names = dict(registers)
    assert names[pc] == names["cr3"] == names["fs_base"] == width
    assert sum(name.startswith("xmm") for name in names) == vectors
    assert ("k_gs_base" in names) == (bits == 64)
    everything = debugger.ask(b"g") or b""
    assert len(everything) == sum(bits // 4 for _, bits in registers)
    index = [name for name, _ in registers].index(pc)
    assert debugger.ask(b"p%x" % index) == (0x7C00).to_bytes(width // 8, "little").hex().encode()


def test_registers_are_written_one_or_all(debugger: Debugger) -> None:
    registers = registers_of(description(debugger))
    names = [name for name, _ in registers]
    assert debugger.ask(b"P%x=f0debc9a78563412" % names.index("rcx")) == OK
    assert debugger.target.registers["rcx"] == 0x123456789ABCDEF0
    assert debugger.ask(b"P%x=0000000000000000" % names.index("cr0")) == INVALID
    everything = bytearray(bytes.fromhex((debugger.ask(b"g") or b"").decode()))
    everything[0] = 0x77  # RAX comes first
    assert debugger.ask(b"G" + everything.hex().encode()) == OK
    assert debugger.target.registers["rax"] == 0x77
    cr0_at = sum(bits // 8 for _, bits in registers[: names.index("cr0")])
    everything[cr0_at] ^= 1
    assert debugger.ask(b"G" + everything.hex().encode()) == INVALID


def test_going_on_is_an_order_and_answered_when_the_processor_stops(debugger: Debugger) -> None:
    debugger.ask(b"qSupported:swbreak+;hwbreak+")
    assert debugger.ask(b"Z0,7c05,1") == OK
    assert debugger.ask(b"Z1,7c09,1") == OK
    assert debugger.ask(b"Z2,100,4") == OK
    assert debugger.ask(b"vCont;c:p1.-1") is None
    watched = (WatchedRange(0x100, 4, Access.WRITE),)
    assert debugger.session.take_order() == Orders(False, frozenset({0x7C05, 0x7C09}), watched)
    assert debugger.session.take_order() is None
    debugger.session.halted(Halt(address=0x7C05))
    assert debugger.answer() == b"T05swbreak:;thread:1;"
    assert debugger.ask(b"?") == b"T05swbreak:;thread:1;"
    assert debugger.ask(b"z0,7c05,1") == OK
    assert debugger.ask(b"vCont;s:1;c") is None
    assert debugger.session.take_order() == Orders(True, frozenset({0x7C09}), watched)
    debugger.session.halted(Halt(address=0x7C09))
    assert debugger.answer() == b"T05hwbreak:;thread:1;"
    debugger.ask(b"s7c20")
    assert debugger.target.registers["pc"] == 0x7C20
    debugger.session.halted(Halt(watched=(Access.ANY, 0x100)))
    assert debugger.answer() == b"T05awatch:100;thread:1;"


def test_backward_orders_and_the_ends_of_history(debugger: Debugger) -> None:
    supported = debugger.ask(b"qSupported:swbreak+") or b""
    assert {b"ReverseStep+", b"ReverseContinue+"} <= set(supported.split(b";"))
    assert debugger.ask(b"Z0,7c05,1") == OK
    for packet, step in ((b"bs", True), (b"bc", False)):
        assert debugger.ask(packet) is None
        order = debugger.session.take_order()
        assert order == Orders(step, frozenset({0x7C05}), (), backward=True)
        debugger.session.halted(Halt(log=Log.BEGIN))
        assert debugger.answer() == b"T05replaylog:begin;thread:1;"
    debugger.ask(b"c")
    debugger.session.halted(Halt(log=Log.END))
    assert debugger.answer() == b"T05replaylog:end;thread:1;"
    assert debugger.ask(b"bx") == b""
    assert debugger.ask(b"bs1") == INVALID
    assert debugger.session.take_order() == Orders(False, frozenset({0x7C05}), ())


def test_without_a_history_there_is_no_way_back(debugger: Debugger) -> None:
    debugger.target.has_history = False
    assert b"Reverse" not in (debugger.ask(b"qSupported:swbreak+") or b"Reverse")
    assert debugger.ask(b"bs") == debugger.ask(b"bc") == b""
    assert debugger.session.take_order() is None


def test_ctrl_c_counts_only_while_the_processor_runs(debugger: Debugger) -> None:
    debugger.session.receive(b"\x03")
    assert not debugger.session.interrupted
    debugger.ask(b"c")
    debugger.session.receive(b"\x03")
    assert debugger.session.interrupted
    debugger.session.halted(INTERRUPTED)
    assert debugger.answer() == b"T02thread:1;"
    assert not debugger.session.interrupted


def test_packets_wait_while_the_processor_runs(debugger: Debugger) -> None:
    debugger.ask(b"c")
    assert debugger.ask(b"qC") is None
    for _ in range(1000):
        debugger.ask(b"qC")
    debugger.session.halted(Halt())
    assert (debugger.answer() or b"").split(b"\n")[:2] == [b"T05thread:1;", b"QC1"]


def test_watchpoints_need_memory_and_are_not_large(debugger: Debugger) -> None:
    assert debugger.ask(b"Z2,1ffe,4") == FAULT
    assert debugger.ask(b"Z3,0,0") == FAULT
    assert debugger.ask(b"Z4,0,1001") == FAULT
    assert debugger.ask(b"Z4,0,1000") == OK


def test_there_are_only_so_many_breakpoints(debugger: Debugger) -> None:
    answers = [debugger.ask(b"Z0,%x,1" % address) for address in range(1100)]
    assert answers.index(FULL) == 1024
    assert debugger.ask(b"z0,0,1") == OK
    assert debugger.ask(b"Z0,1000,1") == OK


@pytest.mark.parametrize(
    ("data", "answer", "order"),
    [
        (b"D", OK, Parting.DETACH),
        (b"D;1", OK, Parting.DETACH),
        (b"k", None, Parting.KILL),
        (b"vKill;1", OK, Parting.KILL),
    ],
)
def test_leaving(debugger: Debugger, data: bytes, answer: bytes | None, order: Parting) -> None:
    assert debugger.ask(data) == answer
    assert debugger.session.take_order() is order


def test_monitor_commands_go_to_the_target(debugger: Debugger) -> None:
    assert debugger.ask(b"qRcmd," + b"vtime".hex().encode()) == b"O646964207674696d650a\nOK"
    assert debugger.target.commands == ["vtime"]


PIECES = st.one_of(
    st.binary(max_size=60),
    st.builds(frame, st.binary(max_size=30)),
    st.builds(
        lambda name, rest: frame(name + rest),
        st.sampled_from(
            [b"m", b"M", b"X", b"P", b"p", b"G", b"Z", b"z", b"vCont;", b"qXfer:", b"qRcmd,"]
        ),
        st.text("0123456789abcdef,:;=}", max_size=24).map(str.encode),
    ),
)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(st.lists(PIECES, max_size=30))
def test_whatever_a_peer_sends_damages_no_session(pieces: list[bytes]) -> None:
    session = Session(FakeTarget())
    for piece in pieces:
        session.receive(piece)
        session.output()
        if session.take_order() is not None:
            session.halted(Halt())
            assert session.output()
    session.receive(b"#00" + frame(b"qC"))
    assert session.output().endswith(frame(b"QC1"))


SPOKEN = b"".join(
    frame(packet)
    for packet in (
        *(b"qSupported:swbreak+", b"?", b"g", b"m7c00,10", b"M100,4:01020304", b"P0=%016x" % 5),
        *(b"X200,3:a}\x03b", b"Z0,7c00,1", b"z0,7c00,1", b"vCont;s", b"qRcmd,766d", b"qXfer:"),
    )
)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_damage_on_the_way_ends_no_session(data: st.DataObject) -> None:
    session = Session(FakeTarget())
    session.receive(data.draw(damaged(SPOKEN)))
    session.output()
    while session.take_order() is not None:
        session.halted(Halt())
    session.receive(b"#00" + frame(b"qC"))
    assert session.output().endswith(frame(b"QC1"))
