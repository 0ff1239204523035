"""What coverage tells is what single-stepping sees: instruction by instruction, on every sample."""

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
