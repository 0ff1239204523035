"""``python -m tests.soak [suite]``: what takes too long for every day. Any difference: exit code 1.

``HV_SOAK_RUNS`` (50) and ``HV_SOAK_SEED`` (1) say how much and which.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.soak.suite import run_suite

SEED = int(os.environ.get("HV_SOAK_SEED", "1"))


def _suite(folder: Path) -> list[str]:
    return run_suite(int(os.environ.get("HV_SOAK_RUNS", "50")), SEED, folder)


PARTS: dict[str, Callable[[Path], list[str]]] = {"suite": _suite}


def main() -> int:
    troubles: list[str] = []
    for name in sys.argv[1:] or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            troubles += PARTS[name](Path(folder))
    print(*troubles, sep="\n")
    return int(bool(troubles))


sys.exit(main())
