"""An x86 mini hypervisor: Unicorn as the processor, Hyper-V as the architecture."""

__version__ = "0.1.0"
