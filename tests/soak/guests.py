"""Every guest there is: samples, and all paths of all pairs; and all that a run of one comes to."""

from hv.root.machine import Machine
from hv.root.pair_run import machine_for
from hv.root.pairs import all_pairs
from hv.root.result import make_result, to_json
from hv.root.samples import Sample, all_samples

GUESTS: dict[str, Sample] = {sample.name: sample for sample in all_samples()} | {
    f"{pair.name}/{name}": path for pair in all_pairs() for name, path in pair.path.items()
}

Told = tuple[bytes, bytes, bytes]
"""The result as JSON, with the hash of the state; the serial text; the text port's."""


def power_on(name: str) -> Machine:
    """A guest by its name, about to start."""
    return machine_for(GUESTS[name])


def finish(machine: Machine, max_insns: int) -> Told:
    """Run to the end; what there is to compare."""
    result = to_json(make_result(machine, machine.run(max_insns)))
    return result, bytes(machine.serial_log), bytes(machine.text_log)
