"""Exits between the marks of the pairs about time: what their drivers' headers say, to the last exit.

Every count here is arithmetic from a chip's manual and the driver's text: so many accesses a unit.
"""

import msgspec
import pytest

from hv.cpu.exits import ExitReason
from hv.root.pair_run import between_marks, machine_for
from hv.root.pairs import PairPath, find_pairs
from hv.stats import ExitKey
from tests.guests.marked import counted, run

IN, OUT = ExitReason.PORT_READ, ExitReason.PORT_WRITE
RDMSR, WRMSR = ExitReason.MSR_READ, ExitReason.MSR_WRITE
MMIO_WRITE, HLT = ExitReason.MMIO_WRITE, ExitReason.HLT
INJECTION, HYPERCALL = ExitReason.INTERRUPT, ExitReason.HYPERCALL

Formula = dict[tuple[ExitReason, int], int]

MASTER = 0x20
COUNTER0, PIT_CONTROL = 0x40, 0x43
CMOS_INDEX, CMOS_DATA = 0x70, 0x71
COM2_IER = 0x2F9
PM_TIMER = 0x608
APIC_EOI = 0xFEE000B0
TIME_REF_COUNT, EOI, STIMER0_COUNT, GUEST_IDLE = 0x40000020, 0x40000070, 0x400000B1, 0x400000F0
FLUSH_SPACE, FLUSH_LIST = 0x02, 0x03

RTC = "read-time/rtc"
READINGS = 10_000
REGISTER_A = 0x0A
RTC_REGISTERS = 7  # A with the update bit; seconds, minutes, hours; day, month, year
INTERRUPTS, VECTOR = 1_000, 0x23
DEVICE_SWITCHES = 2  # on, off
SECONDS, HZ, TICK_VECTOR = 10, 100, 0x20
TICKS = SECONDS * HZ
ROUNDS = 100

COM2: Formula = {(OUT, COM2_IER): DEVICE_SWITCHES * INTERRUPTS, (INJECTION, VECTOR): INTERRUPTS}
TICKLESS: Formula = {
    (RDMSR, TIME_REF_COUNT): 1,
    (WRMSR, STIMER0_COUNT): 1,
    (INJECTION, TICK_VECTOR): 1,
    (WRMSR, EOI): 1,
}

EXPECTED: dict[str, Formula] = {
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


def test_every_path_has_its_formula() -> None:
    assert sorted(path.name for path in PATHS) == sorted([*EXPECTED, RTC])


@pytest.mark.parametrize(
    "path", [path for path in PATHS if path.name != RTC], ids=lambda path: path.name
)
def test_exits_are_the_formulas(path: PairPath) -> None:
    assert run(path)[1] == EXPECTED[path.name]


def test_without_eoi_assist_the_assist_page_spares_nothing() -> None:
    path = next(path for path in PATHS if path.name == "end-of-interrupt/assist-page")
    without = msgspec.structs.replace(path, hv="all,-eoi-assist")
    assert run(without)[1] == EXPECTED["end-of-interrupt/eoi-msr"]


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
    path = next(path for path in PATHS if path.name == name)
    of_the_first_mark = 1
    machine, _ = run(path)
    assert between_marks(machine).rdtsc == expected + of_the_first_mark


SECOND_NS = 1_000_000_000
UPDATE_NS = SECOND_NS * 73 // 32_768
"""UIP leads an update by 8 cycles of the crystal, the update takes 65; it ends on a whole second."""


def test_an_update_of_the_clock_chip_adds_two_exits_for_each_time_it_is_asked_again() -> None:
    """Ten thousand readings of seven registers take more than a second, and updates end on seconds."""
    path = next(path for path in PATHS if path.name == RTC)
    machine = machine_for(path)
    vp, rtc = machine.partition.vp, machine.board.rtc
    busy = 0

    def listen(key: ExitKey, price: int) -> None:
        nonlocal busy
        if len(machine.marks) == 1 and (key.target, rtc.state.index) == (CMOS_DATA, REGISTER_A):
            busy += (vp.now() + price) % SECOND_NS >= SECOND_NS - UPDATE_NS

    vp.exits.listener = listen
    machine.run(path.max_insns)
    assert busy > 0
    asked = RTC_REGISTERS * READINGS + busy
    assert counted(machine) == {(OUT, CMOS_INDEX): asked, (IN, CMOS_DATA): asked}
