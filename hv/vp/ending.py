"""How a run can end by itself."""

from dataclasses import dataclass
from enum import Enum


class Ending(Enum):
    """Why the processor stopped for good."""

    DEBUG_EXIT = "debug exit"
    POWERED_OFF = "powered off"
    RESET = "reset"
    TRIPLE_FAULT = "triple fault"
    PANIC = "panic"
    STUCK = "stuck"
    BUDGET = "budget"
    UNSUPPORTED = "unsupported"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class End:
    """The ending, the guest's own code where it gave one, and what there is to say about it."""

    ending: Ending
    code: int = 0
    detail: str = ""
