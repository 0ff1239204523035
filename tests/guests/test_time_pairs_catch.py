"""What the pairs about time check: with a driver that does not do its work they do not end well."""

from pathlib import Path

import pytest

from hv.asm import assemble_file
from hv.config import MachineConfig
from hv.loaders import LoadOptions, load_bytes
from hv.root.images import whole_sectors
from hv.root.machine import Machine
from hv.root.resources import source_folder
from hv.vp import Ending

MEMORY = 64 << 20
BUDGET = 10_000_000
READINGS, STAMPS = 10_000, 64 * 100
TOO_SLOW, TOO_FAST = 2, 3


def run_with(
    tmp_path: Path, work: str, driver: str, includes: tuple[str, ...] = ()
) -> tuple[Ending, int | None, int]:
    """The end, the guest's code and the checksum of a pair's work over ``driver``."""
    source = tmp_path / "pair.asm"
    names = ("boot.inc", "long.inc", "pair.inc", work, *includes)
    lines = [f'.include "{name}"' for name in names]
    source.write_text("\n".join([*lines, driver, "IMAGE_END", ""]))
    guests = source_folder("guests")
    code = whole_sectors(assemble_file(source, include_dirs=(guests, guests / "pairs")).code)
    image = load_bytes(code, LoadOptions(memory=MEMORY), name="pair")
    machine = Machine(MachineConfig(memory=MEMORY, hv="none"), image)
    end = machine.run(BUDGET)
    said = machine.text_log.split()
    return end.ending, end.code, int(said[0], 16) if said else 0


def clock(instructions: str) -> str:
    """A driver whose clock is what ``instructions`` make of the time-stamp counter in RAX."""
    return f"""
        .equ CLOCK_HZ, 1000000000
    clock_init:
        ret
    clock_read:
        rdtsc
        shl rdx, 32
        or rax, rdx
        {instructions}
        ret
    """


def test_a_clock_as_fast_as_the_time_stamp_counter_is_good(tmp_path: Path) -> None:
    outcome = run_with(tmp_path, "read_time.inc", clock(""))
    assert outcome == (Ending.DEBUG_EXIT, 0, READINGS)


@pytest.mark.parametrize(
    ("instructions", "code"),
    [
        ("shl rax, 1", TOO_FAST),
        ("imul rax, rax, 101\nmov ecx, 100\nxor edx, edx\ndiv rcx", TOO_FAST),
        ("shr rax, 1", TOO_SLOW),
        ("xor eax, eax", TOO_SLOW),
        ("neg rax", TOO_SLOW),
    ],
)
def test_a_clock_of_another_speed_is_caught(tmp_path: Path, instructions: str, code: int) -> None:
    ending, met, _ = run_with(tmp_path, "read_time.inc", clock(instructions))
    assert (ending, met) == (Ending.DEBUG_EXIT, code)


def test_a_reading_that_goes_back_is_not_counted(tmp_path: Path) -> None:
    ahead_once = """
        inc dword ptr [reading]
        cmp dword ptr [reading], 100
        jne right
        add rax, 5000
    right:
    """
    driver = clock(ahead_once) + "reading: .long 0\n"
    ending, code, good = run_with(tmp_path, "read_time.inc", driver)
    assert (ending, code) == (Ending.DEBUG_EXIT, 0)
    assert good == READINGS - 1


@pytest.mark.parametrize("pages", [0, 1, 63])
def test_pages_that_are_not_flushed_show_what_was_there_before(tmp_path: Path, pages: int) -> None:
    driver = f"""
    flush_init:
        ret
    flush_pages:
        mov edi, WINDOW
        .rept {pages}
        invlpg [rdi]
        add edi, PAGE
        .endr
        ret
    """
    ending, code, right = run_with(tmp_path, "tlb_flush.inc", driver)
    assert (ending, code) == (Ending.DEBUG_EXIT, 0)
    assert right < STAMPS


def test_an_interrupt_that_is_not_ended_is_the_last_one(tmp_path: Path) -> None:
    driver = "irq_init:\ncall apic_init\njmp device_init\nirq_end:\nret\n"
    parts = ("end_of_interrupt_com2.inc", "end_of_interrupt_io_apic.inc")
    ending, _, _ = run_with(tmp_path, "end_of_interrupt.inc", driver, parts)
    assert ending is Ending.BUDGET


def test_waking_up_early_is_no_end_of_sleep(tmp_path: Path) -> None:
    driver = "idle_init:\nidle_start:\nidle_wait:\nidle_end:\nret\n"
    ending, _, _ = run_with(tmp_path, "idle.inc", driver)
    assert ending is Ending.BUDGET
