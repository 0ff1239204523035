"""A run that goes on from a checkpoint is recorded and runs again; its start is known by its content."""

from pathlib import Path

import pytest

from hv.errors import ConfigError
from hv.root.checkpoint import load_checkpoint, open_checkpoint, save_checkpoint
from hv.root.disk import FileDisk
from hv.root.journal.builders import CheckpointBuilder, RecipeBuilder, resumed
from hv.root.journal.file import load_journal
from hv.root.journal.recipe import current_image
from hv.root.journal.recorder import Recorder
from hv.root.journal.records import Check, Deed, Finish, Input, Keys, Record
from hv.root.journal.replay import Player, Replay, find_sources
from hv.root.journal.search import first_difference
from hv.root.machine import Machine, Outputs
from hv.root.schedule import Report
from hv.vp import End
from tests.journal.sessions import ECHO, recipe, replay, rewrite, typed


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """The echo guest, 20,000 instructions on and with a byte on its line."""
    source, path = tmp_path / "echo.asm", tmp_path / "echo.checkpoint"
    source.write_text(ECHO)
    what = recipe(source)
    machine = RecipeBuilder(what, current_image(what)).build()
    machine.run(20_000)
    machine.board.com1.receive(b"x")
    save_checkpoint(machine, path)
    machine.close()
    return path


def record(path: Path, checkpoint: Path, text: bytes = b"abq") -> End:
    """Go on from ``checkpoint`` with ``text`` typed at intervals."""
    machine = load_checkpoint(checkpoint)
    with Recorder.to(path, machine, resumed(checkpoint), 1000) as recorder:
        recorder.give(Keys("x<wait:1ms>y"))
        recorder.give(Deed("1ms:power-button"))
        end = typed(text)(recorder)
        recorder.finish(end)
    machine.close()
    return end


def test_a_run_from_a_checkpoint_runs_again(checkpoint: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    record(journal, checkpoint)
    kept = load_journal(journal)
    assert kept.end.outcome == "pass"
    assert kept.events[0].at.insns == load_checkpoint(checkpoint).insns
    assert replay(journal) is None


def test_the_checkpoint_is_found_beside_the_journal(checkpoint: Path, tmp_path: Path) -> None:
    record(tmp_path / "journal", checkpoint)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for file in (checkpoint, tmp_path / "journal"):
        file.rename(moved / file.name)
    assert replay(moved / "journal") is None


def test_another_file_of_the_name_beside_the_journal_is_passed_over(
    checkpoint: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    record(other / "journal", checkpoint)
    (other / checkpoint.name).write_bytes(b"something else")
    assert replay(other / "journal") is None


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "told"),
    [(Path.unlink, "neither there nor beside"), (damage, "is not the checkpoint")],
)
def test_a_missing_or_changed_checkpoint_is_one_line(
    checkpoint: Path, tmp_path: Path, harm: object, told: str
) -> None:
    record(tmp_path / "journal", checkpoint)
    assert callable(harm)
    harm(checkpoint)
    with pytest.raises(ConfigError, match=told) as caught:
        replay(tmp_path / "journal")
    assert "\n" not in str(caught.value)


def test_a_replay_does_not_write_to_a_disk_that_the_run_wrote_to(tmp_path: Path) -> None:
    disk, checkpoint, journal = (tmp_path / name for name in ("disk.img", "checkpoint", "journal"))
    disk.write_bytes(bytes(512 * 64))
    source = tmp_path / "writer.asm"
    source.write_text(WRITER)
    what = recipe(source)
    image = current_image(what)
    machine = Machine(what.config, image, media=(FileDisk(disk, read_only=False),))
    machine.run(5)
    save_checkpoint(machine, checkpoint)
    machine.close()
    machine = open_checkpoint(checkpoint).harmless().machine()
    with Recorder.to(journal, machine, resumed(checkpoint), 1000) as recorder:
        recorder.finish(recorder.run())
    assert machine.disk(0).read(0, 1)[:2] == b"\x55\xaa"
    machine.close()
    assert replay(journal) is None
    assert disk.read_bytes() == bytes(512 * 64)


WRITER = """
.origin 0x7c00
.code16
    cli
    xor ax, ax
    mov ds, ax
    mov cx, 256
    mov dx, 0x1f2
    mov al, 1
    out dx, al
    inc dx
    xor al, al
    out dx, al
    inc dx
    out dx, al
    inc dx
    out dx, al
    inc dx
    mov al, 0xe0
    out dx, al
    inc dx
    mov al, 0x30
    out dx, al
ready:
    in al, dx
    test al, 8
    jz ready
    mov ax, 0xaa55
    mov dx, 0x1f0
words:
    out dx, ax
    loop words
    mov dx, 0x1f7
done:
    in al, dx
    test al, 0x80
    jnz done
    xor al, al
    out 0xf4, al
"""
"""WRITE SECTORS of one sector to LBA 0 of the first ATA disk."""


class Tampered:
    """Machines of a checkpoint in which a byte of memory is another from some read of the line on."""

    def __init__(self, good: CheckpointBuilder) -> None:
        self._good = good

    def build(self, outputs: Outputs | None = None, report: Report = lambda _text: None) -> Machine:
        machine = self._good.build(outputs, report)
        before = machine.partition.vp.exits.listener

        def hear(key: object, price: int) -> None:
            if machine.insns > 30_000:
                machine.partition.memory.write(0x9000, b"\x55")

        assert before is None
        machine.partition.vp.exits.listener = hear
        return machine


def test_the_first_divergent_instruction_from_a_checkpoint_on(
    checkpoint: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    record(journal, checkpoint, b"a" * 10 + b"q")
    sources = find_sources(load_journal(journal), tmp_path)
    assert isinstance(sources.now, CheckpointBuilder)
    tampered = Tampered(sources.now)
    player = Player(tampered, sources.journal.events)
    divergence = Replay(sources.journal, player).run()
    player.close()
    assert divergence is not None
    assert divergence.low <= 30_000 <= divergence.high
    found = first_difference(sources.now, tampered, sources.journal.events, divergence)
    assert found is not None
    assert 30_000 <= found.insns < 30_020
    assert found.text == "in al, dx"
    assert found.details == ("memory at 0x00009000: 00 became 55",)


def test_two_runs_that_are_equal_have_no_first_difference(checkpoint: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    record(journal, checkpoint)

    def forge(records: list[Record]) -> None:
        number = next(n for n, one in enumerate(records) if isinstance(one, Check) and n > 4)
        one = records[number]
        assert isinstance(one, Check)
        records[number] = Check(one.at, {**one.parts, "post": "0" * 16})

    rewrite(journal, forge)
    sources = find_sources(load_journal(journal), tmp_path)
    divergence = replay(journal)
    assert divergence is not None
    assert divergence.parts == ("post",)
    assert sources.recorded is not None
    found = first_difference(sources.recorded, sources.now, sources.journal.events, divergence)
    assert found is None


def test_the_moments_of_a_journal_count_from_power_on(checkpoint: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    record(journal, checkpoint)
    events = load_journal(journal).events
    assert all(event.at.insns >= 20_000 for event in events)
    assert isinstance(events[-1], Finish)
    given = [type(event.what) for event in events if isinstance(event, Input)]
    assert given[:2] == [Keys, Deed]
