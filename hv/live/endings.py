"""Which error an ending is, for a test that wanted something else."""

from collections.abc import Sequence

from hv.errors import (
    BudgetExceeded,
    GuestEnded,
    GuestError,
    GuestFailed,
    GuestPanic,
    Stuck,
    TripleFault,
)
from hv.root.result import outcome_of
from hv.vp import End, Ending

_TAIL = 600

_ERRORS: dict[Ending, type[GuestError]] = {
    Ending.DEBUG_EXIT: GuestFailed,
    Ending.TRIPLE_FAULT: TripleFault,
    Ending.PANIC: GuestPanic,
    Ending.STUCK: Stuck,
    Ending.BUDGET: BudgetExceeded,
}


def passed(end: End) -> bool:
    """The guest said that all is well: an exit code of 0, or it has powered the machine off."""
    return outcome_of(end)[1] == 0


def describe(end: End) -> str:
    """How it ended, for people."""
    outcome, _ = outcome_of(end)
    code = f" {end.code}" if end.ending is Ending.DEBUG_EXIT and end.code else ""
    return f"{outcome}{code}" + (f": {end.detail}" if end.detail else "")


def story(where: str, post_codes: Sequence[int], unmatched: str) -> str:
    """What a failure tells beside its ending: the latest of what the guest has said."""
    lines = [where]
    if post_codes:
        codes = " ".join(f"{code:02X}" for code in post_codes[-8:])
        lines.append(f"POST codes: {codes}")
    lines.append(f"unmatched on the serial line: {unmatched[-_TAIL:]!r}")
    return "\n".join(lines)


def error_for(end: End, wanted: str, story: str) -> GuestError:
    """The error of a guest that came to ``end`` where ``wanted`` was expected; ``story`` is the rest."""
    kind = GuestEnded if passed(end) else _ERRORS.get(end.ending, GuestError)
    lines = [f"{wanted}: {describe(end)}", story]
    return kind("\n".join(line for line in lines if line))
