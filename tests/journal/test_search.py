"""The first divergent instruction is named, with what became different there."""

from collections.abc import Callable
from pathlib import Path

from hv.asm import assemble_file
from hv.root.images import whole_sectors
from hv.root.journal.builders import RecipeBuilder, power_on
from hv.root.journal.file import Journal, load_journal
from hv.root.journal.recipe import current_image
from hv.root.journal.recorder import Recorder
from hv.root.journal.replay import Divergence, Player, Replay, find_sources
from hv.root.journal.search import Found, first_difference
from hv.root.machine import Machine, Outputs
from hv.root.schedule import Report
from tests.journal.sessions import recipe, record

SENSING = """
.origin 0x7c00
.code16
    mov cx, 1500
    mov dx, 0x300
again:
    mov si, cx
    nop
    in al, dx
    nop
    loop again
    cli
    hlt
"""
BOOT = """
org 0x7c00
bits 16
    mov cx, 500
wait:
    loop wait
    mov dx, {value}
    mov [0x9000], dx
    mov al, 0
    out 0xf4, al
times 510-($-$$) db 0
dw 0xaa55
"""


Meddle = Callable[[Machine], None]


class Sensor(RecipeBuilder):
    """A machine with a chip at port 300h that reads 5. At ``turn`` answers, something happens to it."""

    turn = 0
    meddle: Meddle = staticmethod(lambda _machine: None)
    wrong = 5

    def build(self, outputs: Outputs | None = None, report: Report = lambda _text: None) -> Machine:
        machine = super().build(outputs, report)
        answers = iter(range(1, 1 << 30))

        def read(_offset: int, _width: int) -> int:
            if next(answers) != self.turn:
                return 5
            self.meddle(machine)
            return self.wrong

        machine.partition.ports.attach("sensor", 0x300, 1, read, lambda *_: None)
        return machine


def post(machine: Machine) -> None:
    machine.board.post.state.code ^= 0xFF


def poke(machine: Machine) -> None:
    machine.partition.memory.write(0x9000, b"\x55")


def replayed(journal: Journal, builder: RecipeBuilder) -> Divergence | None:
    player = Player(builder, journal.events)
    divergence = Replay(journal, player).run()
    player.close()
    return divergence


TURN = 700
AT = 2 + (TURN - 1) * 5 + 2
"""Instructions before the answer ``TURN``."""


def sensing(folder: Path, name: str, value: object) -> tuple[RecipeBuilder, RecipeBuilder]:
    """The machine of the guest SENSING, and the same with one thing wrong."""
    source = folder / "sensing.asm"
    source.write_text(SENSING)
    what = recipe(source)
    image = current_image(what)

    class Broken(Sensor):
        turn = TURN

    setattr(Broken, name, value)
    return Sensor(what, image), Broken(what, image)


def found_in(pair: tuple[RecipeBuilder, RecipeBuilder]) -> Found:
    found = first_difference(*pair, (), Divergence(0, 8000, (), ""))
    assert found is not None
    return found


def test_the_device_is_named(tmp_path: Path) -> None:
    found = found_in(sensing(tmp_path, "meddle", staticmethod(post)))
    assert (found.insns, found.text, found.details) == (AT, "in al, dx", ("post",))


def test_memory_is_named_by_its_address(tmp_path: Path) -> None:
    found = found_in(sensing(tmp_path, "meddle", staticmethod(poke)))
    assert (found.insns, found.text) == (AT, "in al, dx")
    assert found.details == ("memory at 0x00009000: 00 became 55",)


def test_the_register_is_named(tmp_path: Path) -> None:
    found = found_in(sensing(tmp_path, "wrong", 6))
    assert (found.insns, found.text) == (AT, "in al, dx")
    assert found.details == ("rax: 0x5 became 0x6",)


def test_a_replay_names_the_device_and_the_interval(tmp_path: Path) -> None:
    good, broken = sensing(tmp_path, "meddle", staticmethod(post))
    machine = good.build()
    path = tmp_path / "journal"
    with Recorder.to(path, machine, power_on(good.recipe, good.image), 1000) as recorder:
        recorder.finish(recorder.run())
    journal = load_journal(path)
    checks = [event.at.insns for event in journal.events]
    high = next(insns for insns in checks if insns > AT)
    low = max(insns for insns in checks if insns <= AT)
    assert replayed(journal, good) is None
    divergence = replayed(journal, broken)
    assert divergence is not None
    assert (divergence.low, divergence.high, divergence.parts) == (low, high, ("post",))
    found = first_difference(good, broken, journal.events, divergence)
    assert found is not None
    assert (found.insns, found.details) == (AT, ("post",))


def test_an_equal_run_has_no_divergent_instruction(tmp_path: Path) -> None:
    good, _ = sensing(tmp_path, "wrong", 6)
    assert first_difference(good, good, (), Divergence(0, 8000, (), "")) is None


def test_a_changed_byte_on_a_disk_shows_where_it_is_read(tmp_path: Path) -> None:
    source, image, path = tmp_path / "boot.asm", tmp_path / "boot.img", tmp_path / "journal"
    source.write_text(BOOT.format(value=7))
    code = whole_sectors(assemble_file(source).code)
    image.write_bytes(code)
    journal = record(path, recipe(image), every=100_000)
    at = code.index(b"\xba\x07\x00") + 1
    image.write_bytes(code[:at] + b"\x08" + code[at + 1 :])
    sources = find_sources(journal, tmp_path)
    assert sources.changed == (f"{image} is not the image that was recorded",)
    assert sources.recorded is not None
    divergence = replayed(journal, sources.now)
    assert divergence is not None
    found = first_difference(sources.recorded, sources.now, journal.events, divergence)
    assert found is not None
    assert found.details == ("ata0.drive0",)
    assert found.where.startswith("f000:")
