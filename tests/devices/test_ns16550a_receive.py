"""The serial port: receiver, modem lines, loopback. Constants from the PC16550D data sheet, 8.0."""

import pytest

from hv_devices.emulated.ns16550a import HOST_QUEUE_LIMIT
from tests.devices.serial_bench import (
    DTR,
    FCR,
    IER,
    IIR,
    LCR,
    LINE_INT,
    LOOP,
    LSR,
    MCR,
    MODEM_INT,
    MSR,
    NO_INTERRUPT,
    OUT1,
    OUT2,
    RBR,
    RTS,
    RX_INT,
    THR,
    TX_INT,
    Port,
)

# Receiver


def test_without_fifos_each_character_interrupts() -> None:
    port = Port().setup(ier=RX_INT, fcr=0)
    port.chip.receive(b"ab")
    assert not port.irq.level
    port.characters(1)
    assert port.irq.level
    assert port.inb(IIR) == 0x04
    assert port.inb(RBR) == ord("a")
    assert not port.irq.level
    port.characters(1)
    assert port.inb(RBR) == ord("b")
    assert port.irq.rises == 2


def test_without_fifos_nothing_times_out() -> None:
    port = Port().setup(ier=RX_INT, fcr=0)
    port.chip.receive(b"a")
    port.characters(10)
    assert port.inb(IIR) == 0x04


@pytest.mark.parametrize(("fcr", "level"), [(0x01, 1), (0x41, 4), (0x81, 8), (0xC1, 14)])
def test_the_fifo_interrupts_at_its_trigger_level(fcr: int, level: int) -> None:
    port = Port().setup(ier=RX_INT, fcr=fcr)
    port.chip.receive(bytes(level))
    port.characters(level - 0.5)
    assert not port.irq.level
    port.characters(0.5)
    assert port.irq.level
    assert port.inb(IIR) == 0xC4
    port.inb(RBR)
    assert not port.irq.level
    assert port.inb(IIR) == 0xC1


def test_a_few_characters_below_the_level_time_out_after_four_character_times() -> None:
    port = Port().setup(ier=RX_INT, fcr=0xC1)
    port.chip.receive(b"abc")
    port.characters(3 + 3.9)
    assert not port.irq.level
    port.characters(0.2)
    assert port.irq.level
    assert port.inb(IIR) == 0xCC


def test_reading_a_character_clears_the_time_out_and_starts_it_again() -> None:
    port = Port().setup(ier=RX_INT, fcr=0xC1)
    port.chip.receive(b"ab")
    port.characters(7)
    assert port.inb(RBR) == ord("a")
    assert not port.irq.level
    port.characters(4)
    assert port.inb(IIR) == 0xCC
    assert port.inb(RBR) == ord("b")
    port.characters(40)
    assert port.inb(IIR) == 0xC1  # nothing left to time out for


def test_a_new_character_restarts_the_time_out_but_does_not_clear_it() -> None:
    port = Port().setup(ier=RX_INT, fcr=0xC1)
    port.chip.receive(b"a")
    port.characters(3)
    port.chip.receive(b"b")
    port.characters(4.9)  # of them 3.9 after b
    assert port.inb(IIR) == 0xC1
    port.characters(0.2)
    assert port.inb(IIR) == 0xCC
    port.chip.receive(b"c")
    port.characters(1)
    assert port.inb(IIR) == 0xCC


def test_a_polling_guest_sees_the_time_out_without_any_interrupt_enabled() -> None:
    port = Port().setup(fcr=0xC1)
    port.chip.receive(b"a")
    port.characters(6)
    assert port.inb(IIR) == 0xC1
    port.outb(IER, RX_INT)
    assert port.inb(IIR) == 0xCC


def test_host_input_waits_for_room_and_never_overruns() -> None:
    port = Port().setup(fcr=0xC1)
    text = bytes(range(100))
    assert port.chip.receive(text) == 100
    port.characters(500)
    assert port.chip.waiting == 84
    received = bytearray()
    for _ in range(20):
        assert port.inb(LSR) & 0x02 == 0
        received += port.drain()
        port.characters(17)
    assert received == text


def test_without_fifos_the_line_waits_for_the_one_buffer() -> None:
    port = Port().setup(fcr=0)
    port.chip.receive(b"abc")
    for character in b"abc":
        port.characters(20)
        assert port.inb(LSR) & 0x03 == 0x01
        assert port.inb(RBR) == character


def test_characters_come_one_character_time_apart() -> None:
    port = Port().setup()
    port.chip.receive(b"xyz")
    port.characters(2.5)
    assert port.drain() == b"xy"
    port.characters(0.6)
    assert port.drain() == b"z"


def test_a_lossy_line_overruns_the_fifo_which_keeps_what_it_has() -> None:
    port = Port(lossy=True).setup(ier=LINE_INT, fcr=0xC1)
    port.chip.receive(bytes(range(18)))
    port.characters(16.5)
    assert not port.irq.level
    port.characters(1)
    assert port.irq.level
    assert port.inb(IIR) == 0xC6
    assert port.inb(LSR) & 0x02
    assert not port.irq.level
    assert port.inb(LSR) & 0x02 == 0
    port.characters(1)
    assert port.inb(LSR) & 0x02
    assert port.drain() == bytes(range(16))


def test_a_lossy_line_overwrites_the_single_buffer() -> None:
    port = Port(lossy=True).setup(fcr=0)
    port.chip.receive(b"ab")
    port.characters(2.5)
    assert port.inb(LSR) & 0x03 == 0x03
    assert port.inb(RBR) == ord("b")


def test_the_line_takes_a_bounded_amount_and_says_how_much() -> None:
    port = Port().setup()
    assert port.chip.receive(bytes(HOST_QUEUE_LIMIT + 5)) == HOST_QUEUE_LIMIT
    assert port.chip.receive(b"a") == 0
    assert not port.chip.receive_break()
    assert port.chip.waiting == HOST_QUEUE_LIMIT


def test_resetting_the_receive_fifo_drops_its_characters_only() -> None:
    port = Port().setup(ier=RX_INT)
    port.chip.receive(bytes(20))
    port.characters(16)
    port.outb(FCR, 0x03)
    assert port.inb(LSR) & 0x01 == 0
    assert not port.irq.level
    port.characters(10)
    assert len(port.drain()) == 4


def test_programming_the_trigger_level_keeps_what_the_fifos_hold() -> None:
    port = Port().setup(ier=RX_INT, fcr=0x01)
    port.chip.receive(b"abc")
    port.characters(3)
    for value in b"xyz":
        port.outb(THR, value)
    port.outb(FCR, 0x81)
    assert port.inb(LSR) & 0x61 == 0x01
    assert not port.irq.level
    assert port.drain() == b"abc"


def test_resetting_the_transmit_fifo_does_not_disturb_reception() -> None:
    port = Port().setup()
    port.chip.receive(b"a")
    port.characters(0.9)
    port.outb(FCR, 0x05)
    port.characters(0.2)
    assert port.drain() == b"a"


def test_turning_the_fifos_off_or_on_empties_them() -> None:
    port = Port().setup(fcr=0x01)
    port.chip.receive(b"abc")
    port.characters(4)
    port.outb(FCR, 0)
    assert port.inb(LSR) & 0x01 == 0
    assert port.inb(IIR) == NO_INTERRUPT


def test_fcr_without_its_enable_bit_programs_nothing_else() -> None:
    port = Port().setup(ier=RX_INT, fcr=0)
    port.outb(FCR, 0xC6)
    assert port.inb(IIR) == NO_INTERRUPT
    port.chip.receive(b"a")
    port.characters(1)
    assert port.inb(IIR) == 0x04


def test_a_reset_of_the_machine_keeps_what_is_still_on_the_line() -> None:
    port = Port().setup()
    port.chip.receive(b"abc")
    port.chip.reset()
    port.setup()
    port.characters(40)
    assert port.drain() == b"abc"


# Breaks


def test_a_break_is_a_zero_with_break_and_framing_error() -> None:
    port = Port().setup(ier=LINE_INT)
    assert port.chip.receive_break()
    port.characters(1)
    assert port.irq.level
    assert port.inb(IIR) == 0xC6
    assert port.inb(LSR) & 0x9F == 0x99
    assert port.inb(LSR) & 0x9F == 0x01  # reading cleared the error, not the character
    assert port.inb(RBR) == 0


def test_without_fifos_there_is_no_fifo_error() -> None:
    port = Port().setup(fcr=0)
    port.chip.receive_break()
    port.characters(1)
    assert port.inb(LSR) & 0x9F == 0x19


def test_a_break_shows_when_its_character_is_at_the_top_of_the_fifo() -> None:
    port = Port().setup()
    port.chip.receive(b"a")
    port.chip.receive_break()
    port.chip.receive(b"b")
    port.characters(4)
    assert port.inb(LSR) & 0x9F == 0x81  # an error somewhere in the FIFO
    assert port.inb(RBR) == ord("a")
    assert port.inb(LSR) & 0x9F == 0x99
    assert port.inb(RBR) == 0
    assert port.inb(LSR) & 0x9F == 0x01
    assert port.inb(RBR) == ord("b")


# Modem lines and loopback


def test_modem_lines_show_their_levels_and_changes_until_read() -> None:
    port = Port().setup(ier=MODEM_INT)
    port.chip.set_modem_lines(0x80)
    assert port.irq.level
    assert port.inb(IIR) == 0xC0
    assert port.inb(MSR) == 0x83
    assert not port.irq.level
    assert port.inb(MSR) == 0x80


def test_only_the_end_of_a_ring_counts() -> None:
    port = Port().setup(ier=MODEM_INT)
    port.chip.set_modem_lines(0xF0)
    assert port.inb(MSR) == 0xF0
    port.chip.set_modem_lines(0xB0)
    assert port.irq.level
    assert port.inb(MSR) == 0xB4


@pytest.mark.parametrize(("output", "line"), [(DTR, 0x20), (RTS, 0x10), (OUT1, 0x40), (OUT2, 0x80)])
def test_loopback_turns_outputs_into_modem_lines(output: int, line: int) -> None:
    port = Port().setup()
    port.outb(MCR, LOOP | output)
    assert port.inb(MSR) & 0xF0 == line


def test_loopback_reports_changes_of_its_own_outputs() -> None:
    port = Port().setup(mcr=LOOP)
    port.outb(MCR, LOOP | DTR | RTS | OUT1 | OUT2)
    assert port.inb(MSR) == 0xFB
    port.outb(MCR, LOOP)
    assert port.inb(MSR) == 0x0F


def test_loopback_returns_data_and_keeps_it_inside() -> None:
    port = Port().setup(mcr=LOOP)
    for value in b"hello":
        port.outb(THR, value)
    port.characters(6)
    assert port.drain() == b"hello"
    assert port.sent == b""


def test_loopback_cuts_data_to_the_word_length() -> None:
    port = Port().setup(mcr=LOOP)
    port.outb(LCR, 0x00)
    port.outb(THR, 0xFF)
    port.characters(2)
    assert port.inb(RBR) == 0x1F


def test_loopback_overruns_like_any_line() -> None:
    port = Port().setup(mcr=LOOP, fcr=0)
    for value in b"ab":
        port.outb(THR, value)
        port.characters(1.2)
    assert port.inb(LSR) & 0x02
    assert port.inb(RBR) == ord("b")


def test_loopback_has_a_full_fifo_and_a_shift_register_under_way() -> None:
    port = Port().setup(mcr=LOOP)
    for value in range(20):
        port.outb(THR, value)
    port.characters(16.5)
    assert port.inb(LSR) & 0x03 == 0x01
    port.characters(1)
    assert port.inb(LSR) & 0x03 == 0x03
    assert port.drain() == bytes(range(16))


def test_loopback_holds_the_outside_line_back() -> None:
    port = Port().setup(mcr=LOOP)
    port.chip.receive(b"outside")
    port.characters(20)
    assert port.inb(LSR) & 0x01 == 0
    port.outb(MCR, OUT2)
    port.characters(20)
    assert port.drain() == b"outside"


def test_loopback_without_a_reader_holds_no_more_than_the_chip_can() -> None:
    port = Port().setup(mcr=LOOP)
    for _ in range(10_000):
        port.outb(THR, 0x41)
    assert len(port.chip.state.looped) <= 17
    assert len(port.chip.state.rx) <= 16


def test_out2_gates_the_interrupt_and_loopback_closes_the_gate() -> None:
    port = Port().setup(ier=TX_INT, mcr=0)
    assert not port.irq.level
    port.outb(MCR, OUT2)
    assert port.irq.level
    port.outb(MCR, OUT2 | LOOP)
    assert not port.irq.level
    assert port.inb(IIR) == 0xC2  # pending all the same
