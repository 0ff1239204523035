"""Every sample guest answers what guests/guests.toml says, the same with and without the accelerator."""

import pytest

from hv.root.machine import Machine
from hv.root.pair_run import machine_for
from hv.root.result import Result, make_result, to_json
from hv.root.samples import Sample, all_samples
from tests.stepping import count_starts

STEPPED_BUDGET = 300_000


def run(sample: Sample) -> tuple[Machine, Result]:
    machine = machine_for(sample)
    return machine, make_result(machine, machine.run(sample.max_insns))


@pytest.fixture(params=all_samples(), ids=lambda sample: sample.name)
def sample(request: pytest.FixtureRequest) -> Sample:
    return request.param  # type: ignore[no-any-return]


def test_it_ends_as_its_manifest_says(sample: Sample) -> None:
    machine, result = run(sample)
    serial = machine.serial_log.decode()
    assert (result.outcome, result.exit_code) == (sample.outcome, sample.exit_code), result.detail
    assert result.guest_code == sample.guest_code
    assert sample.missing_lines(serial) == [], serial


def test_the_accelerator_changes_nothing(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    for setting in ("1", "0", "1"):
        monkeypatch.setenv("HV_ACCEL", setting)
        machine, result = run(sample)
        assert machine.partition.vp.engine.accelerated == (setting == "1")
        runs.append((bytes(machine.serial_log), to_json(result)))
    assert runs[0] == runs[1] == runs[2]


def test_counting_by_block_is_counting_one_by_one(sample: Sample) -> None:
    by_block = machine_for(sample)
    by_block.run(STEPPED_BUDGET)
    one_by_one = machine_for(sample)
    steps = count_starts(one_by_one)
    one_by_one.run(STEPPED_BUDGET)
    assert steps.retired() == one_by_one.insns == by_block.insns
    assert one_by_one.state_hash() == by_block.state_hash()
