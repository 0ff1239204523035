"""Events in protected mode: what each check refuses, with which error code (SDM vol. 2, INT n)."""

import pytest

from hv.cpu import state as s
from hv.cpu.delivery import Delivered, TaskGateRefused
from tests.cpu.synthetic import (
    CODE0,
    CODE3,
    CODE16,
    CODE32_FLAGS,
    CONFORMING0,
    DATA0,
    DATA3,
    DATA16,
    DATA32_FLAGS,
    DOUBLE,
    GDT,
    GP,
    IDT,
    INNER_TOP,
    NP,
    PF,
    RING3,
    SS_FAULT,
    STACK_TOP,
    TASK,
    TS,
    TSS,
    Cpu,
)

HANDLER = 0x12345678
EXT, IDT_BIT = 1, 2
SEEN = 0xFEED0000
"""Handlers of faults sit at SEEN + vector, so that RIP tells which one ran."""

INTERRUPT_GATE, TRAP_GATE, INTERRUPT_16, TRAP_16, TASK_GATE = 0x8E, 0x8F, 0x86, 0x87, 0x85
DPL3 = 0x60


def cpu_with_handlers(cpl: int = 0) -> Cpu:
    cpu = Cpu().protected(cpl)
    for vector in (DOUBLE, TS, NP, SS_FAULT, GP, PF):
        cpu.gate(vector, CODE0, SEEN + vector)
    return cpu


def fault_met(cpu: Cpu) -> tuple[int, int]:
    """(vector, error code) of the handler that runs now."""
    return cpu.q[s.RIP] - SEEN, cpu.words(cpu.q[s.RSP], 1, 4)[0]


class TestGateChecks:
    def test_beyond_the_limit(self) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.load(s.IDTR, 0, IDT, 0x20 * 8 + 6, 0)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (GP, 0x20 << 3 | IDT_BIT | EXT)
        cpu.load(s.IDTR, 0, IDT, 0x20 * 8 + 7, 0)
        cpu.interrupt(0x20)
        assert cpu.q[s.RIP] == HANDLER

    @pytest.mark.parametrize("kind", [0x80, 0x8C, 0x89, 0x92, 0x9E, 0x84])
    def test_not_a_gate(self, kind: int) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, CODE0, HANDLER, kind)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (GP, 0x20 << 3 | IDT_BIT | EXT)

    def test_not_present(self) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, CODE0, HANDLER, INTERRUPT_GATE & ~0x80)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (NP, 0x20 << 3 | IDT_BIT | EXT)
        cpu.int_n(0x20, next_rip=0x5002)
        assert fault_met(cpu) == (NP, 0x20 << 3 | IDT_BIT), "INT n is no external event"

    def test_task_gates_are_refused_untouched(self) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, TASK, 0, TASK_GATE)
        before = bytes(cpu.state.bytes)
        assert cpu.interrupt(0x20) == TaskGateRefused(0x20)
        assert bytes(cpu.state.bytes) == before

    def test_an_absent_task_gate_is_only_absent(self) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, TASK, 0, TASK_GATE & ~0x80)
        cpu.interrupt(0x20)
        assert fault_met(cpu)[0] == NP

    def test_a_double_fault_task_gate_is_named(self) -> None:
        cpu = Cpu().protected()
        cpu.gate(DOUBLE, TASK, 0, TASK_GATE)
        assert cpu.exception(GP, 0) == TaskGateRefused(DOUBLE)


class TestCodeChecks:
    @pytest.mark.parametrize(
        ("selector", "flags", "expected"),
        [
            (0x70, DATA32_FLAGS, (GP, 0x70 | EXT)),
            (0x70, 0x8900, (GP, 0x70 | EXT)),
            (0x70, CODE32_FLAGS | RING3, (GP, 0x70 | EXT)),
            (0x70, CODE32_FLAGS & ~0x8000, (NP, 0x70 | EXT)),
            (0x73, CODE32_FLAGS & ~0x8000, (NP, 0x70 | EXT)),
        ],
    )
    def test_bad_descriptors(self, selector: int, flags: int, expected: tuple[int, int]) -> None:
        cpu = cpu_with_handlers()
        cpu.segment(0x70, 0, 0xFFFFF, flags)
        cpu.gate(0x20, selector, HANDLER)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == expected

    @pytest.mark.parametrize("selector", [0, 3])
    def test_null_selector(self, selector: int) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, selector, HANDLER)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (GP, EXT)

    @pytest.mark.parametrize("selector", [0x80, 0x24])
    def test_beyond_the_table(self, selector: int) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, selector, HANDLER)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (GP, selector | EXT)

    def test_the_whole_descriptor_must_be_inside_the_table(self) -> None:
        cpu = cpu_with_handlers()
        cpu.segment(0x70, 0, 0xFFFFF, CODE32_FLAGS)
        cpu.gate(0x20, 0x70, HANDLER)
        cpu.load(s.GDTR, 0, GDT, 0x76, 0)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (GP, 0x70 | EXT)
        cpu.load(s.GDTR, 0, GDT, 0x77, 0)
        cpu.interrupt(0x20)
        assert cpu.q[s.RIP] == HANDLER

    def test_handler_beyond_the_code_limit(self) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, CODE16, 0x10000)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (GP, EXT)


class TestStackChecks:
    @pytest.fixture
    def cpu(self) -> Cpu:
        """Ring 3, handlers of faults in conforming code so that they need no inner stack."""
        cpu = cpu_with_handlers(cpl=3)
        for vector in (TS, NP, SS_FAULT, GP):
            cpu.gate(vector, CONFORMING0, SEEN + vector)
        cpu.gate(0x20, CODE0, HANDLER)
        return cpu

    def test_tss_too_short(self, cpu: Cpu) -> None:
        cpu.load(s.TR, TASK, TSS, 8, 0x8B00)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (TS, TASK | EXT)

    def test_tss_just_long_enough(self, cpu: Cpu) -> None:
        cpu.load(s.TR, TASK, TSS, 9, 0x8B00)
        cpu.interrupt(0x20)
        assert cpu.q[s.RIP] == HANDLER

    def test_286_tss_too_short(self, cpu: Cpu) -> None:
        cpu.load(s.TR, TASK, TSS, 4, 0x8300)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (TS, TASK | EXT)

    @pytest.mark.parametrize(
        ("selector", "expected"),
        [
            (0, (TS, EXT)),
            (DATA0 | 1, (TS, DATA0 | EXT)),
            (0x80, (TS, 0x80 | EXT)),
            (DATA3 & ~3, (TS, DATA3 & ~3 | EXT)),
            (CODE0, (TS, CODE0 | EXT)),
            (TASK, (TS, TASK | EXT)),
        ],
    )
    def test_bad_stack_selectors(self, cpu: Cpu, selector: int, expected: tuple[int, int]) -> None:
        cpu.put(TSS + 8, selector, 4)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == expected

    @pytest.mark.parametrize(
        ("flags", "expected"),
        [
            (DATA32_FLAGS & ~0x200, (TS, DATA0 | EXT)),
            (DATA32_FLAGS & ~0x8000, (SS_FAULT, DATA0 | EXT)),
        ],
    )
    def test_bad_stack_descriptors(self, cpu: Cpu, flags: int, expected: tuple[int, int]) -> None:
        cpu.segment(DATA0, 0, 0xFFFFF, flags)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == expected

    def test_no_room_on_the_inner_stack(self, cpu: Cpu) -> None:
        cpu.put(TSS + 4, 0x9000, 4)
        cpu.segment(DATA0, 0, 0x9000 - 2, DATA32_FLAGS & ~0x800000)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (SS_FAULT, DATA0 | EXT)

    def test_just_enough_room(self, cpu: Cpu) -> None:
        cpu.put(TSS + 4, 0x9000, 4)
        cpu.segment(DATA0, 0, 0x9000 - 1, DATA32_FLAGS & ~0x800000)
        cpu.interrupt(0x20)
        assert cpu.q[s.RIP] == HANDLER

    def test_no_room_on_the_same_stack(self) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.segment(DATA16, 0, 0xFFFFF, DATA32_FLAGS)
        cpu.load(s.SS, DATA0, 0, STACK_TOP - 2, DATA32_FLAGS)
        cpu.q[s.RSP] = STACK_TOP
        before = bytes(cpu.state.bytes)
        cpu.interrupt(0x20)
        assert bytes(cpu.state.bytes) == before, "#SS and #DF find no room either"

    def test_expand_down_stacks_end_above_their_limit(self) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.load(s.SS, DATA0, 0, STACK_TOP - 13, DATA32_FLAGS | 0x400)
        assert cpu.interrupt(0x20) == Delivered()
        cpu.q[s.RSP] = STACK_TOP - 1
        assert cpu.interrupt(0x20) != Delivered()

    def test_a_page_fault_on_the_stack_sets_cr2(self) -> None:
        cpu = paged_ring_3()
        cpu.put(TABLE + 4 * (INNER_TOP - 4 >> 12), 0, 4)
        cpu.gate(PF, CONFORMING0, SEEN + PF)
        assert cpu.interrupt(0x20) == Delivered()
        assert fault_met(cpu) == (PF, 2), "a supervisor's write"
        assert cpu.q[s.CR2] == INNER_TOP - 20

    def test_a_wrapped_frame_whose_other_end_faults_is_not_stored(self) -> None:
        cpu = paged_ring_3()
        cpu.put(TSS + 4, 8, 4)
        cpu.put(TSS + 8, DATA16, 4)
        cpu.put(TABLE + 4 * 0x30, 0, 4)
        cpu.gate(PF, CONFORMING0, SEEN + PF)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (PF, 2)
        assert cpu.q[s.CR2] == 0x30000
        assert cpu.words(0x3FFF4, 3, 4) == [0, 0, 0]

    def test_pushes_of_a_ring_3_handler_are_a_users(self) -> None:
        cpu = paged_ring_3()
        cpu.gate(0x20, CODE3, HANDLER)
        cpu.put(TABLE + 4 * (STACK_TOP - 4 >> 12), STACK_TOP - 4 & ~0xFFF | 3, 4)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (PF, 7)


DIRECTORY, TABLE = 0x120000, 0x121000


def paged_ring_3() -> Cpu:
    """Ring 3 under 32-bit paging: the first 4 MiB, the user's."""
    cpu = cpu_with_handlers(cpl=3)
    cpu.gate(0x20, CODE0, HANDLER)
    cpu.put(DIRECTORY, TABLE | 7, 4)
    for page in range(1024):
        cpu.put(TABLE + 4 * page, page << 12 | 7, 4)
    cpu.q[s.CR0] |= 1 << 31
    cpu.q[s.CR3] = DIRECTORY
    return cpu
