"""PS/2 keyboard of the 101-key (MF2) kind, scan code sets 1 and 2.

After A. E. Brouwer, "Keyboard scancodes" (1, 9.2, 11) and A. Chapweske, "The PS/2 Keyboard
Interface" (command set, typematic, buffer).

Left out: scan code set 3 (its selection is refused, the commands that tune it are only
acknowledged) and the self-test a keyboard runs by itself at power-on: firmware resets it anyway.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from hv.interfaces import Clock, Work, unmetered
from hv.types import NS_PER_SECOND
from hv_devices.emulated.ps2_port import SELF_TEST_NS, Reply, set_deadline, unplugged
from hv_devices.emulated.ps2_scancodes import KEYS, VARIANTS, Key, set_1


class Command(IntEnum):
    """Bytes the host may send (Brouwer, 11)."""

    SET_LEDS = 0xED
    ECHO = 0xEE
    SCAN_CODE_SET = 0xF0
    IDENTIFY = 0xF2
    SET_TYPEMATIC = 0xF3
    ENABLE = 0xF4
    DISABLE = 0xF5
    SET_DEFAULTS = 0xF6
    ALL_TYPEMATIC = 0xF7
    ALL_MAKE_BREAK = 0xF8
    ALL_MAKE = 0xF9
    ALL_TYPEMATIC_MAKE_BREAK = 0xFA
    KEY_TYPEMATIC = 0xFB
    KEY_MAKE_BREAK = 0xFC
    KEY_MAKE = 0xFD
    RESEND = 0xFE
    RESET = 0xFF


class Led(IntFlag):
    """The byte after SET_LEDS."""

    SCROLL_LOCK = 1 << 0
    NUM_LOCK = 1 << 1
    CAPS_LOCK = 1 << 2


IDENTITY = bytes([0xAB, 0x83])
BUFFER_SIZE = 16
_OVERRUN = {1: 0xFF, 2: 0x00}  # by scan code set: "more was typed than I could keep"
_SCAN_CODE_SETS = frozenset(_OVERRUN)
_REPLY_LIMIT = 16  # a host that never reads its answers loses the oldest

_LEDS = int(Led.SCROLL_LOCK | Led.NUM_LOCK | Led.CAPS_LOCK)
_TYPEMATIC_DEFAULT = 0x2B  # 500 ms, then 10.9 a second
_DELAY_STEP_NS = NS_PER_SECOND // 4


@dataclass
class State:
    """Everything the keyboard remembers."""

    replies: bytearray = field(default_factory=bytearray)
    codes: bytearray = field(default_factory=bytearray)  # typed, not yet fetched
    last_sent: int = Reply.SELF_TEST_PASSED.value
    pending: int = 0  # command whose parameter comes next
    scanning: bool = True
    scan_code_set: int = 2
    leds: int = 0
    typematic: int = _TYPEMATIC_DEFAULT
    held: dict[str, bytes] = field(default_factory=dict)  # key down: what its release sends
    repeating: str = ""  # the key that repeats
    repeat: bytes = b""  # and what it sends
    repeat_at: int | None = None
    self_test_at: int | None = None  # when the self-test ends


class Ps2Keyboard:
    """A ``Ps2Device`` with keys to ``press`` and ``release``."""

    def __init__(self, clock: Clock, work: Work = unmetered) -> None:
        self._clock = clock
        self._work = work
        self._data_ready = unplugged
        self._repeat_timer = clock.timer(self._on_repeat)
        self._self_test_timer = clock.timer(self._on_self_test)
        self.state = State()

    def reset(self) -> None:
        """Power on, with nobody touching a key."""
        self.state = State()
        self._settle()

    # The typist's side.

    def press(self, key: str) -> None:
        """Push ``key`` (a name in ``KEYS``) down. One that is down already stays so."""
        state = self.state
        if key in state.held:
            return
        codes = self._codes_of(key)
        state.held[key] = codes.release
        if not self._listening():
            return
        self._type(codes.make)
        state.repeating, state.repeat = key, codes.repeat
        state.repeat_at = self._clock.now() + self._delay_ns() if codes.repeat else None
        self._settle()

    def release(self, key: str) -> None:
        """Let ``key`` go. Harmless when it is not down."""
        state = self.state
        codes = state.held.pop(key, None)
        if codes is None:
            return
        if key == state.repeating:
            self._stop_repeating()
        if self._listening():
            self._type(codes)
        self._settle()

    @property
    def idle(self) -> bool:
        """Has the host fetched all that was typed? Typing ahead of that overruns the buffer."""
        return not self.state.codes

    # The controller's side.

    def connect(self, data_ready: Callable[[], None]) -> None:
        self._data_ready = data_ready

    @property
    def ready(self) -> bool:
        # Keys wait while a command waits for its parameter.
        state = self.state
        return bool(state.replies or (state.codes and not state.pending))

    def take(self) -> int:
        state = self.state
        state.last_sent = (state.replies or state.codes).pop(0)
        return state.last_sent

    def receive(self, byte: int) -> None:
        if self.state.self_test_at is not None:
            self._finish_self_test()  # a host that speaks now has waited long enough
        state = self.state
        command = _COMMANDS.get(byte)
        if command is not None:
            state.pending = 0
            command(self, byte)
        elif state.pending:
            _PARAMETERS[state.pending](self, byte)
        else:
            self._reply(Reply.RESEND)
        self._settle()

    # Commands.

    def _acknowledge(self, _byte: int) -> None:
        self._reply(Reply.ACK)

    def _await_parameter(self, byte: int) -> None:
        self.state.pending = byte
        self._reply(Reply.ACK)

    def _echo(self, byte: int) -> None:
        self._reply(byte)

    def _identify(self, _byte: int) -> None:
        self._reply(Reply.ACK, *IDENTITY)

    def _enable(self, _byte: int) -> None:
        self._forget_typing()
        self.state.scanning = True
        self._reply(Reply.ACK)

    def _disable(self, byte: int) -> None:
        self._set_defaults(byte)
        self.state.scanning = False

    def _set_defaults(self, _byte: int) -> None:
        self._forget_typing()
        state = self.state
        state.leds = 0
        state.typematic = _TYPEMATIC_DEFAULT
        state.scan_code_set = 2
        self._reply(Reply.ACK)

    def _resend(self, _byte: int) -> None:
        self._reply(self.state.last_sent)

    def _reset(self, _byte: int) -> None:
        self.state = State(
            held=self.state.held,  # fingers stay where they are
            last_sent=self.state.last_sent,
            self_test_at=self._clock.now() + SELF_TEST_NS,
        )
        self._reply(Reply.ACK)

    # Parameters.

    def _leds(self, byte: int) -> None:
        if byte & ~_LEDS:
            self._refuse()
        else:
            self.state.leds = byte
            self._accept()

    def _scan_code_set(self, byte: int) -> None:
        state = self.state
        if byte == 0:
            self._accept()
            self._reply(state.scan_code_set)
        elif byte in _SCAN_CODE_SETS:
            self._forget_typing()
            state.scan_code_set = byte
            self._accept()
        else:
            self._refuse()

    def _typematic(self, byte: int) -> None:
        if byte & 0x80:
            self._refuse()
        else:
            self.state.typematic = byte
            self._accept()

    def _accept(self) -> None:
        self.state.pending = 0
        self._reply(Reply.ACK)

    def _refuse(self) -> None:
        self.state.pending = 0
        self._reply(Reply.RESEND)

    # Inside.

    def _reply(self, *answer: int) -> None:
        replies = self.state.replies
        replies += bytes(answer)
        del replies[:-_REPLY_LIMIT]

    def _listening(self) -> bool:
        return self.state.scanning and self.state.self_test_at is None

    def _codes_of(self, key: str) -> Key:
        for modifiers, codes in VARIANTS.get(key, ()):
            if not modifiers.isdisjoint(self.state.held):
                return codes
        return KEYS[key]

    def _type(self, codes: bytes) -> None:
        """Into the buffer whole, or an overrun mark in the place behind it."""
        state = self.state
        self._work(0)
        if state.scan_code_set == 1:
            codes = set_1(codes)
        buffer = state.codes
        if len(buffer) + len(codes) <= BUFFER_SIZE:
            buffer += codes
        elif len(buffer) <= BUFFER_SIZE and buffer[-1] != _OVERRUN[state.scan_code_set]:
            buffer.append(_OVERRUN[state.scan_code_set])

    def _forget_typing(self) -> None:
        self.state.codes.clear()
        self._stop_repeating()

    def _stop_repeating(self) -> None:
        state = self.state
        state.repeating, state.repeat, state.repeat_at = "", b"", None

    def _delay_ns(self) -> int:
        return ((self.state.typematic >> 5 & 3) + 1) * _DELAY_STEP_NS

    def _period_ns(self) -> int:
        mantissa, exponent = self.state.typematic & 7, self.state.typematic >> 3 & 3
        return ((8 + mantissa) << exponent) * NS_PER_SECOND // 240

    def _on_repeat(self) -> None:
        state = self.state
        if not state.codes:  # the host keeps up; a repeat never fills the buffer
            self._type(state.repeat)
        state.repeat_at = self._clock.now() + self._period_ns()
        self._settle()

    def _on_self_test(self) -> None:
        self._finish_self_test()
        self._settle()

    def _finish_self_test(self) -> None:
        self.state.self_test_at = None
        self._reply(Reply.SELF_TEST_PASSED)

    def _settle(self) -> None:
        set_deadline(self._repeat_timer, self.state.repeat_at)
        set_deadline(self._self_test_timer, self.state.self_test_at)
        if self.ready:
            self._data_ready()


_Handler = Callable[[Ps2Keyboard, int], None]

_COMMANDS: dict[int, _Handler] = {
    Command.SET_LEDS: Ps2Keyboard._await_parameter,
    Command.ECHO: Ps2Keyboard._echo,
    Command.SCAN_CODE_SET: Ps2Keyboard._await_parameter,
    Command.IDENTIFY: Ps2Keyboard._identify,
    Command.SET_TYPEMATIC: Ps2Keyboard._await_parameter,
    Command.ENABLE: Ps2Keyboard._enable,
    Command.DISABLE: Ps2Keyboard._disable,
    Command.SET_DEFAULTS: Ps2Keyboard._set_defaults,
    Command.ALL_TYPEMATIC: Ps2Keyboard._acknowledge,
    Command.ALL_MAKE_BREAK: Ps2Keyboard._acknowledge,
    Command.ALL_MAKE: Ps2Keyboard._acknowledge,
    Command.ALL_TYPEMATIC_MAKE_BREAK: Ps2Keyboard._acknowledge,
    Command.KEY_TYPEMATIC: Ps2Keyboard._await_parameter,
    Command.KEY_MAKE_BREAK: Ps2Keyboard._await_parameter,
    Command.KEY_MAKE: Ps2Keyboard._await_parameter,
    Command.RESEND: Ps2Keyboard._resend,
    Command.RESET: Ps2Keyboard._reset,
}

_PARAMETERS: dict[int, _Handler] = {
    Command.SET_LEDS: Ps2Keyboard._leds,
    Command.SCAN_CODE_SET: Ps2Keyboard._scan_code_set,
    Command.SET_TYPEMATIC: Ps2Keyboard._typematic,
    # Lists of set 3 codes; the next command ends them.
    Command.KEY_TYPEMATIC: Ps2Keyboard._acknowledge,
    Command.KEY_MAKE_BREAK: Ps2Keyboard._acknowledge,
    Command.KEY_MAKE: Ps2Keyboard._acknowledge,
}
