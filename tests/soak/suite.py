"""The whole guest suite again and again, each time under another environment: no byte may differ.

An environment is drawn by seed: PYTHONHASHSEED, pytest-xdist or not, the accelerator or its Python twin, the
order of the guests, and when a guest is first saved and restored on its way. The first run is the plain one,
with which all others are compared.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hv.clock import host_seconds
from tests.soak.dice import Dice
from tests.soak.table import Table

ROOT = Path(__file__).resolve().parents[2]
SUITE = Path(__file__).with_name("guest_suite.py")
WORKERS = 2
PULSES = (0, 0, 1_999, 7_001, 30_011)
"""Instructions; 0: never. Of two draws in five nothing is saved."""


@dataclass(frozen=True)
class Setting:
    """What a run does not depend on."""

    hash_seed: int = 0
    workers: int = 0
    accelerated: bool = True
    pulse: int = 0
    order: int = 0

    @classmethod
    def drawn(cls, dice: Dice) -> "Setting":
        """One by chance."""
        return cls(
            hash_seed=dice.below(1 << 32),
            workers=dice.one_of((0, WORKERS)),
            accelerated=dice.one_of((True, False)),
            pulse=dice.one_of(PULSES),
            order=dice.below(1 << 32),
        )

    def environment(self, folder: Path) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONHASHSEED": str(self.hash_seed),
            "HV_ACCEL": str(int(self.accelerated)),
            "HV_SOAK_FOLDER": str(folder),
            "HV_SOAK_SEED": str(self.order),
            "HV_SOAK_PULSE": str(self.pulse),
        }

    def words(self) -> tuple[str, ...]:
        return (
            str(self.hash_seed),
            f"xdist {self.workers}" if self.workers else "one process",
            "C" if self.accelerated else "Python",
            f"from {self.pulse:,} on" if self.pulse else "never",
        )


def run_suite(count: int, seed: int, folder: Path) -> list[str]:
    """``count`` runs. A table on standard output; what differed, a line each."""
    dice = Dice(seed)
    settings = [Setting(), *(Setting.drawn(dice) for _ in range(count - 1))]
    table = Table(
        f"The guest suite {count} times (seed {seed})",
        ("run", "hash seed", "tests by", "engine hooks", "saved and restored", "guests", "seconds"),
    )
    troubles: list[str] = []
    for number, setting in enumerate(settings, 1):
        begin = host_seconds()
        place = folder / f"run{number}"
        place.mkdir()
        wrong = _run(setting, place) or _differences(folder / "run1", place)
        guests = len(list(place.glob("*.result")))
        spent = f"{host_seconds() - begin:.1f}"
        table.row(str(number), *setting.words(), str(guests), spent)
        troubles += [f"run {number}: {line}" for line in wrong]
    table.end(f"{len(troubles)} differences in {count} runs")
    return troubles


def _run(setting: Setting, folder: Path) -> list[str]:
    """One run of the suite; the last lines of pytest when it was not green."""
    workers = ("-n", str(setting.workers)) if setting.workers else ("-p", "no:xdist")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers, str(SUITE)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=setting.environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()[-5:] if done.returncode else []


def _differences(first: Path, other: Path) -> list[str]:
    """Files of two runs that are not the same."""
    names = sorted({path.name for folder in (first, other) for path in folder.iterdir()})
    return [name for name in names if _content(first / name) != _content(other / name)]


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
