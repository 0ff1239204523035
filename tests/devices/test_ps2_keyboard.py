"""The keyboard on its cable. Constants from Brouwer, "Keyboard scancodes", 1, 9 and 11."""

import pytest

from hv_devices.emulated.ps2_keyboard import Ps2Keyboard
from hv_devices.emulated.ps2_port import SELF_TEST_NS
from hv_devices.emulated.ps2_scancodes import KEYS, translate
from tests.fakes import ManualClock

ACK, RESEND, PASSED = 0xFA, 0xFE, 0xAA
MILLISECOND = 1_000_000


class Cable:
    """A keyboard and the host's end of the cable."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.keyboard = Ps2Keyboard(self.clock)
        self.calls = 0
        self.keyboard.connect(self._called)

    def _called(self) -> None:
        self.calls += 1

    def heard(self) -> list[int]:
        got = []
        while self.keyboard.ready:
            got.append(self.keyboard.take())
        return got

    def say(self, *bytes_out: int) -> list[int]:
        for byte in bytes_out:
            self.keyboard.receive(byte)
        return self.heard()

    def stroke(self, key: str) -> list[int]:
        self.keyboard.press(key)
        self.keyboard.release(key)
        return self.heard()


@pytest.fixture
def cable() -> Cable:
    return Cable()


class TestCommands:
    def test_it_identifies_as_an_mf2_keyboard(self, cable: Cable) -> None:
        assert cable.say(0xF2) == [ACK, 0xAB, 0x83]

    def test_it_calls_when_it_has_something_to_say(self, cable: Cable) -> None:
        cable.keyboard.receive(0xF2)
        assert cable.calls == 1
        cable.heard()
        cable.keyboard.press("a")
        assert cable.calls == 2
        cable.heard()
        cable.clock.advance(500 * MILLISECOND)
        assert cable.calls == 3
        cable.heard()
        cable.keyboard.release("a")
        assert cable.calls == 4
        cable.say(0xFF)
        calls = cable.calls
        cable.clock.advance(SELF_TEST_NS)
        assert cable.calls == calls + 1

    def test_nobody_need_listen(self) -> None:
        keyboard = Ps2Keyboard(ManualClock())
        keyboard.press("a")
        assert keyboard.take() == 0x1C

    def test_echo_comes_without_acknowledgement(self, cable: Cable) -> None:
        assert cable.say(0xEE) == [0xEE]

    def test_leds_take_three_bits(self, cable: Cable) -> None:
        assert cable.say(0xED, 0x07) == [ACK, ACK]
        assert cable.keyboard.state.leds == 7
        assert cable.say(0xED, 0x08, 0x02) == [ACK, RESEND, RESEND]
        assert cable.keyboard.state.leds == 7

    def test_a_command_in_place_of_a_parameter_counts(self, cable: Cable) -> None:
        assert cable.say(0xED, 0xF2) == [ACK, ACK, 0xAB, 0x83]
        assert cable.say(0x02) == [RESEND]

    @pytest.mark.parametrize("unknown", [0x00, 0x7F, 0xE8, 0xEC, 0xEF, 0xF1])
    def test_an_unknown_command_is_refused(self, cable: Cable, unknown: int) -> None:
        assert cable.say(unknown) == [RESEND]

    @pytest.mark.parametrize("command", [0xF7, 0xF8, 0xF9, 0xFA])
    def test_set_3_commands_are_acknowledged(self, cable: Cable, command: int) -> None:
        assert cable.say(command) == [ACK]

    @pytest.mark.parametrize("command", [0xFB, 0xFC, 0xFD])
    def test_key_lists_last_until_the_next_command(self, cable: Cable, command: int) -> None:
        assert cable.say(command, 0x1C, 0x32, 0xF4) == [ACK] * 4
        assert cable.say(0x1C) == [RESEND]

    def test_resend_repeats_the_last_byte(self, cable: Cable) -> None:
        cable.say(0xF2)
        assert cable.say(0xFE) == [0x83]
        assert cable.say(0xFE) == [0x83]

    def test_answers_go_before_keys(self, cable: Cable) -> None:
        cable.keyboard.press("up")
        assert cable.keyboard.take() == 0xE0
        assert cable.say(0xF2) == [ACK, 0xAB, 0x83, 0x75]

    def test_keys_wait_while_a_parameter_is_awaited(self, cable: Cable) -> None:
        assert cable.say(0xED) == [ACK]
        assert cable.stroke("a") == []
        assert cable.say(0x00) == [ACK, 0x1C, 0xF0, 0x1C]

    def test_answers_nobody_reads_do_not_pile_up(self, cable: Cable) -> None:
        for _ in range(1000):
            cable.keyboard.receive(0xF2)
        heard = cable.heard()
        assert len(heard) == 16
        assert heard[-3:] == [ACK, 0xAB, 0x83]


class TestReset:
    def test_the_self_test_takes_its_time_and_passes(self, cable: Cable) -> None:
        assert cable.say(0xFF) == [ACK]
        cable.clock.advance(SELF_TEST_NS - 1)
        assert cable.heard() == []
        cable.clock.advance(1)
        assert cable.heard() == [PASSED]

    def test_a_host_that_speaks_cuts_the_self_test_short(self, cable: Cable) -> None:
        cable.say(0xFF)
        assert cable.say(0xF4) == [PASSED, ACK]
        cable.clock.advance(2 * SELF_TEST_NS)
        assert cable.heard() == []

    def test_reset_restores_the_defaults(self, cable: Cable) -> None:
        cable.say(0xED, 0x07, 0xF0, 0x01, 0xF3, 0x00, 0xF5, 0xFF)
        cable.clock.advance(SELF_TEST_NS)
        cable.heard()
        assert cable.keyboard.state.leds == 0
        assert cable.stroke("a") == [0x1C, 0xF0, 0x1C]

    def test_keys_during_the_self_test_are_lost(self, cable: Cable) -> None:
        cable.say(0xFF)
        assert cable.stroke("a") == []

    def test_disable_stops_the_keys_and_enable_starts_afresh(self, cable: Cable) -> None:
        cable.keyboard.press("a")
        assert cable.say(0xF5) == [ACK]
        assert cable.stroke("b") == []
        assert cable.say(0xF4) == [ACK]
        assert cable.stroke("b") == [0x32, 0xF0, 0x32]

    @pytest.mark.parametrize("command", [(0xF4,), (0xF6,), (0xF0, 0x01)])
    def test_some_commands_forget_what_was_typed(
        self, cable: Cable, command: tuple[int, ...]
    ) -> None:
        cable.keyboard.press("a")
        assert cable.say(*command) == [ACK] * len(command)
        cable.clock.advance(1000 * MILLISECOND)
        assert cable.heard() == []

    def test_defaults_leave_it_scanning(self, cable: Cable) -> None:
        assert cable.say(0xED, 0x07, 0xF0, 0x01, 0xF3, 0x00, 0xF6) == [ACK] * 7
        assert cable.keyboard.state.leds == 0
        assert cable.keyboard.state.typematic == 0x2B
        assert cable.stroke("a") == [0x1C, 0xF0, 0x1C]

    def test_power_on_silences_everything(self, cable: Cable) -> None:
        cable.keyboard.press("a")
        cable.keyboard.receive(0xFF)
        cable.keyboard.reset()
        cable.clock.advance(1000 * MILLISECOND)
        assert cable.heard() == []


class TestScanCodes:
    def test_set_2_is_the_default_and_can_be_asked_for(self, cable: Cable) -> None:
        assert cable.say(0xF0, 0x00) == [ACK, ACK, 2]

    def test_set_1_can_be_chosen(self, cable: Cable) -> None:
        assert cable.say(0xF0, 0x01) == [ACK, ACK]
        assert cable.say(0xF0, 0x00) == [ACK, ACK, 1]
        assert cable.stroke("a") == [0x1E, 0x9E]
        assert cable.stroke("up") == [0xE0, 0x48, 0xE0, 0xC8]

    def test_set_3_is_refused(self, cable: Cable) -> None:
        assert cable.say(0xF0, 0x03) == [ACK, RESEND]
        assert cable.say(0xF0, 0x00) == [ACK, ACK, 2]

    @pytest.mark.parametrize(
        ("key", "codes"),
        [
            ("f7", "83 f0 83"),
            ("kp_5", "73 f0 73"),
            ("kp_enter", "e0 5a e0 f0 5a"),
            ("lwin", "e0 1f e0 f0 1f"),
            ("less", "61 f0 61"),
            ("printscreen", "e0 12 e0 7c e0 f0 7c e0 f0 12"),
            ("pause", "e1 14 77 e1 f0 14 f0 77"),
        ],
    )
    def test_set_2(self, cable: Cable, key: str, codes: str) -> None:
        assert bytes(cable.stroke(key)) == bytes.fromhex(codes)

    @pytest.mark.parametrize(
        ("modifier", "key", "codes"),
        [
            ("lalt", "printscreen", "84 f0 84"),
            ("ralt", "printscreen", "84 f0 84"),
            ("rctrl", "printscreen", "e0 7c e0 f0 7c"),
            ("lshift", "printscreen", "e0 7c e0 f0 7c"),
            ("lctrl", "pause", "e0 7e e0 f0 7e"),
            ("lshift", "pause", "e1 14 77 e1 f0 14 f0 77"),
        ],
    )
    def test_modifiers_change_some_keys(
        self, cable: Cable, modifier: str, key: str, codes: str
    ) -> None:
        cable.keyboard.press(modifier)
        cable.heard()
        assert bytes(cable.stroke(key)) == bytes.fromhex(codes)

    def test_a_key_is_released_as_it_was_pressed(self, cable: Cable) -> None:
        cable.keyboard.press("lalt")
        cable.keyboard.press("printscreen")
        cable.keyboard.release("lalt")
        cable.heard()
        cable.keyboard.release("printscreen")
        assert cable.heard() == [0xF0, 0x84]

    def test_a_key_held_is_not_pressed_again(self, cable: Cable) -> None:
        cable.keyboard.press("a")
        cable.keyboard.press("a")
        assert cable.heard() == [0x1C]

    def test_a_key_not_held_is_not_released(self, cable: Cable) -> None:
        cable.keyboard.release("a")
        assert cable.heard() == []

    def test_no_two_keys_share_a_code(self) -> None:
        makes = [key.make for key in KEYS.values()]
        assert len(set(makes)) == len(makes)

    def test_the_translation_is_one_to_one_below_80(self) -> None:
        assert {translate(code, False)[0] for code in range(1, 0x80)} == {*range(1, 0x80)}

    def test_the_translation_passes_what_is_no_key(self) -> None:
        passed = [byte for byte in range(0x85, 0x100) if byte != 0xF0]
        assert [translate(byte, False)[0] for byte in passed] == passed

    def test_a_break_waits_behind_a_prefix(self) -> None:
        assert translate(0xF0, False) == (None, True)
        assert translate(0xE0, True) == (0xE0, True)
        assert translate(0x75, True) == (0xC8, False)
        assert translate(0x00, False) == (0xFF, False)


class TestBuffer:
    def test_it_holds_16_bytes_and_marks_the_overrun(self, cable: Cable) -> None:
        for key in "abcdefghijklmnopqrs":
            cable.keyboard.press(key)
        heard = cable.heard()
        assert len(heard) == 17
        assert heard[16] == 0x00

    def test_the_overrun_of_set_1_is_ff(self, cable: Cable) -> None:
        cable.say(0xF0, 0x01)
        for key in "abcdefghijklmnopqrs":
            cable.keyboard.press(key)
        assert cable.heard()[16] == 0xFF

    def test_a_sequence_is_kept_whole_or_not_at_all(self, cable: Cable) -> None:
        cable.keyboard.press("pause")
        for key in "abc":
            cable.keyboard.press(key)
        cable.keyboard.release("pause")
        cable.keyboard.press("printscreen")
        cable.keyboard.release("printscreen")
        cable.keyboard.press("printscreen")
        cable.keyboard.press("d")
        heard = cable.heard()
        assert heard[8:] == [0x1C, 0x32, 0x21, 0xE0, 0x12, 0xE0, 0x7C, 0x00]

    def test_it_is_idle_when_all_was_fetched(self, cable: Cable) -> None:
        assert cable.keyboard.idle
        cable.keyboard.press("a")
        assert not cable.keyboard.idle
        cable.heard()
        assert cable.keyboard.idle


class TestTypematic:
    def times(self, cable: Cable, ms: int) -> list[int]:
        """When bytes come during the next ``ms``."""
        start = cable.clock.now()
        times = []
        for _ in range(ms):
            cable.clock.advance(MILLISECOND)
            if cable.heard():
                times.append((cable.clock.now() - start) // MILLISECOND)
        return times

    def test_it_repeats_after_500_ms_at_10_9_a_second(self, cable: Cable) -> None:
        cable.keyboard.press("a")
        cable.heard()
        assert self.times(cable, 800) == [500, 592, 684, 775]

    @pytest.mark.parametrize(
        ("setting", "expected"),
        [
            (0x00, [250, 284, 317, 350, 384]),  # 30 a second
            (0x20, [500, 534, 567, 600, 634]),
            (0x7F, [1000, 1500, 2000, 2500, 3000]),  # 2 a second
        ],
    )
    def test_rate_and_delay_are_programmed(
        self, cable: Cable, setting: int, expected: list[int]
    ) -> None:
        assert cable.say(0xF3, setting) == [ACK, ACK]
        cable.keyboard.press("a")
        cable.heard()
        assert self.times(cable, 3100)[:5] == expected

    def test_a_rate_with_bit_7_is_refused(self, cable: Cable) -> None:
        assert cable.say(0xF3, 0x80) == [ACK, RESEND]
        assert cable.keyboard.state.typematic == 0x2B

    def test_only_the_last_key_repeats(self, cable: Cable) -> None:
        cable.keyboard.press("a")
        cable.keyboard.press("b")
        cable.heard()
        cable.keyboard.release("a")
        cable.heard()
        cable.clock.advance(500 * MILLISECOND)
        assert cable.heard() == [0x32]
        cable.keyboard.release("b")
        cable.heard()
        assert self.times(cable, 2000) == []

    def test_a_repeat_is_the_key_alone(self, cable: Cable) -> None:
        cable.keyboard.press("printscreen")
        cable.heard()
        cable.clock.advance(500 * MILLISECOND)
        assert cable.heard() == [0xE0, 0x7C]

    def test_pause_does_not_repeat(self, cable: Cable) -> None:
        cable.keyboard.press("pause")
        cable.heard()
        assert self.times(cable, 2000) == []

    def test_repeats_do_not_fill_the_buffer(self, cable: Cable) -> None:
        cable.keyboard.press("a")
        cable.clock.advance(10_000 * MILLISECOND)
        assert cable.heard() == [0x1C]
