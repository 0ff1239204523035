"""The PC's two 8259As as the processor, the devices and the guest see them."""

import pytest

from hv_devices.emulated.i8259a_pair import PicPair
from tests.fakes import RecordingLine

EOI = 0x20
READ_ISR, POLL = 0x0B, 0x0C
MASTER_BASE, SLAVE_BASE = 0x30, 0x38
X86, AEOI, SFNM = 0x01, 0x02, 0x10


class Pics:
    """Both chips set up as every PC kernel does."""

    def __init__(self, master_icw4: int = X86, slave_icw4: int = X86) -> None:
        self.int = RecordingLine()
        self.watched: list[int] = []
        self.pair = PicPair(self.int, watch=self.watched.append)
        for offset, word in [(0, 0x11), (1, MASTER_BASE), (1, 0x04), (1, master_icw4)]:
            self.pair.master.write(offset, word, 1)
        for offset, word in [(0, 0x11), (1, SLAVE_BASE), (1, 0x02), (1, slave_icw4)]:
            self.pair.slave.write(offset, word, 1)

    def set(self, irq: int, level: bool) -> None:
        self.pair.line(irq).set(level)

    def isr(self) -> tuple[int, int]:
        chips = (self.pair.master, self.pair.slave)
        for chip in chips:
            chip.write(0, READ_ISR, 1)
        return chips[0].read(0, 1), chips[1].read(0, 1)

    def eoi(self, *chips: str) -> None:
        for chip in chips:
            getattr(self.pair, chip).write(0, EOI, 1)


@pytest.fixture
def pics() -> Pics:
    return Pics()


@pytest.mark.parametrize("irq", [irq for irq in range(16) if irq != 2])
def test_each_line_gives_its_vector(pics: Pics, irq: int) -> None:
    pics.set(irq, True)
    assert pics.pair.pending
    assert pics.int.level
    assert pics.pair.acknowledge() == MASTER_BASE + irq
    assert not pics.pair.pending
    assert pics.isr() == ((1 << irq, 0) if irq < 8 else (0x04, 1 << irq - 8))


def test_irq_2_is_not_a_device_s() -> None:
    with pytest.raises(ValueError, match="IRQ9"):
        PicPair(RecordingLine()).line(2)


def test_slave_levels_rank_between_irq_1_and_irq_3(pics: Pics) -> None:
    for irq in (3, 8, 15, 1, 0):
        pics.set(irq, True)
    served = []
    while pics.pair.pending and len(served) < 6:
        vector = pics.pair.acknowledge()
        served.append(vector - MASTER_BASE)
        pics.eoi(*(["slave"] if vector >= SLAVE_BASE else []), "master")
    assert served == [0, 1, 8, 15, 3]


def test_a_slave_request_waits_until_both_chips_are_told_of_the_end(pics: Pics) -> None:
    pics.set(12, True)
    pics.pair.acknowledge()
    pics.set(14, True)
    pics.eoi("master")
    assert not pics.pair.pending
    pics.eoi("slave")
    assert pics.pair.pending
    assert pics.pair.acknowledge() == SLAVE_BASE + 6


def test_a_higher_slave_request_is_locked_out_unless_specially_nested() -> None:
    for icw4, pending in [(X86, False), (X86 | SFNM, True)]:
        pics = Pics(master_icw4=icw4)
        pics.set(12, True)
        pics.pair.acknowledge()
        pics.set(8, True)
        assert pics.pair.pending is pending


def test_automatic_eoi_in_the_slave_loses_no_request() -> None:
    pics = Pics(master_icw4=X86 | AEOI, slave_icw4=X86 | AEOI)
    pics.set(12, True)
    pics.set(14, True)
    assert pics.pair.acknowledge() == SLAVE_BASE + 4
    assert pics.pair.pending
    assert pics.pair.acknowledge() == SLAVE_BASE + 6
    assert not pics.pair.pending


def test_spurious_irq_7_sets_no_in_service_bit(pics: Pics) -> None:
    pics.set(4, True)
    pics.set(4, False)
    assert not pics.pair.pending
    assert pics.pair.acknowledge() == MASTER_BASE + 7
    assert pics.isr() == (0, 0)


def test_spurious_irq_15_leaves_the_master_to_be_ended(pics: Pics) -> None:
    # A glitch on the cascade line: the master has a request, the slave no longer has one.
    pics.pair.master.line(2).set(True)
    assert pics.pair.acknowledge() == SLAVE_BASE + 7
    assert pics.isr() == (0x04, 0)
    pics.eoi("master")
    assert pics.isr() == (0, 0)


def test_no_slave_answers_to_a_wrong_identity(pics: Pics) -> None:
    for offset, word in [(0, 0x11), (1, SLAVE_BASE), (1, 0x03), (1, X86)]:
        pics.pair.slave.write(offset, word, 1)
    pics.set(9, True)
    assert pics.pair.acknowledge() == 0xFF


def test_the_slave_s_identity_is_three_bits_and_7_after_icw1(pics: Pics) -> None:
    pics.pair.slave.write(0, 0x11, 1)
    assert pics.pair.slave.state.icw3 == 7
    for word in (SLAVE_BASE, 0xFA, X86):
        pics.pair.slave.write(1, word, 1)
    pics.set(9, True)
    assert pics.pair.acknowledge() == SLAVE_BASE + 1


def test_special_fully_nested_mode_means_nothing_to_a_slave() -> None:
    pics = Pics(slave_icw4=X86 | SFNM)
    pics.set(9, True)  # ICW3 of a slave is no mask, though its value 2 has the bit of IR1
    pics.pair.acknowledge()
    pics.eoi("master")
    pics.set(9, False)
    pics.set(9, True)
    assert not pics.pair.pending


def test_reset_reaches_both_chips(pics: Pics) -> None:
    pics.set(9, True)
    pics.pair.acknowledge()
    pics.pair.write_elcr(1, 0x02, 1)
    pics.pair.reset()
    assert pics.isr() == (0, 0)
    assert pics.pair.read_elcr(1, 1) == 0


def test_polling_both_chips_finds_a_slave_request(pics: Pics) -> None:
    pics.set(11, True)
    pics.pair.master.write(0, POLL, 1)
    assert pics.pair.master.read(0, 1) == 0x82
    pics.pair.slave.write(0, POLL, 1)
    assert pics.pair.slave.read(0, 1) == 0x83
    assert pics.isr() == (0x04, 0x08)


def test_masking_the_cascade_masks_the_slave(pics: Pics) -> None:
    pics.pair.master.write(1, 0x04, 1)
    pics.set(10, True)
    assert not pics.pair.pending
    pics.pair.master.write(1, 0, 1)
    assert pics.pair.acknowledge() == SLAVE_BASE + 2


def test_elcr_keeps_the_system_s_own_lines_edge_triggered(pics: Pics) -> None:
    assert [pics.pair.read_elcr(offset, 1) for offset in (0, 1)] == [0, 0]
    for offset in (0, 1):
        pics.pair.write_elcr(offset, 0xFF, 1)
    assert [pics.pair.read_elcr(offset, 1) for offset in (0, 1)] == [0xF8, 0xDE]


def test_a_shared_level_triggered_line_interrupts_until_it_is_low(pics: Pics) -> None:
    pics.pair.write_elcr(1, 0x08, 1)
    pics.set(11, True)
    for _ in range(2):
        assert pics.pair.acknowledge() == SLAVE_BASE + 3
        pics.eoi("slave", "master")
    pics.set(11, False)
    assert not pics.pair.pending


def test_the_watcher_hears_which_lines_could_interrupt(pics: Pics) -> None:
    assert pics.watched[-1] == 0xFFFB
    pics.pair.master.write(1, 0x05, 1)
    assert pics.watched[-1] == 0x00FA
    pics.pair.master.write(1, 0x01, 1)
    pics.pair.slave.write(1, 0x7F, 1)
    assert pics.watched[-1] == 0x80FA
    pics.pair.slave.write(0, 0x11, 1)
    assert pics.watched[-1] == 0x00FA
    pics.pair.reset()
    assert pics.watched[-1] == 0


def test_a_watcher_may_drive_lines(pics: Pics) -> None:
    pair: PicPair

    def watch(unmasked: int) -> None:
        pair.line(0).set(bool(unmasked & 1))

    pair = PicPair(RecordingLine(), watch=watch)
    for offset, word in [(0, 0x11), (1, MASTER_BASE), (1, 0x04), (1, X86)]:
        pair.master.write(offset, word, 1)
    assert pair.acknowledge() == MASTER_BASE


def test_two_machines_do_not_share_anything() -> None:
    one, other = Pics(), Pics()
    one.set(1, True)
    assert one.pair.pending
    assert not other.pair.pending
