"""Instructions become the bytes of the opcode map, in the mode they stand in."""

import pytest

from hv.asm import assemble_text


def bytes_of(bits: int, text: str) -> str:
    return assemble_text(f".code{bits}\n{text}\n", origin=0x1000).code.hex()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ret", "c3"),
        ("ret 4", "c20400"),
        ("retf", "cb"),
        ("iret", "cf"),
        ("iretd", "66cf"),
        ("pushf", "9c"),
        ("popfd", "669d"),
        ("pusha", "60"),
        ("pushad", "6660"),
        ("push 5", "6a05"),
        ("push 0x80", "688000"),
        ("push dword 0x80", "666880000000"),
        ("push ax", "50"),
        ("push es", "06"),
        ("pop fs", "0fa1"),
        ("pushd gs", "660fa8"),
        ("push word ptr [bx]", "ff37"),
        ("pop [bx]", "8f07"),
        ("call 0x1003", "e80000"),
        ("call dword 0x1006", "66e800000000"),
        ("jmp 0x1002", "eb00"),
        ("jmp 0x1100", "e9fd00"),
        ("jcxz 0x1002", "e300"),
        ("loop 0x1000", "e2fe"),
        ("jmp 8:0x7c40", "ea407c0800"),
        ("ljmp 8:0x7c40", "ea407c0800"),
        ("ljmp 8, 0x7c40", "ea407c0800"),
        ("jmp dword 8:0x7c40", "66ea407c00000800"),
        ("jmp far [bx]", "ff2f"),
        ("jmp dword ptr [bx]", "66ff27"),
        ("lgdt [0x7c00]", "0f0116007c"),
        ("rep movsb", "f3a4"),
        ("rep movsd", "f366a5"),
        ("es lodsb", "26ac"),
        ("a32 stosb", "67aa"),
        ("insd", "666d"),
        ("mov ax, [0x1234]", "a13412"),
        ("mov bx, [bp+di+5]", "8b5b05"),
        ("mov ax, [ds:bp]", "3e8b4600"),
        ("mov ax, es:[di]", "268b05"),
        ("cmp byte ptr [di], 0", "803d00"),
        ("mov ax, [ebx*4+0x10]", "678b049d10000000"),
        ("mov ax, [dword 0x12345]", "678b042545230100"),
        ("mov eax, cr0", "0f20c0"),
        ("mov ds, ax", "8ed8"),
        ("enter 4, 0", "c8040000"),
        ("add ax, -1", "83c0ff"),
        ("mov al, 'A'", "b041"),
        ("in al, 0x60", "e460"),
        ("shl ax, 4", "c1e004"),
    ],
)
def test_16_bit_code_gets_16_bit_forms(text: str, expected: str) -> None:
    assert bytes_of(16, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ret", "c3"),
        ("iret", "cf"),
        ("iretw", "66cf"),
        ("pushf", "9c"),
        ("lgdt [0x500]", "0f011500050000"),
        ("call 0x1005", "e800000000"),
        ("jmp 8:0x7c40", "ea407c00000800"),
        ("movsd", "a5"),
        ("push ds", "1e"),
        ("pop ss", "17"),
        ("pushw gs", "660fa8"),
        ("mov ds, ax", "8ed8"),
        ("mov eax, [0x1234]", "a134120000"),
        ("mov ecx, [eax*4]", "8b0c8500000000"),
        ("nop dword [eax]", "0f1f00"),
        ("fdiv st0, st1", "d8f1"),
        ("lar eax, cx", "0f02c1"),
    ],
)
def test_32_bit_code_gets_32_bit_forms(text: str, expected: str) -> None:
    assert bytes_of(32, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("iretq", "48cf"),
        ("pushfq", "9c"),
        ("sysretq", "480f07"),
        ("o64 sysret", "480f07"),
        ("retfq", "48cb"),
        ("mov rax, 5", "b805000000"),
        ("mov rax, -1", "48c7c0ffffffff"),
        ("mov rax, 0x123456789a", "48b89a78563412000000"),
        ("mov ecx, [0x500]", "8b0c2500050000"),
        ("mov eax, [0xfee00020]", "a12000e0fe00000000"),
        ("mov rax, [rel 0x1007]", "488b0500000000"),
        ("mov rax, [rip + 16]", "488b0510000000"),
        ("mov dword ptr [rel 0x100a], 7", "c7050000000007000000"),
        ("mov eax, gs:[0x28]", "658b042528000000"),
        ("push qword ptr [rax]", "ff30"),
        ("jmp far [rax]", "ff28"),
        ("mov r9d, [r12+rbp*2]", "458b0c6c"),
        ("stosq", "48ab"),
        ("swapgs", "0f01f8"),
        ("push fs", "0fa0"),
    ],
)
def test_64_bit_code_gets_64_bit_forms(text: str, expected: str) -> None:
    assert bytes_of(64, text) == expected


def test_a_symbol_in_an_instruction_is_its_address() -> None:
    text = "mov si, text\nmov al, [text+1]\nlea di, [bx+text]\ntext: .byte 1, 2\n"
    code = assemble_text(text, origin=0x7C00).code.hex()
    assert code == "be0a7c" + "a00b7c" + "8dbf0a7c" + "0102"


def test_a_name_may_be_marked_as_address_or_as_memory() -> None:
    text = "mov ax, offset value\nmov ax, word ptr value\nvalue: .word 1"
    assert assemble_text(text, origin=0x100).code.hex() == "b80601" + "a10601" + "0100"


def test_jumps_are_short_where_they_reach_and_near_where_not() -> None:
    text = "jz far_away\njmp close\nclose: .fill {}\nfar_away: jmp close"
    assert assemble_text(text.format(125)).code[:4].hex() == "747f" + "eb00"
    assert assemble_text(text.format(126)).code[:6].hex() == "0f848000" + "eb00"


def test_jumps_that_push_each_other_out_of_reach_settle() -> None:
    lines = [f"l{n}: jz l{n + 30}\nadd ax, l{n + 25}-l{n}\n.align 4" for n in range(60)]
    lines += [f"l{n}: nop" for n in range(60, 95)]
    assembly = assemble_text("\n".join(lines))
    for n in range(60):
        at = assembly.symbols[f"l{n}"]
        near = assembly.code[at] == 0x0F
        size, first = (4, at + 2) if near else (2, at + 1)
        distance = int.from_bytes(assembly.code[first : at + size], "little", signed=True)
        assert at + size + distance == assembly.symbols[f"l{n + 30}"]


def test_16_bit_code_reaches_all_of_its_segment() -> None:
    assert assemble_text("jmp 0x7c00\n", origin=0xFFF0).code.hex() == "e90d7c"
