"""The bus between APICs: which local APIC an interrupt message is for, and who takes it.

Document: Intel SDM vol. 3, 11.6.2 "Determining IPI Destination" and 11.11 (the form of a message). Of
several candidates for a lowest-priority message the first connected wins a tie; processors rotate theirs,
which no program can rely on. Left out: the serial bus of the 82093AA's days with its arbitration, and the
focus processor.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple, Protocol

BROADCAST = 0xFF
"""The destination that is everybody, physical or logical."""


class DeliveryMode(IntEnum):
    """What a message asks of the processor it reaches."""

    FIXED = 0
    LOWEST_PRIORITY = 1
    SMI = 2
    NMI = 4
    INIT = 5
    STARTUP = 6
    EXTINT = 7


class ApicMessage(NamedTuple):
    """An interrupt under way. ``mode`` is a DeliveryMode's value; ``pin``: a chip's pin asks for it."""

    vector: int
    mode: int
    destination: int
    logical: bool = False
    level: bool = False
    pin: bool = False


class BusAgent(Protocol):
    """A local APIC as the bus sees it."""

    def answers(self, destination: int, logical: bool) -> bool:
        """Is a message to ``destination`` for this one?"""

    def accept(self, message: ApicMessage) -> bool:
        """Take the message. False when it is lost on this APIC."""

    def rank(self) -> int | None:
        """How busy the processor is; None: it takes no vectors."""


_LOWEST_PRIORITY = DeliveryMode.LOWEST_PRIORITY.value


class ApicBus:
    """All local APICs of a machine, and whoever wants to hear the end of level-triggered interrupts."""

    def __init__(self) -> None:
        self._agents: list[BusAgent] = []
        self._listeners: list[Callable[[int], None]] = []

    def connect(self, agent: BusAgent) -> None:
        """Add a local APIC."""
        self._agents.append(agent)

    def listen(self, on_eoi: Callable[[int], None]) -> None:
        """Add an I/O APIC's ear for EOI broadcasts."""
        self._listeners.append(on_eoi)

    def send(self, message: ApicMessage, exclude: BusAgent | None = None) -> bool:
        """Deliver ``message`` to all it is for but ``exclude``. False when nobody took it."""
        _, mode, destination, logical, *_ = message
        targets = [
            agent
            for agent in self._agents
            if agent is not exclude and agent.answers(destination, logical)
        ]
        if mode == _LOWEST_PRIORITY and len(targets) > 1:
            targets = _least_busy(targets)
        accepted = False
        for agent in targets:
            accepted = agent.accept(message) or accepted
        return accepted

    def broadcast_eoi(self, vector: int) -> None:
        """A level-triggered interrupt ended on some processor."""
        for listener in self._listeners:
            listener(vector)


def _least_busy(agents: list[BusAgent]) -> list[BusAgent]:
    ranked = [(rank, agent) for agent in agents if (rank := agent.rank()) is not None]
    return [min(ranked, key=lambda pair: pair[0])[1]] if ranked else []
