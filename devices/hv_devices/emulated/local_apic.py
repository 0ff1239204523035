"""The local APIC of one processor: xAPIC, integrated (version 14h), six entries in the local vector table.

Documents: Intel SDM vol. 3, chapter 11, and AMD64 APM vol. 2, chapter 16. The processor sees INTR and asks
``acknowledge`` for the vector; software sees the register page and MSR IA32_APIC_BASE.

After a reset every local interrupt is masked, LINT0 with the 8259s behind it included: firmware sets
virtual wire mode (``VIRTUAL_WIRE`` beside the registers) for guests that know no APIC. When IA32_APIC_BASE
disables it, the APIC is not there: LINT0 is INTR, LINT1 is NMI, the page reads all ones, and only the task
priority survives, because CR8 does.

Choices where the documents leave room: vectors that were pending when software disables the APIC may still
be delivered, new ones are lost; the ID is read-only; a pin that is driven high is asserted whatever its
polarity bit says, which is only kept; registers take aligned 32-bit writes alone, narrower reads see a
part; an interrupt to oneself may have any delivery mode. Left out: x2APIC, SMI, INIT by a pin, remote
read, focus processor, EOI broadcast suppression, CMCI, and sources for the thermal and performance counter
entries.
"""

from collections.abc import Callable

from hv.interfaces import Clock, IrqLine

from .apic_bus import BROADCAST, ApicMessage, DeliveryMode
from .local_apic_core import FIRST_LVT, FIRST_VECTOR, ApicCore
from .local_apic_registers import LVT_WRITABLE, Base, Esr, Icr, Lvt, Register, Shorthand, Svr
from .local_apic_state import Bus, Processor, State
from .local_apic_timer import ApicTimer

APIC_PAGE = 0xFEE00000
VERSION = 5 << 16 | 0x14

_U32 = 0xFFFFFFFF
_HIGH_BYTE = 0xFF000000
_DFR_ONES = 0x0FFFFFFF
_FLAT, _CLUSTER = 0xF, 0x0
_ENABLE, _BOOTSTRAP = Base.ENABLE.value, Base.BOOTSTRAP.value
_SOFTWARE_ENABLE = Svr.ENABLE.value
_SVR_WRITABLE = (Svr.VECTOR | Svr.ENABLE | Svr.NO_FOCUS).value
_MASKED, _REMOTE_IRR = Lvt.MASKED.value, Lvt.REMOTE_IRR.value
_FIXED, _LOWEST = DeliveryMode.FIXED.value, DeliveryMode.LOWEST_PRIORITY.value
_NMI, _INIT = DeliveryMode.NMI.value, DeliveryMode.INIT.value
_STARTUP, _EXTINT = DeliveryMode.STARTUP.value, DeliveryMode.EXTINT.value
_SENDABLE = frozenset({_FIXED, _LOWEST, _NMI, _INIT, _STARTUP})
_ICR_WRITABLE = (Icr.VECTOR | Icr.MODE | Icr.LOGICAL | Icr.ASSERT | Icr.LEVEL | Icr.SHORTHAND).value
_ICR_LOGICAL, _ICR_ASSERT, _ICR_LEVEL = Icr.LOGICAL.value, Icr.ASSERT.value, Icr.LEVEL.value
_SELF, _ALL, _OTHERS = Shorthand.SELF.value, Shorthand.ALL.value, Shorthand.OTHERS.value
_SEND_ILLEGAL, _ILLEGAL_REGISTER = Esr.SEND_ILLEGAL_VECTOR.value, Esr.ILLEGAL_REGISTER.value
_PINS = 2
_LINT0 = Register.LVT_LINT0.value - FIRST_LVT


def _stays(_gpa: int) -> None:
    """Default for a door that nobody uses."""


class LocalApic(ApicCore):
    """``lint0`` takes the 8259s' INT, ``lint1`` NMI; ``ext_int`` is the 8259s' acknowledge.

    ``on_move`` is called with the register page's new address when software moves it. The time stamp
    counts nanoseconds.
    """

    def __init__(
        self,
        apic_id: int,
        clock: Clock,
        intr: IrqLine,
        processor: Processor,
        bus: Bus,
        *,
        ext_int: Callable[[], int],
        read_tsc: Callable[[], int],
        bootstrap: bool = True,
        physical_bits: int = 40,
        on_move: Callable[[int], None] = _stays,
    ) -> None:
        self._reset_base = APIC_PAGE | _ENABLE | (_BOOTSTRAP if bootstrap else 0)
        super().__init__(State(self._reset_base), intr, processor, bus, ext_int)
        self.apic_id = apic_id
        self._on_move = on_move
        self._address_bits = (1 << physical_bits) - (1 << 12)
        self._timer = ApicTimer(clock, read_tsc, self.raise_edge)
        self._load(self.state)

    def reset(self) -> None:
        """As after power-on, but that the pins are where their drivers hold them."""
        moved = (self.state.base ^ self._reset_base) & self._address_bits
        self._load(State(self._reset_base, self.state.pins))
        if moved:
            self._on_move(APIC_PAGE)

    def _load(self, state: State) -> None:
        self._require_eoi()
        self.state = state
        self._timer.load(state.timer)
        self._settle()

    def restored(self) -> None:
        """The state was put back, the alarm with it."""
        self._timer.state = self.state.timer

    # MSRs.

    @property
    def enabled(self) -> bool:
        """There is an APIC at all: its bit in CPUID follows this."""
        return bool(self.state.base & _ENABLE)

    def read_base(self) -> int:
        """MSR IA32_APIC_BASE."""
        return self.state.base

    def write_base(self, value: int) -> bool:
        """The same. False for a value that a processor refuses with #GP."""
        if value & ~(self._address_bits | _ENABLE | _BOOTSTRAP):
            return False
        state = self.state
        moved = (value ^ state.base) & self._address_bits
        base = value & ~_BOOTSTRAP | self._reset_base & _BOOTSTRAP
        if base & _ENABLE:
            state.base = base
            self._settle()
        else:
            self._load(State(base, state.pins, state.tpr))
        if moved:
            self._on_move(base & self._address_bits)
        return True

    def read_tsc_deadline(self) -> int:
        """MSR IA32_TSC_DEADLINE."""
        return self.state.timer.deadline

    def write_tsc_deadline(self, value: int) -> None:
        """The same; 0 disarms. Ignored unless the timer is in that mode."""
        self._timer.write_deadline(value)

    def tsc_changed(self) -> None:
        """Software wrote the time stamp counter: a deadline is nearer or farther."""
        self._timer.tsc_changed()

    # The register page.

    def read(self, offset: int, width: int) -> int:
        ones = (1 << 8 * width) - 1
        if not self.state.base & _ENABLE:
            return ones
        reader = _READERS.get(offset >> 4)
        if reader is None:
            self._fail(_ILLEGAL_REGISTER)
            return 0
        return reader(self) >> 8 * (offset & 15) & ones

    def write(self, offset: int, value: int, width: int) -> None:
        if width != 4 or offset & 15 or not self.state.base & _ENABLE:
            return
        writer = _WRITERS.get(offset >> 4)
        if writer is not None:
            writer(self, value)
        elif offset >> 4 not in _READERS:
            self._fail(_ILLEGAL_REGISTER)

    def _write_eoi(self, _value: int) -> None:
        self.eoi()

    def _write_ldr(self, value: int) -> None:
        self.state.ldr = value & _HIGH_BYTE

    def _write_dfr(self, value: int) -> None:
        self.state.dfr = value | _DFR_ONES

    def _write_svr(self, value: int) -> None:
        """Software's switch masks every local interrupt on its way off."""
        state = self.state
        state.svr = value & _SVR_WRITABLE
        if not value & _SOFTWARE_ENABLE:
            state.lvt = [entry | _MASKED for entry in state.lvt]
            self._timer.write_lvt(state.timer.lvt | _MASKED)
        self._settle()

    def _write_esr(self, _value: int) -> None:
        """Show what went wrong since the last write."""
        self.state.esr, self.state.errors = self.state.errors, 0

    def _forced_mask(self) -> int:
        return 0 if self.state.svr & _SOFTWARE_ENABLE else _MASKED

    def _write_lvt_timer(self, value: int) -> None:
        self._timer.write_lvt(value | self._forced_mask())

    def _write_lvt(self, index: int, value: int) -> None:
        lvt = self.state.lvt
        value = value & LVT_WRITABLE[index] | self._forced_mask()
        lvt[index] = value | lvt[index] & _REMOTE_IRR
        if 0 <= index - _LINT0 < _PINS:
            self._serve_level(index - _LINT0)
        self._settle()

    # Commands.

    def read_icr(self) -> int:
        """Both halves of the interrupt command, as the synthetic register has them."""
        return self.state.icr_high << 32 | self.state.icr_low

    def write_icr(self, value: int) -> None:
        """The same; sends the interrupt."""
        self._write_icr_high(value >> 32 & _U32)
        self._write_icr_low(value & _U32)

    def _write_icr_high(self, value: int) -> None:
        self.state.icr_high = value & _HIGH_BYTE

    def _write_icr_low(self, value: int) -> None:
        """Send. All interrupts between processors are edges: the level is INIT's de-assertion alone."""
        state = self.state
        state.icr_low = value & _ICR_WRITABLE
        vector, mode, shorthand = value & 0xFF, value >> 8 & 7, value >> 18 & 3
        if mode not in _SENDABLE:
            return
        if mode == _INIT and value & _ICR_LEVEL and not value & _ICR_ASSERT:
            return  # sets arbitration IDs, which nothing has any more
        if mode <= _LOWEST and vector < FIRST_VECTOR:
            self._fail(_SEND_ILLEGAL)
        elif shorthand >= _ALL:
            everybody = ApicMessage(vector, mode, BROADCAST)
            self._bus.send(everybody, self if shorthand == _OTHERS else None)
        else:
            logical = bool(value & _ICR_LOGICAL)
            message = ApicMessage(vector, mode, state.icr_high >> 24, logical)
            if shorthand == _SELF:
                self.accept(message)
            else:
                self._bus.send(message)

    # Messages (hv_devices.emulated.apic_bus.BusAgent).

    def answers(self, destination: int, logical: bool) -> bool:
        """Is a message to ``destination`` for this APIC?"""
        state = self.state
        if not state.base & _ENABLE:
            return False
        if destination == BROADCAST:
            return True
        if not logical:
            return destination == self.apic_id
        mine, model = state.ldr >> 24, state.dfr >> 28
        if model == _FLAT:
            return bool(mine & destination)
        return model == _CLUSTER and mine >> 4 == destination >> 4 and bool(mine & destination & 15)

    def rank(self) -> int | None:
        """How busy the processor is; None: it takes no vectors."""
        return self.processor_priority() if self.state.svr & _SOFTWARE_ENABLE else None

    def accept(self, message: ApicMessage) -> bool:
        """Take a message. False when it is lost."""
        handler = _ACCEPT.get(message.mode)
        return handler is not None and handler(self, message)

    def _accept_vector(self, message: ApicMessage) -> bool:
        if message.level:
            accepted = self.raise_level(message.vector)
        else:
            self.raise_edge(message.vector)
            accepted = bool(self.state.svr & _SOFTWARE_ENABLE)
        if accepted and message.pin:
            self.state.pin |= 1 << message.vector
        return accepted

    def _accept_nmi(self, _message: ApicMessage) -> bool:
        self._processor.nmi()
        return True

    def _accept_init(self, _message: ApicMessage) -> bool:
        """All but ID and base address are as after a reset; then it is the processor's turn."""
        self._load(State(self.state.base, self.state.pins))
        self._processor.init()
        return True

    def _accept_startup(self, message: ApicMessage) -> bool:
        self._processor.start_up(message.vector)
        return True

    def _accept_extint(self, _message: ApicMessage) -> bool:
        if not self.state.svr & _SOFTWARE_ENABLE:
            return False
        self.state.ext_message = True
        self._settle()
        return True


_ACCEPT: dict[int, Callable[[LocalApic, ApicMessage], bool]] = {
    _FIXED: LocalApic._accept_vector,
    _LOWEST: LocalApic._accept_vector,
    _NMI: LocalApic._accept_nmi,
    _INIT: LocalApic._accept_init,
    _STARTUP: LocalApic._accept_startup,
    _EXTINT: LocalApic._accept_extint,
}

_Reader = Callable[[LocalApic], int]
_Writer = Callable[[LocalApic, int], None]


def _vectors(name: str, part: int) -> _Reader:
    """32 of a register's 256 bits."""
    return lambda apic: int(getattr(apic.state, name)) >> 32 * part & _U32


def _in_service(part: int) -> _Reader:
    """32 bits of ISR."""

    def read(apic: LocalApic) -> int:
        apic._require_eoi()
        return apic.state.isr >> 32 * part & _U32

    return read


def _lvt_reader(index: int) -> _Reader:
    return lambda apic: apic.state.lvt[index]


def _lvt_writer(index: int) -> _Writer:
    return lambda apic, value: apic._write_lvt(index, value)


_READERS: dict[int, _Reader] = {
    Register.ID: lambda apic: apic.apic_id << 24,
    Register.VERSION: lambda _apic: VERSION,
    Register.TPR: LocalApic.read_tpr,
    Register.APR: LocalApic.arbitration_priority,
    Register.PPR: LocalApic.processor_priority,
    Register.EOI: lambda _apic: 0,
    Register.REMOTE_READ: lambda _apic: 0,
    Register.LDR: lambda apic: apic.state.ldr,
    Register.DFR: lambda apic: apic.state.dfr,
    Register.SVR: lambda apic: apic.state.svr,
    **{Register.ISR + part: _in_service(part) for part in range(8)},
    **{Register.TMR + part: _vectors("tmr", part) for part in range(8)},
    **{Register.IRR + part: _vectors("irr", part) for part in range(8)},
    Register.ESR: lambda apic: apic.state.esr,
    Register.ICR_LOW: lambda apic: apic.state.icr_low,
    Register.ICR_HIGH: lambda apic: apic.state.icr_high,
    Register.LVT_TIMER: lambda apic: apic.state.timer.lvt,
    **{FIRST_LVT + index: _lvt_reader(index) for index in range(len(LVT_WRITABLE))},
    Register.INITIAL_COUNT: lambda apic: apic.state.timer.initial,
    Register.CURRENT_COUNT: lambda apic: apic._timer.current(),
    Register.DIVIDE: lambda apic: apic.state.timer.divide,
}

_WRITERS: dict[int, _Writer] = {
    Register.TPR: LocalApic.write_tpr,
    Register.EOI: LocalApic._write_eoi,
    Register.LDR: LocalApic._write_ldr,
    Register.DFR: LocalApic._write_dfr,
    Register.SVR: LocalApic._write_svr,
    Register.ESR: LocalApic._write_esr,
    Register.ICR_LOW: LocalApic._write_icr_low,
    Register.ICR_HIGH: LocalApic._write_icr_high,
    Register.LVT_TIMER: LocalApic._write_lvt_timer,
    **{FIRST_LVT + index: _lvt_writer(index) for index in range(len(LVT_WRITABLE))},
    Register.INITIAL_COUNT: lambda apic, value: apic._timer.write_initial(value),
    Register.DIVIDE: lambda apic, value: apic._timer.write_divide(value),
}
