"""Running to one instruction exactly, in the middle of a block if need be.

``Machine.run`` stops at block boundaries alone. Here the last stretch is stepped, which changes nothing
for the guest, so that what follows is what would have followed anyway.
"""

from hv.cpu.pace import CPI, CPI_SHIFT
from hv.root.machine import UNLIMITED, Machine
from hv.vp import End

_MOST_IN_BLOCK = 512
"""Instructions; Unicorn translates no longer blocks."""


def run_exactly(machine: Machine, insns: int) -> End | None:
    """Run until ``insns`` instructions have retired since power-on and the next one has not begun.

    That is before any interrupt that comes there, too. Not backwards: there already, nothing happens. No
    debugger's breakpoint stops it. The end when that comes before.
    """
    partition = machine.partition
    vp = partition.vp
    lead = (
        _MOST_IN_BLOCK + (1 << CPI_SHIFT) // vp.pace[CPI]
    )  # time is whole ns, of many instructions
    stops = vp.debug()
    with stops.suspended():
        while vp.retired() < insns - lead:
            end = partition.run(insns - lead)
            if end is not None:
                return end
        stops.hold()
        while vp.retired() < insns:
            stops.step()
            end = partition.run(UNLIMITED)
            if end is not None:
                return end
    return None
