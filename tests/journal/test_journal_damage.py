"""Damaged and forged journals: one line each, never a traceback, never a run that passes for another."""

import hashlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv.asm import assemble_text
from hv.config import DiskConfig
from hv.errors import ConfigError
from hv.root.journal.file import dump, load_journal, parse
from hv.root.journal.records import Header, Input, PowerOn, Record, Serial
from hv.root.journal.replay import Player, Replay, find_sources
from tests.journal.sessions import ECHO, Change, recipe, record, rewrite, typed
from tests.mutations import EXAMPLES, damaged, refusal


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage")
    (folder / "echo.bin").write_bytes(
        assemble_text(ECHO).code
    )  # read in no time, ten thousand times
    what = recipe(folder / "echo.bin", format="flat", origin=0x7C00, mode=16)
    record(folder / "journal", what, typed(b"aq"))
    return folder / "journal"


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_damage_is_found(journal: Path, data: st.DataObject) -> None:
    content = journal.read_bytes()
    hurt = data.draw(damaged(content))
    if hurt != content:
        _, refused = refusal(lambda: parse(hurt, "hurt"))
        assert refused is not None
        assert refused.startswith("hurt")


def sealed(lines: list[bytes]) -> bytes:
    """Lines with the seals that they would have if they had been written so."""
    chain, out = hashlib.sha256(), b""
    for line in lines:
        chain.update(line + b"\n")
        out += line[:-1] + b',"seal":"' + chain.hexdigest()[:16].encode() + b'"}\n'
    return out


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_damage_under_good_seals_is_refused_or_read(journal: Path, data: st.DataObject) -> None:
    """Somebody forged the seals, too: whatever is in the records, reading them is safe."""
    lines = [line[:-27] + b"}" for line in journal.read_bytes().splitlines()]
    number = data.draw(st.integers(0, len(lines) - 1))
    lines[number] = data.draw(damaged(lines[number]))
    content = sealed(lines)
    found, refused = refusal(lambda: parse(content, "forged"))
    if refused is None:
        assert found is not None
        _, refused = refusal(lambda: find_sources(found, journal.parent))


def test_the_seals_of_this_test_are_those_of_the_format(journal: Path) -> None:
    content = journal.read_bytes()
    assert sealed([line[:-27] + b"}" for line in content.splitlines()]) == content
    kept = load_journal(journal)
    assert dump([kept.header, *kept.events]) == content


def start_of(header: Header) -> PowerOn:
    assert isinstance(header.start, PowerOn)
    return header.start


def swap(records: list[Record]) -> None:
    records[2], records[-2] = records[-2], records[2]


def drop_header(records: list[Record]) -> None:
    del records[0]


def second_header(records: list[Record]) -> None:
    records.insert(1, records[0])


def drop_end(records: list[Record]) -> None:
    del records[-1]


def second_end(records: list[Record]) -> None:
    records.append(records[-1])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (swap, "goes back in time"),
        (drop_header, "does not begin with a header"),
        (second_header, "a second header"),
        (drop_end, "cut off behind line"),
        (second_end, "something follows the end"),
    ],
)
def test_records_in_the_wrong_order(
    journal: Path, tmp_path: Path, change: Change, told: str
) -> None:
    path = tmp_path / "wrong"
    path.write_bytes(journal.read_bytes())
    rewrite(path, change)
    with pytest.raises(ConfigError, match=told):
        load_journal(path)


def test_the_line_of_the_damage_is_named(journal: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"insns", b"insnS", 1)
    with pytest.raises(ConfigError, match="line 4"):
        parse(b"".join(lines), "journal")


def test_what_is_no_journal(tmp_path: Path) -> None:
    for content in (b"", b"\n", b"hello\n", b"{}\n" * 40, b"\0" * 1000):
        with pytest.raises(ConfigError, match="no journal"):
            parse(content, "file")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image", "no-such-file.img"),
        ("image", "@no_such_sample"),
        ("image", "\0"),
        ("format", "tape"),
        ("keys", "<no such key>"),
        ("at", ("never",)),
        ("origin", 1 << 70),
    ],
)
def test_a_machine_that_cannot_be_built_is_one_line(
    journal: Path, tmp_path: Path, field: str, value: object
) -> None:
    def change(records: list[Record]) -> None:
        header = records[0]
        assert isinstance(header, Header)
        forged = msgspec.structs.replace(start_of(header).recipe, **{field: value})
        start = PowerOn(forged, None, start_of(header).files)
        records[0] = msgspec.structs.replace(header, start=start)

    path = tmp_path / "forged"
    path.write_bytes(journal.read_bytes())

    def run() -> object:
        rewrite(path, change)
        kept = load_journal(path)
        player = Player(find_sources(kept, tmp_path).now, kept.events)
        return Replay(kept, player).run()

    _, refused = refusal(run)
    assert refused is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory", 1 << 60),
        ("memory", 0),
        ("memory", -1),
        ("hv", "all,-everything"),
        ("firmware", "/dev/zero"),
        ("firmware", "."),
        ("cost_model", "/dev/zero"),
        ("cdroms", ("/dev/zero",)),
        ("disks", (DiskConfig("/dev/zero"),)),
        ("disks", (DiskConfig(""),)),
    ],
)
def test_a_configuration_that_cannot_be_is_one_line(
    journal: Path, tmp_path: Path, field: str, value: object
) -> None:
    def change(records: list[Record]) -> None:
        header = records[0]
        assert isinstance(header, Header)
        start = start_of(header)
        config = msgspec.structs.replace(start.recipe.config, **{field: value})
        recipe = msgspec.structs.replace(start.recipe, config=config)
        start = msgspec.structs.replace(start, recipe=recipe)
        records[0] = msgspec.structs.replace(header, start=start)

    path = tmp_path / "forged"
    path.write_bytes(journal.read_bytes())

    def run() -> object:
        rewrite(path, change)
        kept = load_journal(path)
        player = Player(find_sources(kept, tmp_path).now, kept.events)
        return Replay(kept, player).run()

    _, refused = refusal(run)
    assert refused is not None


def test_an_image_in_the_journal_that_is_another(journal: Path, tmp_path: Path) -> None:
    def change(records: list[Record]) -> None:
        header = records[0]
        assert isinstance(header, Header)
        start = start_of(header)
        assert start.image is not None
        forged = msgspec.structs.replace(start.image, sha256="0" * 64)
        start = msgspec.structs.replace(start, image=forged)
        records[0] = msgspec.structs.replace(header, start=start)

    path = tmp_path / "forged"
    path.write_bytes(journal.read_bytes())
    rewrite(path, change)
    with pytest.raises(ConfigError, match="not the one that it names"):
        find_sources(load_journal(path), tmp_path)


@pytest.mark.parametrize("content", [b"", b"zstd", b"\x28\xb5\x2f\xfd\xa0\xff\xff\xff\xff"])
def test_an_image_in_the_journal_that_is_none(
    journal: Path, tmp_path: Path, content: bytes
) -> None:
    def change(records: list[Record]) -> None:
        header = records[0]
        assert isinstance(header, Header)
        start = start_of(header)
        assert start.image is not None
        forged = msgspec.structs.replace(start.image, content=content)
        start = msgspec.structs.replace(start, image=forged)
        records[0] = msgspec.structs.replace(header, start=start)

    path = tmp_path / "forged"
    path.write_bytes(journal.read_bytes())
    rewrite(path, change)
    _, refused = refusal(lambda: find_sources(load_journal(path), tmp_path))
    assert refused is not None


def test_more_bytes_than_a_port_takes_are_a_divergence(journal: Path, tmp_path: Path) -> None:
    def change(records: list[Record]) -> None:
        for number, event in enumerate(records):
            if isinstance(event, Input):
                flood = Serial("com1", bytes(1 << 20))
                records[number] = msgspec.structs.replace(event, what=flood)

    path = tmp_path / "forged"
    path.write_bytes(journal.read_bytes())
    rewrite(path, change)
    kept = load_journal(path)
    player = Player(find_sources(kept, journal.parent).now, kept.events)
    divergence = Replay(kept, player).run()
    assert divergence is not None
    assert divergence.parts == ("com1",)


def test_a_line_break_in_a_journals_own_words_is_none_in_the_message(journal: Path) -> None:
    lines = [line[:-27] + b"}" for line in journal.read_bytes().splitlines()]
    lines[0] = lines[0].replace(b'"type":"header"', rb'"type":"he\nader"', 1)
    _, refused = refusal(lambda: parse(sealed(lines), "forged"))
    assert refused is not None
    assert "he ader" in refused
