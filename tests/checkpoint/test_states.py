"""A PC saved in awkward moments: in the middle of a sector, of an interrupt, of a computation."""

from pathlib import Path

import pytest

from hv.asm import assemble_text
from hv.config import MachineConfig
from hv.cpu.state import EFER, HFLAGS, RFLAGS, Hflags
from hv.errors import ConfigError
from hv.loaders import LoadOptions, Mode, load_bytes
from hv.root.checkpoint import save_checkpoint
from hv.root.disk import Disk, MemoryDisk
from hv.root.images import flat_options
from hv.root.keys import parse_keys
from hv.root.machine import Machine
from hv.root.result import make_result, to_json
from hv.root.schedule import parse_deed, schedule
from hv.vp import Ending
from tests.checkpoint.tools import restored
from tests.machines import MEMORY, PASS, flat

IF = 1 << 9
ENDLESS = 2_000_000

# A computation whose intermediate results live in every corner of the processor, a jump between all steps.
ARITHMETIC = """
    mov eax, cr4
    or eax, 0x600
    mov cr4, eax
    mov eax, cr0
    and al, 0xf3
    mov cr0, eax
    fninit
    mov ecx, 20
again:
    push ecx
    mov dword [0x9000], ecx
    fild dword [0x9000]
    jmp a1
a1: fldpi
    jmp a2
a2: fmulp st1, st0
    jmp a3
a3: fnstcw [0x9004]
    or word [0x9004], 0x0c00
    fldcw [0x9004]
    jmp a4
a4: fistp dword [0x9008]
    and word [0x9004], 0xf3ff
    fldcw [0x9004]
    jmp a5
a5: movd xmm1, dword [0x9008]
    pshufd xmm2, xmm1, 0
    jmp a6
a6: paddd xmm3, xmm2
    movd mm1, dword [0x9008]
    jmp a7
a7: paddd mm2, mm1
    jmp a8
a8: movd dword [0x900c], mm2
    emms
    mov eax, dword [0x900c]
    cmp eax, 0x1234
    jmp a9
a9: jc a10
    std
    jmp a10
a10: mov edi, 0x9010
    adc eax, 7
    jmp a11
a11: stosd
    cld
    jo a12
    neg eax
a12: pushfd
    jmp a13
a13: popfd
    pop ecx
    dec ecx
    jz done
    jmp again
done:
    movdqu [0x9020], xmm3
    fldl2e
    mov al, 0
    out 0xf4, al
    jmp $
"""


def finish(machine: Machine) -> tuple[bytes, bytes, bytes]:
    result = to_json(make_result(machine, machine.run(ENDLESS)))
    return result, bytes(machine.serial_log), bytes(machine.text_log)


def with_disks(source: str, bits: int, ata: tuple[Disk, ...] = ()) -> Machine:
    assembly = assemble_text(f".code{bits}\n{source}", name="test", origin=0x7C00)
    options = flat_options(assembly, LoadOptions(memory=MEMORY, mode=Mode(bits)))
    image = load_bytes(assembly.code, options, name="test")
    return Machine(MachineConfig(memory=MEMORY), image, media=ata)


@pytest.mark.parametrize("accelerated", ["0", "1"])
@pytest.mark.parametrize("bits", [32, 64])
def test_flags_x87_mmx_and_sse_survive_between_any_two_blocks(
    bits: int, accelerated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HV_ACCEL", accelerated)
    source = ARITHMETIC
    if bits == 64:
        for short, long in (("push ecx", "push rcx"), ("pop ecx", "pop rcx")):
            source = source.replace(short, long)
        source = source.replace("pushfd", "pushfq").replace("popfd", "popfq")
        source = source.replace("cr4, eax", "cr4, rax").replace("eax, cr4", "rax, cr4")
        source = source.replace("cr0, eax", "cr0, rax").replace("eax, cr0", "rax, cr0")
    whole = flat(source, bits=bits)
    expected = finish(whole)
    assert whole.partition.vp.end.ending is Ending.DEBUG_EXIT
    machine = flat(source, bits=bits)
    while machine.insns < 130:  # more than one turn
        machine.run(machine.insns + 1)
        machine = restored(machine, tmp_path)
    assert finish(machine) == expected


PIO = """
    mov dx, 0x1f2
    mov al, 2
    out dx, al
    inc dx
    mov al, 3
    out dx, al
    mov al, 0
    inc dx
    out dx, al
    inc dx
    out dx, al
    mov dx, 0x1f6
    mov al, 0xe0
    out dx, al
    inc dx
    mov al, 0x20
    out dx, al
busy:
    in al, dx
    test al, 8
    jz busy
    mov edi, 0x9000
    mov ecx, 100
one:
    mov dx, 0x1f0
    in ax, dx
    stosw
    loop one
    mov dword [0x8000], 1
    mov ecx, 1000
idle:
    loop idle
    mov dx, 0x1f0
    mov ecx, 156
    rep insw
    mov dx, 0x1f7
more:
    in al, dx
    test al, 8
    jz more
    mov dx, 0x1f0
    mov ecx, 256
    rep insw
"""


def until(machine: Machine, gpa: int) -> None:
    """Run until the guest has put something at ``gpa``."""
    while not any(machine.partition.memory.read(gpa, 4)):
        assert machine.run(machine.insns + 50).ending is Ending.BUDGET


def test_in_the_middle_of_a_sector(tmp_path: Path) -> None:
    def start() -> Machine:
        disk = MemoryDisk(b"".join(n.to_bytes(2, "little") * 256 for n in range(1, 65)))
        return with_disks(PIO + PASS, 32, (disk,))

    expected = finish(start())
    machine = start()
    until(machine, 0x8000)
    drive = machine.board.ata[0].drives[0]
    assert drive.state.position == 200
    assert drive.state.remaining == 1
    again = restored(machine, tmp_path)
    assert finish(again) == expected
    data = again.partition.memory.read(0x9000, 1024)
    assert data == b"\4\0" * 256 + b"\5\0" * 256


PENDING = """
    cli
    mov word [0x70], handler   ; vector 0x1c: IRQ 4 at 0x18
    mov word [0x72], 0
    mov al, 0x11
    out 0x20, al
    mov al, 0x18
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov al, 0xef
    out 0x21, al
    mov dx, 0x3fc
    mov al, 8
    out dx, al
    mov dx, 0x3f9
    mov al, 2
    out dx, al          ; transmitter empty: IRQ 4
    mov byte [0x8000], 1
    mov cx, 2000
wait_here:
    loop wait_here
    sti
    mov cx, 2000
wait_more:
    loop wait_more
    {end}
handler:
    mov al, 'I'
    out 0xe9, al
    mov dx, 0x3f9
    mov al, 0
    out dx, al
    mov al, 0x20
    out 0x20, al
    iret
"""


def test_an_interrupt_waits_for_if(tmp_path: Path) -> None:
    source = PENDING.replace("{end}", PASS)
    expected = finish(flat(source))
    machine = flat(source)
    until(machine, 0x8000)
    assert machine.board.pic.pending
    assert not machine.partition.vp.state.q[RFLAGS] & IF
    again = restored(machine, tmp_path)
    assert finish(again) == expected
    assert expected[2] == b"I"


def test_a_halted_processor_and_an_interrupt_shadow(tmp_path: Path) -> None:
    source = PENDING.replace("sti\n", "sti\n    jmp on\non: hlt\n").replace("{end}", PASS)
    expected = finish(flat(source))
    shadows = 0
    machine = flat(source)
    while machine.partition.vp.end is None:
        machine.run(machine.insns + 1)
        shadows += bool(machine.partition.vp.state.d[HFLAGS] & Hflags.INHIBIT_IRQ.value)
        if machine.insns > 2000:
            machine = restored(machine, tmp_path)
    assert finish(machine) == expected
    assert shadows == 1


def test_typing_and_deeds_under_way(tmp_path: Path) -> None:
    source = """
        mov dx, 0x64
    next:
        in al, dx
        test al, 1
        jz next
        in al, 0x60
        out 0xe9, al
        cmp al, 0x99        ; P goes up
        jne next
    """

    def start() -> Machine:
        machine = flat(source + PASS)
        machine.hand.play(parse_keys("hello<wait:20ms>p"))
        schedule(machine, [parse_deed("15ms:nmi"), parse_deed("1ms:kvp-set:a=b")], print)
        machine.partition.memory.write(8, b"\x00\x7b\x00\x00")
        machine.partition.memory.write(0x7B00, b"\xcf")  # NMI: IRET
        return machine

    expected = finish(start())
    machine = start()
    for at in (30_000, 90_000, 120_000):
        machine.run(at)
        machine = restored(machine, tmp_path)
    assert finish(machine) == expected
    assert expected[2].count(b"\x99") == 1
    assert len(machine.planned[1].tickets) == 1


def test_the_line_20_gate_and_moved_ports(tmp_path: Path) -> None:
    move = """
        mov dx, 0xcf8
        mov eax, 0x80000920
        out dx, eax
        mov dx, 0xcfc
        mov eax, 0xd001
        out dx, eax
        mov al, 0
        out 0x92, al
    """
    look = """
        mov ecx, 1000
    idle:
        loop idle
        mov dx, 0xd004
        in eax, dx
        out 0xe9, al
        mov edi, 0x100000
        mov dword [edi], 0x12345678
        mov al, byte [0]
        out 0xe9, al
    """
    set_up = "mov dx, 0xc004\nmov eax, 0x5c\nout dx, eax\n"
    source = set_up + move + look + PASS
    expected = finish(flat(source, bits=32))
    machine = flat(source, bits=32)
    machine.run(500)
    assert finish(restored(machine, tmp_path)) == expected
    assert expected[2] == b"\x5c\x78"


def test_an_armed_breakpoint_is_met_wherever_the_machine_was_restored(tmp_path: Path) -> None:
    source = """
        jmp start
    debug_exception:
        push eax
        mov eax, dr6
        and al, 15
        out 0xe9, al
        xor eax, eax
        mov dr6, eax
        or dword [esp + 12], 0x10000    ; RF: over the breakpoint this time
        pop eax
        iretd
    start:
        mov eax, debug_exception
        mov [0x9008], ax
        mov word [0x900a], cs
        mov word [0x900c], 0x8e00
        shr eax, 16
        mov [0x900e], ax
        lidt [table]
        mov eax, again
        mov dr2, eax
        mov eax, 0x420                  ; G2: an instruction
        mov dr7, eax
        mov ecx, 5
        jmp again
    table:
        dw 0x7ff
        dd 0x9000
        nop
    again:
        mov ebx, 20
    idle:
        dec ebx
        jnz idle
        loop again
        xor eax, eax
        mov dr7, eax
    """
    expected = finish(flat(source + PASS, bits=32))
    assert expected[2] == bytes([4] * 5)
    machine = flat(source + PASS, bits=32)
    while machine.partition.vp.end is None:
        machine.run(machine.insns + 7)
        machine = restored(machine, tmp_path)
    assert finish(machine) == expected


def test_a_timer_of_the_hosts_own_is_refused_while_it_is_armed(tmp_path: Path) -> None:
    machine = flat("mov ecx, 1000\nidle: loop idle\n" + PASS, bits=32)
    clock = machine.partition.clock
    clock.timer(lambda: None).arm(100)
    with pytest.raises(ConfigError, match="timer"):
        save_checkpoint(machine, tmp_path / "never")
    machine.run(500)
    assert finish(restored(machine, tmp_path)) == finish(machine)


def test_a_machine_that_has_ended_stays_ended(tmp_path: Path) -> None:
    machine = flat(PASS)
    expected = finish(machine)
    again = restored(machine, tmp_path)
    assert finish(again) == expected
    assert again.partition.vp.state.q[EFER] == machine.partition.vp.state.q[EFER]


def test_code_that_changes_itself_across_a_checkpoint(tmp_path: Path) -> None:
    source = """
        mov ecx, 50
    again:
        mov byte [patched + 1], cl
        jmp patched
    patched:
        mov al, 0
        out 0xe9, al
        loop again
    """
    expected = finish(flat(source + PASS, bits=32))
    machine = flat(source + PASS, bits=32)
    while machine.insns < 100:
        machine.run(machine.insns + 1)
        machine = restored(machine, tmp_path)
    assert finish(machine) == expected
    assert expected[2] == bytes(range(50, 0, -1))
