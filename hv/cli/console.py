"""The user's terminal as the guest's serial line: raw mode, Ctrl-] to leave."""

import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Any

ESCAPE = 0x1D  # Ctrl-]
_CHUNK = 4096


class Console:
    """stdin feeding ``receive``, which tells how many bytes it took. Nothing is read while it is full."""

    def __init__(self, receive: Callable[[bytes], int]) -> None:
        self._receive = receive
        self._pending = b""
        self._closed = False
        self._saved: list[Any] | None = None
        self.leave = False
        self._descriptor = -1
        with contextlib.suppress(ValueError, OSError):
            self._descriptor = sys.stdin.fileno()
        self.is_terminal = self._descriptor >= 0 and os.isatty(self._descriptor)
        self._feed_file()

    def _feed_file(self) -> None:
        """A file is read before the guest starts: the run stays reproducible."""
        if self._descriptor < 0 or self.is_terminal:
            return
        if os.path.isfile(f"/dev/fd/{self._descriptor}"):
            self.poll()

    def __enter__(self) -> "Console":
        if self.is_terminal:
            self._saved = termios.tcgetattr(self._descriptor)
            tty.setraw(self._descriptor, termios.TCSANOW)
            attributes = termios.tcgetattr(self._descriptor)
            attributes[1] |= termios.OPOST  # our own lines still end properly
            termios.tcsetattr(self._descriptor, termios.TCSANOW, attributes)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._saved is not None:
            termios.tcsetattr(self._descriptor, termios.TCSANOW, self._saved)

    def poll(self) -> None:
        """Hand over what was typed since the last time."""
        if self._descriptor < 0:
            return
        if not self._pending and not self._closed:
            ready, _, _ = select.select([self._descriptor], [], [], 0)
            if ready:
                self._pending = os.read(self._descriptor, _CHUNK)
                self._closed = not self._pending
        if self.is_terminal and ESCAPE in self._pending:
            self.leave = True
            self._pending = self._pending[: self._pending.index(ESCAPE)]
        if self._pending:
            self._pending = self._pending[self._receive(self._pending) :]
