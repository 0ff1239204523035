"""Unicorn as the processor of a hypervisor. Nothing outside this package imports Unicorn."""

import unicorn

from hv.cpu.engine.core import PHYSICAL_BITS, Engine
from hv.cpu.engine.hooks import ACCELERATOR_VARIABLE, accelerator_available
from hv.cpu.engine.stops import Watch

UNICORN_VERSION: str = unicorn.__version__

__all__ = [
    "ACCELERATOR_VARIABLE",
    "PHYSICAL_BITS",
    "UNICORN_VERSION",
    "Engine",
    "Watch",
    "accelerator_available",
]
