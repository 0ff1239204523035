"""Broken manifests and golden files, and guests that say anything: an answer in words, never a traceback."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hv.errors import ConfigError
from hv.testing.golden import SCHEMA, compare_golden, golden_text
from hv.testing.guest_tests import parse_guest_tests
from hv.testing.manifest import MOST_CELLS, read_manifest
from tests.mutations import EXAMPLES

MANIFEST = b"""
[guest.hello]
image = "hello.asm"
serial = ['^kernel: up\\r$', '^answer: (\\d+)\\r$']
budget = { insns = 20_000, exits = { port_write = "=3", total = 7 } }
golden = true

[guest."with matrix"]
source = "hello.asm"
disks = ["a.img,rw", "b.img"]
mouse = [{ at_ms = 5, dx = 1 }]
after = [["expect", "ready> "], ["run", 5], ["wait", 0.5], ["serial", "x"]]
matrix = { memory = ["16M", 33554432], hv = ["all", "none"], keys = ["a<ret>", ""] }
"""
GOLDEN = {
    "schema": SCHEMA,
    "insns": 5,
    "exits": {"port_write com1": 3},
    "marks": [[1, 2]],
    "serial": ["one", "two"],
}
MANY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

EDITS = st.lists(
    st.tuples(
        st.integers(0, 2000),
        st.integers(0, 6),
        st.one_of(
            st.binary(max_size=4),
            st.sampled_from(
                [b"[", b"]", b"{", b"}", b'"', b"'", b"=", b",", b"\n", b"-1", b"9" * 30]
            ),
            st.sampled_from(
                [b"true", b"[]", b"{}", b"guest", b"matrix", b"(?P<", b"{9999999999}", b"\\0"]
            ),
        ),
    ),
    min_size=1,
    max_size=6,
)


def edited(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """``content`` with pieces replaced, taken out and put in."""
    for at, size, piece in edits:
        at %= len(content) + 1
        content = content[:at] + piece + content[at + size :]
    return content


@MANY
@given(EDITS)
def test_a_manifest_is_read_or_refused(tmp_path: Path, edits: list[tuple[int, int, bytes]]) -> None:
    path = tmp_path / "x.hvtest.toml"
    path.write_bytes(edited(MANIFEST, edits))
    assert refusal(path).startswith(str(path))


def refusal(path: Path) -> str:
    """What is wrong with a manifest, or its own name when it is good and its cases make sense."""
    try:
        cases = read_manifest(path)
    except ConfigError as error:
        return str(error)
    tables = tomllib.loads(path.read_text()).get("guest", {})
    if {case.name.partition("[")[0] for case in cases} != set(tables):
        return "nonsense"
    return str(path) if all(case.line >= 1 for case in cases) else "nonsense"


def test_the_manifest_that_is_broken_is_good_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.hvtest.toml"
    path.write_bytes(MANIFEST)
    assert len(read_manifest(path)) == 1 + 8


@MANY
@given(EDITS)
def test_a_golden_file_is_compared_or_refused(
    tmp_path: Path, edits: list[tuple[int, int, bytes]]
) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(edited(golden_text(GOLDEN).encode(), edits))
    problems = compare_golden(path, GOLDEN)
    assert all(line.startswith(("golden: ", "    ")) for line in problems)
    if not problems:
        assert json.loads(path.read_bytes()) == GOLDEN


@MANY
@given(st.text(alphabet="ok not1234.#-:PASFILKTODBailut!\r\n \0", max_size=200))
def test_a_guest_may_say_anything(text: str) -> None:
    found = parse_guest_tests(text)
    assert all(test.name and test.line in text for test in found.tests)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            f"[guest.a]\nmatrix = {{ epoch = {list(range(MOST_CELLS + 1))} }}\n",
            "more than 1000 cells",
        ),
        ("[guest.a]\nserial = ['a{99999999999999999999}']\n", "pattern"),
        ("[guest.'']\n", "guest '': a name is of letters"),
        ("[guest.'a::b']\n", "guest 'a::b': a name is of letters"),
        ("a = " + "[" * 5000, "x.hvtest.toml: "),
    ],
)
def test_what_is_too_much(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "x.hvtest.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        read_manifest(path)
