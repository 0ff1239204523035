"""One line on a terminal that tells how the run is going."""

import sys

from hv.clock import host_seconds
from hv.root.machine import Machine

_INTERVAL_S = 0.5
_CLEAR = "\r\x1b[K"


class Progress:
    """Rewrites its line twice a second; silent when stderr is no terminal, or stdout shows the guest."""

    def __init__(self, machine: Machine, *, enabled: bool) -> None:
        self._machine = machine
        self._enabled = enabled and sys.stderr.isatty() and not sys.stdout.isatty()
        self._shown = False
        self._last = (host_seconds(), 0, 0)

    def update(self) -> None:
        """Show the state of the run, if it is time."""
        now = host_seconds()
        before, insns, exits = self._last
        if not self._enabled or now - before < _INTERVAL_S:
            return
        machine = self._machine
        total = machine.partition.vp.exits.total
        seconds = now - before
        line = (
            f"{machine.insns / 1e6:,.0f} M insns  {(machine.insns - insns) / seconds / 1e6:.0f} MIPS  "
            f"virtual {machine.vtime_ns / 1e9:.3f} s  {(total - exits) / seconds:,.0f} exits/s"
        )
        sys.stderr.write(_CLEAR + line)
        sys.stderr.flush()
        self._shown = True
        self._last = (now, machine.insns, total)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
