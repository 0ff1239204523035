"""Every path of every matched pair does its work, all with the same outcome, and its own watch is right."""

import pytest

from hv.config import apply_overrides
from hv.root.machine import Machine
from hv.root.pairs import Pair, PairPath, all_pairs
from hv.root.schedule import schedule

BEGIN, END = 1, 2


def machine_for(path: PairPath) -> Machine:
    config = apply_overrides(path.machine(), {}, path.name)
    image = path.boot_image(config.memory)
    machine = Machine(config, image, media=path.media(), scsi_media=path.scsi_media())
    machine.hand.play(path.typed())
    machine.mouse_hand.play(path.mouse)
    schedule(machine, path.deeds(), lambda _text: None)
    return machine


def outcome(path: PairPath) -> tuple[int, int, int]:
    """(checksum, the guest's cycles between the marks, virtual time between them)"""
    machine = machine_for(path)
    end = machine.run(path.max_insns)
    said = machine.text_log.decode().split()
    assert (end.ending.value, end.code) == ("debug exit", 0), (end, machine.serial_log.decode())
    assert [mark.id for mark in machine.marks] == [BEGIN, END]
    first, last = machine.marks
    return int(said[0], 16), int(said[1], 16), last.vtime_ns - first.vtime_ns


@pytest.mark.parametrize("pair", all_pairs(), ids=lambda pair: pair.name)
def test_all_paths_do_the_same_work(pair: Pair) -> None:
    outcomes = {name: outcome(path) for name, path in pair.path.items()}
    assert len({checksum for checksum, _, _ in outcomes.values()}) == 1, outcomes
    for checksum, guest_cycles, vtime_ns in outcomes.values():
        assert checksum != 0
        assert guest_cycles == vtime_ns
