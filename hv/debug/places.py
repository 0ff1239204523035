"""Places in a run, and what was done to the machine from outside, at its places."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from hv.cpu.state import RIP
from hv.debug.registers import Registers
from hv.root.journal.host import SETTABLE
from hv.root.journal.records import HostInput, MemoryWrite, RegisterSet, Stamp
from hv.root.machine import Machine
from hv.types import PAGE_SIZE
from hv.vp.core import U64


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

    def inputs(self, machine: Machine) -> list[HostInput]:
        """The same for a journal, piece by piece; none when it cannot be."""
        pieces: list[HostInput] = []
        at = 0
        while at < len(self.data):
            address = self.address + at
            part = self.data[at : at + PAGE_SIZE - address % PAGE_SIZE]
            gpa = machine.partition.vp.linear.find(address)
            if gpa is None or not machine.partition.memory.contains(gpa, len(part)):
                return []
            pieces.append(MemoryWrite(gpa, part))
            at += len(part)
        return pieces


@dataclass(frozen=True, slots=True)
class RegisterEdit:
    """The debugger set a register, by its name in ``hv.debug.registers``."""

    name: str
    value: int

    def apply(self, machine: Machine) -> bool:
        """Do it. False, and nothing has happened: that cannot be."""
        vp = machine.partition.vp
        return Registers(vp, vp.debug()).write(self.name, self.value)

    def inputs(self, machine: Machine) -> list[HostInput]:
        """The same for a journal; none for a register that it has no name for."""
        if self.name == "pc":
            vp = machine.partition.vp
            base = (vp.linear_rip() - vp.state.q[RIP]) & U64
            return [RegisterSet("rip", (self.value - base) & vp.rip_mask())]
        return [RegisterSet(self.name, self.value)] if self.name in SETTABLE else []


Edit = MemoryEdit | RegisterEdit


@dataclass(frozen=True, slots=True)
class Given:
    """``what`` was done at ``at``, behind ``at.inputs`` other things. ``stamp``: that moment in a journal."""

    at: Place
    stamp: Stamp
    what: HostInput | Edit


Poll = Callable[[], bool]
"""Asked now and then while a machine runs: may it go on?"""
