"""Where a guest hangs: its place, the nearest symbol, the loop it is in, what it waits for."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hv.cpu import state as s
from hv.cpu.disassembly import CodeLine, disassemble
from hv.cpu.exits import ExitReason
from hv.live.recorder import FlightRecorder
from hv.live.seat import Seat
from hv.memory import FIRMWARE_ROM, FIRMWARE_ROM_SIZE
from hv.root.machine import Machine
from hv.stats import ExitKey
from hv.vp import VirtualProcessor

LOOK_BLOCKS = 256
"""Basic blocks that a hanging guest is followed for."""
_MOST_LINES = 24
_BLOCK_BYTES = 128
_OFTEN = 4
_HLT = b"\xf4"
_FAR = 1 << 16  # no function is larger
_VERBS = {
    ExitReason.PORT_READ: "polls",
    ExitReason.MMIO_READ: "polls",
    ExitReason.MSR_READ: "polls",
    ExitReason.PORT_WRITE: "writes",
    ExitReason.MMIO_WRITE: "writes",
    ExitReason.MSR_WRITE: "writes",
    ExitReason.CPUID: "executes CPUID",
    ExitReason.HLT: "halts again and again",
    ExitReason.EXCEPTION: "faults:",
    ExitReason.SOFTWARE_INTERRUPT: "calls",
    ExitReason.INTERRUPT: "is interrupted by",
    ExitReason.ROOT_INTERRUPT: "is interrupted by",
    ExitReason.HYPERCALL: "calls",
}


@dataclass(frozen=True, slots=True)
class Hang:
    """What there is to say about a guest that goes nowhere."""

    where: str
    """CS:RIP"""
    symbol: str
    """``wait_ready+0x4``; empty when nothing is known."""
    waits_for: str
    code: tuple[str, ...]
    """The loop, one instruction a line, the current one marked with ``>``."""

    def text(self) -> str:
        """All of it for people."""
        symbol = f" ({self.symbol})" if self.symbol else ""
        return "\n".join([f"at {self.where}{symbol}: {self.waits_for}", *self.code])


def nearest_symbol(symbols: Mapping[str, int], address: int) -> str:
    """The symbol at or before ``address``, and how far into it; of several at one place the first."""
    if FIRMWARE_ROM <= address < FIRMWARE_ROM + FIRMWARE_ROM_SIZE:
        return "firmware"
    best = max((at for at in symbols.values() if at <= address), default=None)
    if best is None or address - best > _FAR:
        return ""
    name = next(name for name, at in symbols.items() if at == best)
    return name if best == address else f"{name}+{address - best:#x}"


class HangSight:
    """Looks at one machine that stands still. ``run`` runs it to a number of instructions."""

    def __init__(
        self,
        seat: Seat,
        recorder: FlightRecorder,
        run: Callable[[int], object],
    ) -> None:
        self._seat = seat
        self._recorder = recorder
        self._run = run

    @property
    def _machine(self) -> Machine:
        return self._seat.machine

    @property
    def _vp(self) -> VirtualProcessor:
        return self._machine.partition.vp

    def _symbol(self, address: int) -> str:
        return nearest_symbol(self._machine.symbols.places, address)

    def here(self) -> str:
        """CS:RIP and its symbol."""
        where = self._vp.where()
        symbol = self._symbol(self._behind_halt(self._linear_rip()))
        return f"{where} ({symbol})" if symbol else where

    def look(self) -> Hang:
        """Follow the guest for some more blocks, which runs it on, and say what it does."""
        where, rip = self._vp.where(), self._linear_rip()
        halted = self._vp.halted or self._vp.end is not None
        starts, exits = ([], Counter[ExitKey]()) if halted else self._follow()
        return Hang(
            where=where,
            symbol=self._symbol(self._behind_halt(rip)),
            waits_for=self._why_halted() if halted else self._why_busy(exits),
            code=tuple(self._listing(rip, starts or [self._behind_halt(rip)])),
        )

    def _follow(self) -> tuple[list[int], Counter[ExitKey]]:
        """Linear addresses of the blocks that it runs most, and its exits meanwhile."""
        seen: Counter[int] = Counter()
        exits: Counter[ExitKey] = Counter()
        with self._recorder.tap(lambda key: exits.update((key,))):
            for _ in range(LOOK_BLOCKS):
                seen[self._linear_rip()] += 1
                if self._vp.end is not None or self._vp.halted:
                    break
                self._run(self._machine.insns + 1)
        often = max(seen.values(), default=0) // 2
        return sorted(start for start, count in seen.items() if count >= often), exits

    def _behind_halt(self, rip: int) -> int:
        """Where a guest is, for people: at the HLT that it stands behind."""
        before = self._vp.linear.peek(rip - 1, 1) if self._vp.halted and rip else None
        return rip - 1 if before == _HLT else rip

    def _why_halted(self) -> str:
        end = self._vp.end
        if end is not None:
            return end.detail or f"the run has ended: {end.ending.value}"
        interruptible = bool(self._vp.state.q[s.RFLAGS] & s.Rflags.IF)
        return "HLT, waits for an interrupt" if interruptible else "HLT with IF=0"

    def _why_busy(self, exits: Counter[ExitKey]) -> str:
        often = [(key, count) for key, count in exits.most_common(4) if count >= _OFTEN]
        words = []
        for key, count in often:
            reason = ExitReason(key.reason)
            device, target = self._machine.exit_target(key)
            verb = _VERBS.get(reason, f"makes exits ({reason.label})")
            object_of = f" {target} ({device})" if target else ""
            words.append(f"{verb}{object_of}, {count} times")
        return (
            f"in {LOOK_BLOCKS} blocks it " + "; ".join(words)
            if words
            else ("no exits: it computes, or waits for memory to change")
        )

    def _linear_rip(self) -> int:
        state = self._vp.state
        return state.base(s.CS) + state.q[s.RIP]

    def _listing(self, rip: int, starts: list[int]) -> list[str]:
        bits = self._code_bits()
        digits = 16 if bits == 64 else 8
        lines: dict[int, CodeLine] = {}
        for start in starts:
            code = self._vp.linear.peek(start, _BLOCK_BYTES) or b""
            for line in disassemble(code, start, bits, _MOST_LINES):
                lines.setdefault(line.address, line)
        shown = [lines[at] for at in sorted(lines)][:_MOST_LINES]
        return [
            f"{'>' if line.address == rip else ' '} {line.address:0{digits}x}  {line.text}"
            for line in shown
        ]

    def _code_bits(self) -> int:
        hflags = self._vp.state.d[s.HFLAGS]
        return 64 if hflags & s.Hflags.CS64 else 32 if hflags & s.Hflags.CS32 else 16
