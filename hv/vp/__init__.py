"""The virtual processor: exit in, bus out, inject, resume."""

from hv.vp.ending import End, Ending
from hv.vp.processor import InterruptController, VirtualProcessor

__all__ = ["End", "Ending", "InterruptController", "VirtualProcessor"]
