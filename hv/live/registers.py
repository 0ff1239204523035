"""Registers by name: ``machine.registers["rax"]``."""

from collections.abc import Iterator, Mapping

from hv.cpu import state as s
from hv.errors import ConfigError
from hv.live.seat import Seat
from hv.root.journal.host import SETTABLE, HostHand
from hv.root.journal.records import RegisterSet
from hv.vp import VirtualProcessor

_GENERAL = tuple(name for name in SETTABLE if name != "rip")
_WORDS = {
    **SETTABLE,
    "cr0": s.CR0,
    "cr2": s.CR2,
    "cr3": s.CR3,
    "cr4": s.CR4,
    "cr8": s.CR8,
    "efer": s.EFER,
    "dr0": s.DR0,
    "dr6": s.DR6,
    "dr7": s.DR7,
}
"""Names of the words of a saved state."""
_SELECTORS = {name: index for index, name in enumerate(("es", "cs", "ss", "ds", "fs", "gs"))}
_TABLES = {"ldtr": s.LDTR, "tr": s.TR, "gdtr": s.GDTR, "idtr": s.IDTR}
_ALIASES = {
    **{f"e{name[1:]}": (name, 0xFFFF_FFFF) for name in _GENERAL[:8]},
    **{name[1:]: (name, 0xFFFF) for name in _GENERAL[:8]},
    "eip": ("rip", 0xFFFF_FFFF),
    "ip": ("rip", 0xFFFF),
    "eflags": ("rflags", 0xFFFF_FFFF),
}
_XMM = {f"xmm{number}": number for number in range(16)}


class Registers(Mapping[str, int]):
    """The processor's registers. General registers and RIP can be set, while the machine stands still."""

    def __init__(self, seat: Seat, hand: HostHand) -> None:
        self._seat = seat
        self._hand = hand

    @property
    def _vp(self) -> VirtualProcessor:
        return self._seat.machine.partition.vp

    def __getitem__(self, name: str) -> int:
        name = name.lower()
        if name in _ALIASES:
            whole, mask = _ALIASES[name]
            return self[whole] & mask
        state = self._vp.state
        if name in _WORDS:
            return state.q[_WORDS[name]]
        if name in _SELECTORS:
            return state.selector(_SELECTORS[name])
        if name == "rflags":
            return self._vp.engine.read_rflags()
        if name in _XMM:
            return state.xmm(_XMM[name])
        if name.endswith("_base") and (index := _segment(name)) is not None:
            return state.base(index)
        if name.endswith("_limit") and (index := _segment(name)) is not None:
            return state.limit(index)
        raise ConfigError(f"no register is called {name!r}", usage=True)

    def __setitem__(self, name: str, value: int) -> None:
        self._hand.give(RegisterSet(name, value))

    def __iter__(self) -> Iterator[str]:
        yield from _WORDS
        yield "rflags"
        yield from _SELECTORS
        for name in (*_SELECTORS, *_TABLES):
            yield f"{name}_base"
            yield f"{name}_limit"
        yield from _XMM

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _segment(name: str) -> int | None:
    segment = name.partition("_")[0]
    return _SELECTORS.get(segment, _TABLES.get(segment))
