"""A path of a pair run to its end, and what was counted between its marks."""

from collections import Counter

from hv.cpu.exits import ExitReason
from hv.root.machine import Machine
from hv.root.pair_run import between_marks, machine_for
from hv.root.pairs import PairPath
from hv.vp import CODE_BITS

Exits = Counter[tuple[ExitReason, int]]
"""How many by (reason, target). Injections are all INTERRUPT, hypercalls have their code alone."""


def counted(machine: Machine) -> Exits:
    """Exits that a hypervisor would see, and injections, between the marks."""
    exits: Exits = Counter()
    pricing = machine.pricing
    for key, count in between_marks(machine).exit_rows():
        reason, target = ExitReason(key.reason), key.target
        if pricing.is_injection(key):
            reason = ExitReason.INTERRUPT
        elif not pricing.is_exit(key):
            continue
        if reason is ExitReason.HYPERCALL:
            target &= (1 << CODE_BITS) - 1
        exits[reason, target] += count.number
    return exits


def run(path: PairPath) -> tuple[Machine, Exits]:
    """The machine at its end, and its exits between the marks."""
    machine = machine_for(path)
    machine.run(path.max_insns)
    return machine, counted(machine)
