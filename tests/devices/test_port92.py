"""System control port A."""

from collections.abc import Callable

from hv_devices.emulated.port92 import Port92

RESET, A20 = 0x01, 0x02


class Machine:
    """The port, and what it did to its machine."""

    def __init__(self) -> None:
        self.resets = 0
        self.gates: list[bool] = []
        self.on_reset: Callable[[], None] | None = None
        self.port = Port92(self._reset, self.gates.append)

    def _reset(self) -> None:
        self.resets += 1
        if self.on_reset:
            self.on_reset()

    def out(self, value: int) -> None:
        self.port.write(0, value, 1)


def test_the_gate_is_open_at_power_on() -> None:
    assert Machine().port.read(0, 1) == A20


def test_bit_1_moves_the_gate_and_reads_back() -> None:
    machine = Machine()
    machine.out(0)
    assert machine.port.read(0, 1) == 0
    machine.out(A20)
    machine.out(A20)
    assert machine.port.read(0, 1) == A20
    assert machine.gates == [False, True]


def test_the_bit_shows_what_the_keyboard_controller_did_to_the_line() -> None:
    machine = Machine()
    machine.port.show_a20(False)
    assert machine.port.read(0, 1) == 0
    machine.out(A20)  # a change again, though this port was the last to open the gate
    assert machine.gates == [True]
    machine.port.show_a20(False)
    machine.port.show_a20(True)
    machine.out(A20)
    assert machine.gates == [True]


def test_only_a_rising_reset_bit_resets() -> None:
    machine = Machine()
    machine.out(A20 | RESET)
    machine.out(A20 | RESET)
    assert machine.resets == 1
    machine.out(A20)
    machine.out(A20 | RESET)
    assert machine.resets == 2


def test_reserved_bits_read_zero_and_lights_read_back() -> None:
    machine = Machine()
    machine.out(0xFE)
    assert machine.port.read(0, 1) == 0xCA


def test_reset_clears_the_reset_bit_and_opens_the_gate() -> None:
    machine = Machine()
    machine.out(RESET)
    machine.port.reset()
    assert machine.port.read(0, 1) == A20
    assert machine.gates == [False, True]


def test_the_machine_may_reset_the_port_while_it_is_being_written() -> None:
    machine = Machine()
    machine.on_reset = machine.port.reset
    machine.out(RESET)
    assert machine.port.read(0, 1) == A20
    machine.out(A20 | RESET)
    assert machine.port.read(0, 1) == A20
    assert machine.resets == 2
