"""Reads a trace file as strictly as its format is written, and picks things out of it.

Trace Event Format (Google, "Trace Event Format" document), JSON array: complete events, instants, counters,
metadata. Times become integer ns.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

KEYS = {
    "X": {"ph", "name", "pid", "tid", "ts", "dur"},
    "i": {"ph", "name", "pid", "tid", "ts", "s"},
    "C": {"ph", "name", "pid", "tid", "ts", "args"},
}
METADATA = {
    "process_name": "name",
    "process_sort_index": "sort_index",
    "thread_name": "name",
    "thread_sort_index": "sort_index",
    "trace_end": "dropped",
}


@dataclass(frozen=True)
class Event:
    phase: str
    name: str
    begin: int
    duration: int
    arguments: dict[str, object]

    @property
    def end(self) -> int:
        return self.begin + self.duration


@dataclass
class Trace:
    """Events by (process, track), both by name."""

    tracks: dict[tuple[str, str], list[Event]] = field(default_factory=dict)
    events: int = 0
    dropped: int = 0

    def slices(self, process: str, track: str) -> list[Event]:
        return [e for e in self.tracks.get((process, track), []) if e.phase == "X"]

    def instants(self, process: str, track: str) -> list[Event]:
        return [e for e in self.tracks.get((process, track), []) if e.phase == "i"]

    def counters(self, process: str, track: str) -> list[Event]:
        return [e for e in self.tracks.get((process, track), []) if e.phase == "C"]

    def of(self, process: str) -> list[str]:
        return [track for name, track in self.tracks if name == process]


def _ns(value: Decimal | int) -> int:
    ns = Decimal(value) * 1000
    assert ns == int(ns), f"{value} us is no whole number of ns"
    return int(ns)


def read_trace(path: Path) -> Trace:
    """The file, checked: every event whole, every track named before it is used, slices nested."""
    events = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    processes: dict[int, str] = {}
    threads: dict[tuple[int, int], str] = {}
    tracks: dict[tuple[int, int], list[Event]] = defaultdict(list)
    trace = Trace()
    for event in events:
        place = event["pid"], event["tid"]
        if event["ph"] == "M":
            value = event["args"][METADATA[event["name"]]]
            if event["name"] == "process_name":
                processes[event["pid"]] = value
            elif event["name"] == "thread_name":
                threads[place] = value
            continue
        expected = KEYS[event["ph"]]
        assert expected <= event.keys() <= expected | {"args"}
        assert event["pid"] in processes
        assert place in threads
        begin, duration = _ns(event["ts"]), _ns(event.get("dur", 0))
        assert begin >= 0
        assert duration >= 0
        assert event.get("s", "t") == "t"
        arguments = event.get("args", {})
        assert event["ph"] != "C" or all(isinstance(value, int) for value in arguments.values())
        tracks[place].append(Event(event["ph"], event["name"], begin, duration, arguments))
        trace.events += 1
    assert len({tid for _, tid in threads}) == len(threads)
    assert not set(processes) & {tid for _, tid in threads}
    for place, rows in tracks.items():
        _check_order(rows)
        trace.tracks[processes[place[0]], threads[place]] = rows
    last = events[-1]
    assert (last["ph"], last["name"], last["args"]["events"]) == ("M", "trace_end", trace.events)
    trace.dropped = last["args"]["dropped"]
    return trace


def _check_order(rows: list[Event]) -> None:
    """Times of a track never go back, and a slice that begins in another ends in it."""
    at = 0
    open_slices: list[Event] = []
    for row in rows:
        assert row.begin >= at
        at = row.begin
        if row.phase != "X":
            continue
        while open_slices and open_slices[-1].end <= row.begin:
            open_slices.pop()
        assert not open_slices or row.end <= open_slices[-1].end
        open_slices.append(row)


def outermost(rows: list[Event]) -> list[Event]:
    """Slices that are in no other."""
    found: list[Event] = []
    for row in rows:
        if not found or row.begin >= found[-1].end:
            found.append(row)
    return found
