"""The serial port: registers and transmitter. Constants from the PC16550D data sheet, 8.0."""

import pytest

from hv_devices.emulated.ns16550a import FAST_BIT_NS
from tests.devices.serial_bench import (
    DLL,
    DLM,
    EIGHT_NONE_ONE,
    FCR,
    IER,
    IIR,
    LCR,
    LSR,
    MCR,
    MSR,
    NO_INTERRUPT,
    RBR,
    RX_INT,
    SCR,
    THR,
    TX_INT,
    Port,
)

# Registers


def test_registers_after_reset() -> None:
    port = Port()
    port.setup(ier=0x0F)
    port.outb(SCR, 0x55)
    port.chip.reset()
    assert port.inb(IER) == 0
    assert port.inb(IIR) == NO_INTERRUPT
    assert port.inb(LCR) == 0
    assert port.inb(MCR) == 0
    assert port.inb(LSR) == 0x60
    assert port.inb(MSR) == 0xB0  # the other end is there: DCD, DSR, CTS
    assert not port.irq.level


def test_reserved_bits_of_ier_and_mcr_read_zero() -> None:
    port = Port()
    port.outb(IER, 0xFF)
    port.outb(MCR, 0xFF)
    assert port.inb(IER) == 0x0F
    assert port.inb(MCR) == 0x1F


def test_lcr_and_scratch_hold_every_bit() -> None:
    port = Port()
    port.outb(SCR, 0xA5)
    port.outb(LCR, 0x7F)
    assert port.inb(SCR) == 0xA5
    assert port.inb(LCR) == 0x7F


def test_dlab_swaps_the_divisor_in_for_data_and_interrupt_enable() -> None:
    port = Port()
    port.outb(IER, RX_INT)
    port.outb(LCR, 0x80)
    port.outb(DLL, 0x34)
    port.outb(DLM, 0x12)
    assert (port.inb(DLL), port.inb(DLM)) == (0x34, 0x12)
    port.outb(LCR, 0x03)
    assert port.inb(IER) == RX_INT
    assert port.sent == b""


def test_lsr_and_msr_ignore_writes() -> None:
    port = Port().setup()
    port.outb(LSR, 0xFF)
    port.outb(MSR, 0xFF)
    assert port.inb(LSR) == 0x60
    assert port.inb(MSR) == 0xB0


@pytest.mark.parametrize("offset", [8, 100, -1])
def test_offsets_beyond_the_chip_are_open_bus(offset: int) -> None:
    port = Port()
    port.chip.write(offset, 0x41, 1)
    assert port.chip.read(offset, 1) == 0xFF
    assert port.sent == b""


# Transmitter


def test_a_byte_reaches_the_outside_as_it_is_written() -> None:
    port = Port().setup()
    port.outb(THR, 0x41)
    assert port.sent == b"A"


def test_output_outruns_the_line_without_loss() -> None:
    port = Port().setup()
    for value in range(256):
        port.outb(THR, value)
    assert port.sent == bytes(range(256))


def test_thre_and_temt_follow_the_line() -> None:
    port = Port().setup(fcr=0)
    port.outb(THR, 0x41)
    assert port.inb(LSR) & 0x60 == 0
    port.characters(0.2)  # the shift register has it, the holding register is free
    assert port.inb(LSR) & 0x60 == 0x20
    port.outb(THR, 0x42)
    port.characters(0.5)
    assert port.inb(LSR) & 0x60 == 0
    port.characters(0.5)
    assert port.inb(LSR) & 0x60 == 0x20
    port.characters(1)
    assert port.inb(LSR) & 0x60 == 0x60


def test_a_full_fifo_takes_sixteen_character_times() -> None:
    port = Port().setup(ier=TX_INT)
    port.inb(IIR)
    for _ in range(16):
        port.outb(THR, 0x41)
    port.characters(14.9)
    assert not port.irq.level
    port.characters(0.3)
    assert port.irq.level
    assert port.inb(LSR) & 0x60 == 0x20
    port.characters(1)
    assert port.inb(LSR) & 0x60 == 0x60


def test_a_lone_character_in_the_fifo_interrupts_after_all_but_its_stop_bit() -> None:
    port = Port().setup(ier=TX_INT)
    port.inb(IIR)
    port.outb(THR, 0x41)
    port.characters(0.9)
    assert not port.irq.level
    port.characters(0.11)
    assert port.irq.level
    assert port.inb(LSR) & 0x40 == 0


def test_a_writer_that_never_looks_cannot_put_the_line_more_than_a_fifo_behind() -> None:
    port = Port().setup()
    for _ in range(1000):
        port.outb(THR, 0x41)
    port.characters(17.2)
    assert port.inb(LSR) & 0x60 == 0x60


@pytest.mark.parametrize(
    ("divisor", "lcr", "expected_ns"),
    [
        (1, 0x03, 86_800),  # 10 bits
        (12, 0x03, 1_041_660),  # 9600 baud
        (1, 0x0F, 104_160),  # parity and two stop bits: 12
        (1, 0x04, 65_100),  # 5 data bits and 1.5 stop bits: 7.5
        (1, 0x00, 60_760),  # 7 bits
    ],
)
def test_a_character_lasts_what_divisor_and_frame_say(
    divisor: int, lcr: int, expected_ns: int
) -> None:
    port = Port().setup()
    port.outb(LCR, 0x80)
    port.outb(DLL, divisor)
    port.outb(LCR, lcr)
    port.chip.receive(b"A")
    port.clock.advance(expected_ns - 10)  # bits are cut to whole ns
    assert port.inb(LSR) & 1 == 0
    port.clock.advance(20)
    assert port.inb(LSR) & 1 == 1


def test_a_zero_divisor_is_a_slow_line_and_not_the_end() -> None:
    port = Port().setup()
    port.outb(LCR, 0x80)
    port.outb(DLL, 0)
    port.outb(LCR, 0x03)
    port.outb(THR, 0x41)
    assert port.sent == b"A"
    assert port.inb(LSR) & 0x40 == 0
    port.clock.advance(7_000_000_000)
    assert port.inb(LSR) & 0x40 == 0x40


def test_a_held_break_silences_the_line() -> None:
    port = Port().setup()
    port.outb(LCR, EIGHT_NONE_ONE | 0x40)
    port.outb(THR, 0x41)
    port.outb(LCR, EIGHT_NONE_ONE)
    port.outb(THR, 0x42)
    assert port.sent == b"B"


def test_a_fast_line_is_free_again_before_an_exit_is_over() -> None:
    port = Port(paced=False).setup(ier=TX_INT)
    port.inb(IIR)
    port.outb(THR, 0x41)
    assert not port.irq.level  # an event of its own, not a level that never fell
    port.clock.advance(11 * FAST_BIT_NS)
    assert port.irq.level
    assert port.inb(LSR) & 0x60 == 0x60
    assert 11 * FAST_BIT_NS < 500


# The transmit interrupt


def test_enabling_the_transmit_interrupt_with_nothing_to_send_raises_it() -> None:
    port = Port().setup()
    port.outb(IER, TX_INT)
    assert port.irq.level
    assert port.inb(IIR) == 0xC2


def test_reading_iir_clears_the_transmit_interrupt_and_enabling_again_rearms_it() -> None:
    port = Port().setup(ier=TX_INT)
    assert port.inb(IIR) == 0xC2
    assert port.inb(IIR) == 0xC1
    assert not port.irq.level
    port.outb(IER, TX_INT)  # already on: no edge
    assert port.inb(IIR) == 0xC1
    port.outb(IER, 0)
    port.outb(IER, TX_INT)
    assert port.irq.level


def test_reading_iir_for_another_source_leaves_the_transmit_interrupt() -> None:
    port = Port().setup(ier=TX_INT | RX_INT)
    port.chip.receive(b"A")
    port.characters(1)
    assert port.inb(IIR) == 0xC4
    port.inb(RBR)
    assert port.inb(IIR) == 0xC2


def test_interrupts_that_are_not_enabled_are_not_reported() -> None:
    port = Port(lossy=True).setup(ier=0)
    port.outb(THR, 0x41)
    port.chip.set_modem_lines(0)
    port.chip.receive_break()
    port.chip.receive(bytes(20))
    port.characters(40)
    assert port.inb(IIR) == 0xC1
    assert not port.irq.level


def test_writing_a_character_clears_the_transmit_interrupt_until_it_has_left() -> None:
    port = Port().setup(ier=TX_INT, fcr=0)
    assert port.irq.level
    port.outb(THR, 0x41)
    assert not port.irq.level
    port.characters(0.2)
    assert port.irq.level
    assert port.irq.rises == 2


def test_emptying_the_transmit_fifo_raises_its_interrupt() -> None:
    port = Port().setup(ier=TX_INT)
    for _ in range(10):
        port.outb(THR, 0x41)
    assert not port.irq.level
    port.outb(FCR, 0x05)
    assert port.irq.level
    assert port.inb(LSR) & 0x60 == 0x20
    port.characters(1)
    assert port.inb(LSR) & 0x60 == 0x60


# Priorities, and what drivers look for


def test_interrupts_are_reported_by_priority() -> None:
    port = Port().setup(ier=0x0F)
    port.chip.set_modem_lines(0)
    port.chip.receive_break()
    port.characters(1)
    assert port.inb(IIR) == 0xC6
    port.inb(LSR)
    assert port.inb(IIR) == 0xC4
    port.inb(RBR)
    assert port.inb(IIR) == 0xC2
    assert port.inb(IIR) == 0xC0
    port.inb(MSR)
    assert port.inb(IIR) == 0xC1


def test_probes_for_later_uarts_find_a_16550a() -> None:
    port = Port().setup()
    port.outb(LCR, 0xBF)  # 16650: another register set behind this value
    port.outb(FCR, 0)
    port.outb(LCR, 0)
    port.outb(FCR, 0x01)
    assert port.inb(IIR) >> 6 == 3  # neither 8250 (0) nor the broken 16550 (2)
    port.outb(LCR, 0x80)
    assert port.inb(IIR) & 0x20 == 0
    port.outb(FCR, 0x21)  # 16750: 64-byte FIFOs, unlocked by DLAB
    assert port.inb(IIR) & 0x20 == 0
    port.outb(LCR, 0)
    port.outb(IER, 0x40)  # XScale: a unit enable bit
    assert port.inb(IER) == 0


def test_every_register_survives_every_value_from_a_hostile_guest() -> None:
    port = Port(lossy=True)
    port.chip.receive(bytes(1000))
    for value in range(256):
        for register in range(8):
            port.outb(register, value)
            assert 0 <= port.inb(register) <= 0xFF
            port.clock.advance(1_000)
    assert len(port.chip.state.rx) <= 16


def test_the_timer_can_be_armed_again_from_the_state_alone() -> None:
    port = Port().setup(ier=RX_INT, fcr=0xC1)
    port.chip.receive(b"a")
    port.characters(2)
    other = Port()
    other.clock.advance(port.clock.now())
    other.chip.state = port.chip.state
    other.inb(SCR)  # any access settles
    other.characters(3.5)
    assert other.irq.level
