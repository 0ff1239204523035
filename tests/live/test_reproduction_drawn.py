"""Drawn sessions: whatever a program does to a machine, wherever it stops it: the run can be made again."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hv
from hv.errors import ConfigError, GuestError
from hv.live import LiveMachine
from hv.live.reproduction import save_reproduction
from tests.journal.sessions import replay
from tests.live.sources import boot_sector
from tests.mutations import EXAMPLES

GUEST = """
    mov dword [8*4], tick        ; IRQ 0, as the firmware has left the 8259As
    mov dword [6*4], bad         ; #UD
    mov dword [2*4], ignored     ; NMI
next:
    sti
    inc dword [counter]
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jz idle
    mov dx, 0x3f8
    in al, dx
    out dx, al
    nop
echoed:
    nop
    jmp fault
fault:
    db 0x0f, 0x0b
    jmp next
idle:
    test dword [counter], 3
    jnz next
asleep:
    hlt
awake:
    nop
middle:
    nop
    jmp next
tick:
    push ax
    mov al, 0x20
    out 0x20, al
    pop ax
ignored:
    iret
bad:
    push bp
    mov bp, sp
    add word [bp+2], 2
    pop bp
    iret
counter: dd 0
"""
"""Echoes COM1, takes an exception for each byte, halts now and then until the timer's next tick."""

PLACES = ("next", "echoed", "fault", "asleep", "awake", "middle", "tick", "bad", "idle")
EXITS = ("root_interrupt", "exception", "hlt", "port_read", "port_write")
BUDGET = 3000

Step = tuple[str, object]
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("run"), st.integers(0, 2000)),
    st.tuples(st.just("seconds"), st.integers(0, 80_000_000)),
    st.tuples(st.just("address"), st.sampled_from(PLACES)),
    st.tuples(st.just("exit"), st.sampled_from(EXITS)),
    st.tuples(st.just("serial"), st.sampled_from((b"a", b"bc", b"defg" * 8))),
    st.tuples(st.just("expect"), st.sampled_from("abg")),
    st.tuples(st.just("memory"), st.integers(0, 255)),
    st.tuples(st.just("register"), st.integers(0, 0xFFFF)),
    st.tuples(st.just("jump"), st.sampled_from(("next", "middle", "idle"))),
    st.tuples(st.just("nmi"), st.none()),
    st.tuples(st.just("keys"), st.sampled_from(("a", "<wait:20ms>b"))),
    st.tuples(st.just("hang"), st.none()),
)


def take(machine: LiveMachine, step: Step) -> None:
    """One step; that what was waited for does not come is no matter."""
    name, value = step
    actions: dict[str, Callable[[Any], object]] = {
        "run": machine.run,
        "seconds": lambda ns: machine.run(seconds=ns / 1e9),
        "address": lambda place: machine.run_until_address(place, BUDGET),
        "exit": lambda reason: machine.run_until_exit(reason, budget=BUDGET),
        "serial": machine.write_serial,
        "expect": lambda text: machine.expect(text, BUDGET),
        "memory": lambda value: machine.memory.write_int("counter", value),
        "register": lambda value: machine.registers.__setitem__("rcx", value),
        "jump": lambda place: machine.registers.__setitem__("rip", machine.memory.address(place)),
        "nmi": lambda _: machine.input.nmi(),
        "keys": machine.keys,
        "hang": lambda _: machine.hang(),
    }
    with suppress(GuestError, ConfigError):
        actions[name](value)


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boot_sector(tmp_path_factory.mktemp("drawn"), GUEST)


@settings(max_examples=max(10, EXAMPLES // 10), deadline=None, derandomize=True, database=None)
@given(session=st.lists(steps, max_size=12), fork_at=st.none() | st.integers(0, 11))
def test_a_drawn_session_is_made_again(
    guest: Path, session: list[Step], fork_at: int | None
) -> None:
    machine = hv.Machine(guest)
    for number, step in enumerate(session):
        if number == fork_at:
            before, machine = machine, machine.fork()
            before.close()
        take(machine, step)
    with TemporaryDirectory() as folder:
        kept = save_reproduction(machine, machine.latest_end, Path(folder))
        assert kept.difference == ""
        assert replay(kept.journal) is None
    machine.close()
