"""Chance by seed: the same throws for the same seed, on every host and in every version of Python."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Throws one after the other. ``seed`` is any text or number."""

    def __init__(self, seed: object) -> None:
        self._seed = seed
        self._thrown = 0

    def below(self, end: int) -> int:
        """From 0 to ``end`` - 1, evenly: 128 bits are cut to far fewer."""
        self._thrown += 1
        digest = hashlib.blake2b(f"{self._seed}/{self._thrown}".encode(), digest_size=16).digest()
        return int.from_bytes(digest, "little") % end

    def one_of(self, things: Sequence[T]) -> T:
        return things[self.below(len(things))]

    def shuffled(self, things: Sequence[T]) -> list[T]:
        """All of them, in some order."""
        rest = list(things)
        return [rest.pop(self.below(len(rest))) for _ in things]
