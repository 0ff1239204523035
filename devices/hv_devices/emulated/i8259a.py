"""8259A programmable interrupt controller.

Follows Intel's 8259A data sheet (order number 231468-003). The level-select mask of ``elcr`` is
the edge/level control register of the PC chip sets (Intel 82371AB PIIX4 data sheet, ELCR1 and
ELCR2), which took the place of ICW1's LTIM; here either of them makes an input level-triggered.

An edge-triggered input requests only while its pin stays high: a pin that falls before the first
INTA pulse takes its request back, and the processor gets the default level 7 with no in-service
bit.

Choices where the data sheet is silent: INT stays low from power-on, and from ICW1 on, until the
last ICW arrived; ICW1 clears the in-service register and AEOI rotation; a poll that finds nothing
reads 0.

Left out: MCS-80/85 mode (ICW4's uPM and ICW1's ADI are ignored, vectors are always the 8086's) and
buffered mode (the SP/EN pin alone says which chip is the master).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag

from hv.interfaces import IrqLine


class Icw1(IntFlag):
    """First initialization command word; offset 0 with START set."""

    IC4 = 1 << 0
    SNGL = 1 << 1
    ADI = 1 << 2
    LTIM = 1 << 3
    START = 1 << 4


class Icw4(IntFlag):
    """Fourth initialization command word."""

    UPM = 1 << 0
    AEOI = 1 << 1
    MASTER = 1 << 2
    BUF = 1 << 3
    SFNM = 1 << 4


class Ocw3(IntFlag):
    """Third operation command word; offset 0 with SELECT set and Icw1.START clear."""

    RIS = 1 << 0
    RR = 1 << 1
    P = 1 << 2
    SELECT = 1 << 3
    SMM = 1 << 5
    ESMM = 1 << 6


_ICW1_START = Icw1.START.value
_OCW3_SELECT = Ocw3.SELECT.value

POLL_INTERRUPT = 0x80
"""Bit 7 of a poll's answer: the low bits name a level that was requesting."""

NO_LEVEL = -1
SPURIOUS_LEVEL = 7

_FIRST_SET = bytes(8 if byte == 0 else (byte & -byte).bit_length() - 1 for byte in range(256))
"""The priority resolver: a byte's lowest set bit, 8 when there is none."""


@dataclass
class State:
    """Everything the chip remembers. ``lines`` mirrors the pins, which others drive."""

    lines: int = 0
    armed: int = 0xFF
    """Edge sense latches: the input was low since it was last acknowledged."""
    elcr: int = 0
    imr: int = 0
    isr: int = 0
    lowest: int = 7
    """The level with the lowest priority; rotation moves it."""
    vector_base: int = 0
    icw3: int = 0
    """Master: inputs that have a slave. Slave: its own identity."""
    expected_icw: int = 0
    """Which ICW the next write to offset 1 is; 0: none, it is OCW1."""
    ready: bool = False
    single: bool = False
    wants_icw4: bool = False
    level_triggered: bool = False
    auto_eoi: bool = False
    rotate_in_aeoi: bool = False
    special_fully_nested: bool = False
    special_mask: bool = False
    read_isr: bool = False
    poll: bool = False


class Input:
    """One IR pin, as the device behind it sees it."""

    __slots__ = ("_bit", "_chip")

    def __init__(self, chip: "I8259A", number: int) -> None:
        self._chip = chip
        self._bit = 1 << number

    def set(self, level: bool) -> None:
        self._chip.drive(self._bit, level)


def _nothing() -> None:
    """Default for a door that nobody uses."""


class I8259A:
    """One chip: offset 0 takes ICW1, OCW2 and OCW3, offset 1 the other words.

    ``mask_changed`` is told when ``unmasked`` changed; ``refresh`` is called before the guest
    looks at the request register, for sources that drive masked inputs lazily.
    """

    SAVED = {"_level": int, "pending": bool}

    def __init__(
        self,
        output: IrqLine,
        *,
        master: bool = True,
        mask_changed: Callable[[], None] = _nothing,
        refresh: Callable[[], None] = _nothing,
    ) -> None:
        self._output = output
        self._master = master
        self._mask_changed = mask_changed
        self._refresh = refresh
        self._inputs = [Input(self, number) for number in range(8)]
        self._level = NO_LEVEL  # the request that INTA would take; derived by _settle
        self.pending = False  # INT as it is driven
        self.state = State()

    def line(self, number: int) -> Input:
        """The input pin IR0 to IR7."""
        return self._inputs[number]

    def reset(self) -> None:
        """As after power-on, but that the pins are where their drivers hold them."""
        self.state = State(lines=self.state.lines)
        self._settle()
        self._mask_changed()

    @property
    def unmasked(self) -> int:
        """Inputs whose request would drive INT."""
        return ~self.state.imr & 0xFF if self.state.ready else 0

    @property
    def irr(self) -> int:
        """The interrupt request register; the mask does not touch it."""
        state = self.state
        return state.lines & (0xFF if state.level_triggered else state.armed | state.elcr)

    def read(self, offset: int, width: int) -> int:
        state = self.state
        if state.poll:
            state.poll = False
            self._refresh()
            return 0 if self._level < 0 else POLL_INTERRUPT | self.take()
        if offset:
            return state.imr
        if state.read_isr:
            return state.isr
        self._refresh()
        return self.irr

    def write(self, offset: int, value: int, width: int) -> None:
        state = self.state
        if offset:
            if state.expected_icw:
                _ICWS[state.expected_icw](self, value)
            else:
                state.imr = value
        elif value & _ICW1_START:
            self._icw1(value)
        elif value & _OCW3_SELECT:
            self._ocw3(value)
        else:
            _OCW2[value >> 5](self, value & 7)
        self._settle()
        if offset or value & _ICW1_START:
            self._mask_changed()

    def drive(self, bit: int, level: bool) -> None:
        """An input pin (given as its bit) is driven high or low."""
        state = self.state
        if level:
            if state.lines & bit:
                return
            state.lines |= bit
        else:
            if not state.lines & bit:
                return
            state.lines &= ~bit
            state.armed |= bit
        self._settle()

    def set_elcr(self, value: int) -> None:
        """Which inputs are level-triggered."""
        self.state.elcr = value
        self._settle()

    def take(self) -> int:
        """This chip's part of an INTA cycle: the level that goes into service.

        INT falls during the cycle even when another request follows at once: the master's
        edge-triggered cascade input must see every request of its slave.
        """
        level = self._level
        if level < 0:
            return SPURIOUS_LEVEL
        state = self.state
        bit = 1 << level
        state.armed &= ~bit
        if not state.auto_eoi:
            state.isr |= bit
        elif state.rotate_in_aeoi:
            state.lowest = level
        self.pending = False
        self._output.set(False)
        self._settle()
        return level

    def _settle(self) -> None:
        """Resolve priorities anew and drive INT."""
        state = self.state
        armed = 0xFF if state.level_triggered else state.armed | state.elcr
        requests = state.lines & armed & ~state.imr
        self._level = self._resolve(requests) if requests and state.ready else NO_LEVEL
        pending = self._level >= 0
        if pending != self.pending:
            self.pending = pending
            self._output.set(pending)

    def _resolve(self, requests: int) -> int:
        """The highest request, unless a level in service holds it off."""
        state = self.state
        top = (state.lowest + 1) & 7
        rank = _rank(requests, top)
        level = (rank + top) & 7
        in_service = state.isr & ~state.imr if state.special_mask else state.isr
        if in_service:
            held = _rank(in_service, top)
            if rank > held or (rank == held and not self._nests(level)):
                return NO_LEVEL
        return level

    def _nests(self, level: int) -> bool:
        """Special fully nested mode: a slave in service may interrupt again."""
        return (
            self._master and self.state.special_fully_nested and bool(self.state.icw3 >> level & 1)
        )

    # Initialization command words

    def _icw1(self, value: int) -> None:
        old = self.state
        self.state = State(
            lines=old.lines,
            armed=~old.lines & 0xFF,
            elcr=old.elcr,
            vector_base=old.vector_base,
            icw3=0 if self._master else 7,
            expected_icw=2,
            single=bool(value & Icw1.SNGL.value),
            wants_icw4=bool(value & Icw1.IC4.value),
            level_triggered=bool(value & Icw1.LTIM.value),
        )

    def _icw2(self, value: int) -> None:
        self.state.vector_base = value & 0xF8
        if self.state.single:
            self._after_icw3()
        else:
            self.state.expected_icw = 3

    def _icw3(self, value: int) -> None:
        self.state.icw3 = value if self._master else value & 7
        self._after_icw3()

    def _after_icw3(self) -> None:
        self.state.expected_icw = 4 if self.state.wants_icw4 else 0
        self.state.ready = not self.state.wants_icw4

    def _icw4(self, value: int) -> None:
        self.state.auto_eoi = bool(value & Icw4.AEOI.value)
        self.state.special_fully_nested = bool(value & Icw4.SFNM.value)
        self.state.expected_icw = 0
        self.state.ready = True

    # Operation command words

    def _eoi(self, _: int) -> None:
        self._end_highest()

    def _specific_eoi(self, level: int) -> None:
        self.state.isr &= ~(1 << level)

    def _rotate_on_eoi(self, _: int) -> None:
        level = self._end_highest()
        if level >= 0:
            self.state.lowest = level

    def _rotate_on_specific_eoi(self, level: int) -> None:
        self._specific_eoi(level)
        self.state.lowest = level

    def _set_priority(self, level: int) -> None:
        self.state.lowest = level

    def _set_rotate_in_aeoi(self, _: int) -> None:
        self.state.rotate_in_aeoi = True

    def _clear_rotate_in_aeoi(self, _: int) -> None:
        self.state.rotate_in_aeoi = False

    def _no_operation(self, _: int) -> None:
        """R = 0, SL = 1, EOI = 0."""

    def _end_highest(self) -> int:
        """End the highest level in service and name it. Special mask mode passes over masked
        ones."""
        state = self.state
        in_service = state.isr & ~state.imr if state.special_mask else state.isr
        if not in_service:
            return NO_LEVEL
        top = (state.lowest + 1) & 7
        level = (_rank(in_service, top) + top) & 7
        state.isr &= ~(1 << level)
        return level

    def _ocw3(self, value: int) -> None:
        state = self.state
        if value & Ocw3.ESMM.value:
            state.special_mask = bool(value & Ocw3.SMM.value)
        if value & Ocw3.P.value:
            state.poll = True
        elif value & Ocw3.RR.value:
            state.read_isr = bool(value & Ocw3.RIS.value)


def _rank(levels: int, top: int) -> int:
    """The priority (0: highest) of the first of ``levels``, where level ``top`` comes first."""
    return _FIRST_SET[(levels >> top | levels << (8 - top)) & 0xFF]


_ICWS: dict[int, Callable[[I8259A, int], None]] = {
    2: I8259A._icw2,
    3: I8259A._icw3,
    4: I8259A._icw4,
}

_OCW2: tuple[Callable[[I8259A, int], None], ...] = (
    I8259A._clear_rotate_in_aeoi,
    I8259A._eoi,
    I8259A._no_operation,
    I8259A._specific_eoi,
    I8259A._set_rotate_in_aeoi,
    I8259A._rotate_on_eoi,
    I8259A._set_priority,
    I8259A._rotate_on_specific_eoi,
)
"""Indexed by OCW2's R, SL and EOI bits."""
