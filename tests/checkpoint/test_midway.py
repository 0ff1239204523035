"""A machine that stands in the middle of a block is saved, restored and run to any place like any other."""

from pathlib import Path

import pytest

from hv.root.exactly import run_exactly
from hv.root.machine import UNLIMITED, Machine
from hv.root.pair_run import machine_for
from hv.root.result import make_result, to_json
from hv.root.samples import Sample, all_samples
from hv.vp import Cause, Ending
from tests.checkpoint.tools import points, restored
from tests.machines import flat

PLACES = 5
STEPS, MOST_STEPS = 7, 400
SHORT = 400_000
"""Instructions that the accelerator's Python twin does in no time."""

SAMPLES = {sample.name: sample for sample in all_samples()}


@pytest.fixture(params=["1", "0"], ids=["accelerator", "twin"])
def accelerator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HV_ACCEL", request.param)


def finish(machine: Machine, sample: Sample) -> tuple[bytes, bytes]:
    result = to_json(make_result(machine, machine.run(sample.max_insns)))
    machine.close()
    return result, bytes(machine.serial_log)


def whole_run(sample: Sample) -> tuple[tuple[bytes, bytes], int]:
    machine = machine_for(sample)
    return finish(machine, sample), machine.insns


@pytest.mark.parametrize("name", SAMPLES)
def test_saved_and_restored_in_the_middle_of_blocks_it_ends_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = SAMPLES[name]
    expected, insns = whole_run(sample)
    machine, midway = machine_for(sample), 0
    for turn, at in enumerate(points(insns, PLACES, len(name))):
        machine.partition.run(at)
        stops = machine.partition.vp.debug()
        stops.hold()
        for number in range(MOST_STEPS):
            stops.step()
            if machine.partition.run(UNLIMITED) is not None:
                break
            if stops.midway and number >= turn * STEPS:
                break
        midway += stops.midway
        monkeypatch.setenv("HV_ACCEL", str(int(insns > SHORT or turn & 1 == 1)))
        again = restored(machine, tmp_path)
        assert again.partition.vp.debug().midway == stops.midway
        assert again.state_hash() == machine.state_hash()
        machine.close()
        machine = again
    assert midway or name == "endless_loop"  # which is one instruction
    assert finish(machine, sample) == expected


@pytest.mark.parametrize("name", SAMPLES)
def test_run_exactly_gets_to_every_place_and_disturbs_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = SAMPLES[name]
    expected, insns = whole_run(sample)
    monkeypatch.setenv("HV_ACCEL", str(int(insns > SHORT)))
    machine = machine_for(sample)
    for at in points(insns, PLACES, 3 * len(name)):
        assert run_exactly(machine, at) is None
        assert machine.insns == at
        assert run_exactly(machine, at - 1) is None
        assert machine.insns == at
    assert finish(machine, sample) == expected


@pytest.mark.usefixtures("accelerator")
def test_run_exactly_is_before_an_instruction_that_never_ends_a_block() -> None:
    machine = flat("again: inc word ptr [0x600]\nnop\nnop\njmp again")
    assert run_exactly(machine, 4 * 2000 + 1) is None
    assert machine.partition.memory.read(0x600, 2) == (2001).to_bytes(2, "little")
    assert machine.partition.vp.debug().pc() == 0x7C00 + 4
    assert run_exactly(machine, 4 * 2001) is None
    assert machine.partition.memory.read(0x600, 2) == (2001).to_bytes(2, "little")


def test_run_exactly_tells_an_end_that_comes_before() -> None:
    machine = flat("nop\nmov al, 0\nout 0xf4, al")
    end = run_exactly(machine, 10)
    assert end is not None
    assert end.ending is Ending.DEBUG_EXIT
    assert machine.insns == 3


def test_run_exactly_passes_breakpoints_which_hold_afterwards() -> None:
    machine = flat("again: inc bx\ninc dx\njmp again")
    stops = machine.partition.vp.debug()
    stops.stop_at([0x7C01])
    assert run_exactly(machine, 3000) is None
    assert machine.insns == 3000
    assert machine.partition.run(UNLIMITED) is None
    assert stops.stop is not None
    assert stops.stop.cause is Cause.ADDRESS
    assert machine.insns == 3001
