"""A run is kept in a folder and made again from there, wherever the folder is moved.

It ends by a wait, a budget or the guest, with everything that a program can do to a machine on the way.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

import hv
from hv.errors import ConfigError, GuestError
from hv.live import LiveMachine, Options
from hv.live.reproduction import Reproduction, save_reproduction
from hv.root.checkpoint import load_checkpoint
from hv.root.journal.file import load_journal
from hv.root.journal.records import (
    Disc,
    Eject,
    Floppy,
    Gesture,
    Input,
    Keys,
    MemoryWrite,
    PowerButton,
    RegisterSet,
    Serial,
    ShutdownRequest,
)
from hv.vp import Ending
from tests.cli.test_run import hv as command
from tests.journal.sessions import replay
from tests.live.sources import PASS, boot_sector

ECHO = """
    mov dword [counter], 0
    mov dword [8*4], tick       ; IRQ 0, as the firmware has left the 8259As
next:
    sti
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jz idle
    mov dx, 0x3f8
    in al, dx
    out dx, al
    cmp al, 'q'
    je quit
    jmp next
idle:
    hlt
work:
    inc dword [counter]
    nop
    nop
middle:
    nop
    mov ebx, [counter]
    jmp next
quit:
    mov al, [answer]
    out 0xf4, al
tick:
    push ax
    mov al, 0x20
    out 0x20, al
    pop ax
    iret
answer: db 0
counter: dd 0
"""
"""Echoes COM1 until a q comes, and halts between; the timer wakes it."""

Session = Callable[[LiveMachine], object]


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    return boot_sector(tmp_path, ECHO)


def kept(machine: LiveMachine, folder: Path) -> Reproduction:
    """The run, kept and made again from another place."""
    folder.mkdir()
    reproduction = save_reproduction(machine, machine.latest_end, folder)
    assert reproduction.difference == ""
    assert reproduction.equal
    moved = folder.with_name(folder.name + " moved")
    folder.rename(moved)
    assert replay(moved / reproduction.journal.name) is None
    return reproduction


def budget(machine: LiveMachine) -> None:
    machine.run(8_000)


def time(machine: LiveMachine) -> None:
    machine.run(seconds=1.5)


def time_by_halves(machine: LiveMachine) -> None:
    for tenths in range(1, 8):
        machine.run(seconds=tenths / 10)
        machine.write_serial(f"{tenths}")
        machine.run(insns=tenths * 100)
        machine.write_serial(f"{tenths}")


def talk(machine: LiveMachine) -> None:
    for text in ("one", "two", "three"):
        machine.write_serial(text)
        machine.expect(text, budget=100_000)
    machine.write_serial("q")
    machine.finish(100_000)


def at_an_address(machine: LiveMachine) -> None:
    for place in ("middle", "work", "tick", "middle"):
        machine.run_until_address(place, budget=100_000)
        machine.registers["rbx"] += 5
        machine.memory.write_int("counter", machine.registers["rbx"])
        machine.write_serial("x")
    machine.expect("xxxx", budget=100_000)


def to_stop_at_an_address(machine: LiveMachine) -> None:
    machine.run_until_address("middle")


def at_exits(machine: LiveMachine) -> None:
    for reason in ("root_interrupt", "hlt", "port_read"):
        machine.run_until_exit(reason, budget=100_000)
        machine.memory.write_int("counter", 7)
        machine.write_serial("e")
    machine.expect("eee", budget=100_000)


def jump(machine: LiveMachine) -> None:
    machine.run_until_address("middle")
    machine.memory.write("answer", b"\x03")
    machine.registers["rip"] = machine.memory.address("work")
    machine.write_serial("q")
    machine.run(100_000)


def in_time_of_halt(machine: LiveMachine) -> None:
    """The processor halts when something is given to it, and halts on."""
    machine.run(seconds=0.7003)
    assert machine.internal.partition.vp.halted
    machine.memory.write_int("counter", 1)
    machine.run(seconds=0.0007)
    machine.write_serial("z")
    machine.expect("z", budget=100_000)


def nothing(_machine: LiveMachine) -> None:
    """It has not run at all."""


@pytest.mark.parametrize(
    "session",
    [
        *(budget, time, time_by_halves, talk, at_an_address, to_stop_at_an_address),
        *(at_exits, jump, in_time_of_halt, nothing),
    ],
    ids=lambda session: session.__name__,
)
@pytest.mark.parametrize("accelerated", ["1", "0"])
def test_a_run_is_kept(
    echo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    session: Session,
    accelerated: str,
) -> None:
    monkeypatch.setenv("HV_ACCEL", accelerated)
    with hv.Machine(echo) as machine:
        session(machine)
        kept(machine, tmp_path / "run")


@pytest.mark.parametrize("session", [budget, at_an_address, to_stop_at_an_address, time])
def test_a_machine_that_was_looked_at_ran_on(echo: Path, tmp_path: Path, session: Session) -> None:
    with hv.Machine(echo) as machine:
        session(machine)
        end = machine.insns
        machine.hang()
        machine.hang()
        kept(machine, tmp_path / "run")
        journal = load_journal(tmp_path / "run moved" / "run.journal")
        assert journal.end.at.insns == end


ENDINGS = {
    "pass": (PASS, Ending.DEBUG_EXIT),
    "fail": ("    mov al, 5\n    out 0xf4, al\n", Ending.DEBUG_EXIT),
    "stuck": ("    cli\n    hlt\n", Ending.STUCK),
    "triple fault": (
        "    cli\n    lidt [none]\n    int3\nnone: dw 0\n    dd 0\n",
        Ending.TRIPLE_FAULT,
    ),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_every_ending_is_kept(tmp_path: Path, name: str) -> None:
    body, ending = ENDINGS[name]
    with hv.Machine(boot_sector(tmp_path, body)) as machine:
        end = machine.run(1_000_000)
        assert end.ending is ending
        kept(machine, tmp_path / "run")
        machine.memory.write_physical(0x9000, b"behind the end")
        kept(machine, tmp_path / "once more")


def test_a_failed_wait_is_kept(echo: Path, tmp_path: Path) -> None:
    with hv.Machine(echo) as machine:
        machine.write_serial("hello")
        with pytest.raises(GuestError):
            machine.expect("never", seconds=0.5)
        machine.hang()
        machine.close()
        kept(machine, tmp_path / "run")


def test_a_fork_is_kept_from_where_it_was_forked(echo: Path, tmp_path: Path) -> None:
    with hv.Machine(echo) as first:
        first.write_serial("boot")
        first.expect("boot")
        with first.fork() as fork:
            fork.write_serial("fork")
            fork.expect("fork")
            kept(fork, tmp_path / "run")
            journal = load_journal(tmp_path / "run moved" / "run.journal")
            given = [event.what for event in journal.events if isinstance(event, Input)]
            assert given == [Serial("com1", b"fork")]
            assert journal.events[0].at.insns == first.insns


def test_a_pulsed_run_is_kept(echo: Path, tmp_path: Path) -> None:
    with hv.Machine(echo) as machine:
        machine.pulse_every = 700
        talk(machine)
        assert machine.pulses > 5
        kept(machine, tmp_path / "run")


def test_the_end_is_a_checkpoint(echo: Path, tmp_path: Path) -> None:
    with hv.Machine(echo) as machine:
        at_an_address(machine)
        state = machine.state_hash()
        reproduction = kept(machine, tmp_path / "run")
    assert reproduction.end is not None
    ended = load_checkpoint(tmp_path / "run moved" / reproduction.end.name)
    assert ended.state_hash() == state
    ended.close()


def test_the_command_line_makes_it_again(echo: Path, tmp_path: Path) -> None:
    with hv.Machine(echo) as machine:
        talk(machine)
        kept(machine, tmp_path / "run")
    run = command("replay", tmp_path / "run moved" / "run.journal")
    assert run.returncode == 0, run.stderr
    assert b"the same run" in run.stderr
    assert b"inputs: 4" in run.stderr
    (tmp_path / "run moved" / "start.checkpoint").unlink()
    assert command("replay", tmp_path / "run moved" / "run.journal").returncode == 4


def test_what_came_around_the_machine_is_told(echo: Path, tmp_path: Path) -> None:
    """Somebody wrote to the machine underneath: the run cannot be made again, and that is said."""
    with hv.Machine(echo) as machine:
        machine.run(2_000)
        machine.internal.partition.memory.write(0x9000, b"\x55")
        machine.run(2_000)
        folder = tmp_path / "run"
        folder.mkdir()
        reproduction = save_reproduction(machine, machine.latest_end, folder)
    assert not reproduction.equal
    assert "the state after" in reproduction.difference
    assert replay(reproduction.journal) is None  # of what was made again


def test_a_folder_that_is_not_there(echo: Path, tmp_path: Path) -> None:
    with hv.Machine(echo) as machine, pytest.raises(ConfigError) as caught:
        save_reproduction(machine, machine.latest_end, tmp_path / "no" / "folder")
    assert "\n" not in str(caught.value)


def test_a_write_over_a_page_border_is_one_input_a_page(echo: Path) -> None:
    with hv.Machine(echo) as machine:
        machine.memory.write(0x8FFE, b"abcd")
        machine.registers["rax"] = -1
        inputs = [given.what for given in machine.history.inputs]
    assert inputs == [
        MemoryWrite(0x8FFE, b"ab"),
        MemoryWrite(0x9000, b"cd"),
        RegisterSet("rax", -1),
    ]


def test_what_cannot_be_given_is_not_in_the_history(echo: Path) -> None:
    with hv.Machine(echo) as machine:
        attempts: tuple[Callable[[], object], ...] = (
            lambda: machine.input.insert_floppy(bytes(512), 1),
            lambda: machine.input.insert_disc(bytes(2048)),
            lambda: machine.memory.write_physical(0xF0000, b"rom"),
            lambda: machine.registers.__setitem__("cr3", 5),
            lambda: machine.keys("<no such key>"),
            lambda: machine.input.insert_floppy("no such file"),
        )
        for attempt in attempts:
            with pytest.raises(ConfigError):
                attempt()
        assert machine.history.inputs == ()


def with_media(machine: LiveMachine) -> None:
    machine.input.insert_floppy(bytes(1440 * 1024))
    machine.run(seconds=0.01)
    machine.input.eject_disc()
    machine.run(seconds=0.01)
    machine.input.insert_disc(bytes(range(256)) * 64)
    machine.input.move_mouse(3, -4)
    machine.input.click()
    machine.run(seconds=0.2)
    machine.input.place_mouse(5, 6)
    machine.input.press_power_button()
    assert machine.shutdown() is False
    machine.keys("ab")
    machine.run(seconds=0.2)


def test_media_and_all_else_that_a_person_does(echo: Path, tmp_path: Path) -> None:
    disc, floppy = tmp_path / "disc.iso", tmp_path / "floppy.img"
    disc.write_bytes(bytes(2048 * 20))
    floppy.write_bytes(bytes(1440 * 1024))
    drives = Options(cdroms=[str(disc)], disks=[f"{floppy},bus=floppy"], boot="disk")
    with hv.Machine(echo, **drives) as machine:
        with_media(machine)
        kept(machine, tmp_path / "run")
        kinds = [type(given.what) for given in machine.history.inputs]
        assert kinds == [
            *(Floppy, Eject, Disc, Gesture, Gesture, Gesture),
            *(PowerButton, ShutdownRequest, Keys),
        ]


def test_a_medium_too_large_for_a_journal_lies_beside_it(
    echo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hv.root.journal.media._LARGEST_PACKED", 50)
    disc = tmp_path / "disc.iso"
    disc.write_bytes(bytes(2048 * 20))
    with hv.Machine(echo, cdroms=[str(disc)], hv="all") as machine:
        machine.input.insert_disc(bytes(range(256)) * 64)
        machine.run(1000)
        kept(machine, tmp_path / "run")
    (medium,) = (tmp_path / "run moved").glob("medium-*.img")
    assert medium.read_bytes() == bytes(range(256)) * 64


@pytest.mark.parametrize(
    "name", ["hv_keyboard", "hv_shutdown", "storvsc_rw", "ide_dma", "bad_exit", "endless_loop"]
)
def test_samples_are_kept(name: str, tmp_path: Path) -> None:
    with hv.Machine(f"@{name}") as machine:
        machine.run(100_000)
        machine.run(100_000)
        machine.hang()
        kept(machine, tmp_path / "run")
