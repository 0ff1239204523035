"""What was given to a machine since its start, kept in memory: cheap enough for every run."""

from hv.root.journal.records import Input


class History:
    """The inputs of one machine, in order; ``HostHand`` tells of them."""

    def __init__(self) -> None:
        self._inputs: list[Input] = []

    def add(self, given: Input) -> None:
        """One more."""
        self._inputs.append(given)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """All of them, with their moments."""
        return tuple(self._inputs)
