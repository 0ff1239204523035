"""The serial line as a test sees it: text so far, and a look-out for what is awaited.

A match is taken at the first byte with which it is there, so that a run stops at the same instruction
each time; a pattern that could match more should say what ends it (``(\\d+)\\r``).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from hv.patterns import compile_pattern

REACH = 4096
"""Bytes back from the newest one in which a match may begin."""


@dataclass(frozen=True, slots=True)
class SerialMatch:
    """What was found: the text, its groups, and what the guest had said before it."""

    text: str
    groups: tuple[str | None, ...]
    named: dict[str, str | None]
    before: str


class SerialWatch:
    """COM1's output, and at most one pattern that somebody waits for."""

    def __init__(self, found: Callable[[], None]) -> None:
        self._found = found
        self._pattern: re.Pattern[str] | None = None
        self._log = bytearray()
        self.seen = 0
        """Bytes up to the end of the last match."""
        self.match: SerialMatch | None = None

    @property
    def text(self) -> str:
        """Everything the guest has sent; a byte is a character (Latin-1) so that places stay places."""
        return self._log.decode("latin-1")

    @property
    def raw(self) -> bytes:
        """The same as bytes."""
        return bytes(self._log)

    def sink(self, data: bytes) -> None:
        """The guest has sent ``data``."""
        for byte in data:
            self._log.append(byte)
            if self._pattern is not None:
                self._look(max(self.seen, len(self._log) - REACH))

    def resume(self, log: bytes | bytearray, seen: int) -> None:
        """The guest had sent ``log`` before, and ``seen`` bytes of it were matched."""
        self._log[:] = log
        self.seen = seen

    def await_match(self, pattern: str) -> None:
        """Look out for ``pattern`` behind the last match, in what has come already and what will."""
        self._pattern = compile_pattern(pattern)
        self.match = None
        self._look(self.seen)

    def give_up(self) -> None:
        """Nobody waits any more."""
        self._pattern = self.match = None

    @property
    def unmatched(self) -> str:
        """What came behind the last match."""
        return self._log[self.seen :].decode("latin-1")

    def _look(self, start: int) -> None:
        assert self._pattern is not None
        first = max(0, start - 1)  # one byte more, by which ^ knows whether a line begins
        found = self._pattern.search(self._log[first:].decode("latin-1"), start - first)
        if found is None:
            return
        before = self._log[self.seen : first + found.start()].decode("latin-1")
        self.match = SerialMatch(found[0], found.groups(), found.groupdict(), before)
        self.seen = first + found.end()
        self._pattern = None
        self._found()
