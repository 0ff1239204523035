"""The local APIC of one processor: xAPIC, integrated (version 14h), six entries in the local vector table.

Documents: Intel SDM vol. 3, chapter 11, and AMD64 APM vol. 2, chapter 16. The processor sees INTR and asks
``acknowledge`` for the vector; software sees the register page and MSR IA32_APIC_BASE.

After a reset every local interrupt is masked, LINT0 with the 8259s behind it included: firmware sets virtual
wire mode (``VIRTUAL_WIRE``) for guests that know no APIC. Disabled by IA32_APIC_BASE, the APIC is not there:
LINT0 is INTR, LINT1 is NMI, the page reads all ones, and only the task priority survives, because CR8 does.

Choices where the documents leave room: vectors that were pending when software disables the APIC may still be
delivered, new ones are lost; the ID is read-only; a pin that is driven high is asserted whatever its polarity
bit says, which is only kept; registers take aligned 32-bit writes alone, and narrower reads see a part.
Left out: x2APIC, SMI, remote read, focus processor, EOI broadcast suppression, CMCI, and sources for the
thermal and the performance counter entry.
"""

from collections.abc import Callable

from hv.interfaces import Clock, IrqLine

from .apic_bus import BROADCAST, ApicMessage, DeliveryMode
from .local_apic_registers import LVT_WRITABLE, Base, Esr, Icr, Lvt, Register, Shorthand, Svr
from .local_apic_state import Bus, Processor, State
from .local_apic_timer import ApicTimer

APIC_PAGE = 0xFEE00000
VERSION = 5 << 16 | 0x14
FIRST_VECTOR = 16

_U32 = 0xFFFFFFFF
_HIGH_BYTE = 0xFF000000
_DFR_FIXED = 0x0FFFFFFF
_FLAT, _CLUSTER = 0xF, 0x0
_PIN0 = 1 << 0
_ENABLE, _BOOTSTRAP = Base.ENABLE.value, Base.BOOTSTRAP.value
_SOFTWARE_ENABLE = Svr.ENABLE.value
_SVR_WRITABLE = (Svr.VECTOR | Svr.ENABLE | Svr.NO_FOCUS).value
_MASKED, _LEVEL, _REMOTE_IRR = Lvt.MASKED.value, Lvt.LEVEL.value, Lvt.REMOTE_IRR.value
_FIXED, _LOWEST = DeliveryMode.FIXED.value, DeliveryMode.LOWEST_PRIORITY.value
_NMI, _INIT = DeliveryMode.NMI.value, DeliveryMode.INIT.value
_STARTUP, _EXTINT = DeliveryMode.STARTUP.value, DeliveryMode.EXTINT.value
_SENDABLE = frozenset({_FIXED, _LOWEST, _NMI, _INIT, _STARTUP})
_MODE_AND_MASK = Lvt.MODE.value | _MASKED
_UNMASKED_EXTINT = _EXTINT << 8
_FIXED_LEVEL = _LEVEL | _FIXED << 8
_ICR_WRITABLE = (
    Icr.VECTOR | Icr.MODE | Icr.LOGICAL | Icr.ASSERT | Icr.LEVEL | Icr.SHORTHAND
).value
_ICR_LOGICAL, _ICR_ASSERT, _ICR_LEVEL = Icr.LOGICAL.value, Icr.ASSERT.value, Icr.LEVEL.value
_SELF, _ALL, _OTHERS = Shorthand.SELF.value, Shorthand.ALL.value, Shorthand.OTHERS.value
_SEND_ILLEGAL, _RECEIVED_ILLEGAL = Esr.SEND_ILLEGAL_VECTOR.value, Esr.RECEIVED_ILLEGAL_VECTOR.value
_ILLEGAL_REGISTER = Esr.ILLEGAL_REGISTER.value
_FIRST_LVT = Register.LVT_THERMAL.value
_LINT0 = Register.LVT_LINT0.value - _FIRST_LVT
_ERROR = Register.LVT_ERROR.value - _FIRST_LVT


class Pin:
    """LINT0 or LINT1, as the board sees it."""

    __slots__ = ("_apic", "_number")

    def __init__(self, apic: "LocalApic", number: int) -> None:
        self._apic = apic
        self._number = number

    def set(self, level: bool) -> None:
        self._apic.drive(self._number, level)


def _nothing() -> None:
    """Default for a door that nobody uses."""


def _stays(_gpa: int) -> None:
    """Default for a door that nobody uses."""


class LocalApic:
    """Drives ``intr``. ``lint0`` takes the 8259s' INT, ``lint1`` NMI; ``ext_int`` is the 8259s' acknowledge.

    ``after_eoi`` is called after every EOI, ``on_move`` with the register page's new address when software
    moves it. The time stamp counts nanoseconds.
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
        self.apic_id = apic_id
        self.lint0, self.lint1 = Pin(self, 0), Pin(self, 1)
        self.pending = False  # INTR as it is driven
        self.after_eoi: Callable[[], None] = _nothing
        self._intr = intr
        self._processor = processor
        self._bus = bus
        self._ext_int = ext_int
        self._on_move = on_move
        self._address_bits = (1 << physical_bits) - (1 << 12)
        self._reset_base = APIC_PAGE | _ENABLE | (_BOOTSTRAP if bootstrap else 0)
        self._floor = 0  # vectors up to here wait; derived by _settle
        self._timer = ApicTimer(clock, read_tsc, self.raise_edge)
        self._load(State(self._reset_base))

    def reset(self) -> None:
        """As after power-on, but that the pins are where their drivers hold them."""
        moved = (self.state.base ^ self._reset_base) & self._address_bits
        self._load(State(self._reset_base, self.state.pins))
        if moved:
            self._on_move(APIC_PAGE)

    def _load(self, state: State) -> None:
        self.state = state
        self._timer.load(state.timer)
        self._settle()

    # MSRs and CR8.

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

    def read_tpr(self) -> int:
        """The task priority register, eight bits."""
        return self.state.tpr

    def write_tpr(self, value: int) -> None:
        self.state.tpr = value & 0xFF
        self._settle()

    @property
    def cr8(self) -> int:
        """The task priority class."""
        return self.state.tpr >> 4

    @cr8.setter
    def cr8(self, value: int) -> None:
        self.write_tpr((value & 0xF) << 4)

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

    # Interrupts in.

    def raise_edge(self, vector: int, auto_eoi: bool = False) -> None:
        """Request a fixed, edge-triggered interrupt; with ``auto_eoi`` it ends when it is acknowledged."""
        state = self.state
        if not state.svr & _SOFTWARE_ENABLE:
            return
        if vector < FIRST_VECTOR:
            self._fail(_RECEIVED_ILLEGAL)
            return
        bit = 1 << vector
        state.irr |= bit
        if state.tmr:
            state.tmr &= ~bit
        if auto_eoi:
            state.auto_eoi |= bit
        elif state.auto_eoi:
            state.auto_eoi &= ~bit
        self._settle()

    def _request_level(self, vector: int) -> bool:
        """Request a level-triggered interrupt: its end will be told to those who drive the level."""
        state = self.state
        if not state.svr & _SOFTWARE_ENABLE:
            return False
        if vector < FIRST_VECTOR:
            self._fail(_RECEIVED_ILLEGAL)
            return False
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
        """An ExtINT is a level: ``_settle`` looks at it."""
        entry = self.state.lvt[_LINT0 + pin]
        if not self.state.base & _ENABLE:
            mode = (_EXTINT, _NMI)[pin]
        elif entry & _MASKED:
            return
        else:
            mode = entry >> 8 & 7
        if mode == _NMI:
            self._processor.nmi()
        elif mode == _INIT:
            self._init()
        elif mode == _FIXED and entry & _LEVEL:
            self._serve_level(pin)
        elif mode == _FIXED:
            self.raise_edge(entry & 0xFF)

    def _serve_level(self, pin: int) -> None:
        """A level-triggered pin requests while it is high and its last request has ended."""
        lvt, index = self.state.lvt, _LINT0 + pin
        requests = lvt[index] & (_MODE_AND_MASK | _LEVEL | _REMOTE_IRR) == _FIXED_LEVEL
        if requests and self.state.pins >> pin & 1 and self._request_level(lvt[index] & 0xFF):
            lvt[index] |= _REMOTE_IRR

    # Messages (hv_devices.emulated.apic_bus.BusAgent).

    def answers(self, destination: int, logical: bool) -> bool:
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

    def arbitration_priority(self) -> int | None:
        return self._read_ppr() if self.state.svr & _SOFTWARE_ENABLE else None

    def accept(self, message: ApicMessage) -> bool:
        handler = _ACCEPT.get(message.mode)
        return handler is not None and handler(self, message)

    def _accept_vector(self, message: ApicMessage) -> bool:
        if message.level:
            return self._request_level(message.vector)
        self.raise_edge(message.vector)
        return bool(self.state.svr & _SOFTWARE_ENABLE)

    def _accept_nmi(self, _message: ApicMessage) -> bool:
        self._processor.nmi()
        return True

    def _accept_init(self, _message: ApicMessage) -> bool:
        self._init()
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

    def _init(self) -> None:
        """All but the ID and the base address as after a reset; then the processor's turn."""
        self._load(State(self.state.base, self.state.pins))
        self._processor.init()

    # Interrupts out.

    def acknowledge(self) -> int:
        """The processor takes what INTR announced: its vector goes into service."""
        state = self.state
        vector = state.irr.bit_length() - 1
        if vector > self._floor:
            bit = 1 << vector
            state.irr ^= bit
            if state.auto_eoi & bit:
                state.auto_eoi ^= bit
            else:
                state.isr |= bit
            self._settle()
            return vector
        if not self.pending:
            return state.svr & 0xFF
        state.ext_message = False
        vector = self._ext_int()
        self._settle()
        return vector

    def eoi(self) -> None:
        """End the highest interrupt in service."""
        state = self.state
        vector = state.isr.bit_length() - 1
        if vector >= 0:
            bit = 1 << vector
            state.isr ^= bit
            if state.tmr & bit:
                self._end_level(vector)
            self._settle()
        self.after_eoi()

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

        A vector is delivered when its class, the high nibble, is above that of the task and of what is in
        service.
        """
        state = self.state
        floor, serving = state.tpr | 15, (state.isr.bit_length() - 1) | 15
        if serving > floor:
            floor = serving
        self._floor = floor
        pending = state.irr.bit_length() - 1 > floor or state.ext_message
        if not pending and state.pins & _PIN0:
            entry = state.lvt[_LINT0]
            pending = entry & _MODE_AND_MASK == _UNMASKED_EXTINT or not state.base & _ENABLE
        if pending != self.pending:
            self.pending = pending
            self._intr.set(pending)

    def _fail(self, error: int) -> None:
        """Note an error; the error interrupt may itself have an illegal vector."""
        state = self.state
        state.errors |= error
        entry = state.lvt[_ERROR]
        if entry & _MASKED:
            return
        if entry & 0xFF < FIRST_VECTOR:
            state.errors |= _RECEIVED_ILLEGAL
        else:
            self.raise_edge(entry & 0xFF)

    # Commands (ICR).

    def read_icr(self) -> int:
        """Both halves, as the synthetic register has them."""
        return self.state.icr_high << 32 | self.state.icr_low

    def write_icr(self, value: int) -> None:
        """The same; sends the interrupt."""
        self._write_icr_high(value >> 32 & _U32)
        self._write_icr_low(value & _U32)

    def _write_icr_high(self, value: int) -> None:
        self.state.icr_high = value & _HIGH_BYTE

    def _write_icr_low(self, value: int) -> None:
        """Every interrupt between processors is an edge; the level bit marks only INIT's de-assertion."""
        state = self.state
        state.icr_low = value & _ICR_WRITABLE
        vector, mode, shorthand = value & 0xFF, value >> 8 & 7, value >> 18 & 3
        if mode not in _SENDABLE:
            return
        if mode == _INIT and value & _ICR_LEVEL and not value & _ICR_ASSERT:
            return  # sets arbitration IDs, which nothing has any more
        if mode <= _LOWEST and vector < FIRST_VECTOR:
            self._fail(_SEND_ILLEGAL)
            return
        if shorthand >= _ALL:
            everybody = ApicMessage(vector, mode, BROADCAST)
            self._bus.send(everybody, self if shorthand == _OTHERS else None)
            return
        message = ApicMessage(vector, mode, state.icr_high >> 24, bool(value & _ICR_LOGICAL))
        if shorthand == _SELF:
            self.accept(message)
        else:
            self._bus.send(message)
