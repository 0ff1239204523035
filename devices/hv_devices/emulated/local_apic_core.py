"""The local APIC's core: what is requested, what is in service, what the processor is told.

Document: Intel SDM vol. 3, 11.5.1 to 11.5.3 (pins and errors) and 11.8 (priorities, acceptance, EOI). The
register page and the messages are hv_devices.emulated.local_apic's.

EOI assist: an interrupt may have ended without an EOI. That is looked into when it matters: before another
one is requested, before an EOI, and before somebody looks at what is in service.
"""

from collections.abc import Callable

from hv.interfaces import IrqLine

from .apic_bus import DeliveryMode
from .local_apic_registers import Base, Esr, Lvt, Register, Svr
from .local_apic_state import Bus, EoiAssist, NoEoiAssist, Processor, State

FIRST_VECTOR = 16
"""Lower ones are the processor's exceptions."""

FIRST_LVT = Register.LVT_THERMAL.value
_LINT0 = Register.LVT_LINT0.value - FIRST_LVT
_ERROR = Register.LVT_ERROR.value - FIRST_LVT
_PIN0 = 1 << 0
_ENABLE = Base.ENABLE.value
_SOFTWARE_ENABLE = Svr.ENABLE.value
_MASKED, _LEVEL, _REMOTE_IRR = Lvt.MASKED.value, Lvt.LEVEL.value, Lvt.REMOTE_IRR.value
_FIXED, _NMI = DeliveryMode.FIXED.value, DeliveryMode.NMI.value
_MODE_AND_MASK = Lvt.MODE.value | _MASKED
_UNMASKED_EXTINT = DeliveryMode.EXTINT.value << 8
_LEVEL_FIELDS = _MODE_AND_MASK | _LEVEL | _REMOTE_IRR
_LEVEL_MAY_REQUEST = _LEVEL | _FIXED << 8
_RECEIVED_ILLEGAL = Esr.RECEIVED_ILLEGAL_VECTOR.value


class Pin:
    """LINT0 or LINT1, as the board sees it."""

    __slots__ = ("_apic", "_number")

    def __init__(self, apic: "ApicCore", number: int) -> None:
        self._apic = apic
        self._number = number

    def set(self, level: bool) -> None:
        self._apic.drive(self._number, level)


def _nothing() -> None:
    """Default for a door that nobody uses."""


class ApicCore:
    """Drives ``intr``. ``after_eoi`` is called after every EOI."""

    SAVED = {"pending": bool, "from_root": bool, "_floor": int}

    def __init__(
        self,
        state: State,
        intr: IrqLine,
        processor: Processor,
        bus: Bus,
        ext_int: Callable[[], int],
    ) -> None:
        self.state = state
        self.lint0, self.lint1 = Pin(self, 0), Pin(self, 1)
        self.pending = False  # INTR as it is driven
        self.from_root = False  # what was acknowledged last came by a pin
        self.after_eoi: Callable[[], None] = _nothing
        self._intr = intr
        self._processor = processor
        self._bus = bus
        self._ext_int = ext_int
        self._assist: EoiAssist = NoEoiAssist()
        self._floor = 15  # vectors up to here wait; derived by _settle

    def use_eoi_assist(self, assist: EoiAssist) -> None:
        """From now on tell software when it can do without an EOI."""
        self._assist = assist

    # In.

    def raise_edge(self, vector: int, auto_eoi: bool = False) -> None:
        """Request a fixed, edge-triggered interrupt; with ``auto_eoi`` its delivery is its end."""
        state = self.state
        if not state.svr & _SOFTWARE_ENABLE:
            return
        if vector < FIRST_VECTOR:
            self._fail(_RECEIVED_ILLEGAL)
            return
        self._require_eoi()
        bit = 1 << vector
        state.irr |= bit
        if state.pin:
            state.pin &= ~bit
        if state.tmr:
            state.tmr &= ~bit
        if auto_eoi:
            state.auto_eoi |= bit
        elif state.auto_eoi:
            state.auto_eoi &= ~bit
        self._settle()

    def raise_level(self, vector: int) -> bool:
        """Request a level-triggered interrupt, whose end is broadcast. False when it is lost."""
        state = self.state
        if not state.svr & _SOFTWARE_ENABLE:
            return False
        if vector < FIRST_VECTOR:
            self._fail(_RECEIVED_ILLEGAL)
            return False
        self._require_eoi()
        bit = 1 << vector
        state.irr |= bit
        state.tmr |= bit
        state.auto_eoi &= ~bit
        self._settle()
        return True

    def drive(self, pin: int, level: bool) -> None:
        """LINT0 or LINT1 is driven high or low."""
        state = self.state
        if level == bool(state.pins >> pin & 1):
            return
        state.pins ^= 1 << pin
        if level:
            self._pin_rose(pin)
        self._settle()

    def _pin_rose(self, pin: int) -> None:
        """NMI and fixed vectors; an ExtINT is a level, which ``_settle`` looks at."""
        state = self.state
        if not state.base & _ENABLE:
            if pin:
                self._processor.nmi()
            return
        entry = state.lvt[_LINT0 + pin]
        if entry & _MODE_AND_MASK == _NMI << 8:
            self._processor.nmi()
        elif entry & (_MODE_AND_MASK | _LEVEL) == _FIXED << 8:
            self.raise_edge(entry & 0xFF)
        else:
            self._serve_level(pin)

    def _serve_level(self, pin: int) -> None:
        """A level-triggered pin requests while it is high and its last request has ended."""
        state, index = self.state, _LINT0 + pin
        entry = state.lvt[index]
        if entry & _LEVEL_FIELDS != _LEVEL_MAY_REQUEST or not state.pins >> pin & 1:
            return
        if self.raise_level(entry & 0xFF):
            state.lvt[index] |= _REMOTE_IRR

    def _fail(self, error: int) -> None:
        """Note an error and say so, unless the error interrupt's own vector is illegal."""
        state = self.state
        state.errors |= error
        entry = state.lvt[_ERROR]
        if entry & _MASKED:
            return
        if entry & 0xFF < FIRST_VECTOR:
            state.errors |= _RECEIVED_ILLEGAL
        else:
            self.raise_edge(entry & 0xFF)

    # Out.

    def acknowledge(self) -> int:
        """The processor takes what INTR announced: the vector, in service from now on."""
        state = self.state
        vector = state.irr.bit_length() - 1
        if vector > self._floor:
            bit = 1 << vector
            state.irr ^= bit
            self.from_root = bool(state.pin & bit)
            if state.auto_eoi & bit:
                state.auto_eoi ^= bit
            else:
                state.isr |= bit
                if not state.irr and not state.tmr & bit:
                    state.eoi_optional = self._assist.offer()
            self._settle()
            return vector
        if not self.pending:
            return state.svr & 0xFF
        state.ext_message = False
        self.from_root = True
        vector = self._ext_int()
        self._settle()
        return vector

    def eoi(self) -> None:
        """End the highest interrupt in service."""
        self._require_eoi()
        state = self.state
        vector = state.isr.bit_length() - 1
        if vector >= 0:
            bit = 1 << vector
            state.isr ^= bit
            if state.tmr & bit:
                self._end_level(vector)
            self._settle()
        self.after_eoi()

    def _require_eoi(self) -> None:
        """The highest interrupt in service has ended without an EOI, or cannot any more."""
        state = self.state
        if not state.eoi_optional:
            return
        state.eoi_optional = False
        if not self._assist.withdraw():
            state.isr ^= 1 << state.isr.bit_length() - 1
            self._settle()

    def _end_level(self, vector: int) -> None:
        lvt = self.state.lvt
        for pin in (0, 1):
            entry = lvt[_LINT0 + pin]
            if entry & _REMOTE_IRR and entry & 0xFF == vector:
                lvt[_LINT0 + pin] = entry & ~_REMOTE_IRR
                self._serve_level(pin)
        self._bus.broadcast_eoi(vector)

    def _settle(self) -> None:
        """Compare priorities anew and drive INTR.

        A vector is delivered when its class, the high nibble, is above those of the task and of what is
        in service.
        """
        state = self.state
        floor, serving = state.tpr | 15, (state.isr.bit_length() - 1) | 15
        if serving > floor:
            floor = serving
        self._floor = floor
        pending = state.irr.bit_length() - 1 > floor or state.ext_message
        if not pending and state.pins & _PIN0:
            wired = state.lvt[_LINT0] & _MODE_AND_MASK == _UNMASKED_EXTINT
            pending = wired or not state.base & _ENABLE
        if pending != self.pending:
            self.pending = pending
            self._intr.set(pending)

    # Priorities.

    def read_tpr(self) -> int:
        """The task priority register, eight bits."""
        return self.state.tpr

    def write_tpr(self, value: int) -> None:
        self.state.tpr = value & 0xFF
        self._settle()

    @property
    def cr8(self) -> int:
        """The task's priority class."""
        return self.state.tpr >> 4

    @cr8.setter
    def cr8(self, value: int) -> None:
        self.write_tpr((value & 0xF) << 4)

    def processor_priority(self) -> int:
        """PPR."""
        self._require_eoi()
        state = self.state
        serving = max(state.isr.bit_length() - 1, 0)
        return state.tpr if state.tpr >> 4 >= serving >> 4 else serving & 0xF0

    def arbitration_priority(self) -> int:
        """APR: PPR, had the highest request been taken."""
        self._require_eoi()
        state = self.state
        waiting, serving = max(state.irr.bit_length() - 1, 0), max(state.isr.bit_length() - 1, 0)
        task = state.tpr >> 4
        if task >= waiting >> 4 and task > serving >> 4:
            return state.tpr
        return max(state.tpr, waiting, serving) & 0xF0
