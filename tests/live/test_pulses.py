"""A machine that is saved and restored whole on its way, again and again, does and shows the same."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hv
from hv.errors import ConfigError, GuestError
from hv.live import Options
from hv.root.pairs import all_pairs
from hv.root.samples import Sample, all_samples
from tests.live.sources import PASS, boot_sector

PULSES = 5
PAIRS = ("disk-read:512", "keyboard", "tick", "end-of-interrupt")
GUESTS: dict[str, Sample] = {sample.name: sample for sample in all_samples()} | {
    f"{pair.name}/{name}": path
    for pair in all_pairs()
    if pair.name in PAIRS
    for name, path in pair.path.items()
}

SEVERAL = """
    mov si, first
    call send
    mov dx, 0x5a0
    mov ax, 7
    out dx, ax
    mov cx, 100
again:
    mov al, cl
    mul cl
    dec cx
    jnz again
    mov ax, 8
    out dx, ax
    sti
    hlt
    hlt
    mov si, second
    call send
poll:
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jz poll
    mov dx, 0x3f8
    in al, dx
    mov [typed], al
    mov si, typed
    call send
"""
WORDS = """
first: db "one: 1", 13, 10, 0
second: db "two: 22", 13, 10, "prompt> ", 0
typed: db 0, 13, 10, 0
"""
WRITES_ITS_DISK = """
    mov bp, 40
next:
    mov ax, 0x0301              ; INT 13h: write one sector
    mov bx, 0x7c00
    mov cx, 2
    mov dx, 0x80
    int 0x13
    jc next
    inc word [0x7c00 + 508]     ; the next one differs
    dec bp
    jnz next
"""


def everything(machine: hv.Machine) -> tuple[Any, ...]:
    """All that a person can see of it."""
    return (
        machine.result(machine.latest_end),
        machine.serial,
        bytes(machine.internal.text_log),
        machine.marks,
        machine.post_codes,
        machine.latest_exits(),
        machine.reports,
        machine.inspect(),
    )


@pytest.mark.parametrize("name", GUESTS)
def test_a_guest_ends_the_same(name: str) -> None:
    most = GUESTS[name].max_insns
    with hv.Machine(f"@{name}") as machine:
        machine.run(most)
        expected = everything(machine)
        size = machine.insns // PULSES + zlib.crc32(name.encode()) % 1000 | 1
    with hv.Machine(f"@{name}") as machine:
        machine.pulse_every = size
        machine.run(most)
        assert machine.pulses >= 1
        assert everything(machine) == expected


def session(machine: hv.Machine, seen: Callable[[Any], None]) -> None:
    """Wait in every way there is."""
    registers, memory, give = machine.registers, machine.memory, machine.input
    for step in (
        lambda: machine.expect(r"one: (\d)\r"),
        lambda: machine.run_until_mark(7),
        lambda: machine.run_until_address("again"),
        lambda: machine.run_until_address("again+2"),  # in the middle of a block
        lambda: machine.run_until_address("again+2"),
        lambda: machine.run(insns=57),
        lambda: registers["cx"],
        lambda: machine.run_until_exit("port_write", "mark"),
        lambda: machine.run(seconds=0.03),
        lambda: machine.expect("> "),
        machine.hang,
        lambda: memory.write("second", b"TWO"),
        lambda: memory.read_text("second"),
        lambda: give.serial("k"),
        lambda: machine.expect("k"),
        lambda: machine.finish(insns=5000),
        lambda: dict(registers),
        give.press_power_button,
        lambda: machine.history.inputs,
    ):
        seen((step(), machine.insns, machine.vtime_ns, machine.state_hash()))


@pytest.mark.parametrize(("every", "accelerated"), [(17, 1), (501, 1), (901, 0)])
def test_whatever_is_waited_for_comes_at_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int, accelerated: int
) -> None:
    """Without the accelerator, too: what one has saved the other takes."""
    guest = boot_sector(tmp_path, SEVERAL + PASS + WORDS)
    expected: list[Any] = []
    with hv.Machine(guest) as machine:
        machine.run_until_address("start")
        session(machine, expected.append)
    seen: list[Any] = []
    with hv.Machine(guest) as machine:
        machine.run_until_address("start")
        machine.pulse_every = every
        monkeypatch.setenv("HV_ACCEL", str(accelerated))
        session(machine, seen.append)
        assert machine.pulses >= 1000 // every
    assert seen == expected


def test_a_pulse_at_every_block_and_within_blocks(tmp_path: Path) -> None:
    guest = boot_sector(tmp_path, SEVERAL + PASS + WORDS)
    with hv.Machine(guest) as plain, hv.Machine(guest) as machine:
        for one in (plain, machine):
            one.run_until_address("again+4")
        machine.pulse_every = 1
        for insns in range(1, 20):
            assert machine.run(insns=insns) == plain.run(insns=insns)
            machine.run_until_address("again+2")
            plain.run_until_address("again+2")
            assert everything(machine) == everything(plain)
        assert machine.pulses > 50


def test_what_never_comes_is_told_the_same(tmp_path: Path) -> None:
    guest = boot_sector(tmp_path, SEVERAL + PASS + WORDS)
    told = []
    for every in (None, 777):
        with hv.Machine(guest) as machine:
            machine.pulse_every = every
            with pytest.raises(GuestError) as caught:
                machine.expect("never", budget=30_000)
        told.append(str(caught.value))
    assert told[0] == told[1]


@pytest.mark.parametrize("mode", [",rw", ""])
def test_disks_that_are_files_stay_in_use(tmp_path: Path, mode: str) -> None:
    with hv.Machine(boot_sector(tmp_path, WRITES_ITS_DISK + PASS)) as machine:
        assert machine.program is not None
        assert machine.program.image is not None
        assert machine.program.image.disk is not None
        sector = machine.program.image.disk.source
        assert isinstance(sector, bytes)
    disk = tmp_path / "disk.img"
    disk.write_bytes(sector + bytes(1 << 20))
    options: Options = {"disks": [f"{disk}{mode}"]}
    with hv.Machine(**options) as machine:
        machine.pulse_every = 1500
        machine.finish(insns=1_000_000)
        assert machine.pulses > 5
        written = machine.internal.disk(0).read(1, 1)
    assert written[508] == sector[508] + 39
    assert (disk.read_bytes()[512:1024] == written) == (mode == ",rw")


def test_forks_and_what_is_resumed_are_pulsed_too(tmp_path: Path) -> None:
    guest = boot_sector(tmp_path, SEVERAL + PASS + WORDS)
    with hv.Machine(guest) as machine:
        machine.pulse_every = 333
        machine.expect("one")
        machine.save(tmp_path / "x.checkpoint")
        with machine.fork() as fork, hv.Machine.resume(tmp_path / "x.checkpoint") as resumed:
            resumed.pulse_every = 100
            for one in (machine, fork, resumed):
                one.expect("> ", budget=50_000)
            assert (fork.pulse_every, fork.pulses > 0, resumed.pulses > 0) == (333, True, True)
            assert machine.state_hash() == fork.state_hash() == resumed.state_hash()


def test_a_machine_that_cannot_be_saved_now_is_saved_later(tmp_path: Path) -> None:
    with hv.Machine(boot_sector(tmp_path, "here: in al, 0x80\n    jmp here\n")) as machine:
        machine.pulse_every = 100
        machine.run(insns=1000)
        before = machine.pulses
        fired: list[int] = []
        timer = machine.internal.partition.clock.timer(lambda: fired.append(machine.pulses))
        timer.arm(machine.vtime_ns + 50_000)  # a timer of the host's own is in no checkpoint
        machine.run(seconds=0.00004)
        assert machine.pulses == before
        machine.run(insns=2000)
        assert fired == [before]
        assert machine.pulses > before


def test_a_number_that_is_none(tmp_path: Path) -> None:
    with hv.Machine(boot_sector(tmp_path, PASS)) as machine:
        with pytest.raises(ConfigError, match="a pulse every 0 instructions"):
            machine.pulse_every = 0
        assert machine.pulse_every is None


def test_an_address_that_was_come_to_in_a_restored_machine_stops_nobody_later(
    tmp_path: Path,
) -> None:
    """Its only hook was one that Unicorn calls without a look at where."""
    guest = boot_sector(tmp_path, "again:\n    inc ax\n    jmp again\n")
    with hv.Machine(guest) as machine:
        machine.pulse_every = 5000
        machine.run_until_address("again")
        assert machine.pulses > 0
        at = machine.insns
        machine.run(insns=1000)
        assert machine.insns >= at + 1000
