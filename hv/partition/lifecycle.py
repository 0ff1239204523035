"""The life of a partition, in the TLFS's terms: created, initialised, active, finalised."""

from enum import Enum

from hv.errors import PartitionStateError


class PartitionState(Enum):
    """Where a partition is in its life."""

    CREATED = "created"  # chips may be attached, nothing is mapped
    INITIALISED = "initialised"  # memory is mapped, the processor is in reset
    ACTIVE = "active"  # it has run
    FINALISED = "finalised"  # it will never run again; what it left can be looked at


_NEXT = {
    PartitionState.CREATED: {PartitionState.INITIALISED, PartitionState.FINALISED},
    PartitionState.INITIALISED: {PartitionState.ACTIVE, PartitionState.FINALISED},
    PartitionState.ACTIVE: {PartitionState.ACTIVE, PartitionState.FINALISED},
    PartitionState.FINALISED: {PartitionState.FINALISED},
}


class Lifecycle:
    """The state of one partition and the steps it may take."""

    def __init__(self, partition_id: int) -> None:
        self._partition_id = partition_id
        self.state = PartitionState.CREATED

    def enter(self, state: PartitionState) -> None:
        """Step to ``state``. PartitionStateError for a step that there is not."""
        if state not in _NEXT[self.state]:
            raise PartitionStateError(
                f"partition {self._partition_id} is {self.state.value}: it cannot become {state.value}"
            )
        self.state = state
