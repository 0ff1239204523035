"""The place of the machine underneath: it may be exchanged for the same machine, saved and restored."""

from collections.abc import Callable

from hv.root.machine import Machine

Arrival = Callable[[Machine], None]


class Seat:
    """Who needs the machine asks here each time; who listens to it follows."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._followers: list[Arrival] = []

    def follow(self, arrive: Arrival) -> None:
        """Call ``arrive`` with the machine that sits here, now and each time another one takes its place."""
        self._followers.append(arrive)
        arrive(self.machine)

    def exchange(self, machine: Machine) -> None:
        """``machine`` goes on for the one that sits here, which is closed."""
        before, self.machine = self.machine, machine
        for arrive in self._followers:
            arrive(machine)
        before.close()
