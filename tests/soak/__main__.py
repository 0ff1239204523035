"""``python -m tests.soak [damage checkpoints linux suite]``: what takes too long for every day.

Any difference: exit code 1. ``HV_MUTATIONS`` (10000), ``HV_SOAK_POINTS`` (160), ``HV_SOAK_LINUX`` (40) and
``HV_SOAK_RUNS`` (50) say how much of each, ``HV_SOAK_SEED`` (1) which.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.soak.checkpoints import own_guests, run_checkpoints, shares
from tests.soak.damage import run_damage
from tests.soak.dice import Dice
from tests.soak.linux import boots
from tests.soak.suite import run_suite

SEED = os.environ.get("HV_SOAK_SEED", "1")


def _number(name: str, usual: int) -> int:
    return int(os.environ.get(name, usual))


def _suite(folder: Path) -> list[str]:
    return run_suite(_number("HV_SOAK_RUNS", 50), SEED, folder)


def _checkpoints(folder: Path) -> list[str]:
    count, dice = _number("HV_SOAK_POINTS", 160), Dice(SEED)
    title = f"Random checkpoints of samples and pairs (seed {SEED})"
    return run_checkpoints(shares(own_guests(), count, dice), title, dice, folder)


def _linux(folder: Path) -> list[str]:
    count, dice = _number("HV_SOAK_LINUX", 40), Dice(f"{SEED} linux")
    with boots() as guests:
        title = f"Random checkpoints of Linux (seed {SEED})"
        return run_checkpoints(shares(guests, count, dice), title, dice, folder)


def _damage(_folder: Path) -> list[str]:
    return run_damage(_number("HV_MUTATIONS", 10_000))


PARTS: dict[str, Callable[[Path], list[str]]] = {
    "damage": _damage,
    "checkpoints": _checkpoints,
    "linux": _linux,
    "suite": _suite,
}


def main() -> int:
    """Run the parts named, or all of them."""
    troubles: list[str] = []
    for name in sys.argv[1:] or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            troubles += PARTS[name](Path(folder))
    print("", *troubles or ["no difference"], sep="\n")
    return int(bool(troubles))


sys.exit(main())
