"""What a NS16550A remembers: plain data, no wires."""

from dataclasses import dataclass, field

from .ns16550a_registers import Lsr, Msr

BREAK_CHARACTER = (Lsr.BREAK | Lsr.FRAMING_ERROR).value << 8
"""A break as the receiver sees it: a zero without its stop bit. Line errors ride above the byte."""

PEER_PRESENT = (Msr.CTS | Msr.DSR | Msr.DCD).value
"""The modem lines as a powered terminal drives them."""


@dataclass(slots=True)
class State:
    """Everything the chip remembers. Times are virtual ns; None is "nothing under way"."""

    ier: int = 0
    fcr: int = 0
    lcr: int = 0
    mcr: int = 0
    scratch: int = 0
    divisor: int = 12
    line_errors: int = 0
    """OVERRUN and CHARACTER_ERRORS that LSR shows until it is read."""
    modem_deltas: int = 0
    modem_lines: int = PEER_PRESENT
    """CTS, DSR, RI, DCD as the other end drives them."""
    rx: list[int] = field(default_factory=list)
    """The receive FIFO, or the one buffer register: a byte, its line errors from bit 8."""
    line: list[int] = field(default_factory=list)
    """What the host has sent and the receiver not yet taken, in the same form."""
    looped: list[int] = field(default_factory=list)
    """Characters on their way from transmitter to receiver in loopback."""
    thr_empty_at: int | None = None
    """When the holding register or FIFO runs empty."""
    shift_empty_at: int | None = None
    thr_interrupt: bool = False
    rx_at: int | None = None
    """When the next character from ``line`` or ``looped`` is complete."""
    timeout_at: int | None = None
    timed_out: bool = False
