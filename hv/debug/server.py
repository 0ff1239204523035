"""The debugger's socket: one connection at a time, and the run between its orders."""

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass

from hv.debug.description import DESCRIPTIONS
from hv.debug.doors import Orders
from hv.debug.session import INTERRUPTED, Parting, Session
from hv.debug.target import MachineTarget
from hv.debug.timeline import Timeline
from hv.errors import ConfigError
from hv.root.machine import Machine
from hv.root.result import outcome_of
from hv.vp import End, Ending

_POLL_SECONDS = 0.2
_SEND_SECONDS = 10.0  # a debugger that reads nothing for so long has left
_MOST_RECEIVED = 65536
_LOCAL = "127.0.0.1"
_LAST_PORT, _PORT_DIGITS = 0xFFFF, 5


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the command line wants of a debugged run: ``between`` says whether to go on, ``tell`` speaks."""

    budget: int
    between: Callable[[], bool]
    tell: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Door:
    """Where to listen, and as what the processor describes itself: None for the mode that it is in."""

    host: str
    port: int
    bits: int | None


def parse_door(text: str) -> Door:
    """``:1234``, ``HOST:1234``, either with ``,bits=64``; this host unless named. May raise ConfigError."""
    address, comma, option = text.partition(",")
    host, _, port = address.rpartition(":")
    bits = {f"bits={bits}": bits for bits in DESCRIPTIONS}
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= _PORT_DIGITS else -1
    if not 0 <= number <= _LAST_PORT or (comma and option not in bits):
        raise ConfigError(f"--gdb {text!r} is not [HOST]:PORT[,bits=16|32|64]", usage=True)
    return Door(host.strip("[]") or _LOCAL, number, bits.get(option))


def debug(
    machine: Machine, door: Door, surroundings: Surroundings, timeline: Timeline | None = None
) -> End | None:
    """Run ``machine`` as the debugger behind ``door`` wants; None when it has left before the end.

    ``timeline`` is the machine's own, where somebody else has to do with it.
    """
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    try:
        listener = socket.create_server((door.host, door.port), family=family, backlog=1)
    except OSError as error:
        raise ConfigError(f"--gdb {door.host}:{door.port}: {error.strerror or error}") from None
    with listener:
        host, port = listener.getsockname()[:2]
        surroundings.tell(f"waiting for gdb: target remote {host}:{port}")
        listener.settimeout(_POLL_SECONDS)
        return _Run(timeline or Timeline(machine), door.bits, surroundings).over(listener)


class _Left(Exception):
    """The debugger has hung up."""


class _Run:
    """One machine from its first connection to its end."""

    def __init__(self, timeline: Timeline, bits: int | None, surroundings: Surroundings) -> None:
        self._timeline = timeline
        self._surroundings = surroundings
        self._target = MachineTarget(timeline)
        self._bits = bits
        self._session: Session
        self._peer: socket.socket
        timeline.poll = self._goes_on

    def over(self, listener: socket.socket) -> End | None:
        """Serve one debugger after another; between them the machine stands still."""
        while self._surroundings.between():
            try:
                self._peer, _ = listener.accept()
            except TimeoutError:
                continue
            self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._session = Session(self._target, self._bits)
            with self._peer, contextlib.suppress(_Left):
                return self._serve()
        return self._ended(End(Ending.STOPPED))

    def _ended(self, end: End) -> End:
        """The run ends, wherever the debugger is: at the front."""
        self._target.release()
        if end.ending is Ending.STOPPED and not end.detail:
            where = self._timeline.machine.partition.vp.where()
            return End(Ending.STOPPED, detail=f"stopped at {where}")
        return end

    def _serve(self) -> End | None:
        session = self._session
        while True:
            order = session.take_order()
            self._send()
            if order is None:
                if not self._surroundings.between():
                    return self._ended(End(Ending.STOPPED))
                self._receive(_POLL_SECONDS)
            elif order is Parting.DETACH:
                self._target.release()
                return None
            elif order is Parting.KILL:
                return self._ended(End(Ending.STOPPED, detail="killed by the debugger"))
            else:
                assert isinstance(order, Orders)
                end = self._run(order)
                if end is not None:
                    session.ended(outcome_of(end)[1])
                    with contextlib.suppress(_Left):
                        self._send()
                    return end

    def _run(self, orders: Orders) -> End | None:
        """Until the next stop, or to the guest's end."""
        met = self._target.run(orders, self._surroundings.budget)
        if isinstance(met, End):
            return met
        if met is None and not self._session.interrupted:
            return self._ended(End(Ending.STOPPED))
        self._session.halted(met or INTERRUPTED)
        return None

    def _goes_on(self) -> bool:
        if not self._surroundings.between():
            return False
        self._receive(0)
        return not self._session.interrupted

    # Bytes.

    def _send(self) -> None:
        data = self._session.output()
        try:
            self._peer.settimeout(_SEND_SECONDS)
            self._peer.sendall(data)
        except OSError:
            raise _Left from None

    def _receive(self, timeout: float) -> None:
        """What has come, within ``timeout`` seconds of the host."""
        self._peer.settimeout(timeout)
        try:
            data = self._peer.recv(_MOST_RECEIVED)
        except (TimeoutError, BlockingIOError):
            return
        except OSError:
            raise _Left from None
        if not data:
            raise _Left
        self._session.receive(data)
