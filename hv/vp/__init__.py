"""The virtual processor: exit in, bus out, inject, resume."""

from hv.vp.accounting import OTHERS, Pricing
from hv.vp.ending import End, Ending
from hv.vp.hypercall import CODE_BITS
from hv.vp.processor import InterruptController, VirtualProcessor
from hv.vp.stops import Cause, Stop, Stops

__all__ = [
    "CODE_BITS",
    "OTHERS",
    "Cause",
    "End",
    "Ending",
    "InterruptController",
    "Pricing",
    "Stop",
    "Stops",
    "VirtualProcessor",
]
