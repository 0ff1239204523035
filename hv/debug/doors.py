"""What the protocol needs of a processor and its memory."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Access(Enum):
    """Which accesses a watchpoint is for."""

    WRITE = "watch"
    READ = "rwatch"
    ANY = "awatch"


@dataclass(frozen=True, slots=True)
class WatchedRange:
    """``size`` bytes from a linear address."""

    address: int
    size: int
    access: Access


class Target(Protocol):
    """A stopped processor, as a debugger sees it. Addresses are linear."""

    @property
    def has_history(self) -> bool:
        """Whether it can go backward."""

    def bits(self) -> int:
        """The code size: 16, 32 or 64."""

    def read_register(self, source: str) -> int: ...

    def write_register(self, source: str, value: int) -> bool:
        """False when the register cannot be written, or not with this value."""

    def read_memory(self, address: int, size: int) -> bytes:
        """As many of ``size`` bytes as are mapped."""

    def write_memory(self, address: int, data: bytes) -> bool:
        """False, and nothing is written, when not all of it is mapped RAM."""

    def can_watch(self, watched: WatchedRange) -> bool:
        """Whether all of it is mapped."""

    def monitor(self, command: str) -> str:
        """The answer to a command that is not the protocol's."""


@dataclass(frozen=True, slots=True)
class Orders:
    """How the debugger wants the processor to go on."""

    step: bool
    breakpoints: Collection[int]
    watched: Collection[WatchedRange]
    backward: bool = False
