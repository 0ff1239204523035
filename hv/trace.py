"""A trace of exits in the Trace Event Format that chrome://tracing and Perfetto read.

One slice an exit, on a track by device, with virtual time as the clock. Written as it happens, so that
memory stays bounded; a file that ends early still opens.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from hv.errors import ConfigError

TraceSink = Callable[[int, str, str, int], None]
"""``sink(vtime_ns, track, name, duration_ns)``"""


class TraceWriter:
    """Writes events to one file."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._tracks: dict[str, int] = {}
        self._first = True
        file.write("[\n")

    @staticmethod
    @contextmanager
    def to(path: Path | None) -> "Iterator[TraceWriter | None]":
        """A writer for ``path``, closed at the end; None for None."""
        if path is None:
            yield None
            return
        try:
            file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
        with file:
            yield TraceWriter(file)
            file.write("\n]\n")

    def _write(self, event: dict[str, object]) -> None:
        if not self._first:
            self._file.write(",\n")
        self._first = False
        self._file.write(json.dumps(event, separators=(",", ":")))

    def _track(self, name: str) -> int:
        number = self._tracks.get(name)
        if number is None:
            number = self._tracks[name] = len(self._tracks) + 1
            arguments = {"name": name}
            self._write(
                {"ph": "M", "name": "thread_name", "pid": 1, "tid": number, "args": arguments}
            )
        return number

    def event(self, vtime_ns: int, track: str, name: str, duration_ns: int) -> None:
        """One slice that began at ``vtime_ns``."""
        tid = self._track(track)
        self._write(
            {
                "ph": "X",
                "name": name,
                "pid": 1,
                "tid": tid,
                "ts": vtime_ns / 1000,
                "dur": duration_ns / 1000,
            }
        )
