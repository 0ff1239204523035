"""Every sample and every path of every pair, saved and restored on its way, ends as without."""

from pathlib import Path

import pytest

from tests.checkpoint.tools import points, restored
from tests.soak.guests import GUESTS, finish, power_on

POINTS = 2
SHORT = 400_000
"""Instructions that the accelerator's Python twin does in no time."""


@pytest.mark.parametrize("name", GUESTS)
def test_a_guest_that_is_saved_and_restored_on_its_way_ends_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = GUESTS[name]
    whole = power_on(name)
    expected = finish(whole, guest.max_insns)
    machine = power_on(name)
    for turn, at in enumerate(points(whole.insns, POINTS, len(name))):
        machine.run(at)
        accelerated = whole.insns > SHORT or turn & 1 == 1
        monkeypatch.setenv("HV_ACCEL", str(int(accelerated)))
        again = restored(machine, tmp_path)
        assert again.state_hash() == machine.state_hash()
        assert again.partition.vp.engine.accelerated == accelerated
        machine.close()
        machine = again
    assert finish(machine, guest.max_insns) == expected
    machine.close()
    whole.close()
