"""Places in a run, and what was done to the machine from outside, at its places."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from hv.debug.registers import Registers
from hv.root.journal.records import HostInput, Stamp
from hv.root.machine import Machine


class Place(NamedTuple):
    """Somewhere between two instructions of a run, in its order.

    An interrupt or a fault is delivered without an instruction that retires, but not without an exit. What
    is done from outside takes neither: ``inputs`` tells how much of it lies before.
    """

    insns: int
    exits: int
    inputs: int

    @property
    def moment(self) -> tuple[int, int]:
        """The place without regard to what is done from outside there."""
        return self.insns, self.exits


@dataclass(frozen=True, slots=True)
class MemoryEdit:
    """The debugger wrote to memory; a linear address."""

    address: int
    data: bytes

    def apply(self, machine: Machine) -> bool:
        """Do it. False, and nothing has happened: that cannot be."""
        return machine.partition.vp.linear.poke(self.address, self.data)


@dataclass(frozen=True, slots=True)
class RegisterEdit:
    """The debugger set a register, by its name in ``hv.debug.registers``."""

    name: str
    value: int

    def apply(self, machine: Machine) -> bool:
        """Do it. False, and nothing has happened: that cannot be."""
        vp = machine.partition.vp
        return Registers(vp, vp.debug()).write(self.name, self.value)


Edit = MemoryEdit | RegisterEdit


@dataclass(frozen=True, slots=True)
class Given:
    """``what`` was done at ``at``, behind ``at.inputs`` other things. ``stamp``: that moment in a journal."""

    at: Place
    stamp: Stamp
    what: HostInput | Edit


Poll = Callable[[], bool]
"""Asked now and then while a machine runs: may it go on?"""
