"""An x86 mini hypervisor: Unicorn as the processor, Hyper-V as the architecture.

``hv.Machine`` is a live machine for programs and tests (hv.live); it is imported when first named.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hv.live import LiveMachine as Machine

__version__ = "0.1.0"
__all__ = ["Machine", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Machine":
        from importlib import import_module

        return import_module("hv.live").LiveMachine
    raise AttributeError(f"module 'hv' has no attribute {name!r}")
