"""Events in long mode: 64-bit gates, interrupt stacks, the frame (SDM vol. 3, 6.14)."""

import pytest

from hv.cpu import state as s
from hv.cpu.delivery import Delivered, Event, EventKind, nmi_blocked
from tests.cpu.synthetic import (
    CF,
    CODE0,
    CODE3,
    CODE64_FLAGS,
    CONFORMING0,
    DATA0,
    DATA3,
    DOUBLE,
    GDT,
    GP,
    HF_ADDSEG,
    HF_CPL,
    HF_CS32,
    HF_CS64,
    HF_LMA,
    HF_SHADOW,
    HF_SS32,
    IDT,
    IF,
    INNER_TOP,
    NP,
    NT,
    PF,
    PT,
    RF,
    SS_FAULT,
    STACK_TOP,
    TASK,
    TF,
    TS,
    TSS,
    UD,
    ZF,
    Cpu,
)

HANDLER = 0xFFFF_8123_4567_89AB
SEEN = 0xFFFF_FFFF_8000_0000
EXT, IDT_BIT = 1, 2
IST_TOP = 0x10C000
TRAP_GATE, OPEN_TRAP_GATE = 0x8F, 0xEF


def cpu_with_handlers(cpl: int = 0, *, compat: bool = False) -> Cpu:
    cpu = Cpu().long(cpl, compat=compat)
    for vector in (DOUBLE, TS, NP, SS_FAULT, GP, PF):
        cpu.gate(vector, CODE0, SEEN + vector)
    return cpu


def fault_met(cpu: Cpu) -> tuple[int, int]:
    """(vector, error code) of the handler that runs now."""
    return cpu.q[s.RIP] - SEEN, cpu.words(cpu.q[s.RSP], 1, 8)[0]


class TestFrame:
    def test_from_ring_0_the_stack_is_aligned(self) -> None:
        cpu = Cpu().long()
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.q[s.RSP] = STACK_TOP - 3
        cpu.q[s.RFLAGS] |= IF | TF | NT
        cpu.q[s.CC_SRC] = CF | ZF
        assert cpu.interrupt(0x20) == Delivered()
        assert cpu.q[s.RSP] == STACK_TOP - 16 - 40
        flags = 2 | IF | TF | NT | CF | ZF
        assert cpu.words(cpu.q[s.RSP], 5, 8) == [0x5000, CODE0, flags, STACK_TOP - 3, DATA0]
        assert cpu.q[s.RIP] == HANDLER
        assert cpu.q[s.RFLAGS] == 2
        assert cpu.state.segment(s.CS) == (CODE0, 0, 0xFFFFFFFF, CODE64_FLAGS)
        assert cpu.state.selector(s.SS) == DATA0, "the same ring keeps its SS"

    def test_from_ring_3_ss_becomes_null(self) -> None:
        cpu = Cpu().long(cpl=3)
        cpu.gate(PF, CODE0, HANDLER)
        cpu.exception(PF, 6)
        assert cpu.q[s.RSP] == INNER_TOP - 48
        pushed = [6, 0x5000, CODE3, 2 | RF, STACK_TOP, DATA3]
        assert cpu.words(INNER_TOP - 48, 6, 8) == pushed
        assert cpu.state.selector(s.SS) == 0
        assert cpu.state.segment(s.SS).dpl == 0
        assert cpu.state.selector(s.CS) == CODE0
        mode = cpu.d[s.HFLAGS] & (HF_CPL | HF_CS64 | HF_CS32 | HF_SS32 | HF_ADDSEG | HF_LMA)
        assert mode == HF_CS64 | HF_CS32 | HF_SS32 | HF_LMA

    def test_trap_gate_leaves_if(self) -> None:
        cpu = Cpu().long()
        cpu.gate(0x20, CODE0, HANDLER, TRAP_GATE)
        cpu.q[s.RFLAGS] |= IF
        cpu.interrupt(0x20)
        assert cpu.q[s.RFLAGS] & IF

    def test_from_compatibility_mode(self) -> None:
        cpu = Cpu().long(cpl=3, compat=True)
        cpu.d[s.HFLAGS] = cpu.d[s.HFLAGS] & ~(HF_CS32 | HF_SS32) | HF_ADDSEG
        cpu.gate(0x80, CODE0, HANDLER, OPEN_TRAP_GATE)
        cpu.int_n(0x80, next_rip=0x1_0000_0001)
        mode = cpu.d[s.HFLAGS] & (HF_CS64 | HF_CS32 | HF_SS32 | HF_ADDSEG | HF_CPL)
        assert mode == HF_CS64 | HF_CS32 | HF_SS32
        assert cpu.words(INNER_TOP - 40, 2, 8) == [1, CODE3], "EIP wraps at 4 GiB"

    def test_interrupt_stack(self) -> None:
        cpu = Cpu().long()
        cpu.put(TSS + 36 + 8 * 6, IST_TOP + 5)
        cpu.gate(2, CODE0, HANDLER, ist=7)
        assert cpu.deliver(Event(2, EventKind.NMI)) == Delivered()
        assert cpu.q[s.RSP] == IST_TOP - 40
        assert cpu.words(IST_TOP - 40, 5, 8) == [0x5000, CODE0, 2, STACK_TOP, DATA0]
        assert cpu.state.selector(s.SS) == DATA0

    def test_interrupt_stack_from_ring_3(self) -> None:
        cpu = Cpu().long(cpl=3)
        cpu.put(TSS + 36, IST_TOP)
        cpu.gate(0x20, CODE0, HANDLER, ist=1)
        cpu.interrupt(0x20)
        assert cpu.q[s.RSP] == IST_TOP - 40
        assert cpu.state.selector(s.SS) == 0

    def test_to_ring_1_null_ss_has_its_rpl(self) -> None:
        cpu = Cpu().long(cpl=3)
        cpu.segment(0x60, 0, 0xFFFFF, CODE64_FLAGS | 1 << 13)
        cpu.put(TSS + 12, IST_TOP)
        cpu.gate(0x20, 0x60, HANDLER)
        cpu.interrupt(0x20)
        assert cpu.q[s.RSP] == IST_TOP - 40
        assert (cpu.state.selector(s.SS), cpu.state.selector(s.CS)) == (1, 0x61)
        assert cpu.d[s.HFLAGS] & HF_CPL == 1

    def test_a_conforming_handler_keeps_ring_and_stack(self) -> None:
        cpu = Cpu().long(cpl=3)
        cpu.segment(CONFORMING0, 0, 0xFFFFF, CODE64_FLAGS | 0x400)
        cpu.put(PT + 8 * (STACK_TOP - 8 >> 12), STACK_TOP - 8 & ~0xFFF | 7)
        cpu.gate(0x20, CONFORMING0, HANDLER)
        assert cpu.interrupt(0x20) == Delivered()
        assert cpu.q[s.RSP] == STACK_TOP - 40
        assert cpu.state.selector(s.CS) == CONFORMING0 | 3
        assert cpu.state.selector(s.SS) == DATA3

    def test_a_ring_3_handler_needs_a_stack_of_the_users(self) -> None:
        cpu = cpu_with_handlers(cpl=3)
        cpu.segment(CONFORMING0, 0, 0xFFFFF, CODE64_FLAGS | 0x400)
        cpu.gate(0x20, CONFORMING0, HANDLER)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (PF, 7)

    def test_a_frame_across_two_pages(self) -> None:
        cpu = Cpu().long(cpl=3)
        cpu.put(TSS + 4, 0x180010)
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.interrupt(0x20)
        assert cpu.words(0x180010 - 40, 5, 8) == [0x5000, CODE3, 2, STACK_TOP, DATA3]

    def test_the_shadow_ends_and_the_descriptor_becomes_accessed(self) -> None:
        cpu = Cpu().long()
        cpu.segment(CODE0, 0, 0xFFFFF, CODE64_FLAGS & ~0x100)
        cpu.d[s.HFLAGS] |= HF_SHADOW
        cpu.gate(UD, CODE0, HANDLER)
        cpu.exception(UD)
        assert not cpu.d[s.HFLAGS] & HF_SHADOW
        assert cpu.get(GDT + CODE0 + 4, 4) & 0x100

    def test_a_return_address_beyond_64_bits_wraps(self) -> None:
        cpu = Cpu().long()
        cpu.gate(3, CODE0, HANDLER)
        cpu.int3(next_rip=1 << 64)
        assert cpu.words(cpu.q[s.RSP], 1, 8) == [0]


class TestNmi:
    def test_an_nmi_blocks_the_next(self) -> None:
        cpu = Cpu().long()
        cpu.gate(2, CODE0, HANDLER)
        assert not nmi_blocked(cpu.state)
        cpu.deliver(Event(2, EventKind.NMI))
        assert nmi_blocked(cpu.state)

    def test_int_2_is_no_nmi(self) -> None:
        cpu = Cpu().long()
        cpu.gate(2, CODE0, HANDLER)
        cpu.int_n(2, next_rip=0x5002)
        assert not nmi_blocked(cpu.state)


class TestGateChecks:
    def test_beyond_the_limit(self) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.load(s.IDTR, 0, IDT, 0x20 * 16 + 14, 0)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (GP, 0x20 << 3 | IDT_BIT | EXT)
        cpu.load(s.IDTR, 0, IDT, 0x20 * 16 + 15, 0)
        cpu.interrupt(0x20)
        assert cpu.q[s.RIP] == HANDLER

    @pytest.mark.parametrize("kind", [0x00, 0x85, 0x86, 0x87, 0x8C, 0x9E])
    def test_only_64_bit_gates_count(self, kind: int) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, CODE0, HANDLER, kind)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (GP, 0x20 << 3 | IDT_BIT | EXT)

    def test_not_present(self) -> None:
        cpu = cpu_with_handlers(cpl=3)
        cpu.gate(0x20, CODE0, HANDLER, 0x0E)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (NP, 0x20 << 3 | IDT_BIT | EXT)

    def test_software_needs_the_gates_dpl(self) -> None:
        cpu = cpu_with_handlers(cpl=3)
        cpu.gate(0x80, CODE0, HANDLER)
        cpu.int_n(0x80, next_rip=0x5002)
        assert fault_met(cpu) == (GP, 0x80 << 3 | IDT_BIT)
        assert cpu.words(cpu.q[s.RSP] + 8, 1, 8) == [0x5000]

    def test_software_meets_an_absent_or_wrong_gate(self) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x80, CODE0, HANDLER, 0x0E)
        cpu.int_n(0x80, next_rip=0x5002)
        assert fault_met(cpu) == (NP, 0x80 << 3 | IDT_BIT)
        cpu.gate(0x80, CODE0, HANDLER, 0x86)
        cpu.int_n(0x80, next_rip=0x5002)
        assert fault_met(cpu) == (GP, 0x80 << 3 | IDT_BIT)


class TestCodeChecks:
    @pytest.mark.parametrize(
        ("selector", "flags", "expected"),
        [
            (0x70, 0x00CF9B00, (GP, 0x70 | EXT)),  # 32-bit code
            (0x70, 0x00EF9B00, (GP, 0x70 | EXT)),  # L and D
            (0x70, 0x00AF9300, (GP, 0x70 | EXT)),  # data
            (0x70, 0x00AF8B00, (GP, 0x70 | EXT)),  # system
            (0x70, 0x00AFFB00, (GP, 0x70 | EXT)),  # ring 3
            (0x70, 0x00AF1B00, (NP, 0x70 | EXT)),
            (0x00, 0, (GP, EXT)),
            (0x03, 0, (GP, EXT)),
            (0x80, 0, (GP, 0x80 | EXT)),
            (0x24, 0, (GP, 0x24 | EXT)),
        ],
    )
    def test_bad_code(self, selector: int, flags: int, expected: tuple[int, int]) -> None:
        cpu = cpu_with_handlers()
        if flags:
            cpu.segment(selector, 0, 0xFFFFF, flags)
        cpu.gate(0x20, selector, HANDLER)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == expected

    def test_handler_in_the_canonical_hole(self) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, CODE0, 0x0000_8000_0000_0000)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (GP, EXT)


class TestStackChecks:
    def test_tss_too_short(self) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(0x20, CODE0, HANDLER, ist=7)
        cpu.load(s.TR, TASK, TSS, 90, 0x8B00)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (TS, TASK | EXT)
        cpu.load(s.TR, TASK, TSS, 91, 0x8B00)
        cpu.put(TSS + 36 + 48, IST_TOP)
        cpu.interrupt(0x20)
        assert cpu.q[s.RIP] == HANDLER

    @pytest.mark.parametrize("top", [0x0000_8000_0000_0010, 0xFFFF_8000_0000_0000])
    def test_stack_in_the_canonical_hole(self, top: int) -> None:
        cpu = cpu_with_handlers()
        cpu.put(TSS + 36, top)
        cpu.gate(0x20, CODE0, HANDLER, ist=1)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (SS_FAULT, EXT)

    def test_a_null_stack_pointer_wraps_to_the_top(self) -> None:
        cpu = cpu_with_handlers()
        cpu.gate(PF, CODE0, SEEN + PF, ist=2)
        cpu.put(TSS + 44, IST_TOP)
        cpu.q[s.RSP] = 0
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (PF, 2)
        assert cpu.q[s.CR2] == (1 << 64) - 40

    def test_an_unmapped_stack_page_faults_before_anything_is_pushed(self) -> None:
        cpu = cpu_with_handlers(cpl=3)
        cpu.put(TSS + 4, 0x180010)
        cpu.put(TSS + 36, IST_TOP)
        cpu.gate(PF, CODE0, SEEN + PF, ist=1)
        cpu.put(PT + 8 * 0x180, 0)
        cpu.gate(0x20, CODE0, HANDLER)
        cpu.interrupt(0x20)
        assert fault_met(cpu) == (PF, 2)
        assert cpu.q[s.CR2] == 0x180000
        assert cpu.words(0x17FFE8, 3, 8) == [0, 0, 0]

    def test_an_unmapped_idt(self) -> None:
        cpu = cpu_with_handlers()
        cpu.load(s.IDTR, 0, IDT, 0xFFF, 0)
        cpu.put(PT + 8 * (IDT >> 12), 0)
        before = bytes(cpu.state.bytes)
        outcome = cpu.interrupt(0x20)
        assert outcome != Delivered()
        cpu.q[s.CR2] = 0
        assert bytes(cpu.state.bytes) == before
