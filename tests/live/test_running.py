"""A live machine runs until what it waits for happens, in guest time, the same each time."""

import asyncio
import threading
from pathlib import Path

import pytest

import hv
from hv.errors import (
    BudgetExceeded,
    ConfigError,
    GuestEnded,
    GuestFailed,
    PartitionStateError,
    Stuck,
)
from hv.vp import Ending
from tests.live.sources import PASS, boot_sector

TALK = """
    mov si, first
    call send
    mov dx, 0x5a0
    mov ax, 7
    out dx, ax
    mov cx, 1000
again:
    dec cx
    jnz again
    mov ax, 8
    out dx, ax
    mov si, second
    call send
"""
WORDS = """
first: db "one: 1", 13, 10, 0
second: db "two: 22", 13, 10, "prompt> ", 0
"""


@pytest.fixture
def talker(tmp_path: Path) -> Path:
    return boot_sector(tmp_path, TALK + PASS + WORDS)


def test_expect_stops_at_the_byte_that_completes_the_match(talker: Path) -> None:
    with hv.Machine(talker) as machine:
        match = machine.expect(r"two: (?P<number>\d+)\r")
        assert (match.groups, match.named) == (("22",), {"number": "22"})
        assert match.before == "one: 1\r\n"
        assert machine.serial.endswith("two: 22\r")
        assert machine.expect("prompt> ").before == "\n"


def test_a_line_begins_where_the_guest_began_one(talker: Path) -> None:
    with hv.Machine(talker) as machine:
        machine.expect("one")
        with pytest.raises(GuestEnded, match="waited for '\\^: 1'"):
            machine.expect("^: 1")
    with hv.Machine(talker) as machine:
        machine.expect("1\r\n")
        assert machine.expect("^two").before == ""


def test_where_it_stops_is_the_same_each_time(talker: Path) -> None:
    stops = []
    for slice_first in (0, 500, 1234):
        with hv.Machine(talker) as machine:
            machine.run(insns=slice_first)
            machine.expect("two")
            stops.append((machine.insns, machine.vtime_ns, machine.state_hash()))
    assert stops[0] == stops[1] == stops[2]


def test_waiting_changes_nothing_in_the_end(talker: Path) -> None:
    with hv.Machine(talker) as plain, hv.Machine(talker) as watched:
        plain.finish()
        watched.run_until_mark(7)
        watched.expect("two")
        watched.run(seconds=0.000001)
        watched.finish()
        assert watched.state_hash() == plain.state_hash()
        assert watched.serial == plain.serial


def test_what_comes_in_vain_says_how_the_guest_ended(talker: Path) -> None:
    with hv.Machine(talker) as machine, pytest.raises(GuestEnded) as caught:
        machine.expect("three")
    text = str(caught.value)
    assert "waited for 'three' on the serial line: pass" in text
    assert "POST codes: " in text
    assert r"one: 1\r\ntwo: 22" in text


def test_a_budget_is_of_guest_instructions(talker: Path) -> None:
    with hv.Machine(talker) as machine, pytest.raises(BudgetExceeded):
        machine.expect("one", budget=1000)
    with hv.Machine(talker) as machine:
        before = machine.insns
        assert machine.run(insns=1000).ending is Ending.BUDGET
        assert 1000 <= machine.insns - before < 1100


def test_a_budget_of_seconds_is_virtual_time(tmp_path: Path) -> None:
    path = boot_sector(tmp_path, "wait: hlt\n    jmp wait\n")  # the timer of the BIOS wakes it
    with hv.Machine(path) as machine:
        end = machine.run(seconds=0.5)
        assert end.ending is Ending.BUDGET
        assert 500_000_000 <= machine.vtime_ns < 501_000_000
        with pytest.raises(BudgetExceeded, match="virtual time"):
            machine.expect("never", seconds=0.25)
        assert 750_000_000 <= machine.vtime_ns < 752_000_000


def test_an_earlier_match_stops_no_later_run(tmp_path: Path) -> None:
    body = "    mov si, text\n    call send\nhere: jmp here\ntext: db 'up', 0\n"
    with hv.Machine(boot_sector(tmp_path, body)) as machine:
        machine.expect("up")
        before = machine.insns
        assert machine.run(insns=45_000_000).ending is Ending.BUDGET
        assert machine.insns - before >= 45_000_000


def test_marks_and_what_lies_between_them(talker: Path) -> None:
    with hv.Machine(talker) as machine:
        assert machine.run_until_mark(7).id == 7
        assert [mark.id for mark in machine.marks] == [7]
        before = machine.stats()
        assert machine.run_until_mark().id == 8
        assert 2000 <= machine.stats().since(before).insns <= 2010
        between = machine.between_marks(7, 8)
        assert 2000 <= between.insns <= 2010
        with pytest.raises(ConfigError, match="mark 8 and then 7"):
            machine.between_marks(8, 7)
        with pytest.raises(GuestEnded, match="waited for mark 9"):
            machine.run_until_mark(9)


def test_an_exit_of_a_kind() -> None:
    with hv.Machine("@ide_polled_read") as machine:
        reached = machine.run_until_exit("port_read", target="0x01f7")
        assert (reached.reason, reached.device, reached.target) == (
            "port_read",
            "ata0",
            "port 0x01f7",
        )
        assert machine.insns - reached.insns < 50
        with pytest.raises(ConfigError, match="no exit reason is called 'port_peek'"):
            machine.run_until_exit("port_peek")


def test_an_address_is_stopped_at_exactly(talker: Path) -> None:
    with hv.Machine(talker) as machine:
        again = machine.symbols["again"]
        assert machine.run_until_address("again") == again
        assert machine.registers["rip"] == again
        before, left = machine.insns, machine.registers["cx"]
        assert left == 1000
        machine.run_until_address("again")
        assert (machine.insns - before, machine.registers["cx"]) == (2, 999)
        machine.run_until_address("again+1")  # in the middle of a block
        assert (machine.insns - before, machine.registers["cx"]) == (3, 998)
        machine.finish()
        with pytest.raises(GuestEnded, match="waited for address"):
            machine.run_until_address("start")
    with hv.Machine(talker) as machine, pytest.raises(BudgetExceeded):
        machine.run_until_address(0x12345, budget=10_000)


def test_stopping_at_addresses_changes_nothing_in_the_end(talker: Path) -> None:
    with hv.Machine(talker) as plain, hv.Machine(talker) as stopped:
        plain.finish()
        for _ in range(20):
            stopped.run_until_address("again+1")
        stopped.finish()
        assert stopped.state_hash() == plain.state_hash()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("    mov al, 3\n    out 0xf4, al\n", GuestFailed),
        ("    cli\n    hlt\n", Stuck),
        ("here: jmp here\n", BudgetExceeded),
    ],
)
def test_finish_raises_what_the_guest_did(
    tmp_path: Path, body: str, error: type[Exception]
) -> None:
    with hv.Machine(boot_sector(tmp_path, body)) as machine, pytest.raises(error) as caught:
        machine.finish(insns=50_000)
    assert type(caught.value) is error


def test_two_machines_do_not_touch_each_other(talker: Path) -> None:
    with hv.Machine(talker) as alone:
        alone.finish()
        expected = alone.state_hash()
    with hv.Machine(talker) as one, hv.Machine(talker) as other:
        for _ in range(12):
            one.run(insns=1500)
            other.run(insns=700)
        one.finish()
        other.finish()
        assert one.state_hash() == other.state_hash() == expected


def test_machines_in_threads(talker: Path) -> None:
    hashes: list[str] = []

    def run() -> None:
        with hv.Machine(talker) as machine:
            machine.finish()
            hashes.append(machine.state_hash())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hashes) == 4
    assert len(set(hashes)) == 1


def test_under_asyncio(talker: Path) -> None:
    async def session() -> tuple[str, str]:
        with hv.Machine(talker) as machine:
            first = await asyncio.to_thread(machine.expect, "one")
            second = await asyncio.to_thread(machine.expect, "two")
            return first.text, second.text

    assert asyncio.run(session()) == ("one", "two")


def test_one_thread_at_a_time(tmp_path: Path) -> None:
    path = boot_sector(tmp_path, "here: in al, 0x80\n    jmp here\n")
    with hv.Machine(path) as machine:
        inside, refused = threading.Event(), []

        def intrude() -> None:
            inside.wait()
            try:
                machine.run(insns=1)
            except PartitionStateError as error:
                refused.append(str(error))

        intruder = threading.Thread(target=intrude)
        intruder.start()
        machine.internal.partition.clock.timer(lambda: (inside.set(), intruder.join())).arm(
            machine.vtime_ns + 1000
        )
        machine.run(insns=100_000)
        assert refused == ["another thread runs this machine already"]


def test_after_close_it_runs_no_more_but_can_be_looked_at(talker: Path) -> None:
    machine = hv.Machine(talker)
    machine.finish()
    machine.close()
    assert machine.serial.startswith("one")
    assert machine.inspect("post/code") == machine.post_codes[-1]
    with pytest.raises(PartitionStateError):
        machine.run(insns=1)


def test_a_pattern_that_is_none(talker: Path) -> None:
    with hv.Machine(talker) as machine, pytest.raises(ConfigError, match="pattern '\\('"):
        machine.expect("(")


def test_options_that_make_no_machine() -> None:
    with pytest.raises(ConfigError, match="memery"):
        hv.Machine("@hello", memery="64M")  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="no-such-file"):
        hv.Machine("no-such-file.bin")
    with pytest.raises(ConfigError, match="name an image or a disk"):
        hv.Machine()
    with pytest.raises(ConfigError, match="mode 8"):
        hv.Machine(b"@hello", mode=8)
