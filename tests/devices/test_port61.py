"""System control port B as a guest's delay loops use it."""

import pytest

from hv_devices.emulated.port61 import SystemPortB
from tests.fakes import ManualClock

GATE2, SPEAKER, REFRESH, OUT2 = 0x01, 0x02, 0x10, 0x20


class Board:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.gate = True
        self.out = False
        self.port = SystemPortB(self.clock, self.set_gate, lambda: self.out)

    def set_gate(self, level: bool) -> None:
        self.gate = level

    def read(self) -> int:
        return self.port.read(0, 1)

    def write(self, value: int) -> None:
        self.port.write(0, value, 1)


@pytest.fixture
def board() -> Board:
    return Board()


def test_counter_2_is_stopped_until_the_guest_opens_its_gate(board: Board) -> None:
    assert not board.gate
    board.write(GATE2)
    assert board.gate
    board.write(SPEAKER)
    assert not board.gate


def test_bits_0_to_3_read_back_and_the_others_cannot_be_written(board: Board) -> None:
    board.write(0xFF)
    assert board.read() == 0x0F
    board.write(0xF0)
    assert board.read() == 0


def test_bit_5_is_out_of_counter_2(board: Board) -> None:
    board.out = True
    assert board.read() == OUT2


def test_bit_4_toggles_with_every_refresh(board: Board) -> None:
    levels = []
    for _ in range(6):
        levels.append(board.read() & REFRESH)
        board.clock.advance(15_085)
    assert levels == [0, REFRESH] * 3


def test_the_speaker_bit_is_there_to_be_seen(board: Board) -> None:
    board.write(SPEAKER | GATE2)
    assert board.port.speaker_on
    board.write(GATE2)
    assert not board.port.speaker_on


def test_reset_closes_the_gate(board: Board) -> None:
    board.write(GATE2 | SPEAKER)
    board.port.reset()
    assert not board.gate
    assert board.read() == 0
