"""The tests' VMBus driver on a whole machine: guest memory is the machine's, messages come from its SIM page.

The machine's processor never runs; what a driver would do is done for it, from the guest's side.
"""

import copy
import struct
from collections import deque
from typing import Any, TypeVar

from hv.config import MachineConfig
from hv.root.disk import MemoryDisk
from hv.root.machine import Machine
from tests.vmbus.fake_guest import FakeGuest, GuestOffer

GUEST_OS_ID, SCONTROL, SIEFP, SIMP, EOM, SINT2 = (
    *(0x40000000, 0x40000080, 0x40000082, 0x40000083, 0x40000084),
    0x40000092,
)
LINUX = 0x81000006_01C00000
SIM, SIEF = 0x20000, 0x21000
SLOT = SIM + 2 * 0x100
VECTOR = 0x50
T = TypeVar("T")
MEMORY = 4 << 20


class MachineMemory:
    """tests.vmbus.fakes.FakeMemory over a machine's."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.bytes = range(MEMORY)

    def read(self, gpa: int, size: int) -> bytes:
        return self.machine.partition.memory.read(gpa, size)

    def write(self, gpa: int, data: bytes) -> None:
        self.machine.partition.memory.write(gpa, data)


class MachineSynic:
    """tests.vmbus.fakes.FakeSynic over the message and event pages of a machine's guest."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.flags: dict[int, set[int]] = {}

    @property
    def messages(self) -> "MachineSynic":
        return self

    def get(self, _vp: int) -> deque[bytes]:
        """Empty the slot until no message follows, as a guest's interrupt handler does."""
        memory, found = self.machine.partition.memory, deque()
        while memory.read(SLOT, 4) != bytes(4):
            size = memory.read(SLOT + 4, 1)[0]
            found.append(memory.read(SLOT + 16, size))
            memory.write(SLOT, bytes(4))
            self.machine.partition.msrs.write(EOM, 0)
        return found


def new_driver() -> FakeGuest:
    """A machine with a SCSI disk, and a driver that has set up its SynIC and connected."""
    disk = MemoryDisk(bytes(range(256)) * 128)
    machine = Machine(MachineConfig(memory=MEMORY), scsi_media=(disk,))
    write = machine.partition.msrs.write
    write(GUEST_OS_ID, LINUX)
    write(SIMP, SIM | 1)
    write(SIEFP, SIEF | 1)
    write(SINT2, VECTOR)
    write(SCONTROL, 1)
    memory: Any = MachineMemory(machine)
    synic: Any = MachineSynic(machine)
    guest = FakeGuest(machine.synthetic.bus, memory, synic)
    assert guest.connect()
    return guest


def machine_of(guest: FakeGuest) -> Machine:
    return guest.memory.machine


def moved(driver: T, machine: Machine, to: Machine) -> T:
    """The same driver, with all it remembers, on another machine."""
    same = {id(machine): to, id(machine.synthetic.bus): to.synthetic.bus}
    return copy.deepcopy(driver, same)


def offer_of(guest: FakeGuest, name: str) -> GuestOffer:
    """The offer of a service, by the name that statistics use."""
    known = machine_of(guest).synthetic.bus.channel_name
    return next(offer for offer in guest.offers if known(offer.connection_id) == name)


def pass_time(guest: FakeGuest, ns: int) -> None:
    """Nobody does anything for a while."""
    partition = machine_of(guest).partition
    partition.vp.let_pass(ns)
    partition.clock.run_due()


def index(ring: Any, offset: int, value: int) -> None:
    """Overwrite a word of a ring's control page."""
    ring.memory.write(ring.pages[0] * 4096 + offset, struct.pack("<I", value))
