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
from hv.root.pair_run import machine_for
from hv.root.samples import find_sample
from tests.mutations import EXAMPLES, damaged

FORGED = max(EXAMPLES // 4, 100)
"""Of those under good checksums: a whole machine is built for each."""
MANY = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
MANY_FORGED = settings(MANY, max_examples=FORGED)


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


@MANY
@given(st.data())
def test_damage_is_found(data: st.DataObject) -> None:
    refused(data.draw(damaged(original())))


@MANY
@given(st.integers(0, len(original()) - 1), st.integers(1, 255))
def test_damage_to_one_byte_is_found(at: int, change: int) -> None:
    content = bytearray(original())
    content[at] ^= change
    refused(bytes(content))


@MANY_FORGED
@given(st.data())
def test_damage_to_a_shared_page_is_found(data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in shared().items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_bytes(content)
        page = data.draw(st.sampled_from(sorted((folder / "pages").iterdir())))
        content = data.draw(damaged(page.read_bytes()))
        if content == page.read_bytes():
            return
        page.write_bytes(content)
        message = refusal(folder / "shared")
    assert message
    assert "\n" not in message


@cache
def shared() -> dict[str, bytes]:
    """A checkpoint and its pages, each a file."""
    machine = machine_for(find_sample("hello"))
    machine.run(9000)
    with TemporaryDirectory() as name:
        folder = Path(name)
        save_checkpoint(machine, folder / "shared", shared_pages=True)
        machine.close()
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}


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


@MANY_FORGED
@given(st.sampled_from(list(STATE)), junk)
def test_damage_to_the_state_of_one_part_is_found(path: str, value: object) -> None:
    state = STATE | {path: msgspec.msgpack.encode(value)}
    if state == STATE:
        return
    with TemporaryDirectory() as folder:
        message = refused_when_sealed(sections() | {"state": packed(state)}, Path(folder))
    assert path in message


MACHINE = unpacked("machine")


@MANY_FORGED
@given(st.sampled_from(["config", "cost_model", "planned", "memory", "media"]), junk)
def test_damage_to_what_the_machine_is_built_from_is_found(key: str, value: object) -> None:
    if value == MACHINE[key]:
        return
    with TemporaryDirectory() as folder:
        forged = sections() | {"machine": packed(MACHINE | {key: value})}
        refused_when_sealed(forged, Path(folder))
