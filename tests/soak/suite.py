"""The whole guest suite again and again, each time under another environment: no byte may differ.

An environment is drawn by seed: PYTHONHASHSEED, pytest-xdist or not, the accelerator or its Python twin, the
order of the guests, who runs them (their manifests, by the plugin in a child process, or plain machines), and
whether they are saved and restored on their way. The first run is the plainest, with which all others are
compared.

The Python twin takes long over some guests: each of its runs draws a few of those.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hv.clock import host_seconds
from tests.soak.dice import Dice
from tests.soak.guests import GUESTS
from tests.soak.keep import file_name
from tests.soak.table import Table

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = (ROOT / "guests" / "guests.toml", ROOT / "tests" / "guests" / "pairs.hvtest.toml")
MACHINES = (Path(__file__).with_name("guest_suite.py"),)
WORKERS = 2
PULSES = (0, 0, 0, 1_999, 7_001, 30_011)
"""Instructions until a plain machine is saved and restored first; 0: it never is."""
PULSE_OF_MANIFESTS = 100_003
"""Instructions from one to the next, where the plugin does it."""
SLOW = 400_000
"""Instructions of a guest that the Python twin takes long over."""
SELDOM = 4
"""Of so many slow guests, one is run."""


@dataclass(frozen=True)
class Setting:
    """What a run's results do not depend on. ``pulse``: instructions, as the constants say; 0: never."""

    hash_seed: int = 0
    workers: int = 0
    accelerated: bool = True
    manifests: bool = False
    pulse: int = 0
    order: int = 0

    @classmethod
    def drawn(cls, dice: Dice) -> "Setting":
        """One by chance."""
        manifests, pulse = dice.one_of((True, False)), dice.one_of(PULSES)
        return cls(
            hash_seed=dice.below(1 << 32),
            workers=dice.one_of((0, WORKERS)),
            accelerated=dice.one_of((True, False)),
            manifests=manifests,
            pulse=PULSE_OF_MANIFESTS if manifests and pulse else pulse,
            order=dice.below(1 << 32),
        )

    def environment(self, folder: Path, without: list[str]) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONHASHSEED": str(self.hash_seed),
            "HV_ACCEL": str(int(self.accelerated)),
            "HV_SOAK_FOLDER": str(folder),
            "HV_SOAK_SEED": str(self.order),
            "HV_SOAK_PULSE": str(self.pulse),
            "HV_SOAK_WITHOUT": ",".join(without),
        }

    def command(self, *more: str) -> list[str]:
        """How pytest is started; ``more`` arguments of its."""
        workers = ("-n", str(self.workers)) if self.workers else ("-p", "no:xdist")
        suite = MANIFESTS if self.manifests else MACHINES
        pulse = (f"--hv-pulse={self.pulse}",) if self.manifests and self.pulse else ()
        plugins = ("-p", "no:cacheprovider", "-p", "tests.soak.keep")
        return [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            *plugins,
            *pulse,
            *workers,
            *more,
            *map(str, suite),
        ]

    def words(self) -> tuple[str, ...]:
        each = "every" if self.manifests else "from"
        return (
            str(self.hash_seed),
            f"xdist {self.workers}" if self.workers else "one process",
            "C" if self.accelerated else "Python",
            "manifests" if self.manifests else "machines",
            f"{each} {self.pulse:,}" if self.pulse else "never",
        )


HEADS = (
    *("run", "hash seed ", "tests by   ", "engine hooks", "guests by", "saved, restored"),
    *("guests", "seconds"),
)


def run_suite(count: int, seed: object, folder: Path) -> list[str]:
    """``count`` runs. A table on standard output; what differed, a line each."""
    dice = Dice(seed)
    settings = [Setting(), *(Setting.drawn(dice) for _ in range(count - 1))]
    table = Table(f"The guest suite {count} times (seed {seed})", HEADS)
    troubles: list[str] = []
    total = 0
    for number, setting in enumerate(settings, 1):
        begin = host_seconds()
        place, first = folder / f"run{number}", folder / "run1"
        place.mkdir()
        without = [] if setting.accelerated else _slow_ones(first, dice)
        wrong = run_once(setting, place, without) or differences(first, place, without)
        guests = len(list(place.glob("*.result")))
        total += guests
        spent = f"{host_seconds() - begin:.1f}"
        table.row(str(number), *setting.words(), str(guests), spent)
        troubles += [f"run {number}: {line}" for line in wrong]
    table.end(f"{total:,} runs of {len(GUESTS)} guests, {len(troubles)} differences")
    return troubles


def _slow_ones(first: Path, dice: Dice) -> list[str]:
    """Of the guests that took long in the run ``first``, those that are left out."""
    slow = [
        name
        for name in map(file_name, GUESTS)
        if json.loads((first / f"{name}.result").read_bytes())["insns"] > SLOW
    ]
    return [name for name in slow if dice.below(SELDOM)]


def run_once(setting: Setting, folder: Path, without: list[str], *more: str) -> list[str]:
    """One run of the suite; the last lines of pytest when it was not green."""
    done = subprocess.run(
        setting.command(*more),
        cwd=ROOT,
        env=setting.environment(folder, without),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()[-5:] if done.returncode else []


def differences(first: Path, other: Path, without: list[str]) -> list[str]:
    """Files of two runs that are not the same, and guests of whom there are none."""
    parts = ("result", "serial", "text")
    names = [name for name in map(file_name, GUESTS) if name not in without]
    files = [f"{name}.{part}" for name in names for part in parts]
    return [name for name in files if _content(first / name) != _content(other / name)]


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b"(nothing)"
