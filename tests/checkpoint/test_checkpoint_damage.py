"""A damaged checkpoint is refused in one line: no traceback, no machine that is not the one saved."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from hv.errors import ConfigError
from hv.root.checkpoint import load_checkpoint, save_checkpoint
from hv.root.checkpoint.format import read_sections, write_sections
from hv.root.samples import find_sample
from tests.guests.test_samples import machine_for

EXAMPLES = 400


@cache
def original() -> bytes:
    """A checkpoint of a guest in the middle of its firmware."""
    machine = machine_for(find_sample("hello"))
    machine.run(9000)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "original"
        save_checkpoint(machine, path)
        machine.close()
        return path.read_bytes()


def refusal(path: Path) -> str:
    """What is said against a checkpoint; nothing when it can be loaded."""
    try:
        load_checkpoint(path).close()
    except ConfigError as error:
        return str(error)
    return ""


def refused(data: bytes) -> None:
    """One line that says what is wrong; unless nothing was changed at all."""
    if data == original():
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "damaged"
        path.write_bytes(data)
        message = refusal(path)
    assert "damaged" in message or "no checkpoint" in message
    assert "\n" not in message


places = st.integers(0, len(original()) - 1)


@settings(max_examples=EXAMPLES, deadline=None)
@given(places, st.integers(1, 255))
def test_a_changed_byte(at: int, change: int) -> None:
    data = bytearray(original())
    data[at] ^= change
    refused(bytes(data))


@settings(max_examples=EXAMPLES, deadline=None)
@given(places, st.binary(max_size=64))
def test_a_file_cut_short_or_with_something_behind(end: int, more: bytes) -> None:
    refused(original()[:end])
    refused(original() + more)


@settings(max_examples=EXAMPLES, deadline=None)
@given(places, places, places, st.integers(0, 300))
def test_pieces_moved_about(start: int, to: int, drop: int, size: int) -> None:
    data = bytearray(original())
    data[to : to + size] = data[start : start + size]
    refused(bytes(data))
    del data[drop : drop + size]
    refused(bytes(data))


# Behind the checksums: files that somebody has made by hand.


def sections() -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "original"
        path.write_bytes(original())
        return {name: bytes(data) for name, data in read_sections(path).items()}


def refused_when_sealed(changed: dict[str, bytes], folder: Path) -> str:
    path = folder / "forged"
    write_sections(path, changed)
    message = refusal(path)
    assert message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", list(sections()))
def test_every_section_is_needed_and_checked(name: str, tmp_path: Path) -> None:
    whole = sections()
    without = {key: data for key, data in whole.items() if key != name}
    refused_when_sealed(without, tmp_path)
    refused_when_sealed(whole | {name: b""}, tmp_path)
    refused_when_sealed(whole | {name: b"\xc1" * 40}, tmp_path)
    refused_when_sealed(whole | {name: whole[name][:-3]}, tmp_path)


def test_another_version_says_so(tmp_path: Path) -> None:
    whole = sections()
    meta = msgspec.msgpack.decode(whole["meta"])
    for key, word in (("schema", "hv.checkpoint/9"), ("unicorn", "3.0.0")):
        forged = whole | {"meta": msgspec.msgpack.encode(meta | {key: word})}
        assert word in refused_when_sealed(forged, tmp_path)
    path = tmp_path / "not"
    path.write_bytes(b"something else entirely")
    with pytest.raises(ConfigError, match="no checkpoint"):
        load_checkpoint(path)


def unpacked(name: str) -> dict[str, object]:
    return msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(sections()[name]))


def packed(value: object) -> bytes:
    return zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(value))


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
STATE = unpacked("state")


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from(list(STATE)), junk)
def test_the_state_of_one_part_replaced(path: str, value: object) -> None:
    state = STATE | {path: msgspec.msgpack.encode(value)}
    if state == STATE:
        return
    with TemporaryDirectory() as folder:
        message = refused_when_sealed(sections() | {"state": packed(state)}, Path(folder))
    assert path in message


MACHINE = unpacked("machine")


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from(["config", "cost_model", "planned", "memory", "media"]), junk)
def test_what_the_machine_is_built_from_replaced(key: str, value: object) -> None:
    if value == MACHINE[key] or (key == "config" and value == {}):
        return
    with TemporaryDirectory() as folder:
        forged = sections() | {"machine": packed(MACHINE | {key: value})}
        path = Path(folder) / "forged"
        write_sections(path, forged)
        assert "\n" not in refusal(path)
