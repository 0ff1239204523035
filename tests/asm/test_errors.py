"""A mistake is one line that names the file, the line and what to do."""

from pathlib import Path

import pytest

from hv.asm import assemble_file, assemble_text
from hv.errors import ConfigError


def complaint(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        assemble_text(text, name="x.asm")
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nop\nmovv ax, bx", "x.asm:2: unknown instruction 'movv'"),
        (
            "start mov ax, 1",
            "x.asm:1: unknown instruction 'start' (a label needs a colon, a macro its definition above)",
        ),
        (
            "PUT_ALL ax, bx",
            "x.asm:1: unknown instruction 'PUT_ALL' (a label needs a colon, a macro its definition "
            "above)",
        ),
        ("mov ax, nowhere", "x.asm:1: undefined symbol 'nowhere'"),
        ("mov ax, 0x12345", "x.asm:1: 0x12345 does not fit in 16 bits"),
        ("out 0x3f8, al", "x.asm:1: 0x3f8 does not fit in 8 bits"),
        (".byte 256", "x.asm:1: 0x100 does not fit in 8 bits"),
        ("mov al, [0x12345]", "x.asm:1: 0x12345 does not fit in a 16-bit address"),
        ("inc [bx]", "x.asm:1: say the operand's size: byte, word, dword or qword"),
        (
            "rep; movsb",
            "x.asm:1: 'rep' needs an instruction on its line (';' starts a comment)",
        ),
        (
            "mov %eax, %ebx",
            "x.asm:1: cannot read '%eax': this is AT&T syntax; registers and numbers have no % and "
            "$ here",
        ),
        ("push rax", "x.asm:1: cannot read 'rax': rax needs 64-bit code (.code64)"),
        (
            "times 520 db 0\ntimes 510-($-$$) db 0",
            "x.asm:2: times -10: the code before it is 10 bytes too long",
        ),
        ("nop\n.org 0", "x.asm:2: .org goes back: the code before it is 1 bytes too long"),
        (
            "jmp short x\n.fill 200\nx:",
            "x.asm:1: the target is 73 bytes too far away for a short jump",
        ),
        ("a: nop\na: nop", "x.asm:2: label 'a' is defined already at x.asm:1"),
        ("db 'abc", "x.asm:1: this ' is never closed"),
        (".if 1\nnop", "x.asm:1: this if is never closed"),
        (".endif", "x.asm:1: 'endif' without its if"),
        (".macro m", "x.asm:1: this .macro is never closed"),
        (".frob 1", "x.asm:1: unknown directive '.frob'"),
        (".error \"no\"", "x.asm:1: no"),
        (".assert 1 == 2, \"sizes differ\"", "x.asm:1: sizes differ"),
        ("mov ax, 1/0", "x.asm:1: cannot read '1/0': division by zero"),
        ("a equ b\nb equ a", "x.asm:1: undefined symbol 'b'"),
        (".if x\n.endif\nx:", None),
        (".code64\njmp 8:0", None),
        (".code32\nmov qword ptr [eax], 1", None),
        (".macro r\nr\n.endm\nr", None),
        ("times 1000000000 db 0", None),
        ("times 1000000000 mov ax, bx", None),
        (".rept 1000000000\n.endr", None),
        (".set x, 3\n.rept 99\n.set x, x * x\n.endr", None),
        ("mov", None),
        ("mov rep, [", None),
        ("a: .fill b-a+1\nb:", "x.asm:2: the address of 'b' does not settle: it depends on itself"),
    ],
)  # fmt: skip
def test_mistakes(text: str, message: str | None) -> None:
    said = complaint(text)
    if message is not None:
        assert said == message


def test_a_mistake_in_a_macro_names_both_places() -> None:
    text = ".macro put value\n.byte \\value\n.endm\nput 1\nput 999\n"
    assert complaint(text) == (
        "x.asm:2: 0x3e7 does not fit in 8 bits (in macro put, used at x.asm:5)"
    )


def test_a_mistake_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "main.asm").write_text('nop\n.include "part.inc"\n')
    (tmp_path / "part.inc").write_text("nop\n\nmovv ax\n")
    with pytest.raises(ConfigError) as caught:
        assemble_file(tmp_path / "main.asm")
    assert str(caught.value) == f"{tmp_path / 'part.inc'}:3: unknown instruction 'movv'"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*nothing\.asm: No such file"):
        assemble_file(tmp_path / "nothing.asm")


def test_a_binary_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "disk.img").write_bytes(bytes(512))
    with pytest.raises(ConfigError, match="not assembly source"):
        assemble_file(tmp_path / "disk.img")
