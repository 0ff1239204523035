"""Unicorn as the processor of a hypervisor. Nothing outside this package imports Unicorn."""

from hv.cpu.engine.core import PHYSICAL_BITS, Engine
from hv.cpu.engine.hooks import ACCELERATOR_VARIABLE, accelerator_available

__all__ = ["ACCELERATOR_VARIABLE", "PHYSICAL_BITS", "Engine", "accelerator_available"]
