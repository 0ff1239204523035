"""The listing shows address, bytes and source; symbols are addresses and constants."""

from hv.asm import assemble_text

SOURCE = """\
.origin 0x7c00
.macro quit code
    mov al, \\code
    hlt
.endm
start:  nop         ; first
    quit 5
    .fill 64, 1, 0x11
    .ascii "123456789"
"""


def test_listing() -> None:
    assert assemble_text(SOURCE, name="a.asm").listing().splitlines() == [
        "; a.asm",
        "    1                              .origin 0x7c00",
        "    2                              .macro quit code",
        "    6  00007C00  90                start:  nop         ; first",
        "    7                                  quit 5",
        "    3+ 00007C01  B005              mov al, 5",
        "    4+ 00007C03  F4                hlt",
        "    8  00007C04  1111111111111111      .fill 64, 1, 0x11",
        "       00007C0C  1111111111111111",
        "       *  to 00007C44",
        '    9  00007C44  3132333435363738      .ascii "123456789"',
        "       00007C4C  39",
    ]


def test_rows_cover_the_code_without_gaps() -> None:
    assembly = assemble_text(SOURCE)
    assert b"".join(row.data for row in assembly.rows) == assembly.code


def test_symbols() -> None:
    text = ".origin 0x100\na: nop\n.b: nop\n1: nop\nc = 5\nd equ a.b - a"
    assert assemble_text(text).symbols == {"a": 0x100, "a.b": 0x101, "c": 5, "d": 1}


def test_two_runs_give_the_same_result() -> None:
    assert assemble_text(SOURCE) == assemble_text(SOURCE)
