"""The mouse on its cable. Constants from Brouwer, "Keyboard scancodes", 12."""

import pytest

from hv_devices.emulated.ps2_mouse import Ps2Mouse
from hv_devices.emulated.ps2_port import SELF_TEST_NS
from tests.fakes import ManualClock

ACK, RESEND, ERROR, PASSED = 0xFA, 0xFE, 0xFC, 0xAA
MILLISECOND = 1_000_000

ALWAYS, X_SIGN, Y_SIGN, X_OVERFLOW, Y_OVERFLOW = 0x08, 0x10, 0x20, 0x40, 0x80
INTELLIMOUSE = (0xF3, 200, 0xF3, 100, 0xF3, 80)
EXPLORER = (0xF3, 200, 0xF3, 200, 0xF3, 80)


class Cable:
    """A mouse and the host's end of the cable."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.mouse = Ps2Mouse(self.clock)
        self.calls = 0
        self.mouse.connect(self._called)

    def _called(self) -> None:
        self.calls += 1

    def heard(self) -> list[int]:
        got = []
        self.clock.advance(0)
        while self.mouse.ready:
            got.append(self.mouse.take())
            self.clock.advance(0)
        return got

    def say(self, *bytes_out: int) -> list[int]:
        for byte in bytes_out:
            self.mouse.receive(byte)
        return self.heard()


@pytest.fixture
def cable() -> Cable:
    return Cable()


@pytest.fixture
def streaming(cable: Cable) -> Cable:
    assert cable.say(0xF4) == [ACK]
    return cable


class TestCommands:
    def test_it_calls_when_it_has_something_to_say(self, cable: Cable) -> None:
        cable.mouse.receive(0xF4)
        assert cable.calls == 1
        cable.heard()
        cable.mouse.move(1, 0)
        cable.clock.advance(0)
        assert cable.calls == 2
        cable.say(0xFF)
        calls = cable.calls
        cable.clock.advance(SELF_TEST_NS)
        assert cable.calls == calls + 1

    def test_it_identifies_as_a_standard_mouse(self, cable: Cable) -> None:
        assert cable.say(0xF2) == [ACK, 0x00]

    def test_reset_passes_the_self_test_and_identifies(self, cable: Cable) -> None:
        assert cable.say(0xFF) == [ACK]
        cable.clock.advance(SELF_TEST_NS - 1)
        assert cable.heard() == []
        cable.clock.advance(1)
        assert cable.heard() == [PASSED, 0x00]

    def test_a_host_that_speaks_cuts_the_self_test_short(self, cable: Cable) -> None:
        cable.say(0xFF)
        assert cable.say(0xF4) == [PASSED, 0x00, ACK]

    def test_the_status_shows_the_defaults(self, cable: Cable) -> None:
        assert cable.say(0xE9) == [ACK, 0x00, 0x02, 100]

    def test_the_status_shows_every_setting(self, cable: Cable) -> None:
        assert cable.say(0xE7, 0xE8, 3, 0xF3, 40, 0xF0, 0xF4) == [ACK] * 7
        cable.mouse.buttons(left=True, middle=True)
        assert cable.say(0xE9) == [ACK, 0x76, 0x03, 40]
        cable.mouse.buttons(right=True)
        assert cable.say(0xE6, 0xEA, 0xF5, 0xE9) == [ACK, ACK, ACK, ACK, 0x01, 0x03, 40]

    def test_defaults_are_restored(self, cable: Cable) -> None:
        cable.say(0xE7, 0xE8, 3, 0xF3, 40, 0xF0, 0xF4)
        assert cable.say(0xF6, 0xE9) == [ACK, ACK, 0x00, 0x02, 100]

    def test_a_second_unknown_byte_is_an_error(self, cable: Cable) -> None:
        assert cable.say(0xE1, 0xE1, 0xE1) == [RESEND, ERROR, RESEND]

    def test_a_good_command_forgives(self, cable: Cable) -> None:
        assert cable.say(0xE1, 0xE6, 0xE1) == [RESEND, ACK, RESEND]

    def test_a_wrong_parameter_can_be_corrected_once(self, cable: Cable) -> None:
        assert cable.say(0xF3, 99, 60) == [ACK, RESEND, ACK]
        assert cable.say(0xE8, 4, 5, 1) == [ACK, RESEND, ERROR, RESEND]
        assert cable.say(0xE9)[2:] == [0x02, 60]

    def test_a_correction_forgives(self, cable: Cable) -> None:
        assert cable.say(0xF3, 99, 60, 0xE1) == [ACK, RESEND, ACK, RESEND]

    def test_a_command_in_place_of_a_parameter_counts(self, cable: Cable) -> None:
        assert cable.say(0xF3, 0xF2, 60) == [ACK, ACK, 0x00, RESEND]

    def test_wrap_mode_echoes_all_but_its_end(self, cable: Cable) -> None:
        assert cable.say(0xEE, 0xF4, 0x12, 0xEE, 0xEC) == [ACK, 0xF4, 0x12, 0xEE, ACK]
        assert cable.say(0xE9) == [ACK, 0x00, 0x02, 100]

    def test_reset_ends_wrap_mode(self, cable: Cable) -> None:
        assert cable.say(0xEE) == [ACK]
        assert cable.say(0xFF) == [ACK]
        assert cable.say(0xF2) == [PASSED, 0x00, ACK, 0x00]

    def test_resend_repeats_the_last_answer(self, cable: Cable) -> None:
        cable.say(0xE9)
        assert cable.say(0xFE) == [0x00, 0x02, 100]
        cable.say(0xE6)
        assert cable.say(0xFE, 0xFE) == [ACK, ACK]

    def test_answers_nobody_reads_do_not_pile_up(self, cable: Cable) -> None:
        for _ in range(1000):
            cable.mouse.receive(0xE9)
        heard = cable.heard()
        assert len(heard) == 16
        assert heard[-4:] == [ACK, 0x00, 0x02, 100]


class TestPackets:
    @pytest.mark.parametrize(
        ("dx", "dy", "packet"),
        [
            (1, 2, [ALWAYS, 1, 2]),
            (-1, 2, [ALWAYS | X_SIGN, 0xFF, 2]),
            (1, -2, [ALWAYS | Y_SIGN, 1, 0xFE]),
            (255, -255, [ALWAYS | Y_SIGN, 0xFF, 0x01]),
            (256, 0, [ALWAYS | X_OVERFLOW, 0xFF, 0]),
            (0, -1000, [ALWAYS | Y_SIGN | Y_OVERFLOW, 0, 0x01]),
        ],
    )
    def test_motion(self, streaming: Cable, dx: int, dy: int, packet: list[int]) -> None:
        streaming.mouse.move(dx, dy)
        assert streaming.heard() == packet

    def test_motion_adds_up_until_it_is_reported(self, cable: Cable) -> None:
        cable.say(0xF0)
        cable.mouse.move(3, 4)
        cable.mouse.move(-5, 1)
        assert cable.say(0xEB) == [ACK, ALWAYS | X_SIGN, 0xFE, 5]
        assert cable.say(0xEB) == [ACK, ALWAYS, 0, 0]

    def test_an_overflown_counter_stands_still(self, cable: Cable) -> None:
        cable.say(0xF0)
        cable.mouse.move(300, 0)
        cable.mouse.move(-100, 0)
        assert cable.say(0xEB) == [ACK, ALWAYS | X_OVERFLOW, 0xFF, 0]
        cable.mouse.move(1, 0)
        assert cable.say(0xEB) == [ACK, ALWAYS, 1, 0]

    def test_buttons(self, streaming: Cable) -> None:
        streaming.mouse.buttons(left=True)
        assert streaming.heard() == [ALWAYS | 1, 0, 0]
        streaming.clock.advance(10 * MILLISECOND)
        streaming.mouse.buttons(right=True, middle=True)
        assert streaming.heard() == [ALWAYS | 2 | 4, 0, 0]
        streaming.clock.advance(10 * MILLISECOND)
        streaming.mouse.buttons()
        assert streaming.heard() == [ALWAYS, 0, 0]

    @pytest.mark.parametrize(
        ("steps", "scaled"),
        [(0, 0), (1, 1), (2, 1), (3, 3), (4, 6), (5, 9), (6, 12), (100, 200)],
    )
    def test_2_to_1_scaling(self, streaming: Cable, steps: int, scaled: int) -> None:
        streaming.say(0xE7)
        streaming.mouse.buttons(left=True)
        streaming.mouse.move(steps, -steps)
        _, x, y = streaming.heard()
        assert (x, y) == (scaled, -scaled & 0xFF)

    def test_scaling_can_overflow(self, streaming: Cable) -> None:
        streaming.say(0xE7)
        streaming.mouse.move(128, 0)
        assert streaming.heard() == [ALWAYS | X_OVERFLOW, 0xFF, 0]

    def test_a_requested_packet_is_not_scaled(self, cable: Cable) -> None:
        cable.say(0xE7, 0xF0)
        cable.mouse.move(100, 0)
        assert cable.say(0xEB) == [ACK, ALWAYS, 100, 0]

    def test_a_command_cuts_a_packet_and_clears_the_counters(self, streaming: Cable) -> None:
        streaming.mouse.move(1, 2)
        streaming.clock.advance(0)
        assert streaming.mouse.take() == ALWAYS
        streaming.mouse.move(3, 4)
        assert streaming.say(0xE6) == [ACK]
        streaming.clock.advance(100 * MILLISECOND)
        assert streaming.heard() == []

    def test_resend_brings_the_whole_packet(self, streaming: Cable) -> None:
        streaming.mouse.move(1, 2)
        streaming.clock.advance(0)
        streaming.mouse.take()
        assert streaming.say(0xFE) == [ALWAYS, 1, 2]


class TestStream:
    def test_it_is_silent_until_enabled(self, cable: Cable) -> None:
        cable.mouse.move(1, 1)
        assert cable.heard() == []
        assert cable.say(0xF4) == [ACK]

    def test_it_is_silent_after_disable(self, streaming: Cable) -> None:
        streaming.say(0xF5)
        streaming.mouse.move(1, 1)
        assert streaming.heard() == []

    def test_it_is_silent_in_remote_mode(self, streaming: Cable) -> None:
        streaming.say(0xF0)
        streaming.mouse.move(1, 1)
        assert streaming.heard() == []
        assert streaming.say(0xEB) == [ACK, ALWAYS, 1, 1]

    @pytest.mark.parametrize(("rate", "period_ms"), [(10, 100), (100, 10), (200, 5)])
    def test_reports_keep_the_sample_rate(
        self, streaming: Cable, rate: int, period_ms: int
    ) -> None:
        streaming.say(0xF3, rate)
        streaming.mouse.move(1, 0)
        assert streaming.heard() == [ALWAYS, 1, 0]
        streaming.mouse.move(2, 0)
        streaming.mouse.move(3, 0)
        streaming.clock.advance(period_ms * MILLISECOND - 1)
        assert streaming.heard() == []
        streaming.clock.advance(1)
        assert streaming.heard() == [ALWAYS, 5, 0]

    def test_motion_gathers_while_a_packet_waits(self, streaming: Cable) -> None:
        streaming.mouse.move(1, 0)
        streaming.clock.advance(0)
        for _ in range(5):
            streaming.clock.advance(100 * MILLISECOND)
            streaming.mouse.move(1, 0)
        assert streaming.heard() == [ALWAYS, 1, 0, ALWAYS, 5, 0]

    @pytest.mark.parametrize("command", [0xF5, 0xF0, 0xEE, 0xE6])
    def test_a_command_calls_a_coming_report_off(self, streaming: Cable, command: int) -> None:
        streaming.mouse.move(1, 0)
        streaming.heard()
        streaming.mouse.move(2, 0)
        assert streaming.say(command) == [ACK]
        streaming.clock.advance(1000 * MILLISECOND)
        assert streaming.heard() == []

    def test_nothing_new_is_not_reported(self, streaming: Cable) -> None:
        streaming.mouse.move(0, 0)
        streaming.mouse.buttons()
        streaming.clock.advance(1000 * MILLISECOND)
        assert streaming.heard() == []

    def test_power_on_silences_everything(self, streaming: Cable) -> None:
        streaming.mouse.move(1, 0)
        streaming.mouse.reset()
        streaming.clock.advance(1000 * MILLISECOND)
        assert streaming.heard() == []
        streaming.mouse.move(1, 0)
        streaming.clock.advance(1000 * MILLISECOND)
        assert streaming.heard() == []


class TestExtensions:
    def test_the_knock_makes_an_intellimouse(self, cable: Cable) -> None:
        assert cable.say(*INTELLIMOUSE, 0xF2) == [ACK] * 7 + [0x03]

    def test_the_other_knock_makes_an_explorer(self, cable: Cable) -> None:
        assert cable.say(*INTELLIMOUSE, *EXPLORER, 0xF2)[-2:] == [ACK, 0x04]

    def test_other_rates_are_only_rates(self, cable: Cable) -> None:
        assert cable.say(0xF3, 200, 0xF3, 80, 0xF3, 100, 0xF2)[-2:] == [ACK, 0x00]

    def test_reset_makes_it_a_standard_mouse_again(self, cable: Cable) -> None:
        cable.say(*INTELLIMOUSE, 0xFF)
        assert cable.say(0xF2) == [PASSED, 0x00, ACK, 0x00]

    @pytest.mark.parametrize(
        ("dz", "byte"), [(1, 0x01), (-1, 0xFF), (7, 0x07), (99, 7), (-99, 0xF8)]
    )
    def test_the_wheel_of_an_intellimouse(self, cable: Cable, dz: int, byte: int) -> None:
        cable.say(*INTELLIMOUSE, 0xF4)
        cable.mouse.move(0, 0, dz)
        assert cable.heard() == [ALWAYS, 0, 0, byte]

    def test_the_wheel_and_five_buttons_of_an_explorer(self, cable: Cable) -> None:
        cable.say(*EXPLORER, 0xF4)
        cable.mouse.buttons(left=True, side=True)
        cable.mouse.move(0, 0, -1)
        assert cable.heard() == [ALWAYS | 1, 0, 0, 0x1F]
        cable.clock.advance(100 * MILLISECOND)
        cable.mouse.buttons(extra=True)
        assert cable.heard() == [ALWAYS, 0, 0, 0x20]

    def test_a_standard_mouse_has_no_wheel_and_three_buttons(self, streaming: Cable) -> None:
        streaming.mouse.move(0, 0, 3)
        streaming.mouse.buttons(side=True, extra=True)
        assert streaming.heard() == []
