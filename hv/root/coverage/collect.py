"""What ran of one guest, block by block and instruction by instruction."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from capstone import CS_ARCH_X86, CS_MODE_16, CS_MODE_32, CS_MODE_64, Cs

from hv.cpu.engine.coverage import BlockCoverage, RunBlock
from hv.root.machine import Machine

_MODES = {16: CS_MODE_16, 32: CS_MODE_32, 64: CS_MODE_64}


class Coverage:
    """What one guest ran, in one machine or in several that followed each other.

    Ask between two runs, or after its end.
    """

    def __init__(self, machine: Machine | None = None, before: Iterable[RunBlock] = ()) -> None:
        """``before`` ran already, in machines that nobody can ask any more."""
        self._ran: dict[tuple[object, ...], RunBlock] = {}
        self._watched: BlockCoverage | None = None
        self._add(before)
        if machine is not None:
            self.watch(machine)

    def watch(self, machine: Machine) -> None:
        """The guest goes on in ``machine``: watch that from now on."""
        self._settle()
        self._watched = BlockCoverage(machine.partition.vp.engine)

    def blocks(self) -> list[RunBlock]:
        """Every block of which something ran, by address."""
        self._settle()
        return [self._ran[key] for key in sorted(self._ran)]

    def _settle(self) -> None:
        if self._watched is not None:
            self._add(self._watched.blocks())

    def _add(self, blocks: Iterable[RunBlock]) -> None:
        for block in blocks:
            key = (block.pc, block.places, block.bits, block.code)
            known = self._ran.get(key)
            if known is None or known.insns < block.insns:
                self._ran[key] = replace(block)


def instructions(block: RunBlock) -> Iterator[tuple[int, int]]:
    """The instructions of a block that ran: each one's offset in the block and its length.

    An instruction that cannot be read ends the block: its bytes to the end are one.
    """
    decoder = Cs(CS_ARCH_X86, _MODES[block.bits])
    offset = 0
    for _, size, _, _ in decoder.disasm_lite(block.code, block.pc, block.insns):
        yield offset, size
        offset += size
