"""Moments of a run at which the host has control, told apart and come to again.

A run stops between two blocks. How many instructions have retired says between which, and virtual time how
long the processor has halted there; an exception or an interrupt that was delivered without an instruction
shows in the number of exits. A debugger stops before one instruction instead, which may be in a block's
middle.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from hv.cpu.pace import NEVER
from hv.root.exactly import run_exactly
from hv.root.journal.records import Stamp, Standing
from hv.root.machine import Machine
from hv.stats import ExitKey
from hv.vp import End, Ending


def stamp(machine: Machine) -> Stamp:
    """Where ``machine`` stands."""
    vp = machine.partition.vp
    standing: Standing = "boundary" if vp.end is None else "ended"
    if vp.stopped:
        standing = "stopped"
    return Stamp(machine.insns, machine.vtime_ns, vp.exits.total, standing)


def differs(machine: Machine, at: Stamp) -> str:
    """How the moment at which ``machine`` stands is not ``at``; empty when it is."""
    now = stamp(machine)
    if now.insns != at.insns:
        return f"it stops at {now.insns} instructions, not {at.insns}"
    if now.vtime_ns != at.vtime_ns:
        return f"the time is {now.vtime_ns} ns, not {at.vtime_ns} ns"
    return "" if now.exits == at.exits else f"there were {now.exits} exits, not {at.exits}"


def come_to(machine: Machine, at: Stamp) -> End | None:
    """Run to ``at``. The run's own end, when it comes first or is what ``at`` stands behind.

    A run that is not the one that ``at`` is from may end up elsewhere: the caller compares.
    """
    if at.stands == "stopped":
        return _step_to(machine, at)
    if at.stands == "ended":
        return _run(machine, at.insns + 1)
    end = None
    if machine.insns < at.insns or machine.partition.vp.stopped:
        end = _run(machine, at.insns)
    before = None
    while end is None and before != (now := stamp(machine)) and _is_before(machine, at):
        before = now
        with _pausing(machine, at.exits - now.exits):
            until_ns = at.vtime_ns if now.vtime_ns < at.vtime_ns else NEVER
            end = machine.partition.run(at.insns + 1, until_ns)
    return end


def _is_before(machine: Machine, at: Stamp) -> bool:
    """At the right instruction, but too early: it is to wait there, or to take an exception or interrupt."""
    vp = machine.partition.vp
    waits = vp.halted and machine.vtime_ns < at.vtime_ns
    return machine.insns == at.insns and (waits or vp.exits.total < at.exits)


def _run(machine: Machine, until: int) -> End | None:
    end = machine.run(until)
    return None if end.ending is Ending.BUDGET else end


@contextmanager
def _pausing(machine: Machine, exits: int) -> Iterator[None]:
    """Pause behind so many exits, if it is more than none."""
    vp = machine.partition.vp
    before, left = vp.exits.listener, exits

    def hear(key: ExitKey, price: int) -> None:
        nonlocal left
        if before is not None:
            before(key, price)
        left -= 1
        if left == 0:
            vp.pause()

    vp.exits.listener = hear
    try:
        yield
    finally:
        vp.exits.listener = before


def _step_to(machine: Machine, at: Stamp) -> End | None:
    """To where a debugger's stop was."""
    end, before = run_exactly(machine, at.insns), None
    while end is None and before != (now := stamp(machine)) and _is_before(machine, at):
        before = now
        machine.partition.vp.debug().step()
        end = machine.partition.run(at.insns + 1)
    return end
