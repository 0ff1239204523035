"""Accounting through the guest's side: what is charged for, what is counted, and between which marks."""

from pathlib import Path

import pytest

from hv.asm import assemble_text
from hv.config import MachineConfig
from hv.cost import WorkKind, load_model
from hv.cpu.exits import ExitReason
from hv.cpu.pace import NOW
from hv.loaders import LoadOptions, Mode, load_bytes
from hv.root.bill import Bill
from hv.root.images import flat_options
from hv.root.machine import MOST_MARKS, Machine
from hv.root.result import make_result
from hv.stats import WorkKey
from hv.vp.accounting import MOST_KINDS, OTHERS, Accounting
from tests.machines import MEMORY, PASS

USER_PORT = 2150 + 8900 + 1000
MSR = 2100 + 210
CPUID = 2000 + 210
MARK = "mov dx, 0x5a0\nmov ax, {id}\nout dx, ax\n"


def machine(source: str, cost_model: str = "hv-2026.1", bits: int = 32) -> Machine:
    assembly = assemble_text(f".code{bits}\n{source}", name="test", origin=0x7C00)
    options = flat_options(assembly, LoadOptions(memory=MEMORY, mode=Mode(bits)))
    image = load_bytes(assembly.code, options, name="test")
    return Machine(MachineConfig(memory=MEMORY, cost_model=cost_model), image)


def elapsed(source: str, cost_model: str = "hv-2026.1") -> int:
    """Virtual time between two marks around ``source``, less the second mark's three instructions."""
    pc = machine(MARK.format(id=1) + source + MARK.format(id=2) + PASS, cost_model)
    pc.run()
    first, last = (mark.moment for mark in pc.marks)
    return last.vtime_ns - first.vtime_ns - 3


@pytest.mark.parametrize(
    ("source", "cycles"),
    [
        ("nop", 1),
        ("in al, 0x61", 1 + USER_PORT),
        ("in eax, 0xe0", 1 + USER_PORT),  # nobody there
        ("mov ecx, 0x1b\nrdmsr", 2 + MSR),
        ("xor eax, eax\ncpuid", 2 + CPUID),
        ("mov eax, [0xfee00030]", 1 + 4000 + 210),  # the hypervisor's own APIC
        ("mov eax, [0xfec00000]", 1 + 4000 + 8900 + 1000),  # the root's I/O APIC
        ("out 0xe9, al", 1),  # the host's own port
        ("rdtsc", 1 + 34),
    ],
)
def test_an_exit_takes_what_its_place_and_reason_cost(source: str, cycles: int) -> None:
    assert elapsed(source + "\n") == cycles
    assert elapsed(source + "\n", "zero") == source.count("\n") + 1


def test_time_runs_by_cycles_per_instruction(tmp_path: Path) -> None:
    slow = tmp_path / "slow.toml"
    text = (Path(__file__).parents[2] / "hv" / "cost" / "zero.toml").read_text()
    slow.write_text(text.replace("typical = 1\nhigh = 1", "typical = 2.5\nhigh = 3", 1))
    assert load_model(str(slow)).cpi()[1] == 2560
    source = "rdtsc\nmov esi, eax\n" + "nop\n" * 100 + "rdtsc\nsub eax, esi\nmov [0x600], eax\n"
    pc = machine(source + PASS, str(slow))
    pc.run()
    assert int.from_bytes(pc.partition.memory.read(0x600, 4), "little") == 255  # 102 instructions
    assert (pc.insns, pc.vtime_ns) == (107, 267)


@pytest.mark.parametrize("setting", ["0", "1"])
def test_a_timer_fires_in_virtual_time_whatever_an_instruction_costs(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HV_ACCEL", setting)
    text = (Path(__file__).parents[2] / "hv" / "cost" / "zero.toml").read_text()
    half = tmp_path / "fast.toml"
    half.write_text(text.replace("low = 1\ntypical = 1\n", "low = 0.5\ntypical = 0.5\n", 1))
    pc = machine("again: inc eax\njmp again\n", str(half))
    fired: list[int] = []
    pc.partition.clock.timer(lambda: fired.append(pc.insns)).arm(5_000)
    pc.run(20_000)
    assert fired[0] in range(10_000, 10_003)
    assert 20_000 <= pc.insns < 20_004


def test_a_bill_adds_up_to_what_time_has_passed() -> None:
    source = (
        "mov ecx, 9\nagain: in al, 0x61\nrdtsc\nmov esi, ecx\ncpuid\nmov ecx, esi\nloop again\n"
    )
    pc = machine(MARK.format(id=1) + source + MARK.format(id=2) + PASS)
    result = make_result(pc, pc.run())
    (interval,) = result.between_marks
    first, last = (mark.moment for mark in pc.marks)
    bill = Bill(pc.pricing, last.since(first))
    assert interval.exits == bill.exit_count == 18
    assert interval.cycles == interval.vtime_ns == bill.cycles.typical
    assert bill.cycles.typical == interval.insns + 9 * (USER_PORT + CPUID + 34)
    assert bill.cycles.low < bill.cycles.typical < bill.cycles.high
    assert sum(row.cycles for row in interval.exit_rows) + interval.insns == interval.cycles
    named = {(row.reason, row.device, row.target): row.count for row in interval.exit_rows}
    assert named["port_read", "port61", "port 0x0061"] == 9


def test_marks_without_end_are_counted_and_no_more() -> None:
    source = f"mov ecx, {MOST_MARKS + 5}\nmov dx, 0x5a0\nagain: out dx, ax\nloop again\n"
    pc = machine(source + PASS)
    pc.run()
    assert (len(pc.marks), pc.lost_marks) == (MOST_MARKS, 5)


def pace() -> memoryview:
    return memoryview(bytearray(8 * 16)).cast("Q")


def test_a_guest_cannot_make_the_table_of_exits_grow_without_end() -> None:
    accounting = Accounting(pace())
    for number in range(MOST_KINDS + 100):
        accounting.hit(ExitReason.MSR_READ, number, 8)
    assert accounting.total == MOST_KINDS + 100
    assert len(accounting.exits()) == MOST_KINDS + 1
    others = ExitReason.MSR_READ << 4 | OTHERS << 12 | 8
    assert accounting.exits()[others].number == 100


def test_instructions_are_those_since_the_exit_before() -> None:
    words = pace()
    accounting = Accounting(words)
    for now in (10, 25, 27):
        words[NOW] = now
        accounting.hit(ExitReason.PORT_READ, 0x60, 1)
    (count,) = accounting.exits().values()
    assert (count.number, count.insns) == (3, 27)


def test_requests_are_counted_by_sectors_begun() -> None:
    accounting = Accounting(pace())
    done = accounting.meter("disk", WorkKind.PIO)
    assert accounting.work() == {}
    for moved in (512, 513, 0):
        done(moved)
    assert accounting.work() == {WorkKey("disk", "PIO"): (3, 1025, 3)}
