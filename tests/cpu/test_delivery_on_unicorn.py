"""The judge is Unicorn itself: we deliver, the guest's own IRET, SYSRET and SYSEXIT take it back.

Unicorn runs in guest mode (AMD-V intercepts, AMD64 APM vol. 2, appendix C); its exits come to the
interrupt hook as 0x100 + exit code.
"""

import ctypes
import mmap

import pytest
from keystone import KS_ARCH_X86, KS_MODE_16, KS_MODE_32, KS_MODE_64, Ks
from unicorn import UC_ARCH_X86, UC_HOOK_INSN, UC_HOOK_INTR, UC_MODE_64, UC_PROT_ALL, Uc
from unicorn.unicorn_py3.unicorn import uclib
from unicorn.x86_const import (
    UC_CPU_X86_QEMU64,
    UC_X86_INS_SYSCALL,
    UC_X86_INS_SYSENTER,
    UC_X86_REG_EFLAGS,
)

from hv.cpu import state as s
from hv.cpu import syscall as msrs
from hv.cpu.delivery import Delivered, Event, EventKind
from hv.cpu.state import STATE_SIZE, CpuState
from hv.cpu.syscall import syscall, sysenter
from tests.cpu.synthetic import (
    CODE0,
    CODE3,
    CODE16,
    CODE64_FLAGS,
    GP,
    HF_GUEST,
    IF,
    INNER_TOP,
    PD,
    PDPT,
    PF,
    PML4,
    PT,
    RAM_SIZE,
    RING3,
    STACK_TOP,
    VM,
    Cpu,
    FlatRam,
)

CONTEXT_HEADER = 40
HIDDEN, HIDDEN_SIZE, MSR_MAP = 0xF0000000, 0x4000, 0x1000
EXIT_INFO_2 = 0x80
HFLAGS_SVME, EFER_SVME, GIF = 1 << 20, 1 << 12, 1
EXIT_EXCEPTION, EXIT_SWINT, EXIT_HLT, EXIT_MSR = 0x40, 0x75, 0x78, 0x7C
INTERCEPT_BASE = 0x60
PUSHES_ERROR_CODE = (8, 10, 11, 12, 13, 14, 17)

USER_CODE, HANDLERS, LAZY_PAGE = 0x5000, 0x6000, 0x180000
MAX_EXITS = 50


def assemble(bits: int, source: str, at: int) -> bytes:
    mode = {16: KS_MODE_16, 32: KS_MODE_32, 64: KS_MODE_64}[bits]
    code, _count = Ks(KS_ARCH_X86, mode).asm(source, at)
    return bytes(code)


class Guest:
    """Unicorn in guest mode with a ``Cpu`` as the view of its saved state."""

    def __init__(self) -> None:
        self.buffer = mmap.mmap(-1, RAM_SIZE)
        self.hidden = mmap.mmap(-1, HIDDEN_SIZE)
        self.hidden[MSR_MAP : MSR_MAP + 0x2000] = b"\xff" * 0x2000
        self.hidden[0x48:0x50] = (HIDDEN + MSR_MAP).to_bytes(8, "little")
        self.uc = Uc(UC_ARCH_X86, UC_MODE_64)
        self.uc.ctl_set_cpu_model(UC_CPU_X86_QEMU64)
        for gpa, size, memory in (
            (0, RAM_SIZE, self.buffer),
            (HIDDEN, HIDDEN_SIZE, self.hidden),
        ):
            address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
            self.uc.mem_map_ptr(gpa, size, UC_PROT_ALL, address)
        self.context = self.uc.context_save()
        address = ctypes.cast(self.context._context, ctypes.c_void_p).value + CONTEXT_HEADER
        raw = memoryview((ctypes.c_ubyte * STATE_SIZE).from_address(address)).cast("B")
        raw[:600] = bytes(600)
        self.cpu = Cpu(CpuState(raw), FlatRam(buffer=memoryview(self.buffer)))
        self.exits: list[int] = []
        self.errors: list[BaseException] = []
        self.uc.hook_add(UC_HOOK_INTR, self._on_intr)
        self.uc.hook_add(UC_HOOK_INSN, self._on_syscall, None, 1, 0, UC_X86_INS_SYSCALL)
        self.uc.hook_add(UC_HOOK_INSN, self._on_sysenter, None, 1, 0, UC_X86_INS_SYSENTER)

    def code(self, bits: int, at: int, source: str, base: int = 0) -> None:
        data = assemble(bits, source, at)
        self.buffer[base + at : base + at + len(data)] = data

    def run(self) -> None:
        """To the first HLT in ring 0."""
        q, d = self.cpu.q, self.cpu.d
        d[s.HFLAGS] |= HF_GUEST | HFLAGS_SVME
        d[s.HFLAGS2] = GIF
        q[s.EFER] |= EFER_SVME
        d[s.OLD_EXCEPTION] = 0xFFFFFFFF
        q[s.VM_VMCB] = HIDDEN
        q[s.INTERCEPT] = sum(1 << c - INTERCEPT_BASE for c in (EXIT_SWINT, EXIT_HLT, EXIT_MSR))
        d[s.INTERCEPT_EXCEPTIONS] = 0xFFFFFFFF
        self.restore()
        self.uc.emu_start(q[s.RIP], 1 << 63)
        for error in self.errors:
            raise error
        self.save()

    def save(self) -> None:
        uclib.uc_context_save(self.uc._uch, self.context._context)

    def restore(self) -> None:
        uclib.uc_context_restore(self.uc._uch, self.context._context)

    def make_flags_plain(self) -> None:
        flags = self.uc.reg_read(UC_X86_REG_EFLAGS)
        self.cpu.q[s.CC_SRC] = flags & s.ARITHMETIC_FLAGS
        self.cpu.d[s.CC_OP] = s.CC_OP_EFLAGS
        self.cpu.d[s.DF] = 0xFFFFFFFF if flags & 0x400 else 1

    def _on_intr(self, _uc: Uc, number: int, _data: object) -> None:
        try:
            self._exit(number - 0x100)
        except BaseException as error:  # noqa: BLE001 - carried over the C frame
            self.errors.append(error)
            self.uc.emu_stop()

    def _exit(self, code: int) -> None:
        self.exits.append(code)
        if code == EXIT_HLT or len(self.exits) > MAX_EXITS:
            self.uc.emu_stop()
            return
        self.save()
        self.make_flags_plain()
        q = self.cpu.q
        if code == EXIT_SWINT:
            linear = self.cpu.state.base(s.CS) + q[s.RIP]
            insn = self.cpu.memory.peek(linear, 2)
            assert insn is not None
            assert insn[0] == 0xCD
            event = Event(insn[1], EventKind.SOFTWARE_INTERRUPT, next_rip=q[s.RIP] + 2)
        else:
            vector = code - EXIT_EXCEPTION
            assert 0 <= vector < 32, hex(code)
            if vector == PF:
                q[s.CR2] = int.from_bytes(self.hidden[EXIT_INFO_2 : EXIT_INFO_2 + 8], "little")
            has_code = vector in PUSHES_ERROR_CODE
            error_code = self.cpu.d[s.ERROR_CODE] if has_code else None
            event = Event(vector, EventKind.EXCEPTION, error_code)
        assert self.cpu.deliver(event) == Delivered()
        self.restore()

    def _on_syscall(self, _uc: Uc, _data: object) -> None:
        self.save()
        self.make_flags_plain()
        assert syscall(self.cpu.state, self.cpu.q[s.RIP] + 2) is None
        self.cpu.q[s.RIP] -= 2  # Unicorn adds the instruction's length afterwards
        self.restore()

    def _on_sysenter(self, _uc: Uc, _data: object) -> None:
        self.save()  # flags stay lazy: the translated code stores CC_OP once more
        assert sysenter(self.cpu.state) is None
        self.cpu.q[s.RIP] -= 2
        self.restore()


def exception(vector: int) -> int:
    return EXIT_EXCEPTION + vector


@pytest.fixture
def guest64() -> Guest:
    """Ring 3, 64-bit; the first 2 MiB are everyone's, but for a page that is not there."""
    guest = Guest()
    cpu = guest.cpu.long(cpl=3)
    cpu.segment(CODE3, 0, 0xFFFFF, CODE64_FLAGS | RING3)
    for page in range(512):
        cpu.put(PT + 8 * page, page << 12 | 7)
    cpu.put(PT + 8 * (LAZY_PAGE >> 12), 0)
    cpu.gate(PF, CODE0, HANDLERS)
    cpu.gate(0x80, CODE0, HANDLERS + 0x100, 0xEE)
    cpu.gate(GP, CODE0, HANDLERS + 0x200)
    lazy_entry = PT + 8 * (LAZY_PAGE >> 12)
    guest.code(
        64,
        HANDLERS,
        f"""
        pop r14
        mov r15, cr2
        mov qword ptr [{lazy_entry}], {LAZY_PAGE | 7}
        invlpg [{LAZY_PAGE}]
        iretq
        """,
    )
    guest.code(64, HANDLERS + 0x100, "inc rbx; mov rdx, [rsp + 16]; iretq")
    guest.code(64, HANDLERS + 0x200, "pop r13; pop r12; hlt")
    return guest


def test_64_bit_faults_and_software_interrupts_return(guest64: Guest) -> None:
    guest64.cpu.q[s.RFLAGS] |= IF
    guest64.cpu.put(LAZY_PAGE, 0x1122334455667788)
    guest64.code(
        64,
        USER_CODE,
        f"""
        xor ebx, ebx
        cmp ebx, 1
        mov rax, [{LAZY_PAGE}]
        setc cl
        int 0x80
        int 0x80
        hlt
        """,
    )
    guest64.run()
    q = guest64.cpu.q
    expected = [exception(PF), EXIT_SWINT, EXIT_SWINT, exception(GP), EXIT_HLT]
    assert guest64.exits == expected
    assert q[s.RAX] == 0x1122334455667788
    assert q[s.RBX] == 2
    assert q[s.RCX] & 0xFF == 1, "flags came through the page fault"
    assert (q[s.R14], q[s.R15]) == (4, LAZY_PAGE), "error code and CR2"
    assert q[s.R13] == 0
    assert guest64.buffer[q[s.R12]] == 0xF4, "#GP returns to the HLT"
    assert q[s.RDX] & IF
    assert q[s.RSP] == INNER_TOP - 32
    assert guest64.cpu.words(INNER_TOP - 32, 4, 8)[2] == STACK_TOP


def test_64_bit_fault_of_a_store_sets_dirty_bits_by_itself(guest64: Guest) -> None:
    guest64.code(64, USER_CODE, f"mov dword ptr [{LAZY_PAGE}], 7; hlt")
    guest64.run()
    assert guest64.cpu.get(LAZY_PAGE, 4) == 7
    assert guest64.cpu.q[s.R14] == 6
    assert guest64.cpu.get(PT + 8 * (INNER_TOP - 8 >> 12)) & 0x60 == 0x60, "the stack we wrote"
    assert guest64.cpu.get(PML4) & guest64.cpu.get(PDPT) & guest64.cpu.get(PD) & 0x20


def test_64_bit_ring_0_interrupts_itself(guest64: Guest) -> None:
    """From ring 0 the frame goes to the running stack, and SS comes back from it."""
    guest64.cpu.put(LAZY_PAGE, 0x55)
    guest64.code(64, HANDLERS + 0x100, f"mov rax, [{LAZY_PAGE}]; mov r8, rsp; iretq")
    guest64.code(64, USER_CODE, "int 0x80; hlt")
    guest64.run()
    assert guest64.exits == [EXIT_SWINT, exception(PF), exception(GP), EXIT_HLT]
    assert guest64.cpu.q[s.RAX] == 0x55
    assert guest64.cpu.q[s.R8] == INNER_TOP - 40


def test_64_bit_syscall_and_sysret(guest64: Guest) -> None:
    q = guest64.cpu.q
    q[msrs.STAR] = CODE0 << 32 | 0x10 << 48  # SYSRET: SS 0x18, CS 0x20
    q[msrs.LSTAR] = HANDLERS + 0x300
    q[msrs.FMASK] = IF
    q[s.RFLAGS] |= IF
    guest64.code(64, USER_CODE, "stc; syscall; setc bl; hlt")
    sysretq = ".byte 0x48, 0x0F, 0x07"
    guest64.code(64, HANDLERS + 0x300, f"mov r9, r11; pushfq; pop r10; {sysretq}")
    guest64.run()
    assert guest64.exits == [exception(GP), EXIT_HLT]
    assert (q[s.R9], q[s.R10]) == (2 | IF | 1, 3)
    assert q[s.RBX] == 1
    assert guest64.buffer[q[s.R12]] == 0xF4


DIRECTORY, TABLE = 0x120000, 0x121000


@pytest.fixture
def guest32() -> Guest:
    """Ring 3, 32-bit, paged; one page of the first 4 MiB is not there."""
    guest = Guest()
    cpu = guest.cpu.protected(cpl=3)
    cpu.put(DIRECTORY, TABLE | 7, 4)
    for page in range(1024):
        cpu.put(TABLE + 4 * page, page << 12 | 7, 4)
    lazy_entry = TABLE + 4 * (LAZY_PAGE >> 12)
    cpu.put(lazy_entry, 0, 4)
    cpu.q[s.CR0] |= 1 << 31
    cpu.q[s.CR3] = DIRECTORY
    cpu.gate(PF, CODE0, HANDLERS)
    cpu.gate(0x80, CODE0, HANDLERS + 0x100, 0xEE)
    cpu.gate(GP, CODE0, HANDLERS + 0x200)
    guest.code(
        32,
        HANDLERS,
        f"""
        pop ecx
        mov edx, cr2
        mov dword ptr [{lazy_entry}], {LAZY_PAGE | 7}
        invlpg [{LAZY_PAGE}]
        iretd
        """,
    )
    guest.code(32, HANDLERS + 0x100, "inc ebx; iretd")
    guest.code(32, HANDLERS + 0x200, "pop edi; pop esi; hlt")
    return guest


def test_32_bit_faults_and_software_interrupts_return(guest32: Guest) -> None:
    guest32.cpu.put(LAZY_PAGE, 0x11223344, 4)
    guest32.code(32, USER_CODE, f"mov eax, [{LAZY_PAGE}]; int 0x80; int 0x80; hlt")
    guest32.run()
    q = guest32.cpu.q
    expected = [exception(PF), EXIT_SWINT, EXIT_SWINT, exception(GP), EXIT_HLT]
    assert guest32.exits == expected
    assert (q[s.RAX], q[s.RBX], q[s.RCX], q[s.RDX]) == (0x11223344, 2, 4, LAZY_PAGE)
    assert q[s.RDI] == 0
    assert guest32.buffer[q[s.RSI]] == 0xF4
    assert guest32.cpu.words(INNER_TOP - 12, 3, 4)[1] == STACK_TOP


def test_32_bit_sysenter_keeps_the_arithmetic_flags_and_sysexit_returns(guest32: Guest) -> None:
    cpu = guest32.cpu
    cpu.d[msrs.SYSENTER_CS] = CODE0
    cpu.q[msrs.SYSENTER_ESP], cpu.q[msrs.SYSENTER_EIP] = INNER_TOP, HANDLERS + 0x300
    guest32.code(32, USER_CODE, "mov eax, 0x100; cmp eax, -1; sysenter")
    guest32.code(32, USER_CODE + 0x80, "inc ebx; hlt")
    guest32.code(
        32,
        HANDLERS + 0x300,
        f"setc bl; mov edx, {USER_CODE + 0x80}; mov ecx, {STACK_TOP}; sysexit",
    )
    guest32.run()
    assert guest32.exits == [exception(GP), EXIT_HLT]
    assert cpu.q[s.RBX] == 2
    assert cpu.state.selector(s.CS) == CODE0
    assert cpu.q[s.RSI] == USER_CODE + 0x81, "#GP returns to the HLT"
    assert cpu.words(INNER_TOP - 16, 1, 4) == [CODE3]


def test_286_gates_return_with_iretw(guest32: Guest) -> None:
    cpu = guest32.cpu
    cpu.gate(0x80, CODE16, 0x100, 0xE6)
    guest32.code(16, 0x100, "inc bx; iret", base=0x20000)
    guest32.code(32, USER_CODE, "int 0x80; hlt")
    cpu.q[s.RSP] = 0x8000  # IRETW brings back 16 bits of ESP
    guest32.run()
    assert guest32.exits == [EXIT_SWINT, exception(GP), EXIT_HLT]
    assert cpu.q[s.RBX] == 1


def test_virtual_8086_mode_and_back() -> None:
    """The monitor steps over INT 21h, which IOPL 0 makes #GP, and stops at the HLT's #GP."""
    guest = Guest()
    cpu = guest.cpu.v86()
    cpu.gate(GP, CODE0, HANDLERS)
    guest.code(16, 0x1234, "mov ax, ds; int 0x21; mov bx, ds; hlt", base=0x2000)
    guest.code(
        32,
        HANDLERS,
        """
        pop ecx
        inc edx
        cmp edx, 2
        je done
        mov si, ds
        add dword ptr [esp], 2
        iretd
        done:
        hlt
        """,
    )
    guest.run()
    q = cpu.q
    assert guest.exits == [exception(GP), exception(GP), EXIT_HLT]
    assert (q[s.RAX], q[s.RBX], q[s.RSI]) == (0x2222, 0x2222, 0)
    eip, code, flags = cpu.words(INNER_TOP - 36, 3, 4)
    assert (eip, code) == (0x123A, 0x0200)
    assert flags & VM


def test_virtual_8086_mode_at_iopl_3_calls_the_gate() -> None:
    guest = Guest()
    cpu = guest.cpu.v86(iopl=3)
    cpu.gate(0x21, CODE0, HANDLERS + 0x100, 0xEE)
    cpu.gate(GP, CODE0, HANDLERS)
    guest.code(16, 0x1234, "int 0x21; mov bx, ds; hlt", base=0x2000)
    guest.code(32, HANDLERS, "hlt")
    guest.code(32, HANDLERS + 0x100, "inc edx; iretd")
    guest.run()
    assert guest.exits == [EXIT_SWINT, exception(GP), EXIT_HLT]
    assert (cpu.q[s.RBX], cpu.q[s.RDX]) == (0x2222, 1)


def test_real_mode_and_back() -> None:
    guest = Guest()
    cpu = guest.cpu.real(ip=0x100, sp=0x1000)
    cpu.put(4 * 0x21, 0x0060_0010, 4)
    cpu.put(4 * 0, 0x0060_0020, 4)
    guest.code(16, 0x100, "int 0x21; mov cl, 0; stc; div cl; setc dl; hlt", base=0x2000)
    guest.code(16, 0x10, "inc bx; iret", base=0x600)
    guest.code(16, 0x20, "inc si; mov bp, sp; add word ptr [bp], 2; iret", base=0x600)
    guest.run()
    assert guest.exits == [EXIT_SWINT, exception(0), EXIT_HLT]
    q = cpu.q
    assert (q[s.RBX], q[s.RSI], q[s.RSP]) == (1, 1, 0x1000)
    assert q[s.RDX] == 1
