"""PS/2 mouse: the standard protocol, IntelliMouse (wheel) and IntelliMouse Explorer (five buttons).

After A. Chapweske, "The PS/2 Mouse Interface" (counters, modes, commands) and A. E. Brouwer,
"Keyboard scancodes", 12 (scaling, the two extensions, errors).

Left out: what resolution does to motion (``move`` counts in the steps that the host sees), the
horizontal wheel of later mice, and the self-test at power-on: firmware resets it anyway.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from hv.interfaces import Clock, Work, unmetered
from hv.types import NS_PER_SECOND
from hv_devices.emulated.ps2_mouse_protocol import (
    KNOCKS,
    Button,
    Command,
    Identity,
    Packet,
    Status,
)
from hv_devices.emulated.ps2_port import SELF_TEST_NS, Reply, set_deadline, unplugged

_LEGAL_PARAMETERS: dict[int, frozenset[int]] = {
    Command.SET_RESOLUTION: frozenset({0, 1, 2, 3}),
    Command.SET_RATE: frozenset({10, 20, 40, 60, 80, 100, 200}),
}
_COUNTER_MAX = 255
_WHEEL_MIN, _WHEEL_MAX = -8, 7
_SLOW_2_TO_1 = (0, 1, 1, 3, 6, 9)  # what 2:1 scaling makes of small steps
_REPLY_LIMIT = 16  # a host that never reads its answers loses the oldest
_THREE_BUTTONS, _FIVE_BUTTONS = 0x07, 0x1F
_STATUS_BUTTONS = (
    (Button.LEFT.value, Status.LEFT.value),
    (Button.MIDDLE.value, Status.MIDDLE.value),
    (Button.RIGHT.value, Status.RIGHT.value),
)


@dataclass
class State:
    """Everything the mouse remembers."""

    replies: bytearray = field(default_factory=bytearray)
    packet: bytearray = field(default_factory=bytearray)  # rest of a report on its way
    last: bytes = bytes([Reply.SELF_TEST_PASSED, Identity.STANDARD])  # for RESEND
    pending: int = 0  # command whose parameter comes next
    rejected: bool = False  # the byte before was refused
    identity: int = Identity.STANDARD.value
    rates: list[int] = field(default_factory=list)  # the last three set
    rate: int = 100
    resolution: int = 2
    scaling_2_to_1: bool = False
    remote: bool = False
    wrap: bool = False
    enabled: bool = False
    buttons: int = 0
    reported_buttons: int = 0
    x: int = 0
    y: int = 0
    wheel: int = 0
    x_overflow: bool = False
    y_overflow: bool = False
    next_sample: int = 0  # the rate allows no report before
    sample_at: int | None = None
    self_test_at: int | None = None  # when the self-test ends


class Ps2Mouse:
    """A ``Ps2Device`` with a ball to ``move`` and ``buttons`` to hold."""

    def __init__(self, clock: Clock, work: Work = unmetered) -> None:
        self._clock = clock
        self._work = work
        self._data_ready = unplugged
        self._sample_timer = clock.timer(self._on_sample)
        self._self_test_timer = clock.timer(self._on_self_test)
        self.state = State()

    def reset(self) -> None:
        """Power on, with no button held."""
        self.state = State()
        self._settle()

    # The hand's side.

    def move(self, dx: int, dy: int, dz: int = 0) -> None:
        """Right by ``dx`` and away from the user by ``dy``; the wheel by ``dz`` towards the user.

        The counters stop at 255 steps and tell of the overflow: a long way wants several reports.
        """
        state = self.state
        state.x, state.x_overflow = _count(state.x, dx, state.x_overflow)
        state.y, state.y_overflow = _count(state.y, dy, state.y_overflow)
        if state.identity != Identity.STANDARD:
            state.wheel = max(_WHEEL_MIN, min(state.wheel + dz, _WHEEL_MAX))
        self._settle()

    def buttons(
        self,
        left: bool = False,
        right: bool = False,
        middle: bool = False,
        side: bool = False,
        extra: bool = False,
    ) -> None:
        """The buttons that are down from now on."""
        held = (left, right, middle, side, extra)
        self.state.buttons = sum(1 << bit for bit, down in enumerate(held) if down)
        self._settle()

    # The controller's side.

    def connect(self, data_ready: Callable[[], None]) -> None:
        self._data_ready = data_ready

    @property
    def ready(self) -> bool:
        return bool(self.state.replies or self.state.packet)

    def take(self) -> int:
        byte = (self.state.replies or self.state.packet).pop(0)
        self._settle()
        return byte

    def receive(self, byte: int) -> None:
        if self.state.self_test_at is not None:
            self._finish_self_test()  # a host that speaks now has waited long enough
        state = self.state
        state.packet.clear()  # the host cut it short
        if state.wrap and byte not in (Command.END_WRAP_MODE, Command.RESET):
            self._answer(byte)
        else:
            self._obey(byte)
        self._settle()

    def _obey(self, byte: int) -> None:
        state = self.state
        command = _COMMANDS.get(byte)
        if command is not None:
            state.pending = 0
            state.rejected = False
            command(self, byte)
        elif state.pending and byte in _LEGAL_PARAMETERS[state.pending]:
            parameter, state.pending = _PARAMETERS[state.pending], 0
            state.rejected = False
            parameter(self, byte)
        else:
            self._reject()
        if byte != Command.RESEND:
            self._clear_counters()

    def _reject(self) -> None:
        """Ask for the byte again; after a second bad one give up."""
        state = self.state
        if state.rejected:
            state.pending = 0
        self._answer(Reply.ERROR if state.rejected else Reply.RESEND)
        state.rejected = not state.rejected

    # Commands.

    def _scaling(self, byte: int) -> None:
        self.state.scaling_2_to_1 = byte == Command.SCALING_2_TO_1
        self._answer(Reply.ACK)

    def _mode(self, byte: int) -> None:
        self.state.remote = byte == Command.REMOTE_MODE
        self._answer(Reply.ACK)

    def _wrap(self, byte: int) -> None:
        self.state.wrap = byte == Command.WRAP_MODE
        self._answer(Reply.ACK)

    def _reporting(self, byte: int) -> None:
        self.state.enabled = byte == Command.ENABLE
        self._answer(Reply.ACK)

    def _await_parameter(self, byte: int) -> None:
        self.state.pending = byte
        self._answer(Reply.ACK)

    def _status(self, _byte: int) -> None:
        state = self.state
        status = sum(shown for held, shown in _STATUS_BUTTONS if state.buttons & held)
        status |= Status.SCALING_2_TO_1 if state.scaling_2_to_1 else 0
        status |= Status.ENABLED if state.enabled else 0
        status |= Status.REMOTE if state.remote else 0
        self._answer(Reply.ACK, status, state.resolution, state.rate)

    def _identify(self, _byte: int) -> None:
        self._answer(Reply.ACK, self.state.identity)

    def _read_data(self, _byte: int) -> None:
        self._answer(Reply.ACK, *self._report(scaled=False))

    def _set_defaults(self, _byte: int) -> None:
        state = self.state
        state.rate, state.resolution = State.rate, State.resolution
        state.scaling_2_to_1 = state.remote = state.enabled = False
        self._answer(Reply.ACK)

    def _resend(self, _byte: int) -> None:
        self._queue(self.state.last)

    def _reset(self, _byte: int) -> None:
        self.state = State(
            buttons=self.state.buttons,  # fingers stay where they are
            self_test_at=self._clock.now() + SELF_TEST_NS,
        )
        self._answer(Reply.ACK)

    # Parameters.

    def _resolution(self, byte: int) -> None:
        self.state.resolution = byte
        self._answer(Reply.ACK)

    def _rate(self, byte: int) -> None:
        state = self.state
        state.rate = byte
        state.rates = [*state.rates[-2:], byte]
        state.identity = KNOCKS.get(tuple(state.rates), state.identity)
        self._answer(Reply.ACK)

    # Inside.

    def _answer(self, *answer: int) -> None:
        self._queue(bytes(answer))
        if len(answer) > 1 and answer[0] == Reply.ACK:
            answer = answer[1:]  # a resend brings what was asked for
        self.state.last = bytes(answer)

    def _queue(self, answer: bytes) -> None:
        replies = self.state.replies
        replies += answer
        del replies[:-_REPLY_LIMIT]

    def _visible_buttons(self) -> int:
        five = self.state.identity == Identity.EXPLORER
        return self.state.buttons & (_FIVE_BUTTONS if five else _THREE_BUTTONS)

    def _has_news(self) -> bool:
        state = self.state
        return bool(
            state.x or state.y or state.wheel or self._visible_buttons() != state.reported_buttons
        )

    def _report(self, *, scaled: bool) -> bytes:
        """The packet for what happened since the last one."""
        state = self.state
        x, y, x_overflow, y_overflow = state.x, state.y, state.x_overflow, state.y_overflow
        if scaled:
            x, x_overflow = _count(0, _scale_2_to_1(x), x_overflow)
            y, y_overflow = _count(0, _scale_2_to_1(y), y_overflow)
        buttons = self._visible_buttons()
        first = Packet.ALWAYS | buttons & _THREE_BUTTONS
        first |= Packet.X_SIGN if x < 0 else 0
        first |= Packet.Y_SIGN if y < 0 else 0
        first |= Packet.X_OVERFLOW if x_overflow else 0
        first |= Packet.Y_OVERFLOW if y_overflow else 0
        packet = [int(first), x & 0xFF, y & 0xFF]
        if state.identity == Identity.INTELLIMOUSE:
            packet.append(state.wheel & 0xFF)
        elif state.identity == Identity.EXPLORER:
            packet.append(state.wheel & 0x0F | (buttons & ~_THREE_BUTTONS) << 1)
        state.reported_buttons = buttons
        return bytes(packet)

    def _clear_counters(self) -> None:
        state = self.state
        state.x = state.y = state.wheel = 0
        state.x_overflow = state.y_overflow = False

    def _on_sample(self) -> None:
        state = self.state
        self._work(0)
        state.last = self._report(scaled=state.scaling_2_to_1)
        state.packet += state.last
        state.next_sample = self._clock.now() + NS_PER_SECOND // state.rate
        self._clear_counters()
        self._settle()

    def _on_self_test(self) -> None:
        self._finish_self_test()
        self._settle()

    def _finish_self_test(self) -> None:
        self.state.self_test_at = None
        self._answer(Reply.SELF_TEST_PASSED, self.state.identity)

    def _settle(self) -> None:
        state = self.state
        streaming = state.enabled and not (state.remote or state.wrap)
        if not streaming or self.ready or not self._has_news():
            state.sample_at = None
        elif state.sample_at is None:
            state.sample_at = max(self._clock.now(), state.next_sample)
        set_deadline(self._sample_timer, state.sample_at)
        set_deadline(self._self_test_timer, state.self_test_at)
        if self.ready:
            self._data_ready()


def _count(counter: int, steps: int, overflow: bool) -> tuple[int, bool]:
    """A motion counter after ``steps`` more: it stops at its end until it is read."""
    total = counter if overflow else counter + steps
    clamped = max(-_COUNTER_MAX, min(total, _COUNTER_MAX))
    return clamped, overflow or clamped != total


def _scale_2_to_1(steps: int) -> int:
    size = abs(steps)
    scaled = _SLOW_2_TO_1[size] if size < len(_SLOW_2_TO_1) else 2 * size
    return -scaled if steps < 0 else scaled


_Handler = Callable[[Ps2Mouse, int], None]

_COMMANDS: dict[int, _Handler] = {
    Command.SCALING_1_TO_1: Ps2Mouse._scaling,
    Command.SCALING_2_TO_1: Ps2Mouse._scaling,
    Command.SET_RESOLUTION: Ps2Mouse._await_parameter,
    Command.STATUS: Ps2Mouse._status,
    Command.STREAM_MODE: Ps2Mouse._mode,
    Command.READ_DATA: Ps2Mouse._read_data,
    Command.END_WRAP_MODE: Ps2Mouse._wrap,
    Command.WRAP_MODE: Ps2Mouse._wrap,
    Command.REMOTE_MODE: Ps2Mouse._mode,
    Command.IDENTIFY: Ps2Mouse._identify,
    Command.SET_RATE: Ps2Mouse._await_parameter,
    Command.ENABLE: Ps2Mouse._reporting,
    Command.DISABLE: Ps2Mouse._reporting,
    Command.SET_DEFAULTS: Ps2Mouse._set_defaults,
    Command.RESEND: Ps2Mouse._resend,
    Command.RESET: Ps2Mouse._reset,
}

_PARAMETERS: dict[int, _Handler] = {
    Command.SET_RESOLUTION: Ps2Mouse._resolution,
    Command.SET_RATE: Ps2Mouse._rate,
}
