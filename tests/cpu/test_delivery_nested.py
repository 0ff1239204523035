"""Faults during delivery: serial, double fault, shutdown (SDM vol. 3, table 6-5)."""

import pytest

from hv.cpu import state as s
from hv.cpu.delivery import Delivered, Event, EventKind, Shutdown, deliver
from tests.cpu.synthetic import (
    CODE0,
    DE,
    DOUBLE,
    GP,
    INNER_TOP,
    NP,
    PF,
    PT,
    SS_FAULT,
    STACK_TOP,
    TS,
    UD,
    Cpu,
)

SEEN = 0xFEED0000
MISSING_PAGE = 0x150000
"""A gate whose handler's descriptor lies in an LDT that is not mapped gives #PF; none at all #GP."""
LDT_SELECTOR = 0x0C


def cpu_where(first: int, second: int) -> Cpu:
    """Delivering vector ``first`` gives ``second``; every other vector has a handler."""
    cpu = Cpu().long()
    for vector in range(32):
        cpu.gate(vector, CODE0, SEEN + vector)
    if second == PF:
        cpu.put(PT + 8 * (MISSING_PAGE >> 12), 0)
        cpu.load(s.LDTR, 0x38, MISSING_PAGE, 0xFFF, 0x8200)
        cpu.gate(first, LDT_SELECTOR, SEEN + first)
    elif second == NP:
        cpu.gate(first, CODE0, SEEN + first, 0x0E)
    else:
        assert second == GP
        cpu.gate(first, 0, SEEN + first)
    return cpu


CONTRIBUTORY = [DE, TS, NP, SS_FAULT, GP]


@pytest.mark.parametrize("second", [NP, GP, PF])
@pytest.mark.parametrize("first", [UD, 16, 1])
def test_after_a_benign_exception_the_second_is_delivered(first: int, second: int) -> None:
    cpu = cpu_where(first, second)
    assert cpu.exception(first) == Delivered()
    assert cpu.q[s.RIP] == SEEN + second


@pytest.mark.parametrize("second", [NP, GP])
@pytest.mark.parametrize("first", CONTRIBUTORY)
def test_two_contributory_ones_make_a_double_fault(first: int, second: int) -> None:
    cpu = cpu_where(first, second)
    assert cpu.exception(first, 0) == Delivered()
    assert cpu.q[s.RIP] == SEEN + DOUBLE
    assert cpu.words(STACK_TOP - 48, 2, 8) == [0, 0x5000]


@pytest.mark.parametrize("first", CONTRIBUTORY)
def test_a_page_fault_after_a_contributory_one_is_delivered(first: int) -> None:
    cpu = cpu_where(first, PF)
    cpu.exception(first, 0)
    assert cpu.q[s.RIP] == SEEN + PF
    assert cpu.q[s.CR2] == MISSING_PAGE + 8


@pytest.mark.parametrize("second", [NP, GP, PF])
def test_after_a_page_fault_all_make_a_double_fault(second: int) -> None:
    cpu = cpu_where(PF, second)
    cpu.exception(PF, 0)
    assert cpu.q[s.RIP] == SEEN + DOUBLE


@pytest.mark.parametrize("second", [NP, GP, PF])
def test_after_a_double_fault_all_shut_down(second: int) -> None:
    cpu = cpu_where(DOUBLE, second)
    assert cpu.exception(DOUBLE, 0) == Shutdown()


def test_the_chain_ends() -> None:
    cpu = Cpu().long()
    before = bytes(cpu.state.bytes)
    assert cpu.interrupt(0x20) == Shutdown()
    assert bytes(cpu.state.bytes) == before


@pytest.mark.parametrize("vector", [GP, PF, DOUBLE])
def test_int_n_and_interrupts_are_benign_whatever_their_vector(vector: int) -> None:
    cpu = cpu_where(vector, NP)
    cpu.int_n(vector, next_rip=0x5002)
    assert cpu.q[s.RIP] == SEEN + NP
    cpu = cpu_where(vector, NP)
    cpu.interrupt(vector)
    assert cpu.q[s.RIP] == SEEN + NP


def test_the_error_code_of_a_fault_on_the_way_of_an_exception_has_ext_set() -> None:
    cpu = cpu_where(UD, NP)
    cpu.exception(UD)
    assert cpu.words(STACK_TOP - 48, 1, 8) == [UD << 3 | 2 | 1]


def test_a_fault_of_the_first_fault_counts_from_there() -> None:
    """#UD meets #GP, #GP meets #NP: a double fault, though #UD was benign."""
    cpu = cpu_where(UD, GP)
    cpu.gate(GP, CODE0, SEEN + GP, 0x0E)
    cpu.exception(UD)
    assert cpu.q[s.RIP] == SEEN + DOUBLE


def test_a_stack_overflow_into_an_unmapped_page_is_a_double_fault_on_its_own_stack() -> None:
    cpu = cpu_where(UD, GP)
    cpu.gate(PF, CODE0, SEEN + PF)
    cpu.gate(DOUBLE, CODE0, SEEN + DOUBLE, ist=1)
    cpu.put(0x103000 + 36, INNER_TOP)
    cpu.q[s.RSP] = MISSING_PAGE + 0x20
    cpu.put(PT + 8 * (MISSING_PAGE >> 12), 0)
    cpu.exception(PF, 2)
    assert cpu.q[s.RIP] == SEEN + DOUBLE
    assert cpu.q[s.RSP] == INNER_TOP - 48


def test_every_vector_and_kind_ends_in_every_mode() -> None:
    """Zeroed and all-ones tables: an outcome, never an exception."""
    for fill in (b"\0", b"\xff"):
        for cpu in (Cpu().real(), Cpu().protected(3), Cpu().v86(), Cpu().long(3), Cpu().long()):
            cpu.ram.view[0x100000:0x104000] = fill * 0x4000
            cpu.ram.view[0:0x400] = fill * 0x400
            for kind in EventKind:
                for vector in (0, 8, 13, 14, 255):
                    saved = bytes(cpu.state.bytes)
                    deliver(cpu.state, cpu.memory, Event(vector, kind, 0, next_rip=0x5002))
                    cpu.state.bytes[:] = saved
