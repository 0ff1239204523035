"""A child partition: memory, buses, a virtual processor, and the hypervisor's interface to it."""

from hv.partition.partition import Partition

__all__ = ["Partition"]
