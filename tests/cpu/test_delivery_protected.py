"""Events in protected mode: gates, rings, stacks (SDM vol. 3, 6.12)."""

import pytest

from hv.cpu import state as s
from hv.cpu.delivery import Delivered, Event, EventKind
from tests.cpu.synthetic import (
    CODE0,
    CODE1,
    CODE3,
    CODE16,
    CODE32_FLAGS,
    CONFORMING0,
    DATA0,
    DATA3,
    DATA16,
    DATA32_FLAGS,
    DB,
    DOUBLE,
    GDT,
    GP,
    HF_ADDSEG,
    HF_CPL,
    HF_CS32,
    HF_PE,
    HF_SHADOW,
    HF_SS32,
    IF,
    INNER_TOP,
    LDT,
    NP,
    NT,
    PF,
    RF,
    SS_FAULT,
    STACK_TOP,
    TF,
    TS,
    TSS,
    UD,
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


class TestSameRing:
    def test_interrupt_gate(self) -> None:
        cpu = Cpu().protected()
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.q[s.RFLAGS] = 2 | IF | TF | NT | 3 << 12
        assert cpu.interrupt(0x20) == Delivered()
        assert cpu.q[s.RSP] == STACK_TOP - 12
        pushed = [0x5000, CODE0, 2 | IF | TF | NT | 3 << 12]
        assert cpu.words(STACK_TOP - 12, 3, 4) == pushed
        assert cpu.q[s.RIP] == HANDLER
        assert cpu.q[s.RFLAGS] == 2 | 3 << 12
        assert cpu.state.segment(s.CS) == (CODE0, 0, 0xFFFFFFFF, CODE32_FLAGS)

    def test_trap_gate_leaves_if(self) -> None:
        cpu = Cpu().protected()
        cpu.gate(0x20, CODE0, HANDLER, TRAP_GATE)
        cpu.q[s.RFLAGS] = 2 | IF | TF
        cpu.interrupt(0x20)
        assert cpu.q[s.RFLAGS] == 2 | IF

    def test_error_code_is_pushed_last(self) -> None:
        cpu = Cpu().protected()
        cpu.gate(PF, CODE0, HANDLER)
        cpu.exception(PF, 6)
        assert cpu.words(STACK_TOP - 16, 2, 4) == [6, 0x5000]

    def test_286_gate_pushes_words_and_enters_at_16_bits(self) -> None:
        cpu = Cpu().protected()
        cpu.gate(PF, CODE16, HANDLER, INTERRUPT_16)
        cpu.exception(PF, 6)
        assert cpu.q[s.RSP] == STACK_TOP - 8
        assert cpu.words(STACK_TOP - 8, 4, 2) == [6, 0x5000, CODE0, 2]
        assert cpu.q[s.RIP] == HANDLER & 0xFFFF
        assert cpu.state.segment(s.CS) == (CODE16, 0x20000, 0xFFFF, 0x9B02)
        mode = cpu.d[s.HFLAGS] & (HF_CS32 | HF_SS32 | HF_ADDSEG | HF_CPL)
        assert mode == HF_SS32 | HF_ADDSEG

    def test_286_trap_gate_leaves_if(self) -> None:
        cpu = Cpu().protected()
        cpu.gate(0x20, CODE16, 0, TRAP_16)
        cpu.q[s.RFLAGS] |= IF
        cpu.interrupt(0x20)
        assert cpu.q[s.RFLAGS] & IF

    def test_segment_bases_ask_for_addseg(self) -> None:
        cpu = Cpu().protected()
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.interrupt(0x20)
        assert not cpu.d[s.HFLAGS] & HF_ADDSEG
        cpu.load(s.ES, DATA16, 0x30000, 0xFFFF, 0x9300)
        cpu.interrupt(0x20)
        assert cpu.d[s.HFLAGS] & HF_ADDSEG

    def test_a_conforming_handler_keeps_the_ring(self) -> None:
        cpu = Cpu().protected(cpl=3)
        cpu.gate(0x20, CONFORMING0, HANDLER)
        cpu.interrupt(0x20)
        assert cpu.state.selector(s.CS) == CONFORMING0 | 3
        assert cpu.d[s.HFLAGS] & HF_CPL == 3
        assert cpu.q[s.RSP] == STACK_TOP - 12

    def test_a_ring_3_handler_runs_on_the_same_stack(self) -> None:
        cpu = Cpu().protected(cpl=3)
        cpu.gate(0x20, CODE3, HANDLER)
        cpu.interrupt(0x20)
        assert cpu.state.selector(s.CS) == CODE3
        assert cpu.q[s.RSP] == STACK_TOP - 12

    def test_a_16_bit_stack_wraps_sp_and_keeps_the_rest_of_esp(self) -> None:
        cpu = Cpu().protected()
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.load(s.SS, DATA16, 0x30000, 0xFFFF, 0x9300)
        cpu.q[s.RSP] = 0xABCD0004
        assert cpu.interrupt(0x20) == Delivered()
        assert cpu.q[s.RSP] == 0xABCDFFF8
        assert cpu.words(0x30000, 1, 4) == [2]
        assert cpu.words(0x3FFF8, 2, 4) == [0x5000, CODE0]

    def test_the_interrupt_shadow_ends(self) -> None:
        cpu = Cpu().protected()
        cpu.gate(UD, CODE0, HANDLER)
        cpu.d[s.HFLAGS] |= HF_SHADOW
        cpu.exception(UD)
        assert not cpu.d[s.HFLAGS] & HF_SHADOW

    def test_the_descriptor_becomes_accessed(self) -> None:
        cpu = Cpu().protected()
        cpu.segment(0x70, 0, 0xFFFFF, CODE32_FLAGS & ~0x100)
        cpu.gate(0x20, 0x70, HANDLER)
        cpu.interrupt(0x20)
        assert cpu.get(GDT + 0x74, 4) & 0x100
        assert cpu.state.segment(s.CS).flags == CODE32_FLAGS

    def test_a_handler_in_the_ldt(self) -> None:
        cpu = Cpu().protected()
        cpu.segment(0x0C, 0x12345678, 0xFFFFF, CODE32_FLAGS)
        cpu.gate(0x20, 0x0C, HANDLER)
        assert cpu.get(LDT + 8)
        cpu.interrupt(0x20)
        flags = CODE32_FLAGS | 0x12000034
        assert cpu.state.segment(s.CS) == (0x0C, 0x12345678, 0xFFFFFFFF, flags)


class TestInnerRing:
    def test_the_stack_comes_from_the_tss(self) -> None:
        cpu = Cpu().protected(cpl=3)
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.q[s.RFLAGS] |= IF
        assert cpu.interrupt(0x20) == Delivered()
        assert cpu.q[s.RSP] == INNER_TOP - 20
        pushed = [0x5000, CODE3, IF | 2, STACK_TOP, DATA3]
        assert cpu.words(INNER_TOP - 20, 5, 4) == pushed
        assert cpu.state.segment(s.SS) == (DATA0, 0, 0xFFFFFFFF, DATA32_FLAGS)
        assert cpu.state.selector(s.CS) == CODE0
        assert cpu.state.selector(s.DS) == DATA3, "data segments stay"
        mode = cpu.d[s.HFLAGS] & (HF_CPL | HF_CS32 | HF_SS32 | HF_ADDSEG | HF_PE)
        assert mode == HF_CS32 | HF_SS32 | HF_PE

    def test_with_error_code(self) -> None:
        cpu = Cpu().protected(cpl=3)
        cpu.gate(PF, CODE0, HANDLER)
        cpu.exception(PF, 7)
        assert cpu.words(INNER_TOP - 24, 2, 4) == [7, 0x5000]

    def test_286_tss_and_gate(self) -> None:
        cpu = Cpu().protected(cpl=3, tss_flags=0x8300)
        cpu.gate(0x20, CODE16, HANDLER, INTERRUPT_16)
        cpu.interrupt(0x20)
        assert cpu.q[s.RSP] == 0x8000 - 10
        pushed = [0x5000, CODE3, 2, STACK_TOP & 0xFFFF, DATA3]
        assert cpu.words(0x38000 - 10, 5, 2) == pushed
        assert cpu.state.segment(s.SS) == (DATA16, 0x30000, 0xFFFF, 0x9303)
        assert not cpu.d[s.HFLAGS] & (HF_CS32 | HF_SS32)

    def test_to_ring_1(self) -> None:
        cpu = Cpu().protected(cpl=3)
        cpu.segment(0x60, 0, 0xFFFFF, CODE32_FLAGS | 1 << 13)
        cpu.put(TSS + 12, INNER_TOP, 4)
        cpu.put(TSS + 16, 0x68 | 1, 4)
        cpu.gate(0x20, CODE1, HANDLER)
        assert cpu.interrupt(0x20) == Delivered()
        assert cpu.state.selector(s.CS) == CODE1 | 1
        assert cpu.state.selector(s.SS) == 0x69
        assert cpu.d[s.HFLAGS] & HF_CPL == 1

    def test_the_new_stack_segment_becomes_accessed(self) -> None:
        cpu = Cpu().protected(cpl=3)
        cpu.segment(DATA0, 0, 0xFFFFF, DATA32_FLAGS & ~0x100)
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.interrupt(0x20)
        assert cpu.get(GDT + DATA0 + 4, 4) & 0x100

    def test_an_inner_16_bit_stack_keeps_the_tss_upper_half_of_esp(self) -> None:
        cpu = Cpu().protected(cpl=3)
        cpu.put(TSS + 4, 0x00120010, 4)
        cpu.put(TSS + 8, DATA16, 4)
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.interrupt(0x20)
        assert cpu.q[s.RSP] == 0x0012FFFC
        assert cpu.words(0x30000, 4, 4) == [CODE3, 2, STACK_TOP, DATA3]
        assert cpu.words(0x3FFFC, 1, 4) == [0x5000]


class TestSoftware:
    def test_the_gate_must_admit_the_caller(self) -> None:
        cpu = cpu_with_handlers(cpl=3)
        cpu.gate(0x80, CODE0, HANDLER)
        assert cpu.int_n(0x80, next_rip=0x5002) == Delivered()
        assert fault_met(cpu) == (GP, 0x80 << 3 | IDT_BIT)
        assert cpu.words(cpu.q[s.RSP] + 4, 1, 4) == [0x5000], "the fault returns to the INT"

    def test_int_n_through_an_open_gate(self) -> None:
        cpu = Cpu().protected(cpl=3)
        cpu.gate(0x80, CODE0, HANDLER, TRAP_GATE | DPL3)
        cpu.int_n(0x80, next_rip=0x5002)
        assert cpu.words(INNER_TOP - 20, 1, 4) == [0x5002]

    def test_int3_is_checked_and_int1_is_not(self) -> None:
        cpu = cpu_with_handlers(cpl=3)
        cpu.gate(3, CODE0, HANDLER)
        cpu.int3(next_rip=0x5001)
        assert fault_met(cpu) == (GP, 3 << 3 | IDT_BIT)
        cpu = cpu_with_handlers(cpl=3)
        cpu.gate(DB, CODE0, HANDLER)
        kind = EventKind.PRIVILEGED_SOFTWARE_EXCEPTION
        cpu.deliver(Event(DB, kind, next_rip=0x5001))
        assert cpu.q[s.RIP] == HANDLER

    def test_hardware_is_not_checked(self) -> None:
        cpu = Cpu().protected(cpl=3)
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.interrupt(0x20)
        assert cpu.q[s.RIP] == HANDLER


class TestResumeFlag:
    @pytest.mark.parametrize(
        ("event", "before", "pushed"),
        [
            (Event(UD, EventKind.EXCEPTION), 0, RF),
            (Event(PF, EventKind.EXCEPTION, 0), 0, RF),
            (Event(DB, EventKind.EXCEPTION), 0, 0),
            (Event(DB, EventKind.EXCEPTION), RF, RF),
            (Event(0x20, EventKind.EXTERNAL), 0, 0),
            (Event(0x20, EventKind.EXTERNAL), RF, RF),
            (Event(0x20, EventKind.SOFTWARE_INTERRUPT, next_rip=0x5002), RF, 0),
        ],
    )
    def test_faults_push_it_set(self, event: Event, before: int, pushed: int) -> None:
        cpu = Cpu().protected()
        cpu.gate(event.vector, CODE0, HANDLER)
        cpu.q[s.RFLAGS] |= before
        assert cpu.deliver(event) == Delivered()
        assert cpu.words(STACK_TOP - 4, 1, 4)[0] & RF == pushed
        assert not cpu.q[s.RFLAGS] & RF
