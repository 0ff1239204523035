"""Finding the first divergent instruction: two machines side by side, the recorded one and today's.

A journal's checks say between which two points the runs part. Both are run again, from where they started,
and compared at ever finer steps; the last pass looks before every instruction of one block.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from capstone import CS_ARCH_X86, CS_MODE_16, CS_MODE_32, CS_MODE_64, Cs

from hv.cpu import state as s
from hv.cpu.engine.instructions import InstructionWatch
from hv.root.journal.builders import Builder
from hv.root.journal.records import Event
from hv.root.journal.replay import Divergence, Player
from hv.root.journal.state import CLOCK, MEMORY, PROCESSOR, device_digests, digests, memory_digest
from hv.root.machine import Machine

_STEPS = 64
_MOST_INSTRUCTIONS = 4096
_LONGEST_INSTRUCTION = 15
_MOST_DETAILS = 8
_CHUNK = 1 << 16
_MODES = {16: CS_MODE_16, 32: CS_MODE_32, 64: CS_MODE_64}
_REGISTERS = (
    *("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"),
    *(f"r{number}" for number in range(8, 16)),
    "rip",
)


@dataclass(frozen=True, slots=True)
class Found:
    """Both runs are equal before this instruction, and differ behind it."""

    insns: int
    """How many instructions retired before it."""
    where: str
    text: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """A machine before one instruction, in short."""

    where: str
    text: str
    registers: tuple[int, ...]
    parts: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Apart:
    """Equal at ``low`` instructions, different at ``high``, where ``details`` says how."""

    low: int
    high: int
    details: tuple[str, ...]


def first_difference(
    recorded: Builder, now: Builder, events: tuple[Event, ...], divergence: Divergence
) -> Found | None:
    """Where the two runs part; None when they are equal up to where the journal says that they are not."""
    low, high = divergence.low, divergence.high
    while True:
        step = max(1, (high - low) // _STEPS)
        apart = _pass(recorded, now, events, (low, high, step))
        if apart is None:
            return None
        if apart.low == apart.high:
            return Found(apart.low, "from the start", "", apart.details)
        if step == 1:
            return _in_block(recorded, now, events, apart)
        low, high = apart.low, apart.high


@contextmanager
def _pair(recorded: Builder, now: Builder, events: tuple[Event, ...]) -> Iterator[list[Player]]:
    players: list[Player] = []
    try:
        for builder in (recorded, now):
            players.append(Player(builder, events))
        yield players
    finally:
        for player in players:
            player.close()


def _pass(
    recorded: Builder, now: Builder, events: tuple[Event, ...], span: tuple[int, int, int]
) -> _Apart | None:
    """Compare at every step from low to high."""
    low, high, step = span
    with _pair(recorded, now, events) as players:
        one, other = (player.machine for player in players)
        target = equal = low
        while True:
            ends = [player.run_to(target) for player in players]
            details = _details(one, other)
            if details or ends[0] != ends[1]:
                reached = max(one.insns, other.insns)
                return _Apart(equal, max(reached, equal + (target > low)), details)
            if ends[0] is not None or one.insns > high:
                return None
            equal = one.insns
            target = equal + step


def _details(one: Machine, other: Machine) -> tuple[str, ...]:
    """How two machines differ, the telling things first."""
    first, second = digests(one), digests(other)
    names = [name for name in first if first[name] != second.get(name)]
    lines: list[str] = []
    if one.insns != other.insns:
        lines.append(f"instructions: {one.insns} became {other.insns}")
    if MEMORY in names:
        lines.append(_memory_detail(one, other))
    if PROCESSOR in names:
        lines += _register_details(_registers(one), _registers(other)) or [PROCESSOR]
    if CLOCK in names:
        lines.append(f"time: {one.vtime_ns} ns became {other.vtime_ns} ns")
    lines += [name for name in names if name not in (MEMORY, PROCESSOR, CLOCK)]
    return tuple(lines)


def _memory_detail(one: Machine, other: Machine) -> str:
    first, second = one.partition.memory.buffer, other.partition.memory.buffer
    for at in range(0, len(first), _CHUNK):
        here, there = first[at : at + _CHUNK], second[at : at + _CHUNK]
        if here != there:
            gpa = next(n for n in range(len(here)) if here[n] != there[n])
            return f"memory at {at + gpa:#010x}: {here[gpa]:02x} became {there[gpa]:02x}"
    return MEMORY


def _registers(machine: Machine) -> tuple[int, ...]:
    return tuple(machine.partition.vp.state.q[: s.RIP + 1])


def _register_details(first: tuple[int, ...], second: tuple[int, ...]) -> list[str]:
    return [
        f"{name}: {one:#x} became {other:#x}"
        for name, one, other in zip(_REGISTERS, first, second, strict=True)
        if one != other
    ]


def _in_block(recorded: Builder, now: Builder, events: tuple[Event, ...], apart: _Apart) -> Found:
    """Which instruction of the block between ``low`` and ``high`` it is."""
    with _pair(recorded, now, events) as players:
        one, other = (_looks(player, apart.low, apart.high) for player in players)
    last = -1
    for first, second in zip(one, other, strict=False):
        if (first.registers, first.parts) != (second.registers, second.parts):
            break
        last += 1
    if last < 0:
        return Found(apart.low, "by an event that was delivered there", "", apart.details)
    look = one[last] if last < len(one) else other[last]
    return Found(apart.low + last, look.where, look.text, apart.details[:_MOST_DETAILS])


def _looks(player: Player, low: int, high: int) -> list[_Look]:
    """What is seen before every instruction from ``low`` to ``high``."""
    player.run_to(low)
    machine = player.machine
    vp = machine.partition.vp
    looks: list[_Look] = []

    def look(pc: int) -> None:
        if len(looks) < _MOST_INSTRUCTIONS:
            parts = {MEMORY: memory_digest(machine), **device_digests(machine)}
            looks.append(_Look(vp.where(), _disassembled(machine, pc), _registers(machine), parts))

    watch = InstructionWatch(vp.engine, look)
    player.run_to(high)
    if watch.error is not None:
        raise watch.error
    return looks


def _disassembled(machine: Machine, pc: int) -> str:
    vp = machine.partition.vp
    hflags = vp.state.d[s.HFLAGS]
    bits = 64 if hflags & s.Hflags.CS64 else 32 if hflags & s.Hflags.CS32 else 16
    _, code = vp.engine.code_at(pc, _LONGEST_INSTRUCTION)
    for insn in Cs(CS_ARCH_X86, _MODES[bits]).disasm(code, pc, 1):
        return f"{insn.mnemonic} {insn.op_str}".strip()
    return ""
