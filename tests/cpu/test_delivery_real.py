"""Events in real-address mode: the vector table, three words on the stack (SDM vol. 3, 21.1.4)."""

import pytest

from hv.cpu import state as s
from hv.cpu.delivery import Delivered, Shutdown
from tests.cpu.synthetic import AC, CF, DB, DE, GP, HF_SHADOW, IF, RF, TF, Cpu

STACK_BASE = 0x3000


def vector_table(cpu: Cpu, vector: int, segment: int, offset: int) -> None:
    cpu.put(4 * vector, segment << 16 | offset, 4)


def test_an_interrupt_pushes_flags_cs_ip_and_takes_the_vector() -> None:
    cpu = Cpu().real(ip=0x1234, sp=0x1000)
    vector_table(cpu, 8, 0xF000, 0xFEA5)
    cpu.q[s.RFLAGS] |= IF
    cpu.q[s.CC_SRC] = CF
    cpu.q[s.RSP] |= 0xABCD0000
    assert cpu.interrupt(8) == Delivered()
    assert cpu.q[s.RSP] == 0xABCD0FFA
    assert cpu.words(STACK_BASE + 0xFFA, 3, 2) == [0x1234, 0x0200, IF | 2 | CF]
    assert cpu.q[s.RIP] == 0xFEA5
    assert cpu.state.segment(s.CS) == (0xF000, 0xF0000, 0xFFFF, 0x9B00)
    assert cpu.q[s.RFLAGS] & IF == 0


def test_tf_if_ac_and_rf_are_cleared_and_nothing_else() -> None:
    cpu = Cpu().real()
    cpu.q[s.RFLAGS] = 2 | TF | IF | AC | RF | 3 << 12 | 1 << 21
    cpu.d[s.HFLAGS] |= HF_SHADOW
    before = cpu.d[s.HFLAGS]
    assert cpu.interrupt(8) == Delivered()
    assert cpu.q[s.RFLAGS] == 2 | 3 << 12 | 1 << 21
    assert cpu.d[s.HFLAGS] == before & ~HF_SHADOW


def test_int_n_returns_behind_itself_and_a_fault_to_itself() -> None:
    cpu = Cpu().real(ip=0xFFFF)
    cpu.int_n(0x21, next_rip=0x10001)
    assert cpu.words(STACK_BASE + 0xFFA, 1, 2) == [0x0001]
    cpu = Cpu().real(ip=0x1234)
    cpu.exception(DE)
    assert cpu.words(STACK_BASE + 0xFFA, 1, 2) == [0x1234]


def test_no_error_code_is_pushed() -> None:
    cpu = Cpu().real()
    cpu.exception(GP, 0)
    assert cpu.q[s.RSP] == 0xFFA


def test_direction_flag_is_pushed() -> None:
    cpu = Cpu().real()
    cpu.d[s.DF] = 0xFFFFFFFF
    cpu.interrupt(8)
    assert cpu.words(STACK_BASE + 0xFFE, 1, 2) == [0x402]


def test_the_stack_wraps_at_64_kib() -> None:
    cpu = Cpu().real(ip=0x1234, sp=2)
    assert cpu.interrupt(8) == Delivered()
    assert cpu.q[s.RSP] == 0xFFFC
    assert cpu.words(STACK_BASE, 1, 2) == [2]
    assert cpu.words(STACK_BASE + 0xFFFC, 2, 2) == [0x1234, 0x0200]


def test_a_full_stack_starts_over_at_the_top() -> None:
    cpu = Cpu().real(ip=0x1234, sp=0)
    cpu.interrupt(8)
    assert cpu.q[s.RSP] == 0xFFFA
    assert cpu.words(STACK_BASE + 0xFFFA, 3, 2) == [0x1234, 0x0200, 2]


@pytest.mark.parametrize("sp", [1, 3, 5])
def test_a_word_across_the_end_of_the_stack_shuts_down(sp: int) -> None:
    cpu = Cpu().real(sp=sp)
    before = bytes(cpu.state.bytes)
    assert cpu.interrupt(8) == Shutdown()
    assert bytes(cpu.state.bytes) == before


def test_a_big_stack_segment_uses_esp() -> None:
    cpu = Cpu().real()
    cpu.load(s.SS, 0x0300, 0x3000, 0xFFFFFFFF, 0x00CF9300)
    cpu.q[s.RSP] = 0x20000
    cpu.interrupt(8)
    assert cpu.q[s.RSP] == 0x1FFFA


def test_a_vector_beyond_the_table_becomes_gp() -> None:
    cpu = Cpu().real()
    vector_table(cpu, GP, 0x1000, 0x0013)
    cpu.load(s.IDTR, 0, 0, 4 * 0x20 - 1, 0)
    assert cpu.int_n(0x20, next_rip=0x1236) == Delivered()
    assert cpu.q[s.RIP] == 0x0013
    assert cpu.words(STACK_BASE + 0xFFA, 1, 2) == [0x1234], "the INT has not completed"


def test_the_last_vector_of_the_table_is_in_it() -> None:
    cpu = Cpu().real()
    vector_table(cpu, 0x20, 0x1000, 0x0020)
    cpu.load(s.IDTR, 0, 0, 4 * 0x20 + 3, 0)
    cpu.interrupt(0x20)
    assert cpu.q[s.RIP] == 0x0020


def test_an_empty_table_shuts_down() -> None:
    cpu = Cpu().real()
    cpu.load(s.IDTR, 0, 0, 0, 0)
    assert cpu.exception(DB) == Shutdown()


def test_the_table_moves_with_idtr() -> None:
    cpu = Cpu().real()
    cpu.load(s.IDTR, 0, 0x5000, 0x3FF, 0)
    cpu.put(0x5000 + 4 * 8, 0x1000_0042, 4)
    cpu.interrupt(8)
    assert cpu.q[s.RIP] == 0x42
