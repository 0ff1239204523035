"""What was given to a machine since its start, kept in memory: cheap enough for every run."""

from hv.root.journal.records import Input, Stamp


class History:
    """The inputs of one machine, in order (``HostHand`` tells of them), and where its latest run ended.
    It begins at ``start``.
    """

    def __init__(self, start: Stamp) -> None:
        self._inputs: list[Input] = []
        self._end = start

    def add(self, given: Input) -> None:
        """One more."""
        self._inputs.append(given)

    def ran_to(self, at: Stamp) -> None:
        """A run has returned there."""
        self._end = at

    @property
    def inputs(self) -> tuple[Input, ...]:
        """All of them, with their moments."""
        return tuple(self._inputs)

    @property
    def end(self) -> Stamp:
        """Where the latest run ended or, if that is later, where the host gave something last. What ran on
        behind it did so for somebody who looked.
        """
        moments = [self._end, *(given.at for given in self._inputs[-1:])]
        return max(moments, key=lambda at: (at.insns, at.exits, at.vtime_ns))
