"""Ten million instructions of a Linux boot, counted by block and one by one."""

import pytest

from hv.config import MachineConfig
from hv.loaders import LoadOptions, load
from hv.root.machine import Machine
from tests.linux.packages import FETCHED
from tests.stepping import count_starts

pytestmark = pytest.mark.linux

MEMORY = 128 << 20
INSTRUCTIONS = 10_000_000


def boot() -> Machine:
    options = LoadOptions(memory=MEMORY, command_line="console=ttyS0 acpi=off")
    return Machine(MachineConfig(memory=MEMORY), load(FETCHED.kernel("cloud"), options))


def test_counting_by_block_is_counting_one_by_one() -> None:
    by_block = boot()
    by_block.run(INSTRUCTIONS)
    one_by_one = boot()
    steps = count_starts(one_by_one)
    one_by_one.run(INSTRUCTIONS)
    assert steps.retired() == one_by_one.insns == by_block.insns
    assert one_by_one.state_hash() == by_block.state_hash()
