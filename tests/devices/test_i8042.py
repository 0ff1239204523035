"""The keyboard controller through ports 60h and 64h. Constants from Brouwer, section 10."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv_devices.emulated.i8042 import TRANSFER_NS
from hv_devices.emulated.ps2_port import SELF_TEST_NS
from tests.devices.ps2_pc import Pc

OUTPUT_FULL, SYSTEM, COMMAND, UNLOCKED, AUX_DATA, TIMEOUT = 0x01, 0x04, 0x08, 0x10, 0x20, 0x40
KBD_INT, AUX_INT, KBD_DIS, AUX_DIS, XLATE = 0x01, 0x02, 0x10, 0x20, 0x40
ACK, RESEND = 0xFA, 0xFE

READ_CONFIG, WRITE_CONFIG = 0x20, 0x60
LOOP_AUX, SEND_AUX = 0xD3, 0xD4

MILLISECOND = 1_000_000


@pytest.fixture
def pc() -> Pc:
    pc = Pc()
    pc.configure(KBD_INT | AUX_INT | XLATE)
    return pc


class TestRegisters:
    def test_power_on_holds_both_devices_and_opens_a20(self) -> None:
        pc = Pc()
        pc.chip.reset()
        assert pc.status() == UNLOCKED
        assert pc.ask(READ_CONFIG) == KBD_DIS | AUX_DIS
        assert pc.a20 == [True]
        assert (pc.irq1.level, pc.irq12.level) == (False, False)

    def test_reset_forgets_a_waiting_byte(self, pc: Pc) -> None:
        pc.command(0xD2, 0x1C)
        assert pc.irq1.level
        pc.chip.reset()
        assert not pc.irq1.level
        assert pc.status() == UNLOCKED

    def test_the_ram_has_32_locations_and_the_first_is_the_command_byte(self) -> None:
        pc = Pc()
        for location in range(1, 32):
            pc.command(0x60 + location, 0x80 + location)
        assert [pc.ask(0x20 + location) for location in range(1, 32)] == [*range(0x81, 0xA0)]
        assert pc.ask(READ_CONFIG) == KBD_DIS | AUX_DIS

    def test_the_status_tells_commands_from_data(self, pc: Pc) -> None:
        pc.command(0xAD)
        assert pc.status() & COMMAND
        pc.send(0xF4)
        assert not pc.status() & COMMAND

    def test_a_byte_can_be_read_again_but_is_no_longer_new(self, pc: Pc) -> None:
        assert pc.ask(0xAA) == 0x55
        assert not pc.status() & OUTPUT_FULL
        assert pc.data() == 0x55

    def test_an_access_beyond_the_two_ports_is_open_bus(self, pc: Pc) -> None:
        assert pc.chip.read(2, 1) == 0xFF
        pc.chip.write(2, 0xFE, 1)
        assert pc.resets == 0


class TestCommands:
    def test_the_self_test_passes_and_sets_the_system_flag(self) -> None:
        pc = Pc()
        assert not pc.status() & SYSTEM
        assert pc.ask(0xAA) == 0x55
        assert pc.status() & SYSTEM

    def test_the_system_flag_follows_the_command_byte(self, pc: Pc) -> None:
        pc.configure(SYSTEM)
        assert pc.status() & SYSTEM
        pc.configure(0)
        assert not pc.status() & SYSTEM

    @pytest.mark.parametrize("test", [0xA9, 0xAB])
    def test_the_interfaces_are_in_order_even_with_nothing_connected(self, test: int) -> None:
        assert Pc(keyboard=False, mouse=False).ask(test) == 0x00

    @pytest.mark.parametrize(("off", "on", "bit"), [(0xAD, 0xAE, KBD_DIS), (0xA7, 0xA8, AUX_DIS)])
    def test_clocks_are_switched_through_the_command_byte(
        self, pc: Pc, off: int, on: int, bit: int
    ) -> None:
        before = pc.ask(READ_CONFIG)
        pc.command(off)
        assert pc.ask(READ_CONFIG) == before | bit
        pc.command(on)
        assert pc.ask(READ_CONFIG) == before

    def test_the_test_inputs_are_the_clock_lines(self, pc: Pc) -> None:
        assert pc.ask(0xE0) == 0b11
        pc.command(0xAD)
        assert pc.ask(0xE0) == 0b10
        pc.command(0xA7)
        assert pc.ask(0xE0) == 0b00

    def test_the_input_port_says_unlocked_and_colour(self, pc: Pc) -> None:
        port = pc.ask(0xC0)
        assert port & 0x80
        assert not port & 0x40

    @pytest.mark.parametrize(("watch", "shift"), [(0xC1, 4), (0xC2, 0)])
    def test_the_input_port_shows_in_the_status_until_the_next_write(
        self, pc: Pc, watch: int, shift: int
    ) -> None:
        port = pc.ask(0xC0)
        pc.command(watch)
        assert pc.status() & 0xF0 == (port << shift) & 0xF0
        pc.command(0xAE)
        assert pc.status() & 0xF0 == UNLOCKED

    @pytest.mark.parametrize("unknown", [0x00, 0x40, 0x90, 0xA4, 0xAC, 0xC3, 0xD5, 0xE1])
    def test_an_unknown_command_is_ignored(self, pc: Pc, unknown: int) -> None:
        pc.command(unknown)
        assert not pc.status() & OUTPUT_FULL
        assert pc.drain() == []

    def test_a_command_replaces_one_that_waits_for_data(self, pc: Pc) -> None:
        pc.command(LOOP_AUX)
        pc.command(WRITE_CONFIG, XLATE)
        assert not pc.status() & OUTPUT_FULL
        assert pc.ask(READ_CONFIG) == XLATE

    def test_the_controllers_answer_displaces_an_unread_byte(self, pc: Pc) -> None:
        pc.keyboard.press("a")
        pc.clock.advance(TRANSFER_NS)
        assert pc.status() & OUTPUT_FULL
        assert pc.ask(READ_CONFIG) == KBD_INT | AUX_INT | XLATE


class TestOutputPort:
    def test_a20_closes_and_opens_with_bit_1(self, pc: Pc) -> None:
        pc.command(0xD1, 0xDD)
        pc.command(0xD1, 0xDF)
        pc.command(0xD1, 0xDF)
        assert pc.a20 == [False, True]
        assert pc.resets == 0

    def test_a20_has_commands_of_its_own(self, pc: Pc) -> None:
        pc.command(0xDD)
        assert not pc.ask(0xD0) & 0x02
        pc.command(0xDF)
        assert pc.ask(0xD0) & 0x02
        assert pc.a20 == [False, True]

    def test_it_reads_back_what_was_written(self, pc: Pc) -> None:
        pc.command(0xD1, 0xCD)
        assert pc.ask(0xD0) & 0xCF == 0xCD

    def test_it_shows_the_interrupt_lines(self, pc: Pc) -> None:
        pc.command(0xD2, 0x00)
        assert pc.ask(0xD0) & 0x30 == 0x10
        pc.command(LOOP_AUX, 0x00)
        assert pc.ask(0xD0) & 0x30 == 0x20
        assert pc.ask(0xD0) & 0x30 == 0x00

    def test_low_bit_0_resets_the_processor(self, pc: Pc) -> None:
        pc.command(0xD1, 0xDE)
        assert pc.resets == 1

    @pytest.mark.parametrize("command", range(0xF0, 0x100))
    def test_a_pulse_resets_when_bit_0_is_low(self, pc: Pc, command: int) -> None:
        pc.command(command)
        assert pc.resets == (0 if command & 1 else 1)
        assert pc.a20 == []

    def test_a_reset_may_take_the_controller_along(self) -> None:
        pc = Pc()
        pc.reset_line_reaches_chip = True
        pc.command(0xD1, 0x00)
        assert pc.a20 == [False, True]
        assert pc.status() == UNLOCKED


class TestKeyboard:
    def test_a_key_comes_translated_into_set_1(self, pc: Pc) -> None:
        pc.keyboard.press("a")
        pc.keyboard.release("a")
        assert pc.drain() == [0x1E, 0x9E]

    def test_a_key_comes_as_set_2_without_translation(self, pc: Pc) -> None:
        pc.configure(KBD_INT)
        pc.keyboard.press("a")
        pc.keyboard.release("a")
        assert pc.drain() == [0x1C, 0xF0, 0x1C]

    @pytest.mark.parametrize(
        ("key", "codes"),
        [
            ("f7", [0x41, 0xC1]),
            ("up", [0xE0, 0x48, 0xE0, 0xC8]),
            ("rctrl", [0xE0, 0x1D, 0xE0, 0x9D]),
            ("printscreen", [0xE0, 0x2A, 0xE0, 0x37, 0xE0, 0xB7, 0xE0, 0xAA]),
            ("pause", [0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5]),
        ],
    )
    def test_odd_keys_are_translated_too(self, pc: Pc, key: str, codes: list[int]) -> None:
        pc.keyboard.press(key)
        pc.keyboard.release(key)
        assert pc.drain() == codes

    def test_answers_pass_the_translation(self, pc: Pc) -> None:
        pc.send(0xF2)
        assert pc.drain() == [ACK, 0xAB, 0x41]
        pc.send(0xF0)
        pc.send(0x00)
        assert pc.drain() == [ACK, ACK, 0x41]

    def test_each_byte_is_an_interrupt_of_its_own(self, pc: Pc) -> None:
        pc.keyboard.press("up")
        pc.clock.advance(TRANSFER_NS - 1)
        assert not pc.irq1.level
        pc.clock.advance(1)
        assert pc.irq1.level
        assert pc.status() == OUTPUT_FULL | UNLOCKED
        assert pc.data() == 0xE0
        assert not pc.irq1.level
        assert not pc.status() & OUTPUT_FULL
        pc.clock.advance(TRANSFER_NS)
        assert pc.irq1.rises == 2
        assert pc.data() == 0x48

    def test_an_unread_byte_holds_the_next_one_back(self, pc: Pc) -> None:
        pc.keyboard.press("up")
        pc.clock.advance(100 * MILLISECOND)
        assert pc.irq1.rises == 1
        assert pc.drain() == [0xE0, 0x48]

    def test_polling_works_with_interrupts_off(self, pc: Pc) -> None:
        pc.configure(XLATE)
        pc.keyboard.press("b")
        assert pc.poll() == 0x30
        assert pc.irq1.rises == 0

    def test_switching_interrupts_on_tells_of_a_byte_already_there(self, pc: Pc) -> None:
        pc.configure(XLATE)
        pc.keyboard.press("b")
        pc.clock.advance(TRANSFER_NS)
        pc.configure(XLATE | KBD_INT)
        assert pc.irq1.level

    def test_a_stopped_keyboard_keeps_its_bytes(self, pc: Pc) -> None:
        pc.command(0xAD)
        pc.keyboard.press("b")
        assert pc.drain() == []
        pc.command(0xAE)
        assert pc.drain() == [0x30]

    def test_stopping_the_clock_aborts_a_byte_on_its_way(self, pc: Pc) -> None:
        pc.keyboard.press("b")
        pc.clock.advance(TRANSFER_NS - 1)
        pc.command(0xAD)
        assert pc.drain() == []
        pc.command(0xAE)
        pc.clock.advance(TRANSFER_NS - 1)
        assert not pc.status() & OUTPUT_FULL
        pc.clock.advance(1)
        assert pc.data() == 0x30

    def test_the_controllers_byte_holds_up_one_on_its_way(self, pc: Pc) -> None:
        pc.keyboard.press("b")
        pc.command(LOOP_AUX, 0x5A)
        pc.clock.advance(2 * TRANSFER_NS)
        assert pc.data() == 0x5A
        assert pc.drain() == [0x30]

    def test_a_break_prefix_takes_its_time_and_is_not_heard(self, pc: Pc) -> None:
        pc.keyboard.press("b")
        assert pc.poll() == 0x30
        pc.keyboard.release("b")
        pc.clock.advance(2 * TRANSFER_NS - 1)
        assert not pc.irq1.level
        pc.clock.advance(1)
        assert pc.data() == 0xB0

    def test_a_keyboard_that_loses_power_loses_the_byte_on_its_way(self, pc: Pc) -> None:
        pc.keyboard.press("b")
        pc.keyboard.reset()
        assert pc.drain() == []
        pc.keyboard.press("c")
        assert pc.drain() == [0x2E]

    def test_a_byte_to_the_keyboard_switches_its_clock_on(self, pc: Pc) -> None:
        pc.command(0xAD)
        pc.send(0xEE)
        assert pc.poll() == 0xEE
        assert not pc.ask(READ_CONFIG) & KBD_DIS

    def test_a_missing_keyboard_times_out(self) -> None:
        pc = Pc(keyboard=False)
        pc.configure(KBD_INT)
        pc.send(0xFF)
        pc.clock.advance(TRANSFER_NS)
        assert pc.irq1.level
        assert pc.status() == OUTPUT_FULL | UNLOCKED | TIMEOUT
        assert pc.data() == RESEND
        assert pc.drain() == []


class TestMouse:
    def test_an_answer_is_marked_and_interrupts_on_12(self, pc: Pc) -> None:
        pc.command(SEND_AUX, 0xF2)
        pc.clock.advance(TRANSFER_NS)
        assert pc.status() == OUTPUT_FULL | UNLOCKED | AUX_DATA
        assert (pc.irq1.level, pc.irq12.level) == (False, True)
        assert pc.data() == ACK
        assert not pc.irq12.level
        assert not pc.status() & AUX_DATA
        assert pc.drain() == [0x00]

    def test_mouse_bytes_are_not_translated(self, pc: Pc) -> None:
        pc.command(SEND_AUX, 0xF4)
        assert pc.poll() == ACK
        pc.mouse.move(0x1C, 0)
        assert pc.drain() == [0x08, 0x1C, 0x00]

    def test_a_byte_to_the_mouse_switches_its_clock_on(self, pc: Pc) -> None:
        pc.command(0xA7)
        pc.command(SEND_AUX, 0xF4)
        assert pc.poll() == ACK
        assert not pc.ask(READ_CONFIG) & AUX_DIS

    def test_a_missing_mouse_times_out(self) -> None:
        pc = Pc(mouse=False)
        pc.configure(AUX_INT)
        pc.command(SEND_AUX, 0xFF)
        pc.clock.advance(TRANSFER_NS)
        assert pc.irq12.level
        assert pc.status() & (OUTPUT_FULL | AUX_DATA | TIMEOUT) == OUTPUT_FULL | AUX_DATA | TIMEOUT
        assert pc.data() == RESEND

    def test_both_devices_at_once_take_turns_and_stay_apart(self, pc: Pc) -> None:
        pc.command(SEND_AUX, 0xF4)
        assert pc.poll() == ACK
        pc.mouse.move(1, 2)
        pc.keyboard.press("up")
        heard: dict[int, list[int]] = {0: [], AUX_DATA: []}
        for _ in range(20):
            pc.clock.advance(TRANSFER_NS)
            status = pc.status()
            if status & OUTPUT_FULL:
                assert pc.irq12.level == bool(status & AUX_DATA)
                heard[status & AUX_DATA].append(pc.data())
        assert heard == {0: [0xE0, 0x48], AUX_DATA: [0x08, 1, 2]}


def test_a_keyboard_reset_is_acknowledged_before_the_self_test_passes(pc: Pc) -> None:
    pc.send(0xFF)
    pc.clock.advance(TRANSFER_NS)
    assert pc.data() == ACK
    pc.clock.advance(SELF_TEST_NS // 2)
    assert not pc.status() & OUTPUT_FULL
    pc.clock.advance(SELF_TEST_NS)
    assert pc.data() == 0xAA


ACTIONS = st.one_of(
    st.tuples(st.just("data"), st.integers(0, 0xFF)),
    st.tuples(st.just("command"), st.integers(0, 0xFF)),
    st.tuples(st.just("mouse"), st.integers(0xE6, 0xFF)),
    st.tuples(st.just("read"), st.integers(0, 1)),
    st.tuples(st.just("key"), st.sampled_from(["a", "pause", "printscreen", "lctrl"])),
    st.tuples(st.just("move"), st.integers(-1000, 1000)),
    st.tuples(st.just("wait"), st.integers(1, 300 * MILLISECOND)),
)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.lists(ACTIONS, max_size=60), st.booleans())
def test_no_guest_breaks_it_or_makes_it_grow(actions: list[tuple[str, int]], plugged: bool) -> None:
    pc = Pc(mouse=plugged)
    pc.configure(KBD_INT | AUX_INT | XLATE)

    def key(name: str) -> None:
        (pc.keyboard.release if name in pc.keyboard.state.held else pc.keyboard.press)(name)

    does = {
        "data": pc.send,
        "command": pc.command,
        "mouse": lambda byte: pc.command(SEND_AUX, byte),
        "read": lambda offset: pc.chip.read(offset, 1),
        "key": key,
        "move": lambda steps: pc.mouse.move(steps, -steps, steps),
        "wait": pc.clock.advance,
    }
    for verb, argument in actions:
        does[verb](argument)  # type: ignore[operator]
        assert 0 <= pc.data() <= 0xFF
        assert 0 <= pc.status() <= 0xFF
    keyboard, mouse = pc.keyboard.state, pc.mouse.state
    assert len(keyboard.replies) + len(keyboard.codes) <= 33
    assert len(mouse.replies) + len(mouse.packet) <= 20
