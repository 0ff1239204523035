"""SYSCALL and SYSENTER on a saved state (SDM vol. 2; AMD64 APM vol. 3 for SYSCALL outside long mode)."""

import pytest

from hv.cpu import state as s
from hv.cpu import syscall as msrs
from hv.cpu.delivery import Event, EventKind
from hv.cpu.syscall import syscall, sysenter
from tests.cpu.synthetic import (
    CF,
    CODE64_FLAGS,
    DF,
    GP,
    HF_ADDSEG,
    HF_CPL,
    HF_CS32,
    HF_CS64,
    HF_SS32,
    IF,
    RF,
    STACK_TOP,
    TF,
    UD,
    VM,
    ZF,
    Cpu,
)

LSTAR, CSTAR = 0xFFFF_FFFF_8100_0000, 0xFFFF_FFFF_8200_0000
EFER_SCE = 1
MODE = HF_CPL | HF_CS64 | HF_CS32 | HF_SS32 | HF_ADDSEG


def cpu_with_syscall(*, compat: bool = False) -> Cpu:
    cpu = Cpu().long(cpl=3, compat=compat)
    cpu.q[msrs.STAR] = 0x0010 << 32 | 0x0023 << 48 | 0x00400000
    cpu.q[msrs.LSTAR], cpu.q[msrs.CSTAR] = LSTAR, CSTAR
    return cpu


def cpu_with_sysenter(cpu: Cpu) -> Cpu:
    cpu.d[msrs.SYSENTER_CS] = 0x10
    cpu.q[msrs.SYSENTER_ESP] = 0xFFFF_8000_0000_9000
    cpu.q[msrs.SYSENTER_EIP] = 0xFFFF_8000_0000_5000
    return cpu


class TestSyscallInLongMode:
    def test_saves_rip_and_flags_and_enters_ring_0(self) -> None:
        cpu = cpu_with_syscall()
        cpu.q[s.RFLAGS] = 2 | IF | RF
        cpu.q[s.CC_SRC] = ZF
        assert syscall(cpu.state, 0x5002) is None
        assert cpu.q[s.RCX] == 0x5002
        assert cpu.q[s.R11] == 2 | IF | ZF
        assert cpu.q[s.RIP] == LSTAR
        assert cpu.q[s.RSP] == STACK_TOP
        assert cpu.state.rflags() == 2 | IF | ZF
        assert cpu.state.segment(s.CS) == (0x10, 0, 0xFFFFFFFF, CODE64_FLAGS)
        assert cpu.state.segment(s.SS) == (0x18, 0, 0xFFFFFFFF, 0x00CF9300)
        assert cpu.d[s.HFLAGS] & MODE == HF_CS64 | HF_CS32 | HF_SS32

    def test_fmask_clears_flags_of_all_kinds(self) -> None:
        cpu = cpu_with_syscall()
        cpu.q[s.RFLAGS] = 2 | IF | TF
        cpu.q[s.CC_SRC] = CF | ZF
        cpu.d[s.DF] = 0xFFFFFFFF
        cpu.q[msrs.FMASK] = IF | TF | DF | CF
        syscall(cpu.state, 0x5002)
        assert cpu.q[s.R11] == 2 | IF | TF | CF | ZF | DF
        assert cpu.state.rflags() == 2 | ZF
        assert cpu.d[s.DF] == 1
        assert cpu.d[s.CC_OP] == s.CC_OP_EFLAGS

    def test_the_direction_flag_can_stay(self) -> None:
        cpu = cpu_with_syscall()
        cpu.d[s.DF] = 0xFFFFFFFF
        syscall(cpu.state, 0x5002)
        assert cpu.d[s.DF] == 0xFFFFFFFF
        assert not cpu.q[s.RFLAGS] & DF

    def test_fmask_cannot_clear_the_flag_that_is_always_set(self) -> None:
        cpu = cpu_with_syscall()
        cpu.q[msrs.FMASK] = 0xFFFFFFFF
        syscall(cpu.state, 0x5002)
        assert cpu.state.rflags() == 2

    def test_compatibility_mode_goes_to_cstar(self) -> None:
        cpu = cpu_with_syscall(compat=True)
        cpu.d[s.HFLAGS] |= HF_ADDSEG
        syscall(cpu.state, 0x1_0000_0001)
        assert cpu.q[s.RIP] == CSTAR
        assert cpu.q[s.RCX] == 1
        assert cpu.d[s.HFLAGS] & MODE == HF_CS64 | HF_CS32 | HF_SS32

    def test_without_sce_it_is_undefined(self) -> None:
        cpu = cpu_with_syscall()
        cpu.q[s.EFER] &= ~EFER_SCE
        before = bytes(cpu.state.bytes)
        assert syscall(cpu.state, 0x5002) == Event(UD, EventKind.EXCEPTION)
        assert bytes(cpu.state.bytes) == before

    def test_at_the_end_of_the_address_space(self) -> None:
        cpu = cpu_with_syscall()
        syscall(cpu.state, 1 << 64)
        assert cpu.q[s.RCX] == 0


class TestSyscallInLegacyMode:
    def test_star_holds_the_target(self) -> None:
        cpu = Cpu().protected(cpl=3)
        cpu.q[s.EFER] = EFER_SCE
        cpu.q[msrs.STAR] = 0x0013 << 32 | 0x00400000
        cpu.q[s.RFLAGS] = 2 | IF | RF
        cpu.q[s.R11] = 0x77
        assert syscall(cpu.state, 0x5002) is None
        assert (cpu.q[s.RIP], cpu.q[s.RCX], cpu.q[s.R11]) == (0x00400000, 0x5002, 0x77)
        assert cpu.q[s.RFLAGS] == 2
        assert cpu.state.segment(s.CS) == (0x10, 0, 0xFFFFFFFF, 0x00CF9B00)
        assert cpu.state.segment(s.SS) == (0x1B, 0, 0xFFFFFFFF, 0x00CF9300)
        assert cpu.d[s.HFLAGS] & MODE == HF_CS32 | HF_SS32

    def test_from_virtual_8086_mode(self) -> None:
        cpu = Cpu().v86()
        cpu.q[s.EFER] = EFER_SCE
        syscall(cpu.state, 0x1236)
        assert not cpu.q[s.RFLAGS] & VM
        assert cpu.d[s.HFLAGS] & HF_ADDSEG, "DS and ES keep their bases"

    def test_not_in_real_mode(self) -> None:
        cpu = Cpu().real()
        cpu.q[s.EFER] = EFER_SCE
        assert syscall(cpu.state, 0x1236) == Event(UD, EventKind.EXCEPTION)


class TestSysenter:
    def test_in_protected_mode(self) -> None:
        cpu = cpu_with_sysenter(Cpu().protected(cpl=3))
        cpu.q[s.RFLAGS] = 2 | IF | TF
        cpu.d[s.CC_OP] = 17
        cpu.q[s.CC_SRC] = 0x1234
        assert sysenter(cpu.state) is None
        assert (cpu.q[s.RIP], cpu.q[s.RSP]) == (0x5000, 0x9000)
        assert cpu.q[s.RFLAGS] == 2 | TF
        assert cpu.state.segment(s.CS) == (0x10, 0, 0xFFFFFFFF, 0x00CF9B00)
        assert cpu.state.segment(s.SS) == (0x18, 0, 0xFFFFFFFF, 0x00CF9300)
        assert cpu.d[s.HFLAGS] & MODE == HF_CS32 | HF_SS32
        assert (cpu.d[s.CC_OP], cpu.q[s.CC_SRC]) == (17, 0x1234), "lazy flags stay lazy"

    @pytest.mark.parametrize("compat", [False, True])
    def test_in_long_mode(self, compat: bool) -> None:
        cpu = cpu_with_sysenter(Cpu().long(cpl=3, compat=compat))
        assert sysenter(cpu.state) is None
        assert (cpu.q[s.RIP], cpu.q[s.RSP]) == (0xFFFF_8000_0000_5000, 0xFFFF_8000_0000_9000)
        assert cpu.state.segment(s.CS) == (0x10, 0, 0xFFFFFFFF, CODE64_FLAGS)
        assert cpu.d[s.HFLAGS] & MODE == HF_CS64 | HF_CS32 | HF_SS32

    def test_from_virtual_8086_mode(self) -> None:
        cpu = cpu_with_sysenter(Cpu().v86())
        sysenter(cpu.state)
        assert not cpu.q[s.RFLAGS] & (VM | IF)

    @pytest.mark.parametrize("selector", [0, 3])
    def test_a_null_selector_is_gp(self, selector: int) -> None:
        cpu = cpu_with_sysenter(Cpu().protected(cpl=3))
        cpu.d[msrs.SYSENTER_CS] = selector
        before = bytes(cpu.state.bytes)
        assert sysenter(cpu.state) == Event(GP, EventKind.EXCEPTION, 0)
        assert bytes(cpu.state.bytes) == before

    def test_not_in_real_mode(self) -> None:
        cpu = cpu_with_sysenter(Cpu().real())
        assert sysenter(cpu.state) == Event(GP, EventKind.EXCEPTION, 0)
