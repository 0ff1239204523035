"""What is done with a machine before its tests begin, as plain data: ``("expect", "login: ")``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hv.errors import ConfigError
from hv.patterns import compile_pattern

if TYPE_CHECKING:
    from hv.live import LiveMachine

Step = tuple[Any, ...]
"""A verb and what it takes."""

_Do = Callable[["LiveMachine", int, Step], object]
_WORD, _NUMBER = (str,), (int,)


@dataclass(frozen=True, slots=True)
class _Verb:
    """``do(machine, budget, operands)``; the types that each operand may have, the first ones ``needed``."""

    do: _Do
    types: tuple[tuple[type, ...], ...]
    needed: int = 1
    runs: bool = True
    """The machine runs; otherwise it is only given something."""


def _expect(machine: "LiveMachine", budget: int, operands: Step) -> object:
    return machine.expect(operands[0], budget=budget)


def _mark(machine: "LiveMachine", budget: int, operands: Step) -> object:
    (number,) = operands or (None,)
    return machine.run_until_mark(number, budget=budget)


def _exit(machine: "LiveMachine", budget: int, operands: Step) -> object:
    reason, device, target, *_ = (*operands, None, None)
    return machine.run_until_exit(reason, device, target, budget=budget)


def _address(machine: "LiveMachine", budget: int, operands: Step) -> object:
    return machine.run_until_address(operands[0], budget=budget)


def _run(machine: "LiveMachine", _budget: int, operands: Step) -> object:
    return machine.run(insns=operands[0])


def _wait(machine: "LiveMachine", _budget: int, operands: Step) -> object:
    return machine.run(seconds=operands[0])


def _serial(machine: "LiveMachine", _budget: int, operands: Step) -> None:
    machine.write_serial(operands[0])


def _keys(machine: "LiveMachine", _budget: int, operands: Step) -> None:
    machine.keys(operands[0])


_VERBS = {
    "expect": _Verb(_expect, (_WORD,)),
    "mark": _Verb(_mark, (_NUMBER,), needed=0),
    "exit": _Verb(_exit, (_WORD,) * 3),
    "address": _Verb(_address, ((str, int),)),
    "run": _Verb(_run, (_NUMBER,)),
    "wait": _Verb(_wait, ((int, float),)),
    "serial": _Verb(_serial, (_WORD,), runs=False),
    "keys": _Verb(_keys, (_WORD,), runs=False),
}


def check_steps(steps: Sequence[Sequence[Any]]) -> tuple[Step, ...]:
    """``steps`` as tuples. ConfigError, one line, for one that says nothing."""
    return tuple(_check(number, step) for number, step in enumerate(steps, 1))


def _check(number: int, step: Sequence[Any]) -> Step:
    words = tuple(step) if isinstance(step, list | tuple) else ()
    name = words[0] if words else None
    verb = _VERBS.get(name) if isinstance(name, str) else None
    if verb is None:
        known = ", ".join(_VERBS)
        raise ConfigError(f"step {number}: {step!r} does not begin with one of {known}", usage=True)
    operands = words[1:]
    fit = verb.needed <= len(operands) <= len(verb.types) and all(
        isinstance(operand, types) and not isinstance(operand, bool)
        for operand, types in zip(operands, verb.types, strict=False)
    )
    if not fit or any(
        isinstance(word, int | float) and not 0 <= word < 1 << 64 for word in operands
    ):
        raise ConfigError(f"step {number}: {step!r}: not what {name!r} takes", usage=True)
    if name == "expect":
        compile_pattern(operands[0])
    return words


def do_steps(machine: "LiveMachine", steps: Sequence[Step], budget: int) -> None:
    """Do them in order. GuestError for one that the guest does not come to within ``budget`` instructions."""
    for name, *operands in steps:
        _VERBS[name].do(machine, budget, tuple(operands))


def split_steps(steps: tuple[Step, ...]) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Those up to the last for which the machine runs, and what it is only given after that: tests that
    differ in this share the first ones.
    """
    count = len(steps)
    while count and not _VERBS[steps[count - 1][0]].runs:
        count -= 1
    return steps[:count], steps[count:]
