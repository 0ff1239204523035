"""Interrupts between processors: the command register, destinations, INIT and start-up."""

import pytest

from hv_devices.emulated.apic_bus import ApicBus, ApicMessage, DeliveryMode
from tests.devices.apic_bench import (
    ASSERT,
    DFR,
    ENABLED,
    EXTINT,
    ICR_HIGH,
    ICR_LOW,
    INIT,
    IRR,
    LDR,
    LEVEL,
    LOGICAL,
    LOWEST,
    LVT_TIMER,
    MASKED,
    NMI,
    PIC_VECTOR,
    STARTUP,
    SVR,
    TO_ALL,
    TO_OTHERS,
    TO_SELF,
    TPR,
    Bench,
)
from tests.fakes import ManualClock

EVERYBODY = 0xFF
CLUSTER = 0x0FFFFFFF
V = 0x41


class Machine:
    """Four processors on one bus, in flat logical mode with a bit each."""

    def __init__(self) -> None:
        clock, bus = ManualClock(), ApicBus()
        self.bus = bus
        self.cpus = [Bench(number, clock, bus, bootstrap=not number) for number in range(4)]
        for number, cpu in enumerate(self.cpus):
            cpu.write(LDR, 1 << 24 + number)

    def send(self, command: int, destination: int = 0, sender: int = 0) -> None:
        self.cpus[sender].write(ICR_HIGH, destination << 24)
        self.cpus[sender].write(ICR_LOW, command)

    def pending(self) -> list[list[int]]:
        return [cpu.vectors(IRR) for cpu in self.cpus]

    def events(self) -> list[list[str]]:
        return [cpu.processor.events for cpu in self.cpus]


@pytest.fixture
def machine() -> Machine:
    return Machine()


def reached(machine: Machine) -> list[int]:
    return [number for number, vectors in enumerate(machine.pending()) if vectors == [V]]


@pytest.mark.parametrize(
    ("command", "destination", "expected"),
    [
        (V, 2, [2]),
        (V, 0, [0]),
        (V, 9, []),
        (V, EVERYBODY, [0, 1, 2, 3]),
        (LOGICAL | V, 0b0110, [1, 2]),
        (LOGICAL | V, 0b0001, [0]),
        (LOGICAL | V, 0, []),
        (LOGICAL | V, EVERYBODY, [0, 1, 2, 3]),
        (TO_SELF | V, 3, [0]),
        (TO_ALL | V, 3, [0, 1, 2, 3]),
        (TO_OTHERS | V, 3, [1, 2, 3]),
        (LEVEL | ASSERT | V, 2, [2]),
    ],
)
def test_destinations(
    machine: Machine, command: int, destination: int, expected: list[int]
) -> None:
    machine.send(command, destination)
    assert reached(machine) == expected


@pytest.mark.parametrize(
    ("destination", "expected"),
    [(0x13, [0, 1]), (0x21, [2]), (0x2F, [2, 3]), (0x31, []), (0x20, [])],
)
def test_the_cluster_model(machine: Machine, destination: int, expected: list[int]) -> None:
    for cpu, logical in zip(machine.cpus, (0x11, 0x12, 0x21, 0x22), strict=True):
        cpu.write(DFR, CLUSTER)
        cpu.write(LDR, logical << 24)
    machine.send(LOGICAL | V, destination)
    assert reached(machine) == expected


def test_a_model_that_does_not_exist_matches_nothing(machine: Machine) -> None:
    machine.cpus[1].write(DFR, 0x7FFFFFFF)
    machine.send(LOGICAL | V, 0b0010)
    assert reached(machine) == []


def test_interrupts_between_processors_are_edges(machine: Machine) -> None:
    machine.send(LEVEL | ASSERT | V, 1)
    assert machine.cpus[1].serve() == [V]
    assert machine.cpus[1].ended == []


def test_lowest_priority_goes_to_one_that_is_least_busy(machine: Machine) -> None:
    for number, task in enumerate((0x40, 0x20, 0x10, 0x30)):
        machine.cpus[number].write(TPR, task)
    machine.send(LOGICAL | LOWEST | V, 0b1011)
    assert reached(machine) == [1]


def test_lowest_priority_reaches_one_processor_only(machine: Machine) -> None:
    machine.send(LOGICAL | LOWEST | V, 0b1100)
    assert reached(machine) == [2]


def test_lowest_priority_passes_over_those_that_are_switched_off(machine: Machine) -> None:
    machine.cpus[0].write(SVR, 0xFF)
    machine.send(LOGICAL | LOWEST | V, 0b0011)
    assert reached(machine) == [1]
    assert not machine.bus.send(ApicMessage(V, DeliveryMode.LOWEST_PRIORITY, 0b0001, logical=True))


def test_nmi_reaches_even_an_apic_that_is_switched_off(machine: Machine) -> None:
    machine.cpus[2].write(SVR, 0xFF)
    machine.send(NMI | 0x02, 2)
    assert machine.events() == [[], [], ["nmi"], []]


def test_init_and_start_up_wake_the_others(machine: Machine) -> None:
    machine.cpus[1].write(TPR, 0x70)
    machine.send(INIT | LEVEL | ASSERT, 1)
    machine.send(INIT | LEVEL, 1)  # de-assertion
    machine.send(STARTUP | 0x9A, 1)
    assert machine.events() == [[], ["init", "start 0x9a"], [], []]
    assert machine.cpus[1].read(TPR) == 0
    assert machine.cpus[1].read(SVR) == 0xFF
    assert machine.cpus[1].apic.read_base() == 0xFEE00800


def test_init_of_oneself_resets_the_sender_last(machine: Machine) -> None:
    machine.cpus[0].write(LVT_TIMER, 0x55)
    machine.send(TO_ALL | INIT)
    assert machine.events() == [["init"]] * 4
    assert machine.cpus[0].read(LVT_TIMER) == MASKED


@pytest.mark.parametrize("mode", [0x200, 0x300, EXTINT])
def test_modes_that_cannot_be_sent_are_not(machine: Machine, mode: int) -> None:
    machine.send(TO_ALL | mode | V)
    assert machine.pending() == [[]] * 4
    assert machine.events() == [[]] * 4


def test_the_command_is_read_back_without_its_reserved_bits(machine: Machine) -> None:
    machine.send(0xFFFFFFFF & ~0x700 & ~(3 << 18) | V, 3)
    assert machine.cpus[0].read(ICR_LOW) == 0xC8FF
    assert machine.cpus[0].read(ICR_HIGH) == 3 << 24


def test_the_synthetic_register_has_both_halves(machine: Machine) -> None:
    apic = machine.cpus[0].apic
    apic.write_icr(2 << 56 | V)
    assert reached(machine) == [2]
    assert apic.read_icr() == 2 << 56 | V


def test_an_extint_message_is_answered_by_the_8259s(machine: Machine) -> None:
    cpu = machine.cpus[0]
    assert machine.bus.send(ApicMessage(0, DeliveryMode.EXTINT, 0))
    assert cpu.intr.level
    assert cpu.apic.acknowledge() == PIC_VECTOR
    assert not cpu.intr.level
    cpu.write(SVR, 0xFF)
    assert not machine.bus.send(ApicMessage(0, DeliveryMode.EXTINT, 0))


def test_a_message_nobody_takes_is_reported(machine: Machine) -> None:
    assert machine.bus.send(ApicMessage(V, DeliveryMode.FIXED, 1))
    assert not machine.bus.send(ApicMessage(V, DeliveryMode.FIXED, 9))
    assert not machine.bus.send(ApicMessage(V, DeliveryMode.SMI, 1))
    assert not machine.bus.send(ApicMessage(3, DeliveryMode.FIXED, 1, level=True))
    machine.cpus[1].write(SVR, 0xFF)
    assert machine.bus.send(ApicMessage(V, DeliveryMode.FIXED, 0b0011, logical=True))
    assert not machine.bus.send(ApicMessage(V, DeliveryMode.FIXED, 1))
    assert not machine.bus.send(ApicMessage(V, DeliveryMode.FIXED, 1, level=True))


def test_a_disabled_apic_is_not_on_the_bus(machine: Machine) -> None:
    assert machine.cpus[1].apic.write_base(0xFEE00000)
    machine.send(TO_ALL | NMI)
    assert machine.events() == [["nmi"], [], ["nmi"], ["nmi"]]


def test_two_processors_answer_each_other(machine: Machine) -> None:
    machine.cpus[3].write(SVR, ENABLED | 0xFF)
    machine.send(V, 0, sender=3)
    assert machine.cpus[0].serve() == [V]
