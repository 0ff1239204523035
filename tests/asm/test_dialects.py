"""Both ways of writing data, labels and layout lead to the same bytes."""

import pytest

from hv.asm import assemble_text

NASM_BOOT = """
org 0x7c00
bits 16
%define TELETYPE 0x0e
start:
    mov si, msg          ; DS:SI
.next:
    lodsb
    test al, al
    jz .done
    mov ah, TELETYPE
    int 0x10
    jmp .next
.done:
    jmp $
msg db "Hi", 0
len equ $ - msg
times 510-($-$$) db 0
dw 0xaa55
"""

GNU_BOOT = """
.origin 0x7c00
.code16
.equ TELETYPE, 0x0e
start:
    mov si, offset msg   # DS:SI
1:  lodsb
    test al, al
    jz 2f
    mov ah, TELETYPE
    int 0x10
    jmp 1b
2:  jmp 2b
msg: .asciz "Hi"
.set len, . - msg
.org 510
.word 0xaa55
"""


def test_a_boot_sector_in_nasm_style() -> None:
    boot = assemble_text(NASM_BOOT)
    assert (boot.origin, boot.entry_bits, len(boot.code)) == (0x7C00, 16, 512)
    assert boot.code[:20].hex() == "be107cac84c07406b40ecd10ebf5ebfe48690000"
    assert boot.code[-2:] == b"\x55\xaa"
    assert boot.symbols["start.next"] == 0x7C03
    assert boot.symbols["len"] == 3


def test_the_same_boot_sector_in_gnu_style() -> None:
    assert assemble_text(GNU_BOOT).code == assemble_text(NASM_BOOT).code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("db 1, 'ab', \"c\", `\\n`", "016162630a"),
        ("dw 1, 'a', 'abc'", "0100610061626300"),
        ("dd 1, -1", "01000000ffffffff"),
        ("dq 0x1122334455667788", "8877665544332211"),
        (".byte 1, 'a', '\\n', \"a\\x41\"", "01610a6141"),
        ('.ascii "a", "b"', "6162"),
        ('.asciz "a", "b"', "61006200"),
        (".word 1\n.long 2\n.quad 3", "0100020000000300000000000000"),
        (".fill 2, 2, 0x1234", "34123412"),
        (".skip 2, 7\n.zero 1", "070700"),
        ("resb 2\nresw 1", "00000000"),
        ("times 3 db 1, 2", "010201020102"),
        ("times 2 nop", "9090"),
        (".byte 1\n.align 4, 0xcc\n.byte 2", "01cccccc02"),
        ("nop\nalign 4\nnop", "9090909090"),
        (".byte 1\n.balign 8, 0, 3\n.byte 2", "0102"),
        (".p2align 1\n.byte 1", "01"),
        ('db "it\'s"', "69742773"),
    ],
)
def test_data(text: str, expected: str) -> None:
    assert assemble_text(text).code.hex() == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("0x10 | 1 << 2", 0x14),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("~0 & 0xff", 0xFF),
        ("3 > 2 && 2 >= 2", 1),
        ("1 == 2 || !5", 0),
        ("0b1010_0101", 0xA5),
        ("101b", 5),
        ("0ffh", 0xFF),
        ("017", 17),
        ("17o", 15),
        ("'A'", 65),
        ("'AB'", 0x4241),
        ("'\\n'", 10),
        ("$ - $$ + 1", 1),
    ],
)
def test_expressions(text: str, value: int) -> None:
    assert assemble_text(f"name equ {text}\n.quad name").symbols["name"] == value


def test_comments_leave_strings_alone() -> None:
    text = 'db ";#//" ; one\ndb "/*" # two\ndb 1 // three\n/* four\n db 9 */ db 2'
    assert assemble_text(text).code == b";#///*\x01\x02"


def test_local_labels_belong_to_the_label_above() -> None:
    text = "one: nop\n.x: jmp .x\ntwo: nop\n.x: jmp .x\njmp one.x"
    assert assemble_text(text).code.hex() == "90ebfe" + "90ebfe" + "ebf9"


def test_numeric_labels_are_the_nearest() -> None:
    assert assemble_text("1: nop\njmp 1b\njmp 1f\n1: mov al, 1b").code.hex() == "90ebfdeb00b005"


def test_sections_are_put_together_text_first_and_bss_left_out() -> None:
    text = "section .data\nvalue: db 1\nsection .bss\nroom: resb 16\nsection .text\nmov al, [value]"
    assembly = assemble_text(text, origin=0x100)
    assert assembly.code.hex() == "a00401" + "00" + "01"
    assert assembly.symbols["room"] == 0x108


def test_org_at_the_start_is_the_origin_and_later_goes_there() -> None:
    assembly = assemble_text(".org 0x7c00\nnop\n.org 4\nx: nop\n.org 0x7c08\ny: nop")
    assert assembly.origin == 0x7C00
    assert (assembly.symbols["x"], assembly.symbols["y"]) == (0x7C04, 0x7C08)


def test_the_callers_origin_is_for_sources_without_one() -> None:
    assert assemble_text("x: nop", origin=0x500).symbols["x"] == 0x500
    assert assemble_text("org 0x100\nx: nop", origin=0x500).symbols["x"] == 0x100


def test_entry_bits_are_those_of_the_first_instruction() -> None:
    assert assemble_text(".code64\n.quad 1\n.code32\nnop\n.code16\nnop").entry_bits == 32
