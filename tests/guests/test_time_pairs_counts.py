"""Exits between the marks of the pairs about time: what their drivers' headers say, to the last exit.

Every count here is arithmetic from a chip's manual and the driver's text: so many accesses a unit.
"""

from collections import Counter

import msgspec
import pytest

from hv.cpu.exits import ExitReason
from hv.cpu.pace import PORT_COST
from hv.root.machine import Machine
from hv.root.pairs import PairPath, find_pairs
from hv.stats import ExitKey
from hv.vp import Ending
from tests.guests.test_pairs import machine_for

IN, OUT = ExitReason.PORT_READ, ExitReason.PORT_WRITE
RDMSR, WRMSR = ExitReason.MSR_READ, ExitReason.MSR_WRITE
MMIO_WRITE, HLT = ExitReason.MMIO_WRITE, ExitReason.HLT
INJECTION, HYPERCALL = ExitReason.INTERRUPT, ExitReason.HYPERCALL

MARK = 0x5A0
MASTER = 0x20
COUNTER0, PIT_CONTROL = 0x40, 0x43
CMOS_INDEX, CMOS_DATA = 0x70, 0x71
COM2_IER = 0x2F9
PM_TIMER = 0x608
APIC_EOI = 0xFEE000B0
TIME_REF_COUNT, EOI, STIMER0_COUNT, GUEST_IDLE = 0x40000020, 0x40000070, 0x400000B1, 0x400000F0
FLUSH_SPACE, FLUSH_LIST = 0x02, 0x03

READINGS = 10_000
REGISTER_A = 0x0A
RTC_REGISTERS = 7  # A with the update bit; seconds, minutes, hours; day, month, year
INTERRUPTS, VECTOR = 1_000, 0x23
DEVICE_SWITCHES = 2  # on, off
SECONDS, HZ, TICK_VECTOR = 10, 100, 0x20
TICKS = SECONDS * HZ
ROUNDS = 100

SECOND_NS = 1_000_000_000
UPDATE_NS = SECOND_NS * 73 // 32_768
"""UIP leads an update by 8 cycles of the crystal, the update takes 65; it ends on a whole second."""
SLOW_PORT_NS = 10_000

Exits = dict[tuple[ExitReason, int], int]

COM2: Exits = {(OUT, COM2_IER): DEVICE_SWITCHES * INTERRUPTS, (INJECTION, VECTOR): INTERRUPTS}
TICKLESS: Exits = {
    (RDMSR, TIME_REF_COUNT): 1,
    (WRMSR, STIMER0_COUNT): 1,
    (INJECTION, TICK_VECTOR): 1,
    (WRMSR, EOI): 1,
}

EXPECTED: dict[str, Exits] = {
    "read-time/rtc": {  # and 2 for each time that register A has to be asked again
        (OUT, CMOS_INDEX): RTC_REGISTERS * READINGS,
        (IN, CMOS_DATA): RTC_REGISTERS * READINGS,
    },
    "read-time/i8254": {(OUT, PIT_CONTROL): READINGS, (IN, COUNTER0): 2 * READINGS},
    "read-time/acpi-pm": {(IN, PM_TIMER): READINGS},
    "read-time/reference-counter-msr": {(RDMSR, TIME_REF_COUNT): READINGS},
    "read-time/reference-tsc-page": {},
    "end-of-interrupt/i8259a": COM2 | {(OUT, MASTER): INTERRUPTS},
    "end-of-interrupt/apic-mmio": COM2 | {(MMIO_WRITE, APIC_EOI): INTERRUPTS},
    "end-of-interrupt/eoi-msr": COM2 | {(WRMSR, EOI): INTERRUPTS},
    "end-of-interrupt/auto-eoi": {
        (WRMSR, STIMER0_COUNT): DEVICE_SWITCHES * INTERRUPTS,
        (INJECTION, VECTOR): INTERRUPTS,
    },
    "end-of-interrupt/assist-page": COM2,
    "idle/tick-100hz": {
        (OUT, COUNTER0): 2,
        (HLT, 0): TICKS,
        (INJECTION, TICK_VECTOR): TICKS,
        (OUT, MASTER): TICKS,
    },
    "idle/tickless-hlt": TICKLESS | {(HLT, 0): 1},
    "idle/tickless-idle-msr": TICKLESS | {(RDMSR, GUEST_IDLE): 1},
    "tlb-flush/invlpg": {},
    "tlb-flush/cr3": {},
    "tlb-flush/flush-list": {(HYPERCALL, FLUSH_LIST): ROUNDS},
    "tlb-flush/flush-space": {(HYPERCALL, FLUSH_SPACE): ROUNDS},
}

PATHS = [
    path
    for pair in find_pairs(["read-time", "end-of-interrupt", "idle", "tlb-flush"])
    for path in pair.path.values()
]


class Watch:
    """Exits and RDTSCs between the marks of a run; ``busy``: how often the clock chip was in an update."""

    def __init__(self, machine: Machine) -> None:
        self.exits: Counter[tuple[ExitReason, int]] = Counter()
        self.busy = 0
        self.rdtscs = 0
        self._machine = machine
        self._at_last_mark = 0
        machine.partition.vp.exits.listener = self._on_exit

    def _on_exit(self, key: ExitKey) -> None:
        """A mark is remembered before its own write is counted: that one falls between the marks."""
        machine = self._machine
        what = (ExitReason(key.reason), key.target)
        if what == (OUT, MARK):
            rdtscs = machine.partition.vp.rdtsc_exits
            self.rdtscs, self._at_last_mark = rdtscs - self._at_last_mark, rdtscs
        elif len(machine.marks) == 1:
            self.exits[what] += 1
            if what == (IN, CMOS_DATA) and machine.board.rtc.state.index == REGISTER_A:
                self.busy += machine.partition.vp.now() % SECOND_NS >= SECOND_NS - UPDATE_NS


def watched(path: PairPath, port_ns: int | None = None) -> Watch:
    machine = machine_for(path)
    if port_ns is not None:
        machine.partition.vp.pace[PORT_COST] = port_ns
    watch = Watch(machine)
    end = machine.run(path.max_insns)
    assert (end.ending, end.code) == (Ending.DEBUG_EXIT, 0)
    assert len(machine.marks) == 2
    return watch


def path_of(name: str) -> PairPath:
    return next(path for path in PATHS if path.name == name)


def test_every_path_has_its_formula() -> None:
    assert sorted(path.name for path in PATHS) == sorted(EXPECTED)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_exits_are_the_formulas(path: PairPath) -> None:
    watch = watched(path)
    asked_again = Counter({(OUT, CMOS_INDEX): watch.busy, (IN, CMOS_DATA): watch.busy})
    assert watch.exits == Counter(EXPECTED[path.name]) + asked_again


def test_without_eoi_assist_the_assist_page_spares_nothing() -> None:
    path = path_of("end-of-interrupt/assist-page")
    without = msgspec.structs.replace(path, hv="all,-eoi-assist")
    assert watched(without).exits == EXPECTED["end-of-interrupt/eoi-msr"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("read-time/acpi-pm", 4),  # around the first reading and around the last one
        ("read-time/reference-tsc-page", 4 + READINGS),
        ("idle/tick-100hz", TICKS),
        ("idle/tickless-hlt", 1),
    ],
)
def test_time_stamps_are_the_formulas(name: str, expected: int) -> None:
    of_the_first_mark = 1
    assert watched(path_of(name)).rdtscs == expected + of_the_first_mark


def test_an_update_of_the_clock_chip_adds_two_exits_for_each_time_it_is_asked_again() -> None:
    """With ports so slow that whole seconds pass: updates end on them."""
    watch = watched(path_of("read-time/rtc"), SLOW_PORT_NS)
    assert watch.busy > UPDATE_NS // (3 * SLOW_PORT_NS)
    for register in ((OUT, CMOS_INDEX), (IN, CMOS_DATA)):
        assert watch.exits[register] == RTC_REGISTERS * READINGS + watch.busy
