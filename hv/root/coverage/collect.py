"""What ran in one machine, block by block and instruction by instruction."""

from collections.abc import Iterator

from capstone import CS_ARCH_X86, CS_MODE_16, CS_MODE_32, CS_MODE_64, Cs

from hv.cpu.engine.coverage import BlockCoverage, RunBlock
from hv.root.machine import Machine

_MODES = {16: CS_MODE_16, 32: CS_MODE_32, 64: CS_MODE_64}


class Coverage:
    """Watches a machine from now on; ask between two runs of it, or after its end."""

    def __init__(self, machine: Machine) -> None:
        self._blocks = BlockCoverage(machine.partition.vp.engine)

    def blocks(self) -> list[RunBlock]:
        """Every block of which something ran, by address."""
        return self._blocks.blocks()


def instructions(block: RunBlock) -> Iterator[tuple[int, int]]:
    """The instructions of a block that ran: each one's offset in the block and its length.

    An instruction that cannot be read ends the block: its bytes to the end are one.
    """
    decoder = Cs(CS_ARCH_X86, _MODES[block.bits])
    offset = 0
    for _, size, _, _ in decoder.disasm_lite(block.code, block.pc, block.insns):
        yield offset, size
        offset += size
