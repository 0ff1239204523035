"""Debian's gdb goes backward: in 16- and 64-bit code, over faults, in a recorded run; and forward again."""

from pathlib import Path

import pytest

import hv
from hv.cli import EXIT_USAGE, main
from hv.live.reproduction import save_reproduction
from tests.debug.gdb import converse, source
from tests.journal.sessions import ECHO, recipe, record, typed

pytestmark = pytest.mark.gdb

NO_MORE = "No more reverse-execution history"

BOOT_SECTOR = """
org 0x7c00
bits 16
    xor ax, ax
    mov ds, ax
    mov byte [0x7000], 0
    mov cx, 4
again:
    add [0x7000], cl        ; 7c0c
    loop again              ; 7c10
    mov dx, 0x3f8
    mov al, '!'
    out dx, al
    mov al, 0
    out 0xf4, al
times 510-($-$$) db 0
dw 0xaa55
"""

LONG_MODE = """
org 0x100000
bits 64
    lea rbx, [table]
    mov ecx, 3
fill:
    mov [rbx+rcx*8], rcx    ; 10000d
    dec ecx
    jnz fill
    lea rdi, [table]
    mov ecx, 3
    mov al, 0x55
    rep stosb
    xor eax, eax
    out 0xf4, al
table:
    times 64 db 0
"""


def result(arguments: list[str], path: Path) -> bytes:
    with pytest.raises(SystemExit):
        main(["run", *arguments, "--serial", "null", "--quiet", "--json", str(path)])
    return path.read_bytes()


def test_a_boot_sector(tmp_path: Path) -> None:
    """Back to each write of a byte, to a breakpoint, to the start; and on to the end, printing once."""
    watchpoint = r"Old value = {}\s+New value = {}\s+0x00007c0c in"
    lines = [
        ("connect", "0x000ffff0 in"),
        ("break *0x7c12", "Breakpoint 1"),
        ("continue", "Breakpoint 1, 0x00007c12"),
        ("delete", ""),
        ("watch *(unsigned char *)0x7000", "Hardware watchpoint 2"),
        ("reverse-continue", watchpoint.format(r"10 .*", r"9 .*")),
        ("info registers cx", "cx +0x1"),
        ("reverse-continue", watchpoint.format(r"9 .*", r"7 .*")),
        ("x/i $pc", r"=> 0x7c0c:\s+add +%cl,0x7000"),
        ("continue", r"Old value = 7 .*\s+New value = 9 .*\s+0x00007c10 in"),
        ("delete", ""),
        ("break *0x7c00", "Breakpoint 3"),
        ("reverse-continue", "Breakpoint 3, 0x00007c00"),
        ("reverse-stepi", r"0x000f[0-9a-f]+ in"),
        ("stepi", "0x00007c00 in"),
        ("reverse-continue", NO_MORE),
        ("monitor vtime", "^0 instructions"),
        ("reverse-stepi", NO_MORE),
        ("delete", ""),
        ("break *0x7c1a", "Breakpoint 4"),
        ("continue", "Breakpoint 4, 0x00007c1a"),
        ("reverse-stepi 2", "0x00007c17 in"),
        ("continue", "Breakpoint 4, 0x00007c1a"),
        ("continue", "exited normally"),
    ]
    guest = source(tmp_path, BOOT_SECTOR)
    debugged = tmp_path / "debugged.json"
    transcript = converse([guest, "--json", str(debugged)], lines)
    assert transcript.serial == "!"
    assert debugged.read_bytes() == result([guest], tmp_path / "plain.json")


def test_a_program_in_64_bits(tmp_path: Path) -> None:
    """One iteration of a string instruction after the other is undone."""
    lines = [
        ("connect", "0x0000000000100000 in"),
        ("break *0x100024", "Breakpoint 1"),
        ("continue", "Breakpoint 1, 0x0000000000100024"),
        ("delete", ""),
        ("stepi 2", "0x0000000000100024 in"),
        ("p $rcx", "= 1"),
        ("reverse-stepi", "0x0000000000100024 in"),
        ("p $rcx", "= 2"),
        ("reverse-stepi", "0x0000000000100024 in"),
        ("p $rcx", "= 3"),
        ("x/xb $rdi", "0x00"),
        ("awatch *(long *)0x10003a", "watchpoint 2"),
        ("reverse-continue", r"Old value = 2\s+New value = 0"),
        ("x/i $pc", r"=> 0x10000d:\s+mov +%rcx,\(%rbx,%rcx,8\)"),
        ("p $rcx = 1", "= 1"),  # another run from here on
        ("delete", ""),
        ("break *0x100024", "Breakpoint 3"),
        ("continue", "Breakpoint 3, 0x0000000000100024"),
        ("x/gx 0x10003a", "0x0000000000000000"),
        ("reverse-stepi", "in"),
        ("delete", ""),
        ("continue", "exited normally"),
    ]
    transcript = converse([source(tmp_path, LONG_MODE), "--mode", "64"], lines)
    assert transcript.exit_code == 0


def test_what_is_told_on_the_way_cannot_be_unsaid(tmp_path: Path) -> None:
    """The past is looked at, not changed, while a trace is written."""
    lines = [
        ("connect", "in"),
        ("stepi 10", "in"),
        ("reverse-stepi", "in"),
        ("set var *(char *)0x7000 = 1", "Cannot access memory"),
        ("p $ax = 1", "Could not write"),
        ("continue", "exited normally"),
    ]
    guest = source(tmp_path, BOOT_SECTOR)
    traces = [tmp_path / "debugged.jsonl", tmp_path / "plain.jsonl"]
    converse([guest, "--trace", str(traces[0])], lines)
    result([guest, "--trace", str(traces[1])], tmp_path / "plain.json")
    assert traces[0].read_bytes() == traces[1].read_bytes()


@pytest.fixture
def journal(tmp_path: Path) -> str:
    """A guest that reads ``abcq`` from its serial port and ends with the q."""
    guest = tmp_path / "echo.s"
    guest.write_text(ECHO)
    path = tmp_path / "run.journal"
    record(path, recipe(guest), typed(b"abcq"))
    return str(path)


def test_a_recorded_run_from_its_end(journal: str) -> None:
    lines = [
        ("connect", "in"),
        ("x/hx 0x600", "0x0004"),
        ("watch *(short *)0x600", "Hardware watchpoint 1"),
        ("reverse-continue", r"Old value = 4\s+New value = 3"),
        ("p/c $al", "'q'"),
        ("reverse-continue", r"Old value = 3\s+New value = 2"),
        ("p/c $al", "'c'"),
        ("continue", r"Old value = 2\s+New value = 3"),
        ("delete", ""),
        ("continue", NO_MORE),
        ("x/hx 0x600", "0x0004"),
        ("reverse-continue", NO_MORE),
        ("monitor vtime", "^0 instructions"),
        ("kill", "killed"),
    ]
    assert converse([journal, "--gdb-at-end"], lines, command="replay").exit_code == 0


def test_a_recorded_run_from_its_beginning_and_another_one_from_there(journal: str) -> None:
    lines = [
        ("connect", "0x00007c00 in"),
        ("watch *(short *)0x600", "Hardware watchpoint 1"),
        ("continue", r"Old value = .*\s+New value = 1"),
        ("p/c $al", "'a'"),
        ("set var $si = 'q'", ""),
        ("p $al = 'q'", "= 113"),
        ("delete", ""),
        ("continue", "exited normally"),
    ]
    assert converse([journal], lines, command="replay").exit_code == 0


def test_what_a_red_test_left_of_a_fork(tmp_path: Path) -> None:
    """From its end to its beginning, which is where it was forked; what its parent did is no part of it."""
    guest = tmp_path / "echo.s"
    guest.write_text(ECHO)
    with hv.Machine(guest) as parent:
        parent.write_serial("ab")
        parent.run(insns=1000)
        assert parent.memory.read_int(0x600, 2) == 2
        (tmp_path / "left").mkdir()
        with parent.fork() as fork:
            begins = fork.insns
            fork.write_serial("cq")
            end = fork.run()
            assert save_reproduction(fork, end, tmp_path / "left").equal
    lines = [
        ("connect", "in"),
        ("x/hx 0x600", "0x0004"),
        ("watch *(short *)0x600", "Hardware watchpoint 1"),
        ("reverse-continue", r"Old value = 4\s+New value = 3"),
        ("p/c $al", "'q'"),
        ("reverse-continue", r"Old value = 3\s+New value = 2"),
        ("reverse-continue", NO_MORE),
        ("monitor vtime", f"^{begins:,} instructions"),
        ("kill", "killed"),
    ]
    journal = str(tmp_path / "left" / "run.journal")
    assert converse([journal, "--gdb-at-end"], lines, command="replay").exit_code == 0


def test_the_end_is_of_a_session(journal: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["replay", journal, "--gdb-at-end"])
    assert ended.value.code == EXIT_USAGE
    assert "--gdb-at-end goes with --gdb" in capsys.readouterr().err
