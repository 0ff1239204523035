"""What reached the guest on the keyboard, mouse and tick pairs is what was typed, moved and counted."""

from collections.abc import Iterable

import pytest

from hv.root.pair_run import run_pair
from hv.root.pairs import find_pairs

SEED, FACTOR, U32 = 0x811C9DC5, 0x01000193, 0xFFFFFFFF

TYPED = "the quick brown fox jumps over the lazy dog. 64 keys, no more no"
KEY_UP = 0x80
# Set 1, by the first code of a row of keys.
ROWS = {0x02: "1234567890", 0x10: "qwertyuiop", 0x1E: "asdfghjkl", 0x2C: "zxcvbnm,.", 0x39: " "}
CODES = {key: first + at for first, row in ROWS.items() for at, key in enumerate(row)}

# Eight times: (right, up) or the buttons held.
STEPS = ((9, -4), (-3, -5), 1, (12, -6), (5, 2), 0, (-7, -9), (4, -8))


def fold(numbers: Iterable[int]) -> int:
    """The workloads' checksum: xor, then multiply."""
    checksum = SEED
    for number in numbers:
        checksum = (checksum ^ number) * FACTOR & U32
    return checksum


def typed() -> Iterable[int]:
    for key in TYPED:
        yield CODES[key]
        yield CODES[key] | KEY_UP


def reported() -> Iterable[int]:
    x = y = buttons = 0
    for step in STEPS * 8:
        if isinstance(step, int):
            buttons = step
        else:
            x, y = x + step[0], y - step[1]
        yield from (x, y, buttons)


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ("keyboard", fold(typed())),
        ("mouse", fold(reported())),
        ("tick", fold(range(2, 1002))),  # the first is over when the workload begins
    ],
)
def test_the_checksum_is_that_of_the_input(work: str, expected: int) -> None:
    (pair,) = find_pairs([work])
    checksums = {path.path: int(path.checksum, 16) for path in run_pair(pair).paths}
    assert checksums == dict.fromkeys(pair.path, expected)
