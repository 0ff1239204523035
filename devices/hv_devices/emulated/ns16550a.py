"""NS16550A: the serial port, an asynchronous receiver and transmitter with 16-byte FIFOs.

Document: PC16550D data sheet, National Semiconductor, June 1995 (TL/C/8652), sections 8.0 and 9.0.
The PC's gate of the interrupt by OUT2: IBM PC/AT Technical Reference, "Serial/Parallel Adapter".

A byte reaches the sink the moment it is written, so no output is ever lost; the status bits and
the transmit interrupt follow virtual time. ``paced`` runs the line at the programmed divisor and
frame. Without it a bit takes ``FAST_BIT_NS``: a character is shorter than any exit, so a polling
guest never waits, yet the transmit interrupt stays an event of its own.

Left out: parity and framing errors of single characters (a host's bytes have none; a break has
one), the word length outside loopback (a host's bytes are whole), DMA pins, the clock outputs, and
of a break sent by the guest all but the silence.
"""

from collections.abc import Callable

from hv.interfaces import ByteSink, Clock, IrqLine
from hv.types import NS_PER_SECOND

from .ns16550a_registers import Fcr, Ier, Iir, Lcr, Lsr, Mcr, Msr
from .ns16550a_state import BREAK_CHARACTER, State

CRYSTAL_HZ = 1_843_200
CLOCKS_PER_BIT = 16
FAST_BIT_NS = 20
FIFO_DEPTH = 16
TIMEOUT_CHARACTERS = 4
HOST_QUEUE_LIMIT = 1 << 14
"""Characters that may wait on the line; ``receive`` takes no more."""

TRIGGER_LEVELS = (1, 4, 8, 14)
"""Characters in the receive FIFO that raise the interrupt, by FCR bits 7:6 (zero while it is off)."""

CHARACTER_ERRORS = (Lsr.PARITY_ERROR | Lsr.FRAMING_ERROR | Lsr.BREAK).value
MODEM_LINES = (Msr.CTS | Msr.DSR | Msr.RI | Msr.DCD).value

_IER_MASK = 0x0F
_MCR_MASK = 0x1F
_IER_RX, _IER_TX = Ier.RX_DATA.value, Ier.TX_EMPTY.value
_IER_LINE, _IER_MODEM = Ier.LINE_STATUS.value, Ier.MODEM_STATUS.value
_FCR_ENABLE = Fcr.ENABLE.value
_FCR_KEPT = (Fcr.ENABLE | Fcr.DMA_MODE | Fcr.TRIGGER).value
_LCR_BREAK, _LCR_DLAB = Lcr.BREAK.value, Lcr.DLAB.value
_MCR_LOOP, _MCR_OUT2 = Mcr.LOOP.value, Mcr.OUT2.value
_LSR_READY, _LSR_OVERRUN = Lsr.DATA_READY.value, Lsr.OVERRUN.value
_LSR_THRE, _LSR_TEMT, _LSR_FIFO = Lsr.THR_EMPTY.value, Lsr.TX_EMPTY.value, Lsr.FIFO_ERROR.value
_IIR_NONE, _IIR_TX = Iir.NONE.value, Iir.TX_EMPTY.value
_IIR_FIFOS = Iir.FIFOS_ON.value

_LOOPED_LINES = (
    (Mcr.RTS.value, Msr.CTS.value),
    (Mcr.DTR.value, Msr.DSR.value),
    (Mcr.OUT1.value, Msr.RI.value),
    (Mcr.OUT2.value, Msr.DCD.value),
)


class Ns16550A:
    """One serial port behind eight byte-wide offsets.

    ``lossy`` lets host input overrun the receiver; otherwise the line waits for room.
    """

    def __init__(
        self,
        irq: IrqLine,
        clock: Clock,
        sink: ByteSink,
        *,
        paced: bool = False,
        lossy: bool = False,
    ) -> None:
        self._irq = irq
        self._clock = clock
        self._sink = sink
        self._paced = paced
        self._lossy = lossy
        self._timer = clock.timer(self._on_timer)
        self.state = State()
        shared_readers = (
            self._read_iir,
            lambda: self.state.lcr,
            lambda: self.state.mcr,
            self._read_lsr,
            self._read_msr,
            lambda: self.state.scratch,
        )
        self._readers: tuple[Callable[[], int], ...] = (
            self._read_rbr,
            lambda: self.state.ier,
            *shared_readers,
        )
        self._dlab_readers: tuple[Callable[[], int], ...] = (
            lambda: self.state.divisor & 0xFF,
            lambda: self.state.divisor >> 8,
            *shared_readers,
        )
        shared_writers = (
            self._write_fcr,
            self._write_lcr,
            self._write_mcr,
            self._ignore,
            self._ignore,
            self._write_scratch,
        )
        self._writers: tuple[Callable[[int], None], ...] = (
            self._write_thr,
            self._write_ier,
            *shared_writers,
        )
        self._dlab_writers: tuple[Callable[[int], None], ...] = (
            self._write_divisor_low,
            self._write_divisor_high,
            *shared_writers,
        )

    # Ports

    def reset(self) -> None:
        """Master reset. The line is outside: it keeps its levels and the bytes on their way."""
        self.state = State(line=self.state.line, modem_lines=self.state.modem_lines)
        self._expect_next(self._clock.now())
        self._settle()

    def read(self, offset: int, width: int) -> int:
        if not 0 <= offset < 8:
            return 0xFF
        self._advance()
        readers = self._dlab_readers if self.state.lcr & _LCR_DLAB else self._readers
        value = readers[offset]()
        self._settle()
        return value

    def write(self, offset: int, value: int, width: int) -> None:
        if not 0 <= offset < 8:
            return
        self._advance()
        writers = self._dlab_writers if self.state.lcr & _LCR_DLAB else self._writers
        writers[offset](value & 0xFF)
        self._settle()

    # The other end of the line

    @property
    def waiting(self) -> int:
        """Host characters that the receiver has not taken yet."""
        self._advance()
        return len(self.state.line)

    def receive(self, data: bytes) -> int:
        """Send bytes to the guest; returns how many the line took, the caller keeps the rest."""
        taken = data[: max(0, HOST_QUEUE_LIMIT - len(self.state.line))]
        self._send(taken)
        return len(taken)

    def receive_break(self) -> bool:
        """Send a break, in order with the bytes before it; False when the line is full."""
        if len(self.state.line) >= HOST_QUEUE_LIMIT:
            return False
        self._send((BREAK_CHARACTER,))
        return True

    def set_modem_lines(self, lines: int) -> None:
        """Drive CTS, DSR, RI and DCD: their bits of ``Msr``, others are ignored."""
        self._advance()
        before = self._modem_lines()
        self.state.modem_lines = lines & MODEM_LINES
        self._note_modem_change(before)
        self._settle()

    def _send(self, words: bytes | tuple[int, ...]) -> None:
        self._advance()
        self.state.line.extend(words)
        self._expect_next(self._clock.now())
        self._settle()

    # Time

    def _bit_ns(self) -> int:
        if not self._paced:
            return FAST_BIT_NS
        divisor = self.state.divisor or 0x10000  # a 16-bit counter reloaded with zero
        return divisor * CLOCKS_PER_BIT * NS_PER_SECOND // CRYSTAL_HZ

    def _character_ns(self) -> int:
        """Start, data, parity and stop bits; a long stop is 1.5 bits after 5 data bits."""
        lcr = self.state.lcr
        data_bits = 5 + (lcr & 3)
        half_bits = 2 * (1 + data_bits + bool(lcr & Lcr.PARITY.value)) + 2
        if lcr & Lcr.LONG_STOP.value:
            half_bits += 1 if data_bits == 5 else 2
        return half_bits * self._bit_ns() // 2

    def _advance(self) -> None:
        """Bring the state up to now."""
        s = self.state
        now = self._clock.now()
        if s.thr_empty_at is not None and s.thr_empty_at <= now:
            s.thr_empty_at = None
            s.thr_interrupt = True
        if s.shift_empty_at is not None and s.shift_empty_at <= now:
            s.shift_empty_at = None
        while s.rx_at is not None and s.rx_at <= now:
            self._take_character(s.rx_at)
        self._check_timeout(now)

    def _check_timeout(self, now: int) -> None:
        s = self.state
        if s.timeout_at is not None and s.timeout_at <= now:
            s.timeout_at = None
            s.timed_out = True

    def _on_timer(self) -> None:
        self._advance()
        self._settle()

    def _settle(self) -> None:
        """Drive the interrupt line and arm the timer for the next moment that could change it."""
        s = self.state
        # Loopback takes OUT2 from the pin, and with it the PC's interrupt gate.
        gate_open = s.mcr & (_MCR_OUT2 | _MCR_LOOP) == _MCR_OUT2
        self._irq.set(gate_open and self._interrupt() != _IIR_NONE)
        due = None
        if s.ier & _IER_TX:
            due = s.thr_empty_at
        if s.ier & (_IER_RX | _IER_LINE):
            for when in (s.rx_at, s.timeout_at):
                if when is not None and (due is None or when < due):
                    due = when
        if due is None:
            self._timer.cancel()
        elif due != self._timer.deadline:
            self._timer.arm(due)

    # Interrupts

    def _interrupt(self) -> int:
        """The pending interrupt of highest priority, as IIR bits 3:0 name it."""
        s = self.state
        ier = s.ier
        if ier & _IER_LINE and s.line_errors:
            return Iir.LINE_STATUS.value
        if ier & _IER_RX:
            if s.timed_out:
                return Iir.RX_TIMEOUT.value
            if len(s.rx) >= TRIGGER_LEVELS[s.fcr >> 6]:
                return Iir.RX_DATA.value
        if ier & _IER_TX and s.thr_interrupt:
            return _IIR_TX
        if ier & _IER_MODEM and s.modem_deltas:
            return Iir.MODEM_STATUS.value
        return _IIR_NONE

    def _read_iir(self) -> int:
        source = self._interrupt()
        if source == _IIR_TX:
            self.state.thr_interrupt = False
        return source | (_IIR_FIFOS if self.state.fcr & _FCR_ENABLE else 0)

    def _write_ier(self, value: int) -> None:
        s = self.state
        if value & ~s.ier & _IER_TX and s.thr_empty_at is None:
            s.thr_interrupt = True
        s.ier = value & _IER_MASK

    # Transmitter

    def _write_thr(self, value: int) -> None:
        s = self.state
        fifo_on = s.fcr & _FCR_ENABLE
        depth = FIFO_DEPTH if fifo_on else 1
        was_empty = s.thr_empty_at is None
        now, bit, character = self._clock.now(), self._bit_ns(), self._character_ns()
        # The shift register takes this character when it is done with those before, of which the
        # chip holds at most ``depth``; an idle one starts with the next bit clock.
        shift_at = now + bit
        if s.shift_empty_at is not None:
            shift_at = min(s.shift_empty_at, now + bit + depth * character)
        s.shift_empty_at = shift_at + character
        s.thr_empty_at = shift_at
        if fifo_on and was_empty:  # a lone character's interrupt waits for all but its stop bit
            s.thr_empty_at += character - bit
        s.thr_interrupt = False
        if s.mcr & _MCR_LOOP:
            if len(s.looped) <= depth:
                s.looped.append(value & (0xFF >> (3 - (s.lcr & 3))))
            self._expect_next(now)
        elif not s.lcr & _LCR_BREAK:
            self._sink(bytes((value,)))

    # Receiver

    def _expect_next(self, after_ns: int) -> None:
        """Start the next character of the line, unless one is under way or it would not fit."""
        s = self.state
        if s.rx_at is not None:
            return
        looping = s.mcr & _MCR_LOOP
        if not (s.looped if looping else s.line):
            return
        depth = FIFO_DEPTH if s.fcr & _FCR_ENABLE else 1
        if looping or self._lossy or len(s.rx) < depth:
            s.rx_at = after_ns + self._character_ns()

    def _take_character(self, when_ns: int) -> None:
        """A character is complete: into the FIFO or the buffer register."""
        s = self.state
        self._check_timeout(when_ns)
        s.rx_at = None
        word = (s.looped if s.mcr & _MCR_LOOP else s.line).pop(0)
        fifo_on = s.fcr & _FCR_ENABLE
        if len(s.rx) < (FIFO_DEPTH if fifo_on else 1):
            s.rx.append(word)
        else:  # the FIFO keeps what it has, the buffer register does not
            s.line_errors |= _LSR_OVERRUN
            if not fifo_on:
                s.rx[0] = word
        if len(s.rx) == 1:
            self._reveal_errors()
        if fifo_on and not s.timed_out:
            s.timeout_at = when_ns + TIMEOUT_CHARACTERS * self._character_ns()
        self._expect_next(when_ns)

    def _reveal_errors(self) -> None:
        """LSR shows a character's errors once it is at the top of the FIFO."""
        rx = self.state.rx
        self.state.line_errors |= rx[0] >> 8
        rx[0] &= 0xFF

    def _read_rbr(self) -> int:
        s = self.state
        value = s.rx.pop(0) if s.rx else 0
        now = self._clock.now()
        s.timed_out = False
        s.timeout_at = None
        if s.rx:
            self._reveal_errors()
            s.timeout_at = now + TIMEOUT_CHARACTERS * self._character_ns()
        self._expect_next(now)
        return value

    # Control and status

    def _write_fcr(self, value: int) -> None:
        s = self.state
        if not value & _FCR_ENABLE:
            value = 0  # without bit 0 nothing else of the register is programmed
        toggled = (value ^ s.fcr) & _FCR_ENABLE
        if toggled or value & Fcr.RESET_RX.value:
            s.rx.clear()
            s.timed_out = False
            s.timeout_at = None
        if toggled or value & Fcr.RESET_TX.value:
            self._clear_transmitter()
        s.fcr = value & _FCR_KEPT
        self._expect_next(self._clock.now())

    def _clear_transmitter(self) -> None:
        """Drop what waits behind the shift register; that one finishes its character."""
        s = self.state
        s.looped.clear()
        if s.mcr & _MCR_LOOP:
            s.rx_at = None
        if s.shift_empty_at is not None:
            s.shift_empty_at = min(s.shift_empty_at, self._clock.now() + self._character_ns())
        if s.thr_empty_at is not None:
            s.thr_empty_at = None
            s.thr_interrupt = True

    def _write_lcr(self, value: int) -> None:
        self.state.lcr = value

    def _write_mcr(self, value: int) -> None:
        s = self.state
        before = self._modem_lines()
        rewired = (value ^ s.mcr) & _MCR_LOOP
        s.mcr = value & _MCR_MASK
        self._note_modem_change(before)
        if rewired:
            s.looped.clear()
            s.rx_at = None
            self._expect_next(self._clock.now())

    def _read_lsr(self) -> int:
        s = self.state
        value = s.line_errors
        if s.rx:
            value |= _LSR_READY
        if s.thr_empty_at is None:
            value |= _LSR_THRE
        if s.shift_empty_at is None:
            value |= _LSR_TEMT
        if s.fcr & _FCR_ENABLE and (value & CHARACTER_ERRORS or any(word > 0xFF for word in s.rx)):
            value |= _LSR_FIFO
        s.line_errors = 0
        return value

    def _modem_lines(self) -> int:
        """CTS, DSR, RI, DCD as the chip sees them: its own outputs in loopback."""
        s = self.state
        if not s.mcr & _MCR_LOOP:
            return s.modem_lines
        return sum(line for output, line in _LOOPED_LINES if s.mcr & output)

    def _note_modem_change(self, before: int) -> None:
        """Set the delta bits; of RI only the end of a ring counts."""
        after = self._modem_lines()
        changed = before ^ after
        if not before & Msr.RI.value:
            changed &= ~Msr.RI.value
        self.state.modem_deltas |= changed >> 4

    def _read_msr(self) -> int:
        value = self._modem_lines() | self.state.modem_deltas
        self.state.modem_deltas = 0
        return value

    def _write_divisor_low(self, value: int) -> None:
        self.state.divisor = self.state.divisor & 0xFF00 | value

    def _write_divisor_high(self, value: int) -> None:
        self.state.divisor = self.state.divisor & 0xFF | value << 8

    def _write_scratch(self, value: int) -> None:
        self.state.scratch = value

    def _ignore(self, value: int) -> None:
        """LSR and MSR are written only in the factory."""
