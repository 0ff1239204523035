"""The socket: one debugger at a time, hostile or not, and a run that does not depend on it."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from hv.debug.packets import Packet, PacketReader, frame
from hv.debug.server import Door, Surroundings, debug, parse_door
from hv.errors import ConfigError
from hv.root.machine import UNLIMITED, Machine
from hv.root.result import make_result, to_json
from hv.vp import End, Ending
from tests.machines import flat

COUNTING = """
    mov cx, 1000
again:
    inc word ptr [0x600]
    dec cx
    jnz again
    mov al, 0
    out 0xf4, al
"""
ENDLESS = "again: inc word ptr [0x600]\njmp again"
SECONDS = 20


class Peer:
    """A debugger on a socket."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=SECONDS)
        self._reader = PacketReader()
        self._packets: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def order(self, data: bytes) -> None:
        self.send(frame(data))

    def ask(self, data: bytes) -> bytes:
        self.order(data)
        return self.answer()

    def answer(self) -> bytes:
        while not self._packets:
            received = self.socket.recv(65536)
            assert received, "hung up"
            for event in self._reader.feed(received):
                if isinstance(event, Packet) and event.data is not None:
                    self._packets.append(event.data)
        return self._packets.pop(0)


class Debugged:
    """A machine behind its door, in a thread of its own."""

    def __init__(
        self, machine: Machine, budget: int = UNLIMITED, between: Callable[[], bool] | None = None
    ) -> None:
        self.machine = machine
        self.end: list[End | None] = []
        self._told = threading.Event()
        self._text = ""
        surroundings = Surroundings(budget, between or (lambda: True), self._tell)

        def run() -> None:
            self.end.append(debug(machine, Door("127.0.0.1", 0, None), surroundings))

        self.peers: list[Peer] = []
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def _tell(self, text: str) -> None:
        self._text = text
        self._told.set()

    def connect(self) -> Peer:
        assert self._told.wait(SECONDS)
        host, port = self._text.split()[-1].split(":")
        self.peers.append(Peer((host, int(port))))
        return self.peers[-1]

    def finish(self) -> End | None:
        self.thread.join(SECONDS)
        return self.end[0]


@contextmanager
def debugged(
    machine: Machine, budget: int = UNLIMITED, between: Callable[[], bool] | None = None
) -> Iterator[Debugged]:
    run = Debugged(machine, budget, between)
    try:
        yield run
        run.thread.join(SECONDS)
        assert not run.thread.is_alive()
    finally:
        for peer in run.peers:
            peer.socket.close()


def test_it_waits_before_the_first_instruction_and_tells_the_end() -> None:
    machine = flat(COUNTING)
    with debugged(machine) as run:
        peer = run.connect()
        assert peer.ask(b"?") == b"T05thread:1;"
        assert machine.insns == 0
        assert peer.ask(b"c") == b"W00"
    assert run.finish() == End(Ending.DEBUG_EXIT, 0)
    plain = flat(COUNTING)
    assert to_json(make_result(plain, plain.run())) == to_json(make_result(machine, run.end[0]))  # type: ignore[arg-type]


def test_time_stands_still_while_stopped() -> None:
    machine = flat(COUNTING)
    with debugged(machine) as run:
        peer = run.connect()
        peer.ask(b"Z0,7c07,1")
        assert peer.ask(b"c") == b"T05thread:1;"
        before = (machine.insns, machine.vtime_ns)
        for _ in range(100):
            peer.ask(b"m600,10")
        assert (machine.insns, machine.vtime_ns) == before == (2, 2)
        peer.order(b"k")
    assert run.finish() == End(Ending.STOPPED, detail="killed by the debugger")


def test_ctrl_c_stops_a_running_guest() -> None:
    with debugged(flat(ENDLESS)) as run:
        peer = run.connect()
        peer.order(b"vCont;c")
        peer.send(b"\x03")
        assert peer.answer() == b"T02thread:1;"
        assert peer.ask(b"s") == b"T05thread:1;"
        peer.order(b"k")


def test_a_debugger_that_hangs_up_leaves_a_stopped_machine_to_the_next() -> None:
    machine = flat(ENDLESS)
    with debugged(machine) as run:
        first = run.connect()
        first.ask(b"Z0,7c00,1")
        first.order(b"c")
        first.socket.close()
        second = run.connect()
        assert second.ask(b"?") == b"T05thread:1;"
        insns = machine.insns
        assert second.ask(b"qC") == b"QC1"
        assert machine.insns == insns
        second.order(b"c")
        second.send(b"\x03")
        assert second.answer() in (b"T02thread:1;", b"T05thread:1;")
        second.order(b"k")


def test_one_debugger_at_a_time() -> None:
    with debugged(flat(ENDLESS)) as run:
        first = run.connect()
        assert first.ask(b"qC") == b"QC1"
        second = run.connect()
        second.order(b"qC")
        second.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            second.socket.recv(1)
        second.socket.close()
        assert first.ask(b"qC") == b"QC1"
        first.order(b"k")


def test_detaching_takes_all_stops_away() -> None:
    machine = flat(COUNTING)
    with debugged(machine) as run:
        peer = run.connect()
        peer.ask(b"Z0,7c07,1")
        peer.ask(b"Z2,600,2")
        peer.ask(b"c")
        assert peer.ask(b"D") == b"OK"
    assert run.finish() is None
    assert machine.run() == End(Ending.DEBUG_EXIT, 0)


@pytest.mark.parametrize("midway", [False, True])
def test_a_budget_ends_where_it_would_have_ended(midway: bool) -> None:
    """The budget ends in the middle of a block; the run ends with the block."""
    plain = flat(ENDLESS.replace("jmp", "nop\nnop\nnop\njmp"))
    end = plain.run(1001)
    machine = flat(ENDLESS.replace("jmp", "nop\nnop\nnop\njmp"))
    with debugged(machine, budget=1001) as run:
        peer = run.connect()
        if midway:
            for _ in range(1002):
                peer.ask(b"s")
            assert machine.insns == 1002
        assert peer.ask(b"c") == b"W7c"
    assert run.finish() == end
    assert machine.insns == plain.insns == 1005
    assert machine.state_hash() == plain.state_hash()


def test_the_command_line_may_end_the_wait() -> None:
    waits = iter([True, True, False])
    with debugged(flat(ENDLESS), between=lambda: next(waits, False)) as run:
        pass
    end = run.finish()
    assert end is not None
    assert end.ending is Ending.STOPPED


def test_garbage_is_answered_and_does_no_harm() -> None:
    with debugged(flat(COUNTING)) as run:
        peer = run.connect()
        peer.send(bytes(range(256)).replace(b"\x03", b"") * 50)
        peer.send(b"#00$" + b"A" * 40000 + b"#00")
        for data in (b"m0,", b"Z0,zz,1", b"P1=", b"qRcmd,zz", b"vCont;r0,1", b"G00"):
            peer.order(data)
        peer.order(b"qRcmd," + b"phys 0 99999999999".hex().encode())
        peer.order(b"qC")
        while peer.answer() != b"QC1":
            pass
        assert peer.ask(b"c") == b"W00"
    assert run.finish() == End(Ending.DEBUG_EXIT, 0)


def test_registers_and_memory_are_changed_for_good() -> None:
    machine = flat("mov al, 1\nnop\nout 0xf4, al")
    with debugged(machine) as run:
        peer = run.connect()
        peer.ask(b"s")
        document = b""
        while not document.endswith(b"</target>\n"):
            document += peer.ask(b"qXfer:features:read:target.xml:%x,4000" % len(document))[1:]
        names = re.findall(rb'<reg name="(\w+)"', document)
        assert peer.ask(b"P%x=02000000" % names.index(b"eax")) == b"OK"
        assert peer.ask(b"M7c02,1:40") == b"OK"  # INC AX
        assert peer.ask(b"Mf0000,1:00") == b"E0e"
        assert peer.ask(b"c") == b"W01"
    assert run.finish() == End(Ending.DEBUG_EXIT, 3)


@pytest.mark.parametrize(
    ("text", "door"),
    [
        (":1234", Door("127.0.0.1", 1234, None)),
        ("1234", Door("127.0.0.1", 1234, None)),
        ("host:0", Door("host", 0, None)),
        ("[::1]:99,bits=64", Door("::1", 99, 64)),
    ],
)
def test_doors(text: str, door: Door) -> None:
    assert parse_door(text) == door


@pytest.mark.parametrize("text", ["", ":", "x", ":65536", ":-1", ":1,", ":1,bits=8", ":1,x", ":²"])
def test_doors_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_door(text)


def test_a_port_that_is_taken_is_the_users_mistake() -> None:
    surroundings = Surroundings(1, lambda: True, lambda _text: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        door = Door("127.0.0.1", taken.getsockname()[1], None)
        with pytest.raises(ConfigError):
            debug(flat(ENDLESS), door, surroundings)
