"""What a local APIC remembers, and the doors it is given."""

from dataclasses import dataclass, field
from typing import Protocol

from .apic_bus import ApicMessage, BusAgent
from .local_apic_registers import LVT_WRITABLE, Lvt
from .local_apic_timer import TimerState

_MASKED = Lvt.MASKED.value


class Processor(Protocol):
    """What the APIC does to its processor beside INTR."""

    def nmi(self) -> None: ...

    def init(self) -> None:
        """INIT: reset and, unless it is the bootstrap processor, wait for ``start_up``."""

    def start_up(self, vector: int) -> None:
        """SIPI: begin at page ``vector``, if it waits for that."""


class EoiAssist(Protocol):
    """A way to spare software its EOIs (hv.tlfs.eoi_assist)."""

    def offer(self) -> bool:
        """Tell software that the interrupt it is about to get needs none. False: it cannot be told."""

    def withdraw(self) -> bool:
        """It needs one after all. False: it has ended without."""


class NoEoiAssist:
    """Every interrupt needs its EOI."""

    def offer(self) -> bool:
        return False

    def withdraw(self) -> bool:
        return True


class Bus(Protocol):
    """The way to the other APICs (hv_devices.emulated.apic_bus.ApicBus)."""

    def send(self, message: ApicMessage, exclude: BusAgent | None = None) -> bool: ...

    def broadcast_eoi(self, vector: int) -> None: ...


@dataclass(slots=True)
class State:
    """Everything the APIC remembers. Bit n of ``irr``, ``isr``, ``tmr``, ``auto_eoi``, ``pin``: vector n."""

    base: int
    pins: int = 0
    """LINT0 and LINT1 as others drive them."""
    tpr: int = 0
    irr: int = 0
    isr: int = 0
    tmr: int = 0
    auto_eoi: int = 0
    """Pending vectors that end by themselves."""
    pin: int = 0
    """Pending vectors that a chip's pin asked for by a message."""
    eoi_optional: bool = False
    """The highest interrupt in service may have ended without an EOI: nobody has looked yet."""
    ext_message: bool = False
    """An ExtINT came as a message."""
    svr: int = 0xFF
    ldr: int = 0
    dfr: int = 0xFFFFFFFF
    esr: int = 0
    errors: int = 0
    """Errors since ESR was last written."""
    icr_low: int = 0
    icr_high: int = 0
    lvt: list[int] = field(default_factory=lambda: [_MASKED] * len(LVT_WRITABLE))
    """All entries but the timer's, from LVT_THERMAL on."""
    timer: TimerState = field(default_factory=TimerState)
