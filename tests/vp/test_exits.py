"""What a guest sees when the processor leaves it: each test is a few instructions and what they leave."""

import pytest

from hv.cpu import state as s
from hv.vp import Ending
from tests.machines import PASS, flat

GENERAL_PROTECTION, UNDEFINED = 13, 6
RDTSC = 34  # the typical figure of hv-2026.1


def ending(machine, insns=100_000):  # type: ignore[no-untyped-def]
    end = machine.run(insns)
    return end.ending, end.code


def handler(vector: int, code: int) -> str:
    """Real mode: let ``vector`` end the run with ``code``."""
    return f"mov word ptr [{4 * vector}], offset caught\nmov word ptr [{4 * vector + 2}], 0\n" + (
        "" if code is None else f"jmp over\ncaught:\nmov al, {code}\nout 0xf4, al\nhlt\nover:\n"
    )


@pytest.mark.parametrize(
    ("name", "instruction", "vector"),
    [
        ("unknown MSR read", "mov ecx, 0x12345678\nrdmsr", GENERAL_PROTECTION),
        ("unknown MSR write", "mov ecx, 0x12345678\nwrmsr", GENERAL_PROTECTION),
        ("reserved EFER bits", "mov ecx, 0xc0000080\nmov eax, 2\nxor edx, edx\nwrmsr", 13),
        ("RDPMC", "xor ecx, ecx\nrdpmc", GENERAL_PROTECTION),
        ("VMCALL", ".byte 0x0f, 0x01, 0xc1", UNDEFINED),
        ("VMMCALL", ".byte 0x0f, 0x01, 0xd9", UNDEFINED),
        ("VMRUN", ".byte 0x0f, 0x01, 0xd8", UNDEFINED),
        ("UD2", ".byte 0x0f, 0x0b", UNDEFINED),
        ("RDRAND", ".byte 0x0f, 0xc7, 0xf0", UNDEFINED),
        ("RDTSCP", ".byte 0x0f, 0x01, 0xf9", UNDEFINED),
        ("INT1", ".byte 0xf1", 1),
        ("division by zero", "xor cx, cx\ndiv cx", 0),
        ("code on an open bus", "ljmp 0xa000:0", UNDEFINED),
    ],
)
def test_an_instruction_that_is_not_there_faults(name: str, instruction: str, vector: int) -> None:
    machine = flat(handler(vector, 42) + instruction + "\n" + PASS)
    assert ending(machine) == (Ending.DEBUG_EXIT, 42)


def test_rdmsr_of_efer_hides_the_bit_that_guest_mode_keeps_there() -> None:
    machine = flat("mov ecx, 0xc0000080\nmov edx, -1\nmov eax, -1\nrdmsr\n" + PASS)
    machine.run(1000)
    assert machine.partition.vp.state.q[s.RDX] == 0
    assert machine.partition.vp.state.q[s.RAX] & 0xFFFFFF00 == 0


def test_syscall_enable_and_no_execute_can_be_set_in_efer() -> None:
    source = "mov ecx, 0xc0000080\nxor edx, edx\nmov eax, 0x801\nwrmsr\nrdmsr\nmov ebx, eax\n"
    machine = flat(source + PASS)
    machine.run(1000)
    assert machine.partition.vp.state.q[s.RBX] == 0x801


def test_time_stamp_counter_grows_by_a_cycle_an_instruction_and_rdtscs_own_price() -> None:
    machine = flat(
        "rdtsc\nmov ebx, eax\n" + "nop\n" * 10 + "rdtsc\nsub eax, ebx\nmov ebx, eax\n" + PASS
    )
    machine.run(1000)
    assert machine.partition.vp.state.q[s.RBX] == 12 + RDTSC


def test_wrmsr_moves_the_time_stamp_counter() -> None:
    source = "mov ecx, 0x10\nmov edx, 1\nxor eax, eax\nwrmsr\nrdtsc\nmov ebx, edx\n"
    machine = flat(source + PASS)
    machine.run(1000)
    assert machine.partition.vp.state.q[s.RBX] == 1


def test_single_step_trap_follows_an_instruction_that_exits() -> None:
    source = """
        mov word ptr [4], offset trapped
        mov word ptr [6], 0
        xor bx, bx
        mov ecx, 0x10
        pushf
        pop ax
        or ax, 0x100
        push ax
        popf
        rdtsc
        rdmsr
        nop
        mov al, 0
        out 0xf4, al
    trapped:
        inc bx
        iret
    """
    machine = flat(source)
    machine.run(1000)
    assert (
        machine.partition.vp.state.q[s.RBX] & 0xFFFF == 4
    )  # rdtsc, rdmsr, nop and mov; the OUT ends the run


def test_nothing_behind_the_debug_exit_happens() -> None:
    machine = flat("mov al, 7\nout 0xf4, al\nmov byte ptr [0x600], 0x55\nhlt\n")
    assert ending(machine) == (Ending.DEBUG_EXIT, 7)
    assert machine.partition.memory.view[0x600] == 0
    assert machine.partition.vp.state.q[s.RIP] == 0x7C04
    assert machine.insns == 2


def test_a_store_into_its_own_block_takes_effect_at_once_and_counts_once() -> None:
    source = """
        mov byte ptr cs:[patched + 1], 0x55
    patched:
        mov bl, 0x11
    """
    machine = flat(source + PASS)
    machine.run(1000)
    assert machine.partition.vp.state.q[s.RBX] & 0xFF == 0x55
    assert machine.insns == 4


def test_holes_read_all_ones_and_rom_keeps_its_bytes() -> None:
    source = """
        mov ax, 0xc000
        mov ds, ax
        mov byte ptr [0], 0x12
        mov bl, [0]
        mov ax, 0xf000
        mov ds, ax
        mov cl, [0x10]
        mov byte ptr [0x10], 0x77
        mov dl, [0x10]
    """
    machine = flat(source + PASS)
    machine.run(1000)
    q = machine.partition.vp.state.q
    assert q[s.RBX] & 0xFF == 0xFF
    assert q[s.RCX] & 0xFF == q[s.RDX] & 0xFF


def test_memory_above_ram_reads_all_ones_up_to_the_last_physical_address() -> None:
    source = """
        mov ebx, [0x40000000]
        mov dword ptr [0xfffffff0], 0x1234
        mov ecx, [0xfffffff0]
    """
    machine = flat(source + PASS, bits=32)
    machine.run(1000)
    q = machine.partition.vp.state.q
    assert (q[s.RBX], q[s.RCX]) == (0xFFFFFFFF, 0xFFFFFFFF)


def test_halt_with_interrupts_off_is_stuck_and_says_where() -> None:
    machine = flat("cli\nhlt\n")
    end = machine.run(1000)
    assert end.ending is Ending.STUCK
    assert "0000:7c02" in end.detail
    assert "IF=0" in end.detail


def test_halt_with_interrupts_on_but_nothing_armed_is_stuck() -> None:
    machine = flat("mov al, 0xff\nout 0x21, al\nout 0xa1, al\nsti\nhlt\n")
    end = machine.run(1000)
    assert end.ending is Ending.STUCK
    assert "IF=1" in end.detail


def test_an_endless_loop_ends_within_a_block_of_its_budget() -> None:
    machine = flat("again:\nnop\nnop\njmp again\n")
    end = machine.run(10_000)
    assert end.ending is Ending.BUDGET
    assert 10_000 <= machine.insns < 10_003


def test_triple_fault_ends_the_run() -> None:
    machine = flat("lidt [empty]\nint3\nempty:\n.word 0, 0, 0\n")
    assert machine.run(1000).ending is Ending.TRIPLE_FAULT


def test_nmi_comes_through_vector_2_even_with_interrupts_off() -> None:
    machine = flat(handler(2, 9) + "cli\nagain:\njmp again\n")
    machine.run(1000)
    machine.partition.vp.nmi()
    assert ending(machine) == (Ending.DEBUG_EXIT, 9)


def test_a_second_nmi_waits_for_iret() -> None:
    source = """
        mov word ptr [8], offset handler
        mov word ptr [10], 0
        xor bx, bx
    again:
        jmp again
    handler:
        inc bx
        mov cx, 100
    busy:
        loop busy
        iret
    """
    machine = flat(source)
    vp = machine.partition.vp
    machine.run(1000)
    vp.nmi()
    machine.run(1050)
    vp.nmi()
    machine.run(1100)
    assert vp.state.q[s.RBX] & 0xFFFF == 1
    machine.run(2000)
    assert vp.state.q[s.RBX] & 0xFFFF == 2


def test_a20_off_wraps_the_first_megabyte() -> None:
    source = """
        mov byte ptr [0x500], 0x11
        mov ax, 0xffff
        mov es, ax
        mov byte ptr es:[0x510], 0x22
        in al, 0x92
        and al, 0xfd
        out 0x92, al
        mov al, 0xd1
        out 0x64, al
        mov al, 0xdd
        out 0x60, al
        mov bl, es:[0x510]
        mov al, 2
        out 0x92, al
        mov bh, es:[0x510]
    """
    machine = flat(source + PASS)
    machine.run(10_000)
    assert machine.partition.vp.state.q[s.RBX] & 0xFFFF == 0x2211


def test_cpuid_names_the_vendor_and_nothing_that_is_not_there() -> None:
    machine = flat("mov eax, 1\nxor ecx, ecx\ncpuid\nmov esi, ecx\nmov edi, edx\n" + PASS)
    machine.run(1000)
    q = machine.partition.vp.state.q
    rdrand, xsave, monitor = 1 << 30, 1 << 26, 1 << 3
    assert not q[s.RSI] & (rdrand | xsave | monitor)
    assert not q[s.RDI] & 1 << 12  # MTRR


def test_interrupt_shadow_of_sti_lets_one_more_instruction_run() -> None:
    source = """
        mov word ptr [0x20], offset tick
        mov word ptr [0x22], 0
        cli
        mov al, 0x11
        out 0x20, al
        mov al, 8
        out 0x21, al
        mov al, 4
        out 0x21, al
        mov al, 1
        out 0x21, al
        mov al, 0xfe
        out 0x21, al
        mov al, 0x30
        out 0x43, al
        mov al, 1
        out 0x40, al
        xor al, al
        out 0x40, al
        mov cx, 5000
    wait:
        loop wait
        xor bx, bx
        sti
        inc bx
        inc bx
        inc bx
    forever:
        jmp forever
    tick:
        mov al, bl
        out 0xf4, al
    """
    assert ending(flat(source)) == (Ending.DEBUG_EXIT, 1)


def test_what_leaves_in_mid_block_keeps_its_flags() -> None:
    machine = flat("std\nstc\nmov al, 0\nout 0xf4, al\n")
    machine.run(1000)
    vp = machine.partition.vp
    vp.settle_flags()
    direction, carry = 0x400, 1
    assert vp.state.rflags() & (direction | carry) == direction | carry
