"""The MSR bus: a table from number to reader and writer. An MSR that is not in it raises #GP, as hardware.

A handler refuses a value by raising ``MsrFault``; the processor turns that into #GP(0). A few MSRs exist on
every AMD processor and do nothing useful here; they are named in ``HARMLESS``, read as a constant and
swallow writes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from hv.errors import ConfigError

MsrRead = Callable[[], int]
MsrWrite = Callable[[int], None]


class MsrFault(Exception):
    """The guest gets #GP(0) for this access."""


class MsrSlot(NamedTuple):
    """Who answers for one MSR."""

    device: str
    read: MsrRead | None
    write: MsrWrite | None


@dataclass(frozen=True, slots=True)
class HarmlessMsr:
    number: int
    name: str
    value: int


HARMLESS = (
    HarmlessMsr(0x8B, "PATCH_LEVEL", 0),
    *(HarmlessMsr(0xC0010000 + n, f"PERF_CTL{n}", 0) for n in range(4)),
    *(HarmlessMsr(0xC0010004 + n, f"PERF_CTR{n}", 0) for n in range(4)),
    HarmlessMsr(0xC0010010, "SYSCFG", 0),
    HarmlessMsr(0xC0010015, "HWCR", 0),
    HarmlessMsr(0xC0010055, "INT_PENDING_MSG", 0),
)


def _constant(value: int) -> MsrRead:
    return lambda: value


def _ignore(_value: int) -> None:
    """Nothing depends on it."""


class MsrBus:
    """The MSRs of one virtual processor that are not kept in the engine itself."""

    def __init__(self) -> None:
        self._slots: dict[int, MsrSlot] = {}
        for msr in HARMLESS:
            self.attach("harmless", msr.number, _constant(msr.value), _ignore)

    def attach(
        self, device: str, number: int, read: MsrRead | None, write: MsrWrite | None
    ) -> None:
        """Let ``device`` answer for one MSR; None for a direction that faults. ConfigError when taken."""
        if number in self._slots:
            raise ConfigError(
                f"MSR {number:#x}: claimed by {self._slots[number].device} and {device}"
            )
        self._slots[number] = MsrSlot(device, read, write)

    def device_at(self, number: int) -> str:
        slot = self._slots.get(number)
        return slot.device if slot else "no such msr"

    def read(self, number: int) -> int:
        """RDMSR: 64 bits. MsrFault when the MSR is not there or cannot be read."""
        slot = self._slots.get(number)
        if slot is None or slot.read is None:
            raise MsrFault
        return slot.read()

    def write(self, number: int, value: int) -> None:
        """WRMSR. MsrFault when the MSR is not there or the value is refused."""
        slot = self._slots.get(number)
        if slot is None or slot.write is None:
            raise MsrFault
        slot.write(value)
