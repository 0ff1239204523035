"""A partition's life: what it may become from where, and that partitions share nothing."""

import pytest

from hv.errors import PartitionStateError
from hv.partition import FIRST_CHILD_ID, Partition, PartitionState
from hv.vp import Ending
from tests.machines import PASS, flat


def test_a_machine_takes_its_partition_through_life():
    machine = flat(PASS)
    assert machine.partition.partition_id == FIRST_CHILD_ID
    assert machine.partition.state is PartitionState.INITIALISED
    assert machine.run(1000).ending is Ending.DEBUG_EXIT
    assert machine.partition.state is PartitionState.ACTIVE
    machine.close()
    assert machine.partition.state is PartitionState.FINALISED


def test_what_a_finalised_partition_left_can_be_looked_at():
    machine = flat("mov dword ptr [0x9000], 0x1234\n" + PASS)
    machine.run(1000)
    before = machine.state_hash()
    machine.close()
    machine.close()
    assert machine.state_hash() == before
    assert machine.partition.memory.read(0x9000, 4) == b"\x34\x12\0\0"


def test_a_finalised_partition_does_not_run():
    machine = flat(PASS)
    machine.close()
    with pytest.raises(
        PartitionStateError, match="partition 2 is finalised: it cannot become active"
    ):
        machine.run(1000)


def test_a_partition_does_not_run_before_it_is_powered_on():
    partition = Partition(1 << 20, lambda: None, partition_id=7)
    assert partition.state is PartitionState.CREATED
    with pytest.raises(
        PartitionStateError, match="partition 7 is created: it cannot become active"
    ):
        partition.run(1)


def test_a_partition_is_powered_on_once():
    machine = flat(PASS)
    with pytest.raises(PartitionStateError, match="partition 2 is initialised"):
        machine.partition.power_on()


def test_two_partitions_of_one_process_share_nothing():
    """Run turn by turn, each ends as it does when it is alone."""

    def counting(to):
        return flat(f"mov ecx, {to}\nagain: inc dword ptr [0x9000]\nloop again\n{PASS}", bits=32)

    alone = []
    for count in (300, 500):
        machine = counting(count)
        machine.run()
        alone.append(machine.state_hash())
    first, second = counting(300), counting(500)
    turns = 0
    while None in (first.partition.vp.end, second.partition.vp.end):
        for machine in (first, second):
            machine.run(machine.insns + 50)
        turns += 1
    assert turns > 5
    assert [first.state_hash(), second.state_hash()] == alone
