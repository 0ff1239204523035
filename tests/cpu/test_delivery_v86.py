"""Events in virtual-8086 mode (SDM vol. 3, 21.3)."""

import pytest

from hv.cpu import state as s
from hv.cpu.delivery import Delivered
from tests.cpu.synthetic import (
    CODE0,
    CODE1,
    CODE3,
    CODE16,
    CONFORMING0,
    DATA0,
    GP,
    HF_ADDSEG,
    HF_CPL,
    HF_CS32,
    HF_SS32,
    IF,
    INNER_TOP,
    IOPL3,
    TSS,
    VM,
    Cpu,
)

HANDLER, GP_HANDLER = 0x12345678, 0x00C0FFEE
INTERRUPT_16, OPEN = 0x86, 0xEE


def cpu_in_v86(iopl: int = 0) -> Cpu:
    cpu = Cpu().v86(iopl)
    cpu.gate(GP, CODE0, GP_HANDLER)
    cpu.gate(0x20, CODE0, HANDLER)
    return cpu


def test_segments_are_pushed_and_nulled() -> None:
    cpu = cpu_in_v86()
    assert cpu.interrupt(0x20) == Delivered()
    assert cpu.q[s.RSP] == INNER_TOP - 36
    pushed = [0x1234, 0x0200, 2 | VM | IF, 0x1000, 0x0300, 0x1111, 0x2222, 0x3333, 0x4444]
    assert cpu.words(INNER_TOP - 36, 9, 4) == pushed, "EIP CS EFLAGS ESP SS ES DS FS GS"
    for index in (s.ES, s.DS, s.FS, s.GS):
        assert cpu.state.segment(index) == (0, 0, 0, 0)
    assert cpu.state.selector(s.CS) == CODE0
    assert cpu.state.selector(s.SS) == DATA0
    assert cpu.q[s.RFLAGS] == 2
    assert cpu.d[s.HFLAGS] & (HF_CPL | HF_CS32 | HF_SS32 | HF_ADDSEG) == HF_CS32 | HF_SS32


def test_error_code_lies_below_the_frame() -> None:
    cpu = cpu_in_v86()
    cpu.exception(GP, 0)
    assert cpu.q[s.RIP] == GP_HANDLER
    assert cpu.words(INNER_TOP - 40, 2, 4) == [0, 0x1234]


def test_286_gate_pushes_words() -> None:
    cpu = cpu_in_v86()
    cpu.segment(CODE16, 0, 0xFFFF, 0x9B00)
    cpu.gate(0x20, CODE16, 0x4321, INTERRUPT_16)
    cpu.interrupt(0x20)
    pushed = [0x1234, 0x0200, 2 | IF, 0x1000, 0x0300, 0x1111, 0x2222, 0x3333, 0x4444]
    assert cpu.words(INNER_TOP - 18, 9, 2) == pushed


@pytest.mark.parametrize("iopl", [0, 1, 2])
def test_int_n_below_iopl_3_is_gp_0(iopl: int) -> None:
    cpu = cpu_in_v86(iopl)
    cpu.gate(0x20, CODE0, HANDLER, OPEN)
    assert cpu.int_n(0x20, next_rip=0x1236) == Delivered()
    assert cpu.q[s.RIP] == GP_HANDLER
    assert cpu.words(INNER_TOP - 40, 2, 4) == [0, 0x1234]


def test_int_n_at_iopl_3_takes_an_open_gate() -> None:
    cpu = cpu_in_v86(3)
    cpu.gate(0x20, CODE0, HANDLER, OPEN)
    cpu.int_n(0x20, next_rip=0x1236)
    assert cpu.q[s.RIP] == HANDLER
    assert cpu.words(INNER_TOP - 36, 3, 4) == [0x1236, 0x0200, 2 | VM | IF | IOPL3]


def test_int_n_at_iopl_3_is_refused_by_a_closed_gate() -> None:
    cpu = cpu_in_v86(3)
    cpu.int_n(0x20, next_rip=0x1236)
    assert cpu.words(INNER_TOP - 40, 1, 4) == [0x20 << 3 | 2]


def test_int3_does_not_ask_for_iopl() -> None:
    cpu = cpu_in_v86()
    cpu.gate(3, CODE0, HANDLER, OPEN)
    cpu.int3(next_rip=0x1235)
    assert cpu.q[s.RIP] == HANDLER


@pytest.mark.parametrize("selector", [CODE1, CODE3, CONFORMING0])
def test_handlers_outside_ring_0_are_refused(selector: int) -> None:
    cpu = cpu_in_v86()
    cpu.put(TSS + 12, INNER_TOP, 4)
    cpu.gate(0x20, selector, HANDLER)
    cpu.interrupt(0x20)
    assert cpu.q[s.RIP] == GP_HANDLER
    assert cpu.words(INNER_TOP - 40, 1, 4) == [selector & ~3 | 1]
