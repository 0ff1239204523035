"""Intel 8042 as the keyboard and auxiliary device controller of a PS/2-style PC.

After A. E. Brouwer, "Keyboard scancodes", 10 (registers and commands) and, for what he leaves open,
A. Tarpai's analysis of IBM's firmware 72X8455 of 1987.

Left out: passwords (A4-A6), the diagnostic dump (AC), multiplexing of several mice (90-93) and
vendor commands, all ignored; bad parity, since our cable has no noise; driving the clock, data and
IRQ pins by hand through the output port, whose bits are only remembered. The input buffer is never
full: a byte is acted on while it is written. Controllers differ in what the self-test (AA) does to
the command byte: ours leaves it alone, IBM's loads 30h, and takes no command before the first one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from hv.interfaces import Clock, IrqLine
from hv_devices.emulated.i8042_registers import (
    Command,
    Config,
    InputPort,
    OutputPort,
    Register,
    Status,
)
from hv_devices.emulated.ps2_port import Ps2Device, Reply, set_deadline
from hv_devices.emulated.ps2_scancodes import translate

TRANSFER_NS = 20_000
"""A byte's way from a device into the output buffer.

On the wire it takes 0.7 to 1.1 ms. Drivers need only that the buffer is seen empty after a read
(their flush loops stop there) and that the next byte is an edge of its own. Those that count port
reads instead of time were made for slower buses, so a shorter way is the kinder one.
"""

SELF_TEST_PASSED = 0x55
INTERFACE_TEST_PASSED = 0x00
RAM_SIZE = 32

KEYBOARD, AUX = 0, 1  # channels
_OFF = (Config.KEYBOARD_OFF.value, Config.AUX_OFF.value)
_IRQ = (Config.KEYBOARD_IRQ.value, Config.AUX_IRQ.value)
_FROM = (0, Status.AUX_DATA.value)

_OUTPUT_FULL = Status.OUTPUT_FULL.value
_SYSTEM = Status.SYSTEM.value
_COMMAND = Status.COMMAND.value
_UNLOCKED = Status.UNLOCKED.value
_AUX_DATA = Status.AUX_DATA.value
_TRANSLATE = Config.TRANSLATE.value
_RUN = OutputPort.RUN.value
_A20 = OutputPort.A20.value
_IRQ_PINS = (OutputPort.KEYBOARD_IRQ | OutputPort.AUX_IRQ).value
_OUTPUT_AT_RESET = 0xFF & ~_IRQ_PINS
_INPUT_PORT = (
    InputPort.KEYBOARD_DATA
    | InputPort.AUX_DATA
    | InputPort.RAM_256K
    | InputPort.NO_MANUFACTURING_JUMPER
    | InputPort.UNLOCKED
).value
_CONFIG_AT_RESET = (Config.KEYBOARD_OFF | Config.AUX_OFF).value


def _ram_at_reset() -> bytearray:
    return bytearray([_CONFIG_AT_RESET]) + bytearray(RAM_SIZE - 1)


@dataclass
class State:
    """Everything the controller remembers."""

    ram: bytearray = field(default_factory=_ram_at_reset)
    output: int = 0  # the output buffer keeps its byte when it was read
    output_full: bool = False
    origin: int = 0  # AUX_DATA, TIMEOUT, PARITY of that byte
    wrote_command: bool = False
    pending: int = 0  # command whose data byte comes next
    watched: int | None = None  # what C1, C2 show in the status until the next write
    breaking: bool = False  # the translator swallowed a break prefix
    output_port: int = _OUTPUT_AT_RESET
    unanswered: list[bool] = field(default_factory=lambda: [False, False])  # sent into the void
    transfer_at: int | None = None


class I8042:
    """The controller with a keyboard and a mouse on its two connectors; ``None`` is an empty one.

    ``on_reset`` is the pulse on the processor's reset line, ``on_a20`` the level of the A20 gate.
    """

    def __init__(
        self,
        clock: Clock,
        keyboard_irq: IrqLine,
        aux_irq: IrqLine,
        on_reset: Callable[[], None],
        on_a20: Callable[[bool], None],
        keyboard: Ps2Device | None = None,
        mouse: Ps2Device | None = None,
    ) -> None:
        self._clock = clock
        self._irqs = (keyboard_irq, aux_irq)
        self._on_reset = on_reset
        self._on_a20 = on_a20
        self._devices = (keyboard, mouse)
        self._transfer = clock.timer(self._on_transfer)
        self.state = State()
        for device in self._devices:
            if device is not None:
                device.connect(self._settle)

    def reset(self) -> None:
        """Power on: both devices held off until the firmware wants them, A20 open."""
        self.state = State()
        self._on_a20(True)
        self._settle()

    def read(self, offset: int, width: int) -> int:
        if offset == Register.DATA:
            return self._read_data()
        if offset == Register.STATUS:
            return self._status()
        return (1 << 8 * width) - 1

    def write(self, offset: int, value: int, width: int) -> None:
        if offset == Register.DATA:
            self._write_data(value & 0xFF)
        elif offset == Register.COMMAND:
            self._write_command(value & 0xFF)

    def _write_data(self, value: int) -> None:
        pending = self._begin_write(command=False)
        if pending:
            _WITH_DATA[pending](self, pending, value)
        else:
            self._send(KEYBOARD, value)

    def _write_command(self, value: int) -> None:
        self._begin_write(command=True)
        command = _COMMANDS.get(value)
        if command is not None:
            command(self, value)

    def _begin_write(self, *, command: bool) -> int:
        """What every write does; the answer is the command that has been waiting for data."""
        state = self.state
        state.wrote_command = command
        state.watched = None
        pending, state.pending = state.pending, 0
        return pending

    def _read_data(self) -> int:
        state = self.state
        if state.output_full:
            state.output_full = False
            state.origin &= ~_AUX_DATA
            self._settle()
        return state.output

    def _status(self) -> int:
        state = self.state
        status = _OUTPUT_FULL if state.output_full else 0
        status |= state.ram[0] & _SYSTEM  # the same bit in both
        if state.wrote_command:
            status |= _COMMAND
        if state.watched is not None:
            return status | state.watched
        return status | _UNLOCKED | state.origin

    # Commands.

    def _await_data(self, command: int) -> None:
        self.state.pending = command

    def _read_ram(self, command: int) -> None:
        self._answer(self.state.ram[command % RAM_SIZE])

    def _switch_off(self, command: int) -> None:
        self._set_config(self.state.ram[0] | _SWITCHES[command])

    def _switch_on(self, command: int) -> None:
        self._set_config(self.state.ram[0] & ~_SWITCHES[command])

    def _self_test(self, _command: int) -> None:
        self.state.ram[0] |= _SYSTEM
        self._answer(SELF_TEST_PASSED)

    def _test_interface(self, _command: int) -> None:
        # It tests the lines, and those of an empty connector are in order.
        self._answer(INTERFACE_TEST_PASSED)

    def _read_input_port(self, _command: int) -> None:
        self._answer(_INPUT_PORT)

    def _watch_input_low(self, _command: int) -> None:
        self.state.watched = _INPUT_PORT << 4 & 0xF0

    def _watch_input_high(self, _command: int) -> None:
        self.state.watched = _INPUT_PORT & 0xF0

    def _read_output_port(self, _command: int) -> None:
        pins = self.state.output_port & ~_IRQ_PINS
        for channel, pin in enumerate((OutputPort.KEYBOARD_IRQ, OutputPort.AUX_IRQ)):
            pins |= pin.value if self._interrupts(channel) else 0
        self._answer(pins)

    def _switch_a20(self, command: int) -> None:
        port = self.state.output_port
        self._set_output_port(port | _A20 if command == Command.A20_ON else port & ~_A20)

    def _read_test_inputs(self, _command: int) -> None:
        """T0 and T1 are the two clock lines: high unless we hold them."""
        config = self.state.ram[0]
        self._answer(sum(1 << channel for channel in (KEYBOARD, AUX) if not config & _OFF[channel]))

    def _pulse(self, command: int) -> None:
        """Pull some of P2's lower four pins low for 6 us; only the reset line cares."""
        if not command & _RUN:
            self._on_reset()

    # Commands that bring data.

    def _write_ram(self, command: int, value: int) -> None:
        if command % RAM_SIZE:
            self.state.ram[command % RAM_SIZE] = value
        else:
            self._set_config(value)

    def _write_output_port(self, _command: int, value: int) -> None:
        self._set_output_port(value)

    def _loop_keyboard(self, _command: int, value: int) -> None:
        self._deliver(value, _FROM[KEYBOARD])

    def _loop_aux(self, _command: int, value: int) -> None:
        self._deliver(value, _FROM[AUX])

    def _send_aux(self, _command: int, value: int) -> None:
        self._send(AUX, value)

    # Inside.

    def _set_config(self, value: int) -> None:
        self.state.ram[0] = value
        self._settle()

    def _set_output_port(self, value: int) -> None:
        changed = self.state.output_port ^ value
        self.state.output_port = value
        if changed & _A20:
            self._on_a20(bool(value & _A20))
        if not value & _RUN:
            self._on_reset()

    def _answer(self, value: int) -> None:
        """The controller's own bytes take no time and displace what was not read."""
        self._deliver(value, _FROM[KEYBOARD])

    def _send(self, channel: int, byte: int) -> None:
        """To a device; that also switches its clock on."""
        state = self.state
        state.ram[0] &= ~_OFF[channel]
        device = self._devices[channel]
        if device is None:
            state.unanswered[channel] = True
        else:
            device.receive(byte)
        self._settle()

    def _talker(self) -> int | None:
        """The channel whose byte comes next; the keyboard goes first."""
        state = self.state
        for channel, device in enumerate(self._devices):
            if not state.ram[0] & _OFF[channel] and (
                state.unanswered[channel] or (device is not None and device.ready)
            ):
                return channel
        return None

    def _on_transfer(self) -> None:
        state = self.state
        state.transfer_at = None
        channel = self._talker()
        if channel is None:
            return  # it thought better of it
        device = self._devices[channel]
        if device is None:
            state.unanswered[channel] = False
            self._deliver(Reply.RESEND, _FROM[channel] | Status.TIMEOUT.value)
            return
        byte = device.take()
        if channel == KEYBOARD and state.ram[0] & _TRANSLATE:
            self._deliver_translated(byte)
        else:
            self._deliver(byte, _FROM[channel])

    def _deliver_translated(self, byte: int) -> None:
        code, self.state.breaking = translate(byte, self.state.breaking)
        if code is None:
            self._settle()
        else:
            self._deliver(code, _FROM[KEYBOARD])

    def _deliver(self, byte: int, origin: int) -> None:
        state = self.state
        state.output = int(byte)
        state.output_full = True
        state.origin = origin
        self._settle()

    def _interrupts(self, channel: int) -> bool:
        state = self.state
        return (
            state.output_full
            and state.origin & _AUX_DATA == _FROM[channel]
            and bool(state.ram[0] & _IRQ[channel])
        )

    def _settle(self) -> None:
        state = self.state
        if state.output_full or self._talker() is None:
            state.transfer_at = None
        elif state.transfer_at is None:
            state.transfer_at = self._clock.now() + TRANSFER_NS
        set_deadline(self._transfer, state.transfer_at)
        for channel, irq in enumerate(self._irqs):
            irq.set(self._interrupts(channel))


_SWITCHES: dict[int, int] = {
    Command.AUX_OFF: Config.AUX_OFF.value,
    Command.AUX_ON: Config.AUX_OFF.value,
    Command.KEYBOARD_OFF: Config.KEYBOARD_OFF.value,
    Command.KEYBOARD_ON: Config.KEYBOARD_OFF.value,
}

_COMMANDS: dict[int, Callable[[I8042, int], None]] = {
    **dict.fromkeys(range(Command.READ_RAM, Command.READ_RAM + RAM_SIZE), I8042._read_ram),
    **dict.fromkeys(range(Command.WRITE_RAM, Command.WRITE_RAM + RAM_SIZE), I8042._await_data),
    Command.AUX_OFF: I8042._switch_off,
    Command.AUX_ON: I8042._switch_on,
    Command.TEST_AUX: I8042._test_interface,
    Command.SELF_TEST: I8042._self_test,
    Command.TEST_KEYBOARD: I8042._test_interface,
    Command.KEYBOARD_OFF: I8042._switch_off,
    Command.KEYBOARD_ON: I8042._switch_on,
    Command.READ_INPUT_PORT: I8042._read_input_port,
    Command.WATCH_INPUT_LOW: I8042._watch_input_low,
    Command.WATCH_INPUT_HIGH: I8042._watch_input_high,
    Command.READ_OUTPUT_PORT: I8042._read_output_port,
    Command.WRITE_OUTPUT_PORT: I8042._await_data,
    Command.LOOP_KEYBOARD: I8042._await_data,
    Command.LOOP_AUX: I8042._await_data,
    Command.SEND_AUX: I8042._await_data,
    Command.A20_OFF: I8042._switch_a20,
    Command.A20_ON: I8042._switch_a20,
    Command.READ_TEST_INPUTS: I8042._read_test_inputs,
    **dict.fromkeys(range(Command.PULSE, Command.PULSE + 16), I8042._pulse),
}

_WITH_DATA: dict[int, Callable[[I8042, int, int], None]] = {
    **dict.fromkeys(range(Command.WRITE_RAM, Command.WRITE_RAM + RAM_SIZE), I8042._write_ram),
    Command.WRITE_OUTPUT_PORT: I8042._write_output_port,
    Command.LOOP_KEYBOARD: I8042._loop_keyboard,
    Command.LOOP_AUX: I8042._loop_aux,
    Command.SEND_AUX: I8042._send_aux,
}
