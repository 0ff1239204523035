"""Code that is changed behind the processor's back, or by the very block it stands in, runs as it is now."""

import pytest

from hv.vp import Ending
from tests.machines import flat

ORIGIN = 0x7C00
STEPS = 100_000


@pytest.fixture(params=["1", "0"], ids=["accelerator", "twin"], autouse=True)
def accelerator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HV_ACCEL", request.param)


def test_what_the_host_writes_over_translated_code_runs() -> None:
    machine = flat("""
        jmp again
    function:
        mov al, 1
        ret
    again:
        call function
        cmp al, 1
        je again
        out 0xf4, al
    """)
    operand = ORIGIN + 3
    assert machine.run(1000).ending == Ending.BUDGET
    assert machine.partition.memory.read(operand, 1) == b"\x01"
    machine.partition.memory.write(operand, b"\x07")
    end = machine.run(2000)
    assert (end.ending, end.code) == (Ending.DEBUG_EXIT, 7)


def test_an_interrupt_frame_over_translated_code_runs() -> None:
    """The return address is MOV AL, 0x7F, CS is ADD [BX+SI], AL, FLAGS is ADD AL, [BX+SI]."""
    machine = flat("""
        mov word ptr [4*0x40], offset handler
        mov word ptr [4*0x40+2], 0
        xor si, si
        mov ss, si
        mov bx, 0x600
        call target
        mov sp, offset target + 6
        mov cl, 1
        test cl, cl                 # leaves 0002 in FLAGS
        jmp trap
    target:
        mov al, 1
        nop
        nop
        nop
        nop
        ret
    handler:
        mov sp, 0x500
        call target
        out 0xf4, al
        .org 0x3ae
    trap:
        int 0x40
    """)
    end = machine.run(1000)
    assert (end.ending, end.code) == (Ending.DEBUG_EXIT, 2 * 0x7F)


EACH_PAGE_IN_TURN = """
    mov edi, 0x10000
    xor eax, eax
    mov ecx, 0x4000 / 4
    rep stosd
    mov dword ptr [0x10000], 0x11003
    mov dword ptr [0x11000], 0x12003
    mov dword ptr [0x12000], 0x13003
    mov edi, 0x13000
    mov eax, 3
    mov ecx, 512
fill:
    mov [edi], eax
    add edi, 8
    add eax, 0x1000
    dec ecx
    jnz fill
    mov eax, 0x10000
    mov cr3, rax
    mov ebx, 0x20000
write:
    cmp ebx, 0xa0000
    jne 1f
    mov ebx, 0x100000
1:  mov byte ptr [ebx], 0xb8        # MOV EAX, this page's address; RET
    mov [ebx+1], ebx
    mov byte ptr [ebx+5], 0xc3
    add ebx, 0x1000
    cmp ebx, 0x180000
    jne write
    mov ebx, 0x20000
run:
    cmp ebx, 0xa0000
    jne 2f
    mov ebx, 0x100000
2:  lea eax, [ebx+3]
    mov [0x13000 + 0x1ff*8], eax    # the window
    invlpg [0x1ff000]
    mov edx, 0x1ff000
    call rdx
    cmp eax, ebx
    mov al, 1
    jne wrong
    add ebx, 0x1000
    cmp ebx, 0x180000
    jne run
    mov al, 0
wrong:
    out 0xf4, al
"""


def test_every_page_of_ram_runs_its_own_code_at_one_linear_address() -> None:
    end = flat(EACH_PAGE_IN_TURN, bits=64, origin=0x8000).run(STEPS)
    assert (end.ending, end.code) == (Ending.DEBUG_EXIT, 0)


CHANGES = 200
SELF_CHANGING = f"""
    mov cx, {CHANGES}
again:
    inc dx
    mov byte ptr [operand], cl
    mov al, cl
    .byte 0xb4                      # MOV AH, operand
operand:
    .byte 0
    cmp ah, cl
    jne wrong
    loop again
    mov al, 0
    out 0xf4, al
wrong:
    mov al, 1
    out 0xf4, al
"""
INSTRUCTIONS = 1 + CHANGES * 7 + 2


@pytest.mark.parametrize("slice_insns", [1, 2, 3, 7, STEPS])
def test_a_block_that_changes_itself_is_counted_exactly_however_it_is_sliced(
    slice_insns: int,
) -> None:
    machine = flat(SELF_CHANGING)
    end = machine.run(STEPS, slice_insns=slice_insns)
    assert (end.ending, end.code) == (Ending.DEBUG_EXIT, 0)
    assert machine.insns == INSTRUCTIONS
