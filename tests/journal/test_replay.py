"""A recorded run runs again, to the last bit; one that is not the same is told where."""

from pathlib import Path

import msgspec
import pytest

from hv.config import MachineConfig
from hv.root.journal.file import load_journal
from hv.root.journal.media import medium
from hv.root.journal.recorder import Recorder
from hv.root.journal.records import (
    Check,
    Deed,
    Disc,
    Eject,
    Finish,
    Header,
    Input,
    Keys,
    Mouse,
    PowerOn,
    Recipe,
    Record,
    Serial,
    next_check,
)
from hv.root.mouse_hand import MouseEvent
from hv.root.samples import all_samples
from hv.vp import End, Ending
from tests.journal.sessions import ECHO, Change, recipe, record, replay, rewrite, typed

SAMPLES = [sample.name for sample in all_samples()]


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    path = tmp_path / "echo.asm"
    path.write_text(ECHO)
    return path


@pytest.fixture
def journal(echo: Path, tmp_path: Path) -> Path:
    path = tmp_path / "echo.journal"
    record(path, recipe(echo), typed(b"abq"))
    return path


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_runs_again(name: str, tmp_path: Path) -> None:
    (sample,) = (sample for sample in all_samples() if sample.name == name)
    what = Recipe(
        config=msgspec.convert(sample.machine(), MachineConfig),
        image=f"@{name}",
        keys=sample.keys,
        mouse=sample.mouse,
        at=sample.at,
    )
    path = tmp_path / "journal"
    kept = record(path, what, lambda recorder: recorder.run(sample.max_insns), every=20_000)
    assert kept.end.outcome == sample.outcome
    assert replay(path) is None


def test_what_was_typed_comes_at_the_same_instructions(journal: Path) -> None:
    kept = load_journal(journal)
    given = [event for event in kept.events if isinstance(event, Input)]
    assert [event.what for event in given] == [Serial("com1", bytes([byte])) for byte in b"abq"]
    moments = [event.at.insns for event in given]
    assert moments == sorted(set(moments))
    assert all(event.at.stands == "boundary" for event in given)
    assert (kept.end.outcome, kept.end.guest_code) == ("pass", 0)
    assert replay(journal) is None


@pytest.mark.parametrize("accelerated", ["0", "1"])
def test_the_same_session_gives_the_same_journal(
    journal: Path, echo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accelerated: str
) -> None:
    monkeypatch.setenv("HV_ACCEL", accelerated)
    again = tmp_path / "again"
    record(again, recipe(echo), typed(b"abq"))
    assert again.read_bytes() == journal.read_bytes()
    assert replay(journal) is None


def test_checks_thin_out() -> None:
    at, checks = 0, 0
    while at < 10**10:
        at, checks = next_check(at, 100_000), checks + 1
    assert checks < 60


def test_a_cost_model_with_broken_cycles_replays(echo: Path, tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "hv/cost/hv-2026.1.toml"
    text = shipped.read_text().replace("typical = 1.0\nhigh = 2.0", "typical = 0.7\nhigh = 2.0", 1)
    model = tmp_path / "model.toml"
    model.write_text(text.replace("hv-2026.1", "test", 1))
    what = recipe(echo)
    config = msgspec.structs.replace(what.config, cost_model=str(model))
    path = tmp_path / "journal"
    record(path, msgspec.structs.replace(what, config=config), typed(b"abcdefghq"), every=777)
    assert replay(path) is None


def test_every_kind_of_host_input_runs_again(tmp_path: Path) -> None:
    disc = tmp_path / "disc.iso"
    disc.write_bytes(b"disc" * 512)
    loop = tmp_path / "loop.asm"
    loop.write_text(".origin 0x7c00\n.code16\nagain: in al, 0x60\nin al, 0x64\njmp again\n")
    what = recipe(loop, keys="a<wait:1ms>b", at=("2ms:nmi",), mouse=(MouseEvent(at_ms=1, dx=3),))
    config = msgspec.structs.replace(what.config, cdroms=(str(disc),))
    what = msgspec.structs.replace(what, config=config)

    def session(recorder: Recorder) -> End:
        for thing in (
            Keys("xyz"),
            Mouse((MouseEvent(at_ms=500, dx=3, buttons=1),)),
            Deed("600ms:power-button"),
            Serial("com2", b"second"),
            Eject(0, force=True),
            Disc(0, medium(disc)),
        ):
            recorder.run(recorder.machine.insns + 5000)
            recorder.give(thing)
        return recorder.run(100_000)

    path = tmp_path / "journal"
    kept = record(path, what, session)
    assert sum(isinstance(event, Input) for event in kept.events) == 6
    assert replay(path) is None


def test_input_around_the_recorder_is_noticed(echo: Path, tmp_path: Path) -> None:
    def session(recorder: Recorder) -> End:
        recorder.run(5000)
        recorder.machine.board.com1.receive(b"q")
        return recorder.run(100_000)

    path = tmp_path / "journal"
    record(path, recipe(echo), session)
    divergence = replay(path)
    assert divergence is not None
    assert divergence.low <= 5000 + 20


def change_input(records: list[Record]) -> None:
    for number, event in enumerate(records):
        if isinstance(event, Input) and event.what == Serial("com1", b"b"):
            records[number] = msgspec.structs.replace(event, what=Serial("com1", b"B"))


def test_a_changed_input_diverges_in_the_interval_behind_it(journal: Path) -> None:
    rewrite(journal, change_input)
    divergence = replay(journal)
    assert divergence is not None
    (given,) = [
        event
        for event in load_journal(journal).events
        if isinstance(event, Input) and event.what == Serial("com1", b"B")
    ]
    assert divergence.low <= given.at.insns <= divergence.high
    assert divergence.high - divergence.low < 3000
    assert "processor" in divergence.parts or "com1" in divergence.parts


def change_time(records: list[Record]) -> None:
    for number, event in enumerate(records):
        if isinstance(event, Input):
            late = msgspec.structs.replace(event.at, vtime_ns=event.at.vtime_ns + 1)
            records[number] = msgspec.structs.replace(event, at=late)
            return


def change_device(records: list[Record]) -> None:
    number = max(n for n, record in enumerate(records) if isinstance(record, Check))
    last = records[number]
    assert isinstance(last, Check)
    records[number] = msgspec.structs.replace(last, parts={**last.parts, "mc146818": "0" * 16})


def change_end(records: list[Record]) -> None:
    assert isinstance(records[-1], Finish)
    records[-1] = msgspec.structs.replace(records[-1], guest_code=1, outcome="fail")


def change_hash(records: list[Record]) -> None:
    assert isinstance(records[-1], Finish)
    records[-1] = msgspec.structs.replace(records[-1], state_hash="0" * 64)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (change_time, "the time is"),
        (change_device, "mc146818"),
        (change_end, "the end is pass 0, not fail 1"),
        (change_hash, "state hash"),
    ],
)
def test_what_was_changed_in_a_journal_is_named(journal: Path, change: Change, told: str) -> None:
    rewrite(journal, change)
    divergence = replay(journal)
    assert divergence is not None
    assert told in f"{divergence.detail} {divergence.parts}"


def test_a_run_that_the_host_ended_is_compared_to_there(echo: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    kept = record(path, recipe(echo), lambda recorder: recorder.run(12_345))
    assert kept.end.outcome == Ending.BUDGET.value
    assert replay(path) is None


def test_a_header_says_what_was_run(journal: Path, echo: Path) -> None:
    header = load_journal(journal).header
    assert isinstance(header, Header)
    assert isinstance(header.start, PowerOn)
    assert header.start.recipe.image == str(echo)
    assert header.start.image is not None
    assert header.start.image.content is not None
    assert set(header.versions) == {"hv", "unicorn"}
