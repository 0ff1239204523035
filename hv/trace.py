"""A trace file in the Trace Event Format (JSON array) that Perfetto and chrome://tracing read.

Slices, instants and counters on named tracks of named processes. Written as it happens, or the last events
are kept in memory and written at the end; either way the number of events is bounded, and the file ends
with how many there were. Times are virtual ns, in the file microseconds with three decimals.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

from hv.errors import ConfigError

DEFAULT_LIMIT = 2_000_000
"""Events in a file: about 300 MB, and about what a browser opens."""

MOST_EVENTS = 1 << 26
"""The most that may be asked for."""

_FIRST_TRACK = 10
"""A thread with its process's number would be taken for the main thread."""

Arguments = Mapping[str, int | str]


class Track(NamedTuple):
    """A row of the picture: a thread of a process, by number."""

    pid: int
    tid: int


class TraceWriter:
    """Writes events to one file: the first ``limit`` of them, or the ``last``."""

    def __init__(
        self, file: TextIO, *, limit: int = DEFAULT_LIMIT, last: int | None = None
    ) -> None:
        self._file = file
        self._limit = limit
        self._last: deque[str] | None = None if last is None else deque(maxlen=last)
        self._tracks: dict[tuple[int, str], Track] = {}
        self._separator = "[\n"
        self._error: OSError | None = None
        self._finished = False
        self.written = 0
        self.dropped = 0

    @staticmethod
    @contextmanager
    def to(
        path: Path, *, limit: int = DEFAULT_LIMIT, last: int | None = None
    ) -> "Iterator[TraceWriter]":
        """A writer for ``path``; however the block is left, the file is whole. ConfigError: it is not."""
        try:
            file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
        writer = TraceWriter(file, limit=limit, last=last)
        try:
            yield writer
        finally:
            writer.finish()
            failure = writer._close()
            if failure is not None:
                raise ConfigError(f"{path}: {failure.strerror}") from None

    def process(self, pid: int, name: str) -> None:
        """Name a group of tracks; groups are shown in the order of their numbers."""
        self._metadata("process_name", Track(pid, pid), {"name": name})
        self._metadata("process_sort_index", Track(pid, pid), {"sort_index": pid})

    def track(self, pid: int, name: str) -> Track:
        """The track ``name`` of a process; shown in the order in which they are first asked for."""
        track = self._tracks.get((pid, name))
        if track is None:
            order = len(self._tracks)
            track = self._tracks[pid, name] = Track(pid, _FIRST_TRACK + order)
            self._metadata("thread_name", track, {"name": name})
            self._metadata("thread_sort_index", track, {"sort_index": order})
        return track

    def slice(
        self,
        track: Track,
        name: str,
        begin_ns: int,
        duration_ns: int,
        arguments: Arguments | None = None,
    ) -> None:
        """Something that took time. Slices of one track nest or follow each other."""
        duration = f',"dur":{_microseconds(duration_ns)}'
        self._event("X", track, name, begin_ns, duration, arguments)

    def instant(
        self, track: Track, name: str, at_ns: int, arguments: Arguments | None = None
    ) -> None:
        """Something that happened."""
        self._event("i", track, name, at_ns, ',"s":"t"', arguments)

    def counter(self, track: Track, name: str, at_ns: int, values: Mapping[str, int]) -> None:
        """Values from now on, drawn as curves."""
        self._event("C", track, name, at_ns, "", values)

    def drop(self, count: int) -> None:
        """So many events are not even worth building."""
        self.dropped += count

    def finish(self) -> None:
        """The last events, how many there were, and the end of the array."""
        for text in self._last or ():
            self._write(text)
            self.written += 1
        counts = {"events": self.written, "dropped": self.dropped}
        self._metadata("trace_end", Track(0, 0), counts)
        self._put("\n]\n")
        self._finished = True

    def _close(self) -> OSError | None:
        """What has gone wrong, if anything has."""
        try:
            self._file.close()
        except OSError as error:
            return self._error or error
        return self._error

    def _metadata(self, name: str, track: Track, arguments: Arguments) -> None:
        self._write(
            f'{{"ph":"M","name":{_text(name)},"pid":{track.pid},"tid":{track.tid},'
            f'"args":{_text(arguments)}}}'
        )

    def _event(
        self,
        phase: str,
        track: Track,
        name: str,
        at_ns: int,
        more: str,
        arguments: Arguments | None,
    ) -> None:
        if self._last is None and self.written >= self._limit:
            self.dropped += 1
            return
        pid, tid = track
        tail = f',"args":{_text(arguments)}}}' if arguments else "}"
        text = (
            f'{{"ph":"{phase}","name":{_text(name)},"pid":{pid},"tid":{tid},'
            f'"ts":{_microseconds(at_ns)}{more}{tail}'
        )
        if self._last is None:
            self.written += 1
            self._write(text)
            return
        if len(self._last) == self._last.maxlen:
            self.dropped += 1
        self._last.append(text)

    def _write(self, event: str) -> None:
        self._put(self._separator + event)
        self._separator = ",\n"

    def _put(self, text: str) -> None:
        """A full disk is no reason to end a run: it is told about at the end. Behind that nobody reads."""
        if self._error is None and not self._finished:
            try:
                self._file.write(text)
            except OSError as error:
                self._error = error


_text = json.JSONEncoder(separators=(",", ":")).encode


def _microseconds(ns: int) -> str:
    return f"{ns // 1000}.{ns % 1000:03d}"
