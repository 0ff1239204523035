"""Two results, comparisons or traces: the same, or where they first differ."""

import json
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv.errors import ConfigError
from hv.root.difference import Document, changes, exit_changes, load
from hv.root.result import make_result, to_json
from tests.machines import PASS, flat
from tests.mutations import EXAMPLES, damaged, refusal

TIMES = "mov cx, {n}\nagain:\nin al, 0x61\nloop again\n" + PASS
EVENTS: list[dict[str, object]] = [
    {"ph": "M", "name": "thread_name", "pid": 1, "tid": 1, "args": {"name": "com1"}},
    {"ph": "X", "name": "port_write", "pid": 1, "tid": 1, "ts": 1.5, "dur": 2},
]


def result(times: int) -> bytes:
    machine = flat(TIMES.format(n=times))
    return to_json(make_result(machine, machine.run()))


@pytest.fixture(scope="module")
def five() -> bytes:
    return result(5)


def written(folder: Path, name: str, content: bytes) -> Document:
    (folder / name).write_bytes(content)
    return load(folder / name)


def test_equal_results_have_no_difference(five: bytes, tmp_path: Path) -> None:
    first, second = written(tmp_path, "a", five), written(tmp_path, "b", result(5))
    assert list(changes(first, second)) == []
    assert exit_changes(first, second) == []


def test_the_first_difference_comes_by_the_files_own_order(five: bytes, tmp_path: Path) -> None:
    first, second = written(tmp_path, "a", five), written(tmp_path, "b", result(6))
    start = next(changes(first, second))
    assert start == ("insns", str(5 * 2 + 3), str(6 * 2 + 3))


def test_rows_are_matched_by_their_name(five: bytes, tmp_path: Path) -> None:
    other = json.loads(five)
    lost = other["exits"].pop(0)
    found = list(changes(written(tmp_path, "a", five), Document("a result", other)))
    name = " ".join(str(lost[key]) for key in ("reason", "device", "target", "direction", "width"))
    assert [change.path for change in found] == [f"exits[{name}]"]
    assert found[0].second == "(nothing)"


def test_kinds_of_exits_come_by_their_change(five: bytes) -> None:
    first, second = json.loads(five), json.loads(five)
    rows = second["exits"]
    assert len(rows) >= 2
    rows[0]["count"] += 3
    rows[1]["count"] += 40
    kinds = exit_changes(Document("a result", first), Document("a result", second))
    assert [kind.second - kind.first for kind in kinds] == [40, 3]


def test_an_event_of_a_trace_is_told_whole(tmp_path: Path) -> None:
    later = [EVENTS[0], {**EVENTS[1], "dur": 3}]
    first = written(tmp_path, "a", json.dumps(EVENTS).encode())
    second = written(tmp_path, "b", json.dumps({"traceEvents": later}).encode())
    (change,) = changes(first, second)
    assert change.path == "event[1]"
    assert json.loads(change.first) == EVENTS[1]
    assert json.loads(change.second) == later[1]


def test_a_trace_without_its_end_is_read(tmp_path: Path) -> None:
    text = "[\n" + ",\n".join(json.dumps(event) for event in EVENTS) + ",\n"
    assert written(tmp_path, "a", text.encode()).content == EVENTS


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{}",
        b"[]",
        b"[1]",
        b'{"schema": "hv.result/2"}',
        b'{"schema": "hv.result/1"}',
        b'{"schema": []}',
        b'{"traceEvents": {}}',
        b"[" * 100_000,
        b'[{"ph": 1}]',
        b'[{"ph": "X", "ts": 1e999}',
    ],
)
def test_a_file_that_is_none_of_these_is_one_line(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        written(tmp_path, "bad", content)
    assert "\n" not in str(refused.value)


def test_what_is_nested_without_end_is_not_followed(tmp_path: Path) -> None:
    deep = '{"ph": "X", "args": ' + "[" * 200 + "]" * 200 + "}"
    document = written(tmp_path, "deep", f"[{deep}]".encode())
    with pytest.raises(ConfigError, match="nested"):
        list(changes(document, document))


def test_two_kinds_cannot_be_compared(five: bytes, tmp_path: Path) -> None:
    trace = written(tmp_path, "b", json.dumps(EVENTS).encode())
    with pytest.raises(ConfigError, match="a result and a trace"):
        changes(written(tmp_path, "a", five), trace)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_damage_is_an_error_or_a_difference(
    five: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    path.write_bytes(data.draw(damaged(five)))
    whole = Document("a result", json.loads(five))
    found, refused = refusal(lambda: list(islice(changes(whole, load(path)), 1)))
    if refused is None:
        same = json.loads(path.read_bytes()) == whole.content  # white space, or 1.0 as 1.00
        assert bool(found) != same
