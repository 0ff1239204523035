"""One debugger's session: a pure state machine, packets in and packets out.

Follows the GDB manual (13.1), appendix E (Remote Protocol), as a target of one thread that stops as a
whole. The processor is reached through ``hv.debug.doors.Target`` while it stands still; the session itself
never runs it, but leaves an order for whoever does. Whatever the debugger sends, it gets an answer: nothing
for an unknown packet, an error number for a bad one.

Left out: thread events, tracepoints, files, non-stop mode, and a map of memory, since addresses are linear.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from hv.debug.breakpoints import Breakpoints
from hv.debug.description import DESCRIPTIONS, Register
from hv.debug.doors import Access, Orders, Target
from hv.debug.errors import BadPacket, number, numbers
from hv.debug.packets import (
    MOST_BYTES,
    Acknowledgement,
    Break,
    PacketReader,
    escape,
    frame,
    unescape,
)

_OK = b"OK"
_SIGINT, _SIGTRAP = 2, 5
_FAULT, _INVALID, _TOO_MANY = 14, 22, 28  # errno: EFAULT, EINVAL, ENOSPC
_FEATURES = b"QStartNoAckMode+;qXfer:features:read+;swbreak+;hwbreak+;vContSupported+"
_BACKWARD = b";ReverseStep+;ReverseContinue+"
_MOST_MEMORY = (MOST_BYTES - 16) // 2
_MOST_QUEUED = 64
_MOST_CONSOLE = 4096


class Parting(Enum):
    """The debugger leaves."""

    DETACH = "detach"
    KILL = "kill"


class Log(Enum):
    """An end of what is known of a run."""

    BEGIN = "begin"
    END = "end"


@dataclass(frozen=True, slots=True)
class Halt:
    """Why the processor stands still.

    ``watched``: the access and the watchpoint's address; ``log``: there is nothing more in this direction.
    """

    signal: int = _SIGTRAP
    address: int | None = None
    watched: tuple[Access, int] | None = None
    log: Log | None = None


INTERRUPTED = Halt(_SIGINT)


class Session:
    """From connection to end: ``receive`` bytes, send what ``output`` gives, follow ``take_order``.

    The processor describes itself as one of ``bits`` bits for the whole session, by default those of now.
    """

    def __init__(self, target: Target, bits: int | None = None) -> None:
        self._target = target
        self._description = DESCRIPTIONS[bits or target.bits()]
        self._registers = self._description.registers
        self._reader = PacketReader()
        self._out = bytearray()
        self._last = b""
        self._acknowledge = True
        self._running = False
        self._order: Orders | Parting | None = None
        self._queue: list[bytes] = []
        self._halt = Halt()
        self._breakpoints = Breakpoints(target)
        self._tells_breaks = False
        self.interrupted = False
        """The debugger wants the running processor to stop."""

    # For whoever moves the bytes and runs the processor.

    def receive(self, data: bytes) -> None:
        """Bytes from the debugger."""
        for event in self._reader.feed(data):
            if isinstance(event, Break):
                self.interrupted = self.interrupted or self._running
            elif isinstance(event, Acknowledgement):
                if not event.good and self._acknowledge:
                    self._out += self._last
            elif event.data is None:
                self._out += b"-" if self._acknowledge else b""
            else:
                self._out += b"+" if self._acknowledge else b""
                self._enqueue(event.data)
                self._work()

    def output(self) -> bytes:
        """Bytes for the debugger, once."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def take_order(self) -> Orders | Parting | None:
        """What the debugger wants, once. The processor runs from now on until ``halted`` or ``ended``."""
        order, self._order = self._order, None
        return order

    def halted(self, halt: Halt) -> None:
        """The processor stands still again."""
        self._halt = halt
        self._running = self.interrupted = False
        self._send(self._stop_reply())
        self._work()

    def ended(self, exit_code: int) -> None:
        """The guest has ended; there is nothing more to debug."""
        self._send(b"W%02x" % (exit_code & 0xFF))

    # Packets.

    def _enqueue(self, data: bytes) -> None:
        """Packets that arrive while the processor runs wait; a debugger sends none."""
        if len(self._queue) < _MOST_QUEUED:
            self._queue.append(data)

    def _work(self) -> None:
        while self._queue and not self._running:
            answer = self._answer(self._queue.pop(0))
            if answer is not None:
                self._send(answer)

    def _send(self, data: bytes) -> None:
        self._last = frame(data)
        self._out += self._last

    def _answer(self, data: bytes) -> bytes | None:
        for prefix, handle in _COMMANDS.items():
            if data.startswith(prefix):
                try:
                    return handle(self, data[len(prefix) :])
                except BadPacket:
                    return b"E%02x" % _INVALID
        return b""

    def _supported(self, data: bytes) -> bytes:
        self._tells_breaks = b"swbreak+" in data
        backward = _BACKWARD if self._target.has_history else b""
        return b"PacketSize=%x;" % MOST_BYTES + _FEATURES + backward

    def _no_acknowledgements(self, _data: bytes) -> bytes:
        self._acknowledge = False
        return _OK

    def _features(self, data: bytes) -> bytes:
        name, colon, window = data.partition(b":")
        if name != b"target.xml" or not colon:
            return b"E%02x" % _INVALID
        offset, length = numbers(window, b",", 2)
        document = self._description.xml()
        part = document[offset : offset + min(length, _MOST_MEMORY)]
        more = offset + len(part) < len(document)
        return (b"m" if more else b"l") + escape(part)

    def _stop_reply(self, _data: bytes = b"") -> bytes:
        halt = self._halt
        reply = b"T%02x" % halt.signal
        if halt.log:
            reply += b"replaylog:%b;" % halt.log.value.encode()
        elif halt.watched:
            access, address = halt.watched
            reply += b"%b:%x;" % (access.value.encode(), address)
        elif halt.address is not None and self._tells_breaks:
            kind = self._breakpoints.kind_at(halt.address)
            reply += b"%b:;" % kind if kind else b""
        return reply + b"thread:1;"

    # Registers.

    def _read_registers(self, _data: bytes) -> bytes:
        return b"".join(self._hex_register(register) for register in self._registers)

    def _hex_register(self, register: Register) -> bytes:
        value = self._target.read_register(register.source) & ((1 << register.bits) - 1)
        return value.to_bytes(register.size, "little").hex().encode()

    def _read_register(self, data: bytes) -> bytes:
        return self._hex_register(self._register(number(data)))

    def _register(self, index: int) -> Register:
        if index >= len(self._registers):
            raise BadPacket
        return self._registers[index]

    def _write_register(self, data: bytes) -> bytes:
        index, equals, value = data.partition(b"=")
        register = self._register(number(index))
        content = _unhex(value)
        if not equals or len(content) != register.size:
            raise BadPacket
        return _OK if self._change(register, content) else b"E%02x" % _INVALID

    def _change(self, register: Register, content: bytes) -> bool:
        """Write what differs; a register that cannot be written may be written with its own value."""
        value = int.from_bytes(content, "little")
        mask = (1 << register.bits) - 1
        if value == self._target.read_register(register.source) & mask:
            return True
        return self._target.write_register(register.source, value)

    def _write_registers(self, data: bytes) -> bytes:
        content = _unhex(data)
        if len(content) != sum(register.size for register in self._registers):
            raise BadPacket
        good = True
        for register in self._registers:
            good &= self._change(register, content[: register.size])
            content = content[register.size :]
        return _OK if good else b"E%02x" % _INVALID

    # Memory.

    def _read_memory(self, data: bytes) -> bytes:
        address, size = numbers(data, b",", 2)
        content = self._target.read_memory(address, min(size, _MOST_MEMORY))
        return content.hex().encode() if content or not size else b"E%02x" % _FAULT

    def _write_hex(self, data: bytes) -> bytes:
        where, _, content = data.partition(b":")
        return self._write(where, _unhex(content))

    def _write_binary(self, data: bytes) -> bytes:
        where, _, content = data.partition(b":")
        return self._write(where, unescape(content))

    def _write(self, where: bytes, content: bytes) -> bytes:
        address, size = numbers(where, b",", 2)
        if size != len(content):
            raise BadPacket
        return _OK if self._target.write_memory(address, content) else b"E%02x" % _FAULT

    # Breakpoints and watchpoints.

    def _insert(self, data: bytes) -> bytes:
        kind, address, size = numbers(data.split(b";")[0], b",", 3)
        if self._breakpoints.full:
            return b"E%02x" % _TOO_MANY
        inserted = self._breakpoints.insert(kind, address, size)
        return b"" if inserted is None else _OK if inserted else b"E%02x" % _FAULT

    def _remove(self, data: bytes) -> bytes:
        kind, address, size = numbers(data.split(b";")[0], b",", 3)
        return _OK if self._breakpoints.remove(kind, address, size) else b""

    # Going on.

    def _go(self, *, step: bool, backward: bool = False) -> None:
        orders = self._breakpoints
        self._order = Orders(step, orders.addresses(), orders.watched(), backward)
        self._running = True

    def _back(self, data: bytes, *, step: bool) -> bytes | None:
        """bs and bc."""
        if data:
            raise BadPacket
        if not self._target.has_history:
            return b""
        self._go(step=step, backward=True)
        return None

    def _step_back(self, data: bytes) -> bytes | None:
        return self._back(data, step=True)

    def _continue_back(self, data: bytes) -> bytes | None:
        return self._back(data, step=False)

    def _resume_at(self, data: bytes, *, step: bool) -> bytes | None:
        if data and not self._target.write_register("pc", number(data)):
            raise BadPacket
        self._go(step=step)
        return None

    def _continue(self, data: bytes) -> bytes | None:
        return self._resume_at(data, step=False)

    def _step(self, data: bytes) -> bytes | None:
        return self._resume_at(data, step=True)

    def _with_signal(self, data: bytes, *, step: bool) -> bytes | None:
        """C and S: a machine knows no signals."""
        signal, _, address = data.partition(b";")
        number(signal)
        return self._resume_at(address, step=step)

    def _continue_signal(self, data: bytes) -> bytes | None:
        return self._with_signal(data, step=False)

    def _step_signal(self, data: bytes) -> bytes | None:
        return self._with_signal(data, step=True)

    def _resume(self, data: bytes) -> bytes | None:
        """vCont: the first action is for the only thread there is."""
        action = data.split(b";")[0].split(b":")[0][:1]
        if action not in (b"c", b"C", b"s", b"S"):
            raise BadPacket
        self._go(step=action in b"sS")
        return None

    # Leaving.

    def _detach(self, _data: bytes) -> bytes:
        self._part(Parting.DETACH)
        return _OK

    def _kill(self, _data: bytes) -> bytes:
        self._part(Parting.KILL)
        return _OK

    def _kill_silently(self, _data: bytes) -> None:
        self._part(Parting.KILL)

    def _part(self, how: Parting) -> None:
        self._order = how
        self._running = True

    # The rest.

    def _monitor(self, data: bytes) -> bytes:
        command = _unhex(data).decode("utf-8", "replace")
        text = self._target.monitor(command).encode()
        for at in range(0, len(text), _MOST_CONSOLE):
            self._send(b"O" + text[at : at + _MOST_CONSOLE].hex().encode())
        return _OK


def _unhex(data: bytes) -> bytes:
    try:
        return bytes.fromhex(data.decode("ascii"))
    except ValueError:
        raise BadPacket from None


def _always(answer: bytes) -> "Callable[[Session, bytes], bytes | None]":
    return lambda _session, _data: answer


_COMMANDS: dict[bytes, Callable[[Session, bytes], bytes | None]] = {
    b"qSupported": Session._supported,
    b"QStartNoAckMode": Session._no_acknowledgements,
    b"qXfer:features:read:": Session._features,
    b"qRcmd,": Session._monitor,
    b"qAttached": _always(b"1"),
    b"qfThreadInfo": _always(b"m1"),
    b"qsThreadInfo": _always(b"l"),
    b"qSymbol": _always(_OK),
    b"qCRC": _always(b""),
    b"qC": _always(b"QC1"),
    b"vCont?": _always(b"vCont;c;C;s;S"),
    b"vCont;": Session._resume,
    b"vKill": Session._kill,
    b"?": Session._stop_reply,
    b"g": Session._read_registers,
    b"G": Session._write_registers,
    b"p": Session._read_register,
    b"P": Session._write_register,
    b"m": Session._read_memory,
    b"M": Session._write_hex,
    b"X": Session._write_binary,
    b"Z": Session._insert,
    b"z": Session._remove,
    b"c": Session._continue,
    b"C": Session._continue_signal,
    b"s": Session._step,
    b"S": Session._step_signal,
    b"bs": Session._step_back,
    b"bc": Session._continue_back,
    b"H": _always(_OK),
    b"T": _always(_OK),
    b"D": Session._detach,
    b"k": Session._kill_silently,
}
"""By how a packet begins; the first match counts."""
