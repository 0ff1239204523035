"""Every guest once, what it told written to files. ``tests.soak.suite`` has pytest run this, again and again.

The environment says where to (``HV_SOAK_FOLDER``), in which order (``HV_SOAK_SEED``) and after how many
instructions a guest is saved and restored first (``HV_SOAK_PULSE``; 0: never), from then on at distances that
double.
"""

import os
from pathlib import Path

import pytest

from hv.root.checkpoint import Snapshot
from hv.root.machine import Machine
from tests.soak.dice import Dice
from tests.soak.guests import GUESTS, finish, power_on

FOLDER = Path(os.environ.get("HV_SOAK_FOLDER", "."))
PULSE = int(os.environ.get("HV_SOAK_PULSE", "0"))
PARTS = ("result", "serial", "text")


def in_some_order(seed: str) -> list[str]:
    """All guests: what ran before a guest must not matter to it."""
    return Dice(seed).shuffled(list(GUESTS))


def pulsed(machine: Machine, first: int, max_insns: int) -> Machine:
    """``machine`` at its end, or the one that took its place last."""
    distance = first
    while machine.partition.vp.end is None and machine.insns < max_insns:
        machine.run(min(machine.insns + distance, max_insns))
        distance *= 2
        again = Snapshot.of(machine).machine()
        machine.close()
        machine = again
    return machine


@pytest.mark.parametrize("name", in_some_order(os.environ.get("HV_SOAK_SEED", "")))
def test_guest(name: str) -> None:
    max_insns = GUESTS[name].max_insns
    machine = power_on(name)
    if PULSE:
        machine = pulsed(machine, PULSE, max_insns)
    told = finish(machine, max_insns)
    machine.close()
    for part, content in zip(PARTS, told, strict=True):
        (FOLDER / f"{name.replace('/', '-')}.{part}").write_bytes(content)
