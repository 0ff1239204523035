"""Every sample and every path of every pair is run by a manifest; the accelerator changes nothing."""

from pathlib import Path

import pytest

from hv.live import LiveMachine
from hv.root.pair_run import machine_for
from hv.root.pairs import all_pairs
from hv.root.samples import Sample, all_samples
from hv.testing.golden import compare_golden, golden_document, golden_path
from hv.testing.guest_run import GuestRun, describe_machine
from hv.testing.manifest import Case, read_manifest
from tests.stepping import count_starts

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "guests" / "guests.toml"
PAIRS = Path(__file__).with_name("pairs.hvtest.toml")
GOLDEN = "tests/golden"
STEPPED_BUDGET = 300_000


@pytest.fixture(params=all_samples(), ids=lambda sample: sample.name)
def sample(request: pytest.FixtureRequest) -> Sample:
    return request.param  # type: ignore[no-any-return]


def cases() -> list[tuple[Path, Case]]:
    return [(manifest, case) for manifest in (SAMPLES, PAIRS) for case in read_manifest(manifest)]


def test_no_sample_and_no_path_of_a_pair_is_missing(pytestconfig: pytest.Config) -> None:
    named = [case.image for _, case in cases()]
    paths = [f"@{pair.name}/{path}" for pair in all_pairs() for path in pair.path]
    assert named == [*(str(sample.path) for sample in all_samples()), *paths]
    assert {"tests", "guests/guests.toml"} <= set(pytestconfig.getini("testpaths"))
    assert pytestconfig.getini("hv_manifests") == ["guests/guests.toml"]


def test_each_has_its_golden_file_and_no_other_is_left() -> None:
    assert all(case.expectation.golden for _, case in cases())
    wanted = {golden_path(manifest, case.name, ROOT, GOLDEN) for manifest, case in cases()}
    assert set((ROOT / GOLDEN).rglob("*.json")) == wanted


def run(sample: Sample, accelerated: bool) -> GuestRun:
    with LiveMachine(f"@{sample.name}") as machine:
        assert machine.internal.partition.vp.engine.accelerated == accelerated
        return describe_machine(machine, machine.run(sample.max_insns))


def test_the_accelerator_changes_nothing(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    for setting in ("1", "0"):
        monkeypatch.setenv("HV_ACCEL", setting)
        runs.append(run(sample, setting == "1"))
    assert runs[0] == runs[1]
    golden = golden_path(SAMPLES, sample.name, ROOT, GOLDEN)
    assert compare_golden(golden, golden_document(runs[1])) == []


def test_counting_by_block_is_counting_one_by_one(sample: Sample) -> None:
    by_block = machine_for(sample)
    by_block.run(STEPPED_BUDGET)
    one_by_one = machine_for(sample)
    steps = count_starts(one_by_one)
    one_by_one.run(STEPPED_BUDGET)
    assert steps.retired() == one_by_one.insns == by_block.insns
    assert one_by_one.state_hash() == by_block.state_hash()
