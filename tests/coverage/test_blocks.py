"""What coverage tells is what single-stepping sees: instruction by instruction, on every sample."""

import gc

import pytest

from hv.config import MachineConfig
from hv.cpu.engine.coverage import RunBlock
from hv.root.coverage.collect import Coverage, instructions
from hv.root.machine import Machine
from hv.root.samples import Sample, all_samples
from hv.root.schedule import schedule
from tests.coverage.retired import Retired
from tests.machines import PASS, flat

SAMPLES = all_samples()
BUDGET = 400_000


def machine_of(sample: Sample) -> Machine:
    config = MachineConfig(memory=sample.machine_memory, hv=sample.hv or "all")
    image = sample.boot_image(config.memory)
    machine = Machine(config, image, media=sample.media(), scsi_media=sample.scsi_media())
    schedule(machine, sample.deeds(), lambda _text: None)
    machine.mouse_hand.play(sample.mouse)
    machine.hand.play(sample.typed())
    return machine


def addresses(blocks: list[RunBlock]) -> set[int]:
    return {block.pc + offset for block in blocks for offset, _ in instructions(block)}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_s_coverage_is_what_single_stepping_sees(sample: Sample) -> None:
    stepped, covered = machine_of(sample), machine_of(sample)
    retired, coverage = Retired(stepped), Coverage(covered)
    stepped.run(BUDGET)
    covered.run(BUDGET)
    assert stepped.insns == covered.insns
    assert addresses(coverage.blocks()) == retired.addresses()
    assert sum(block.insns for block in coverage.blocks()) <= covered.insns


@pytest.mark.parametrize("name", ["exceptions64", "ide_irq_read", "string_io32", "v86"])
def test_the_accelerator_and_its_twin_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (sample,) = (sample for sample in SAMPLES if sample.name == name)
    found = []
    for accelerated in ("0", "1"):
        monkeypatch.setenv("HV_ACCEL", accelerated)
        machine = machine_of(sample)
        coverage = Coverage(machine)
        machine.run(BUDGET)
        found.append((coverage.blocks(), machine.state_hash()))
    assert found[0] == found[1]
    uncovered = machine_of(sample)
    uncovered.run(BUDGET)
    assert uncovered.state_hash() == found[0][1]


def covered(source: str, *, bits: int = 16, budget: int = 100_000) -> set[int]:
    machine = flat(source, bits=bits)
    coverage = Coverage(machine)
    machine.run(budget)
    return {address - 0x7C00 for address in addresses(coverage.blocks())}


def test_what_stands_behind_the_last_exit_did_not_run() -> None:
    assert covered("mov al, 0\nout 0xf4, al\nnop\nnop\nhlt\n") == {0, 2}


def test_an_instruction_that_faults_did_not_run() -> None:
    """The NOP before UD2 is in the same block, and did."""
    source = "mov word ptr [0x18], handler\nnop\nud2\nnop\nhandler: " + PASS
    assert covered(source) == {0, 6, 10, 12}


def test_a_block_that_faults_at_its_first_instruction_does_not_count() -> None:
    source = "mov word ptr [0x18], handler\njmp next\nnext: ud2\nnop\nhandler: " + PASS
    assert covered(source) == {0, 6, 11, 13}


def test_a_block_that_was_held_up_does_not_count() -> None:
    """The budget is over when the second block has been translated and has not begun."""
    source = "mov al, 1\njmp second\nnop\nsecond: mov bl, 2\n" + PASS
    assert covered(source, budget=2) == {0, 2}
    assert covered(source, budget=3) == {0, 2, 5, 7, 9}


def test_coverage_may_begin_later() -> None:
    machine = flat("mov cx, 5000\nagain: loop again\nmov bl, 1\nbehind: " + PASS)
    machine.run(1000)
    coverage = Coverage(machine)
    machine.run()
    found = {address - 0x7C00 for address in addresses(coverage.blocks())}
    assert found == {3, 5, 7, 9}


def test_changed_code_is_two_blocks() -> None:
    source = (
        """
        mov cx, 2
    again:
        call patch
        loop again
        """
        + PASS
        + """
    patch:
        mov al, 1
        mov byte ptr [patch + 1], 2
        ret
    """
    )
    machine = flat(source)
    coverage = Coverage(machine)
    machine.run()
    codes = {block.code[:2] for block in coverage.blocks() if block.code[0] == 0xB0}
    assert {b"\xb0\x01", b"\xb0\x02"} <= codes


def test_the_same_address_in_two_address_spaces_is_two_places() -> None:
    """Paging puts the page at linear 200000h to two physical pages, one after the other."""
    source = """
        mov dword ptr [0x10000], 0x11007
        mov dword ptr [0x11000], 0x12007
        mov eax, 0
    fill:
        mov ecx, eax
        shl ecx, 12
        or ecx, 7
        mov [0x12000 + eax * 4], ecx
        inc eax
        cmp eax, 512
        jne fill
        mov dword ptr [0x11000], 0x12007
        mov dword ptr [0x10000], 0x12007
        mov dword ptr [0x12000 + 0x80 * 4], 0x20007
        mov dword ptr [0x20000], 0xc3c3c340
        mov dword ptr [0x21000], 0xc3c3c340
        mov eax, 0x10000
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        mov ebx, 0x80000
        call ebx
        call ebx
        mov dword ptr [0x12000 + 0x80 * 4], 0x21007
        mov eax, cr3
        mov cr3, eax
        call ebx
    """
    machine = flat(source + PASS, bits=32)
    coverage = Coverage(machine)
    end = machine.run(100_000)
    assert end.code == 0
    found = [block for block in coverage.blocks() if block.pc == 0x80000]
    assert [(block.places, block.insns) for block in found] == [((0x20000,), 2), ((0x21000,), 2)]


def test_nobody_need_keep_what_watches() -> None:
    machine = flat("mov cx, 5000\nagain: loop again\n" + PASS)
    Coverage(machine)
    gc.collect()
    assert machine.run().code == 0
