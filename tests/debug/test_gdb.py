"""Debian's gdb as the judge: sessions in 16-, 32- and 64-bit code, and the one in docs/debugging.md."""

import re
from pathlib import Path

import pytest

from tests.debug.gdb import converse, debug, source

pytestmark = pytest.mark.gdb

DOCUMENT = (Path(__file__).parents[2] / "docs" / "debugging.md").read_text()
SIGINT_EXIT = 130

BOOT_SECTOR = """
org 0x7c00
bits 16
start:
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7c00
    mov cx, 3
again:
    inc word [0x7000]
    loop again
    mov al, 0
    out 0xf4, al
times 510-($-$$) db 0
dw 0xaa55
"""

PROGRAM = """
org 0x100000
bits {bits}
    mov {a}, cr4
    or eax, 0x200           ; CR4.OSFXSR: SSE
    mov cr4, {a}
    mov {a}, 0x12345678
    mov {sp}, 0x9000
    call function
    mov al, [0x5000]
    out 0xf4, al
function:
    push {bp}
    mov {bp}, {sp}
    movd xmm1, eax
    fldpi
    inc dword [0x5000]
    pop {bp}
    ret
"""


def test_a_boot_sector(tmp_path: Path) -> None:
    lines = [
        ("connect", r"0x000ffff0 in \?\? \(\)"),
        ("x/i $pc", r"=> 0xffff0:\s+ljmp\s+\$0xf000,"),
        ("info registers cs_base", r"cs_base +0xf0000"),
        ("break *0x7c00", "Breakpoint 1 at 0x7c00"),
        ("continue", r"Breakpoint 1, 0x00007c00 in"),
        ("x/2i $pc", r"=> 0x7c00:\s+xor +%ax,%ax\s+0x7c02:\s+mov +%ax,%ds"),
        ("stepi", r"0x00007c02 in"),
        ("stepi 3", r"0x00007c09 in"),
        ("p/x $sp", r"= 0x7c00"),
        ("watch *(unsigned short *)0x7000", "Hardware watchpoint 2"),
        ("continue", r"Old value = 0\s+New value = 1\s+0x00007c10 in"),
        ("info registers ecx", r"ecx +0x3"),
        ("continue", r"Old value = 1\s+New value = 2\s+0x00007c10 in"),
        ("p $cx", "= 2"),
        ("p $cx = 5", "= 5"),
        ("continue", r"Old value = 2\s+New value = 3"),
        ("delete", ""),
        ("info registers eflags", r"eflags .*IF"),
        ("p $eflags = $eflags | 1", "CF"),
        ("p $cr0 = 1", "Could not write"),
        ("monitor phys 0x7c00 4", r"^0000007c00  31 c0 8e d8  "),
        ("monitor nonsense", "no command"),
        ("x/x 0xa0000", "0xffffffff"),
        ("continue", r"exited normally"),
    ]
    transcript = converse([source(tmp_path, BOOT_SECTOR)], lines)
    assert transcript.exit_code == 0


@pytest.mark.parametrize(("bits", "digits"), [(32, 8), (64, 16)])
def test_a_program(tmp_path: Path, bits: int, digits: int) -> None:
    names = {"a": "eax", "sp": "esp", "bp": "ebp"}
    if bits == 64:
        names = {name: f"r{register[1:]}" for name, register in names.items()}
    text = PROGRAM.format(bits=bits, **names)
    accumulator = f"${names['a']}"
    lines = [
        ("connect", f"0x{0x100000:0{digits}x} in"),
        ("stepi 5", "in"),
        ("x/i $pc", r"call +(0x[0-9a-f]+)"),
        ("stepi", "in"),
        (f"p/x {accumulator}", "= 0x12345678"),
        ("stepi 4", "in"),
        ("p $st0", "= 3.1415926535897932385"),
        ("p/x $xmm1.uint128", "= 0x12345678"),
        ("p/x $efer", r"= 0x500" if bits == 64 else r"= 0x0"),
        ("watch *(int *)0x5000", "Hardware watchpoint"),
        ("continue", r"Old value = 0\s+New value = 1"),
        ("set var *(int *)0x5000 = 0x700", ""),
        ("x/wx 0x5000", "0x00000700"),
        ("delete", ""),
        ("p $st0 = 2", "Could not write"),
        ("p/x $xmm1.uint128 = 0x55", "= 0x55"),
        ("p/x $xmm1.v4_int32[0]", "= 0x55"),
        ("continue", "exited normally"),
    ]
    guest = source(tmp_path, text)
    transcript = converse([guest, "--mode", str(bits)], lines)
    assert transcript.exit_code == 0


def test_from_real_mode_into_long_mode() -> None:
    """The description is that of the connection: gdb connects again when the mode has changed."""
    lines = ["connect", "break *0x7f2a", "continue", "disconnect", "connect"]
    lines += ["x/2i $pc", "p $rip", "p/x $efer", "delete", "continue"]
    transcript = debug(["@long_mode"], lines)
    assert "0x000ffff0 in" in transcript.answers[0]
    assert "Breakpoint 1, 0x00007f2a in" in transcript.answers[2]
    assert "0x0000000000007f2a in" in transcript.answers[4]
    assert re.search(r"dec +%ecx\s+0x7f2c:\s+jne +0x7f2a", transcript.answers[5])
    assert "0x7f2a" in transcript.answers[6]
    assert transcript.answers[7].endswith("= 0x501")
    assert transcript.answers[9].endswith("exited normally]")
    assert "back in ring 0" in transcript.serial
    assert transcript.exit_code == 0


def test_64_bits_may_be_asked_for_before_there_are_any() -> None:
    lines = ["connect", "p $rip", "tbreak *0x7fb0", "continue", "p $cs & 3", "kill"]
    transcript = debug(["@long_mode"], lines, bits=64)
    assert "0x00000000000ffff0 in" in transcript.answers[0]
    assert "0x0000000000007fb0 in" in transcript.answers[3]
    assert transcript.answers[4].endswith("= 3")
    assert transcript.exit_code == SIGINT_EXIT


def test_the_guest_runs_on_when_gdb_leaves() -> None:
    transcript = debug(["@hello"], ["connect", "break *0x7c00", "continue", "stepi 3", "detach"])
    assert "detached" in transcript.answers[4]
    assert transcript.exit_code == 0
    assert transcript.serial


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("number", [0, 1], ids=["forward", "backward"])
def test_the_sessions_in_the_document(number: int, tmp_path: Path) -> None:
    (guest,) = blocks("asm")
    session = blocks("gdb")[number]
    told = [part.split("\n", 1) for part in session.split("(gdb) ")[1:]]
    commands = [command for command, _ in told]
    assert commands[0].startswith("target remote ")
    transcript = debug([source(tmp_path, guest)], ["connect", *commands[1:]])
    for (command, answer), met in zip(told, transcript.answers, strict=True):
        if command != commands[0]:
            assert met.split() == answer.split(), command
    assert transcript.exit_code == 0


def test_every_monitor_command_is_in_the_document() -> None:
    transcript = debug(["@hello"], ["connect", "monitor help", "kill"])
    for line in transcript.answers[1].splitlines():
        name = line.split("  ")[0]
        assert f"`monitor {name}`" in DOCUMENT, name
