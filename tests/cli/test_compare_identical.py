"""A comparison gives the same bytes with the accelerator and without, in one process and in several."""

import os
import subprocess
import sys

import pytest

PAIRS = ("@disk-read:64K", "@keyboard", "@end-of-interrupt", "@tlb-flush")


def compared(accelerated: bool, jobs: int, seed: int) -> bytes:
    environment = os.environ | {"HV_ACCEL": str(int(accelerated)), "PYTHONHASHSEED": str(seed)}
    command = [sys.executable, "-m", "hv", "compare", *PAIRS, "--jobs", str(jobs), "--json", "-"]
    return subprocess.run(command, env=environment, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def expected() -> bytes:
    return compared(accelerated=True, jobs=1, seed=1)


@pytest.mark.parametrize(
    ("accelerated", "jobs", "seed"), [(True, 2, 2), (False, 1, 3), (False, 2, 4)]
)
def test_the_same_table_twice(expected: bytes, accelerated: bool, jobs: int, seed: int) -> None:
    assert compared(accelerated, jobs, seed) == expected


def test_it_is_all_there(expected: bytes) -> None:
    for pair in PAIRS:
        assert f'"work": "{pair[1:]}"'.encode() in expected
