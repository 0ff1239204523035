"""ACPI's fixed hardware through its sixteen ports, as an operating system drives it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hv_devices.emulated.acpi_pm import AcpiPm
from tests.fakes import ManualClock, RecordingLine

STATUS, ENABLE, CONTROL, TIMER, GPE_STATUS, GPE_ENABLE = 0x0, 0x2, 0x4, 0x8, 0xC, 0xE
TMR, GBL, PWRBTN, SLPBTN, RTC = 1 << 0, 1 << 5, 1 << 8, 1 << 9, 1 << 10
SCI_EN, SLP_EN = 1 << 0, 1 << 13
S5 = 5 << 10
HZ, SECOND = 3_579_545, 1_000_000_000
HALF_PERIOD = 1 << 31


class Pm:
    """The chip, its SCI and whether it has switched the machine off."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sci = RecordingLine()
        self.offs = 0
        self.chip = AcpiPm(self.clock, self.sci, self._power_off)

    def _power_off(self) -> None:
        self.offs += 1

    def read(self, offset: int, width: int = 2) -> int:
        return self.chip.read(offset, width)

    def write(self, offset: int, value: int, width: int = 2) -> None:
        self.chip.write(offset, value, width)


@pytest.fixture
def pm() -> Pm:
    return Pm()


def test_it_is_in_acpi_mode_from_the_beginning_and_for_good(pm: Pm) -> None:
    assert pm.read(CONTROL) == SCI_EN
    pm.write(CONTROL, 0)
    assert pm.read(CONTROL) == SCI_EN
    assert (pm.read(STATUS), pm.read(ENABLE), pm.sci.level) == (0, 0, False)


def test_the_timer_counts_3_579545_mhz(pm: Pm) -> None:
    pm.clock.advance(SECOND)
    assert pm.read(TIMER, 4) == HZ
    pm.clock.advance(9 * SECOND)
    assert pm.read(TIMER, 4) == 10 * HZ


def test_the_timer_does_not_drift(pm: Pm) -> None:
    previous = 0
    for _ in range(2000):
        pm.clock.advance(279)
        now = pm.read(TIMER, 4)
        assert now - previous in (0, 1)
        previous = now
    assert previous == 2000 * 279 * HZ // SECOND


def test_the_timer_has_32_bits(pm: Pm) -> None:
    pm.clock.advance(-(-(1 << 32) * SECOND // HZ))
    assert pm.read(TIMER, 4) == 0


def test_the_timer_status_is_set_when_its_top_bit_changes(pm: Pm) -> None:
    pm.clock.advance(HALF_PERIOD * SECOND // HZ)
    assert pm.read(STATUS) == 0
    pm.clock.advance(1)
    assert pm.read(STATUS) == TMR
    pm.write(STATUS, TMR)
    assert pm.read(STATUS) == 0
    pm.clock.advance(HALF_PERIOD * SECOND // HZ + 1)
    assert pm.read(STATUS) == TMR


def test_the_timer_interrupts_when_it_is_enabled(pm: Pm) -> None:
    pm.write(ENABLE, TMR)
    pm.clock.advance(HALF_PERIOD * SECOND // HZ)
    assert not pm.sci.level
    pm.clock.advance(1)
    assert pm.sci.level
    pm.write(STATUS, TMR)
    assert not pm.sci.level
    pm.clock.advance(HALF_PERIOD * SECOND // HZ + 1)
    assert pm.sci.rises == 2


def test_enabling_a_timer_that_has_turned_over_interrupts_at_once(pm: Pm) -> None:
    pm.clock.advance(700 * SECOND)
    assert not pm.sci.level
    pm.write(ENABLE, TMR)
    assert pm.sci.level
    pm.write(ENABLE, 0)
    assert not pm.sci.level


def test_the_power_button_interrupts_until_its_status_is_cleared(pm: Pm) -> None:
    pm.chip.press_power_button()
    assert pm.read(STATUS) == PWRBTN
    assert not pm.sci.level
    pm.write(ENABLE, PWRBTN)
    assert pm.sci.level
    pm.write(STATUS, TMR)
    assert pm.sci.level
    pm.write(STATUS, PWRBTN)
    assert not pm.sci.level
    pm.chip.press_power_button()
    assert pm.sci.rises == 2


def test_only_what_exists_can_be_enabled(pm: Pm) -> None:
    pm.write(ENABLE, 0xFFFF)
    assert pm.read(ENABLE) == TMR | GBL | PWRBTN | SLPBTN | RTC


def test_soft_off_switches_the_machine_off(pm: Pm) -> None:
    pm.write(CONTROL, S5)
    assert pm.offs == 0
    pm.write(CONTROL, S5 | SLP_EN)
    assert pm.offs == 1
    assert pm.read(CONTROL) == S5 | SCI_EN


def test_soft_off_may_come_as_a_byte(pm: Pm) -> None:
    pm.write(CONTROL + 1, (S5 | SLP_EN) >> 8, 1)
    assert pm.offs == 1


@pytest.mark.parametrize("sleep_type", [0, 1, 2, 3, 4, 6, 7])
def test_other_sleeping_states_are_not_there(pm: Pm, sleep_type: int) -> None:
    pm.write(CONTROL, sleep_type << 10 | SLP_EN)
    assert pm.offs == 0


def test_status_and_enable_can_be_written_at_once(pm: Pm) -> None:
    pm.chip.press_power_button()
    pm.write(STATUS, TMR << 16 | PWRBTN, 4)
    assert (pm.read(STATUS), pm.read(ENABLE)) == (0, TMR)
    assert pm.read(STATUS, 4) == TMR << 16


def test_bytes_of_a_register_are_its_own(pm: Pm) -> None:
    pm.write(ENABLE, TMR | PWRBTN)
    pm.write(ENABLE + 1, 0, 1)
    assert pm.read(ENABLE) == TMR
    assert pm.read(ENABLE + 1, 1) == 0


def test_the_general_purpose_block_keeps_its_enables(pm: Pm) -> None:
    pm.write(GPE_ENABLE, 0xA5C3)
    assert (pm.read(GPE_STATUS), pm.read(GPE_ENABLE)) == (0, 0xA5C3)
    pm.write(GPE_ENABLE, 0x00, 1)
    assert pm.read(GPE_ENABLE) == 0xA500
    assert not pm.sci.level


def test_reset_forgets_everything_but_time(pm: Pm) -> None:
    pm.clock.advance(700 * SECOND)
    pm.chip.press_power_button()
    pm.write(ENABLE, PWRBTN)
    pm.chip.reset()
    assert not pm.sci.level
    assert (pm.read(STATUS), pm.read(ENABLE)) == (0, 0)
    assert pm.read(TIMER, 4) == 700 * HZ


@given(
    accesses=st.lists(
        st.tuples(st.integers(0, 15), st.sampled_from([1, 2, 4]), st.integers(0, 2**32 - 1)),
        max_size=8,
    )
)
def test_no_access_is_too_strange(accesses: list[tuple[int, int, int]]) -> None:
    pm = Pm()
    for offset, width, value in accesses:
        pm.write(offset, value & (1 << 8 * width) - 1, width)
        assert 0 <= pm.read(offset, width) < 1 << 8 * width
        pm.clock.advance(value)
