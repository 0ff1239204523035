"""Includes, conditions, macros and repetition, in both spellings."""

from pathlib import Path

import pytest

from hv.asm import assemble_file, assemble_text
from hv.errors import ConfigError


def hex_of(text: str) -> str:
    return assemble_text(text).code.hex()


def test_a_gnu_macro_takes_named_parameters_with_defaults() -> None:
    macro = ".macro put a, b=2, rest:vararg\n.byte \\a, \\b\n.byte \\rest\n.endm\n"
    assert hex_of(macro + "put 1, , 7, 8\nput b=5, a=3, 9") == "01020708" + "030509"


def test_a_gnu_macro_numbers_its_calls() -> None:
    macro = ".macro spin\nspin\\@: jmp spin\\@\n.endm\n"
    assert hex_of(macro + "spin\nspin") == "ebfeebfe"


def test_a_quoted_macro_argument_loses_its_quotes() -> None:
    assert hex_of('.macro say m\n.ascii "\\m!"\n.endm\nsay "a, b"') == b"a, b!".hex()


def test_a_nasm_macro_takes_numbered_parameters() -> None:
    macro = "%macro put 1-2 9\n%%here: db %1, %2, %0\ndb %%here & 0xff\n%endmacro\n"
    assert hex_of(macro + "put 1\nput 2, 3") == "01090100" + "02030204"


def test_nasm_macros_are_told_apart_by_how_many_parameters_they_take() -> None:
    assert hex_of("%macro a 1\ndb %1\n%endmacro\n%macro a 2\ndw %2\n%endmacro\na 1\na 1, 2") == (
        "01" + "0200"
    )


def test_macros_nest_and_labels_may_precede_a_call() -> None:
    text = ".macro one\nnop\n.endm\n.macro two\none\none\n.endm\nx: two\n.byte x"
    assert hex_of(text) == "909000"


def test_repetition() -> None:
    assert hex_of(".rept 2\n.rept 2\nnop\n.endr\n.byte 1\n.endr") == "909001909001"
    assert hex_of(".irp r, 1, 2\n.byte \\r\n.endr") == "0102"
    assert hex_of("%assign i 1\n%rep 3\ndb i\n%assign i i*2\n%endrep") == "010204"


def test_conditions() -> None:
    text = """
    .equ VERSION, 2
    .if VERSION == 1
    .byte 1
    .elseif VERSION == 2
    .ifdef NOTHING
    .byte 8
    .else
    .byte 2
    .endif
    .else
    .byte 3
    .endif
    %ifndef NOTHING
    %define NOTHING 7
    %endif
    %ifdef NOTHING
    db NOTHING
    %endif
    """
    assert hex_of(text) == "0207"


def test_a_skipped_branch_is_not_even_looked_at() -> None:
    assert hex_of(".if 0\n.include \"nothing\"\n.error 'no'\n? ? ?\n.endif\nnop") == "90"


def test_defines_of_the_caller() -> None:
    text = ".ifdef DEBUG\n.byte DEBUG, LEVEL\n.endif"
    assert assemble_text(text, defines={"DEBUG": 1, "LEVEL": "2+3"}).code.hex() == "0105"


def test_definitions_do_not_touch_strings() -> None:
    assert hex_of('%define a 1\ndb "a", a') == "6101"


def test_includes_are_found_beside_the_file_and_in_the_given_folders(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "main.asm").write_text('.include "sub/a.inc"\n%include "b.inc"\nnop\n')
    (tmp_path / "sub" / "a.inc").write_text('.byte 1\n.include "c.inc"\n')
    (tmp_path / "sub" / "c.inc").write_text(".byte 2\n")
    (tmp_path / "lib" / "b.inc").write_text('.incbin "b.bin", 1, 2\n')
    (tmp_path / "lib" / "b.bin").write_bytes(b"\x10\x11\x12\x13")
    assembly = assemble_file(tmp_path / "main.asm", include_dirs=[tmp_path / "lib"])
    assert assembly.code.hex() == "0102111290"


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.asm").write_text('nop\n.include "b.inc"\n')
    (tmp_path / "b.inc").write_text('.include "a.asm"\n')
    with pytest.raises(ConfigError, match=r"b\.inc:1: .*a\.asm includes itself"):
        assemble_file(tmp_path / "a.asm")
