"""Exits of the keyboard, mouse and tick pairs between their marks, by the arithmetic in their headers."""

import pytest

from hv.cpu.exits import ExitReason
from hv.root.machine import Machine
from hv.root.pairs import Pair, find_pairs
from tests.guests import marked
from tests.guests.marked import Exits

MS, US = 1_000_000, 1_000

HLT = (ExitReason.HLT, 0)
EOI_MSR = (ExitReason.MSR_WRITE, 0x40000070)
EOI_APIC = (ExitReason.MMIO_WRITE, 0xFEE000B0)
EOI_MASTER = (ExitReason.PORT_WRITE, 0x20)
EOI_SLAVE = (ExitReason.PORT_WRITE, 0xA0)
KBC_DATA = (ExitReason.PORT_READ, 0x60)
KBC_STATUS = (ExitReason.PORT_READ, 0x64)

# What happens for one interrupt, and how many interrupts one unit of work makes.
PER_INTERRUPT = {
    "keyboard/i8042": (2, [HLT, (ExitReason.INTERRUPT, 0x21), EOI_MASTER, KBC_STATUS, KBC_DATA]),
    "keyboard/keyboard-vsp": (2, [HLT, (ExitReason.INTERRUPT, 0x22), EOI_MSR]),
    "mouse/i8042": (
        3,
        [HLT, (ExitReason.INTERRUPT, 0x2C), EOI_SLAVE, EOI_MASTER, KBC_STATUS, KBC_DATA],
    ),
    "mouse/mouse-vsp": (1, [HLT, (ExitReason.INTERRUPT, 0x22), EOI_MSR]),
    "tick/i8254": (1, [HLT, (ExitReason.INTERRUPT, 0x20), EOI_MASTER]),
    "tick/local-apic": (1, [HLT, (ExitReason.INTERRUPT, 0x20), EOI_APIC]),
    "tick/stimer-message": (1, [HLT, (ExitReason.INTERRUPT, 0x20), EOI_MSR]),
    "tick/stimer-direct": (1, [HLT, (ExitReason.INTERRUPT, 0x20), EOI_MSR]),
}

KEYS = MOUSE = 64
KEY_STEP, MOUSE_STEP = 10 * MS, 20 * MS
FIRST_KEY, FIRST_MOVE = 510 * MS, 500 * MS
PIT_PERIOD = 1193 / 1_193_182 * 1e9


def pair(name: str) -> Pair:
    (found,) = find_pairs([name])
    return found


def run(name: str) -> tuple[Machine, Exits]:
    """The machine at its end, and every exit between its marks."""
    work, _, path = name.partition("/")
    return marked.run(pair(work).path[path])


def test_every_path_has_its_arithmetic() -> None:
    works = ("keyboard", "mouse", "tick")
    assert list(PER_INTERRUPT) == [f"{work}/{path}" for work in works for path in pair(work).path]


@pytest.mark.parametrize("name", PER_INTERRUPT)
def test_exits_are_those_of_the_header_and_no_others(name: str) -> None:
    interrupts, kinds = PER_INTERRUPT[name]
    units = pair(name.partition("/")[0]).units
    _, seen = run(name)
    assert seen == dict.fromkeys(kinds, units * interrupts)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("keyboard/i8042", FIRST_KEY, FIRST_KEY + (2 * KEYS - 1) * KEY_STEP),
        ("keyboard/keyboard-vsp", FIRST_KEY, FIRST_KEY + (2 * KEYS - 1) * KEY_STEP),
        ("mouse/i8042", FIRST_MOVE, FIRST_MOVE + (MOUSE - 1) * MOUSE_STEP),
        ("mouse/mouse-vsp", FIRST_MOVE, FIRST_MOVE + (MOUSE - 1) * MOUSE_STEP),
    ],
)
def test_a_driver_is_ready_before_the_first_input_and_done_soon_after_the_last(
    name: str, first: int, last: int
) -> None:
    machine, _ = run(name)
    begin, end = (mark.moment.vtime_ns for mark in machine.marks)
    assert begin < first
    assert last < end < last + MS


@pytest.mark.parametrize(
    ("path", "period"),
    [
        ("i8254", PIT_PERIOD),
        ("local-apic", MS),
        ("stimer-message", MS),
        ("stimer-direct", MS),
    ],
)
def test_a_thousand_ticks_take_a_thousand_periods(path: str, period: float) -> None:
    machine, _ = run(f"tick/{path}")
    begin, end = (mark.moment.vtime_ns for mark in machine.marks)
    assert end - begin == pytest.approx(1000 * period, abs=10 * US)
