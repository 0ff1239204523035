"""A child partition: memory, buses, a virtual processor, and the hypervisor's interface to it."""

from hv.partition.lifecycle import PartitionState
from hv.partition.partition import FIRST_CHILD_ID, Partition

__all__ = ["FIRST_CHILD_ID", "Partition", "PartitionState"]
