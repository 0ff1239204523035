"""Every sample and every path of every pair, saved and restored on its way, ends as without."""

from pathlib import Path

import pytest

from hv.root.machine import Machine
from hv.root.pair_run import machine_for
from hv.root.pairs import all_pairs
from hv.root.result import make_result, to_json
from hv.root.samples import Sample, all_samples
from tests.checkpoint.tools import points, restored

POINTS = 4
SHORT = 400_000
"""Instructions that the accelerator's Python twin does in no time."""

GUESTS: dict[str, Sample] = {sample.name: sample for sample in all_samples()} | {
    f"{pair.name}-{name}": path for pair in all_pairs() for name, path in pair.path.items()
}


def finish(machine: Machine, guest: Sample) -> tuple[bytes, bytes, bytes]:
    """What it ends with: the result with the state's hash, and all it printed."""
    result = to_json(make_result(machine, machine.run(guest.max_insns)))
    return result, bytes(machine.serial_log), bytes(machine.text_log)


@pytest.mark.parametrize("name", GUESTS)
def test_a_guest_that_is_saved_and_restored_on_its_way_ends_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = GUESTS[name]
    whole = machine_for(guest)
    expected = finish(whole, guest)
    machine = machine_for(guest)
    for turn, at in enumerate(points(whole.insns, POINTS, len(name))):
        machine.run(at)
        accelerated = whole.insns > SHORT or turn & 1 == 1
        monkeypatch.setenv("HV_ACCEL", str(int(accelerated)))
        again = restored(machine, tmp_path)
        assert again.state_hash() == machine.state_hash()
        assert again.partition.vp.engine.accelerated == accelerated
        machine.close()
        machine = again
    assert finish(machine, guest) == expected
    machine.close()
    whole.close()
