"""Every guest once, as a machine in pytest's own process. ``tests.soak.suite`` has pytest run this."""

import pytest

from hv.root.checkpoint import Snapshot
from hv.root.machine import Machine
from tests.soak.guests import GUESTS, finish, power_on
from tests.soak.keep import PULSE, keep

GROWTH = 4


def pulsed(machine: Machine, first: int, max_insns: int) -> Machine:
    """``machine`` at its end, or the one that took its place last.

    It is saved and restored after ``first`` instructions, and from then on at distances that grow fast.
    """
    distance = first
    while machine.partition.vp.end is None and machine.insns < max_insns:
        machine.run(min(machine.insns + distance, max_insns))
        distance *= GROWTH
        again = Snapshot.of(machine).machine()
        machine.close()
        machine = again
    return machine


@pytest.mark.parametrize("name", GUESTS)
def test_guest(name: str) -> None:
    max_insns = GUESTS[name].max_insns
    machine = power_on(name)
    if PULSE:
        machine = pulsed(machine, PULSE, max_insns)
    keep(name, *finish(machine, max_insns))
    machine.close()
