"""The I/O APIC through its two registers, its pins and the messages that it sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hv_devices.emulated.apic_bus import ApicBus, ApicMessage
from hv_devices.emulated.i82093aa import I82093AA
from tests.devices.apic_bench import EOI, SVR, Bench

SELECT, WINDOW = 0x00, 0x10
ID, VERSION, ARBITRATION, TABLE = 0x00, 0x01, 0x02, 0x10
MASKED, LEVEL, REMOTE_IRR, ACTIVE_LOW, LOGICAL = 1 << 16, 1 << 15, 1 << 14, 1 << 13, 1 << 11
LOWEST, NMI, EXTINT = 0x100, 0x400, 0x700
PINS = 24
ONES = 0xFFFFFFFF


class RecordingBus:
    """Takes messages, or refuses them."""

    def __init__(self) -> None:
        self.messages: list[ApicMessage] = []
        self.accepts = True

    def send(self, message: ApicMessage) -> bool:
        self.messages.append(message)
        return self.accepts

    def vectors(self) -> list[int]:
        return [message.vector for message in self.messages]


class Chip:
    """The chip with a recording bus."""

    def __init__(self) -> None:
        self.bus = RecordingBus()
        self.watched: list[int] = []
        self.chip = I82093AA(self.bus, watch=self.watched.append)

    def read(self, register: int) -> int:
        self.chip.write(SELECT, register, 4)
        return self.chip.read(WINDOW, 4)

    def write(self, register: int, value: int) -> None:
        self.chip.write(SELECT, register, 4)
        self.chip.write(WINDOW, value, 4)

    def route(self, pin: int, low: int, destination: int = 0) -> None:
        self.write(TABLE + 2 * pin + 1, destination << 24)
        self.write(TABLE + 2 * pin, low)

    def low(self, pin: int) -> int:
        return self.read(TABLE + 2 * pin)

    def set(self, pin: int, level: bool) -> None:
        self.chip.line(pin).set(level)

    def pulse(self, pin: int) -> None:
        self.set(pin, True)
        self.set(pin, False)


@pytest.fixture
def io() -> Chip:
    return Chip()


def test_registers_after_reset(io: Chip) -> None:
    assert io.read(VERSION) == 0x00170011
    assert io.read(ID) == 0
    assert [io.low(pin) for pin in range(PINS)] == [MASKED] * PINS
    assert io.watched == []


def test_which_bits_can_be_written(io: Chip) -> None:
    for register in range(0x40):
        io.write(register, ONES)
    assert io.read(ID) == io.read(ARBITRATION) == 0x0F000000
    assert io.read(VERSION) == 0x00170011
    assert io.low(5) == 0x1AFFF
    assert io.read(TABLE + 11) == 0xFF000000
    assert io.read(0x03) == io.read(0x40) == io.read(0xFF) == ONES


def test_the_select_register_has_eight_bits(io: Chip) -> None:
    io.chip.write(SELECT, 0x112, 4)
    assert io.chip.read(SELECT, 4) == 0x12
    io.chip.write(SELECT, 0x01, 1)
    assert io.chip.read(WINDOW, 4) == 0x00170011


@given(
    offset=st.integers(0, 0xFFF), width=st.sampled_from([1, 2, 4, 8]), value=st.integers(0, 2**64)
)
def test_no_access_is_too_strange(offset: int, width: int, value: int) -> None:
    io = Chip()
    for _ in range(2):
        io.chip.write(offset, value & (1 << 8 * width) - 1, width)
        assert 0 <= io.chip.read(offset, width) < 1 << 8 * width
        io.chip.write(SELECT, value & 0xFF, 4)


def test_an_edge_sends_one_message(io: Chip) -> None:
    io.route(4, 0x34, destination=2)
    io.set(4, True)
    io.set(4, True)
    assert io.bus.messages == [ApicMessage(0x34, 0, 2, logical=False, level=False, pin=True)]
    io.set(4, False)
    io.pulse(4)
    assert io.bus.vectors() == [0x34, 0x34]


@pytest.mark.parametrize(
    ("low", "message"),
    [
        (LOGICAL | LOWEST | 0x41, ApicMessage(0x41, 1, 0x0F, logical=True, pin=True)),
        (NMI, ApicMessage(0, 4, 0x0F, pin=True)),
        (LEVEL | NMI, ApicMessage(0, 4, 0x0F, pin=True)),
        (EXTINT, ApicMessage(0, 7, 0x0F, pin=True)),
        (LEVEL | ACTIVE_LOW | 0x41, ApicMessage(0x41, 0, 0x0F, level=True, pin=True)),
    ],
)
def test_the_entry_says_what_is_sent(io: Chip, low: int, message: ApicMessage) -> None:
    io.route(7, low, destination=0x0F)
    io.set(7, True)
    assert io.bus.messages == [message]


def test_an_edge_on_a_masked_pin_is_lost(io: Chip) -> None:
    io.route(4, MASKED | 0x34)
    io.set(4, True)
    io.route(4, 0x34)
    assert io.bus.messages == []
    io.set(4, False)
    io.set(4, True)
    assert io.bus.vectors() == [0x34]


def test_a_level_waits_for_its_end_before_it_requests_again(io: Chip) -> None:
    io.route(9, LEVEL | 0x39)
    io.set(9, True)
    assert io.low(9) == LEVEL | REMOTE_IRR | 0x39
    io.set(9, False)
    io.set(9, True)
    assert io.bus.vectors() == [0x39]
    io.chip.end_of_interrupt(0x39)
    assert io.bus.vectors() == [0x39, 0x39]
    io.set(9, False)
    io.chip.end_of_interrupt(0x39)
    assert io.bus.vectors() == [0x39, 0x39]
    assert io.low(9) == LEVEL | 0x39


def test_the_end_of_another_vector_changes_nothing(io: Chip) -> None:
    io.route(9, LEVEL | 0x39)
    io.set(9, True)
    io.chip.end_of_interrupt(0x3A)
    assert io.bus.vectors() == [0x39]
    assert io.low(9) == LEVEL | REMOTE_IRR | 0x39


def test_a_masked_level_requests_when_it_is_unmasked(io: Chip) -> None:
    io.route(9, MASKED | LEVEL | 0x39)
    io.set(9, True)
    assert io.bus.messages == []
    io.route(9, LEVEL | 0x39)
    assert io.bus.vectors() == [0x39]


def test_masking_does_not_take_back_what_was_accepted(io: Chip) -> None:
    io.route(9, LEVEL | 0x39)
    io.set(9, True)
    io.route(9, MASKED | LEVEL | 0x39)
    assert io.low(9) == MASKED | LEVEL | REMOTE_IRR | 0x39
    io.chip.end_of_interrupt(0x39)
    assert io.low(9) == MASKED | LEVEL | 0x39
    assert io.bus.vectors() == [0x39]


def test_software_ends_a_level_by_making_it_an_edge_for_a_moment(io: Chip) -> None:
    io.route(9, LEVEL | 0x39)
    io.set(9, True)
    io.route(9, MASKED | 0x39)
    assert io.low(9) == MASKED | 0x39
    io.route(9, LEVEL | 0x39)
    assert io.bus.vectors() == [0x39, 0x39]


def test_a_level_that_nobody_takes_is_offered_again(io: Chip) -> None:
    io.bus.accepts = False
    io.route(9, LEVEL | 0x39)
    io.set(9, True)
    assert io.low(9) == LEVEL | 0x39
    io.bus.accepts = True
    io.route(9, LEVEL | 0x39)
    assert io.low(9) == LEVEL | REMOTE_IRR | 0x39


def test_it_tells_which_pins_are_listened_to(io: Chip) -> None:
    io.route(2, 0x30)
    io.route(9, LEVEL | 0x39)
    io.route(2, 0x31)
    io.route(2, MASKED | 0x30)
    assert io.watched == [0x004, 0x204, 0x200]
    io.chip.reset()
    assert io.watched == [0x004, 0x204, 0x200, 0]
    assert io.chip.unmasked == 0


def test_reset_keeps_the_pins_where_their_drivers_hold_them(io: Chip) -> None:
    io.set(9, True)
    io.chip.reset()
    io.route(9, LEVEL | 0x39)
    assert io.bus.vectors() == [0x39]


# With a local APIC behind it.


def test_a_device_that_holds_its_line_interrupts_until_it_lets_go() -> None:
    bus = ApicBus()
    cpu, io = Bench(bus=bus), I82093AA(bus)
    bus.listen(io.end_of_interrupt)
    io.write(SELECT, TABLE + 2 * 9, 4)
    io.write(WINDOW, LEVEL | 0x39, 4)
    io.line(9).set(True)
    for _ in range(3):
        assert cpu.apic.acknowledge() == 0x39
        assert not cpu.intr.level
        cpu.write(EOI, 0)
    assert cpu.apic.acknowledge() == 0x39
    io.line(9).set(False)
    cpu.write(EOI, 0)
    assert not cpu.intr.level


def test_a_local_apic_that_is_switched_off_leaves_the_level_pending() -> None:
    bus = ApicBus()
    cpu, io = Bench(bus=bus), I82093AA(bus)
    cpu.write(SVR, 0xFF)
    io.write(SELECT, TABLE + 2 * 9, 4)
    io.write(WINDOW, LEVEL | 0x39, 4)
    io.line(9).set(True)
    assert io.read(WINDOW, 4) == LEVEL | 0x39
