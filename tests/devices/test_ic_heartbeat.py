"""Heartbeat: the pulse of a guest that answers as Linux does, and of guests that do not."""

import struct
from dataclasses import dataclass

import pytest

from hv_devices.synthetic.heartbeat import Heartbeat
from tests.devices.ic_guest import BODY, FRAMEWORK, VERSION, Asked, IcGuest
from tests.fakes import ManualClock

SECOND = 1_000_000_000
BEAT = 2 * SECOND


@dataclass
class Ward:
    clock: ManualClock
    service: Heartbeat
    guest: IcGuest

    def beat(self) -> Asked:
        """The next one, when it is due."""
        self.clock.advance(BEAT)
        return self.guest.asked()

    def answer(self, asked: Asked, application: int = 0) -> None:
        asked.put(BODY, struct.pack("<QI", asked.u64(BODY) + 1, application))
        self.guest.answer(asked)


@pytest.fixture
def ward() -> Ward:
    clock = ManualClock()
    service = Heartbeat(clock)
    guest = IcGuest(service)
    guest.choose((3, 0), (1, 0))
    return Ward(clock, service, guest)


def test_the_first_beat_comes_two_seconds_after_the_agreement(ward: Ward) -> None:
    assert not ward.service.alive
    ward.clock.advance(BEAT - 1)
    assert ward.guest.poll() is None
    ward.clock.advance(1)
    asked = ward.guest.asked()
    assert asked.type == 1
    assert asked.pair(FRAMEWORK) == (3, 0)
    assert asked.pair(VERSION) == (3, 0)
    assert asked.body == struct.pack("<Q", 1) + bytes(32)


def test_no_heart_beats_before_the_agreement() -> None:
    clock = ManualClock()
    service = Heartbeat(clock)
    guest = IcGuest(service)
    clock.advance(3 * SECOND)
    assert service.state.next_beat is None
    guest.choose((3, 0))
    assert guest.poll() is None
    clock.advance(BEAT - 1)
    assert guest.poll() is None
    clock.advance(1)
    assert guest.asked().u64(BODY) == 1
    assert service.state.missed == 0


def test_a_guest_that_answers_is_alive(ward: Ward) -> None:
    ward.answer(ward.beat())
    assert ward.service.alive
    assert ward.service.state.sequence == 1
    assert ward.service.state.acknowledged == 2
    assert ward.service.state.missed == 0


def test_beats_go_on_every_two_seconds(ward: Ward) -> None:
    for sequence in range(1, 10):
        asked = ward.beat()
        assert asked.u64(BODY) == sequence
        ward.answer(asked)
        assert ward.guest.poll() is None
    assert ward.service.inspect()["sequence"] == 9
    assert ward.service.inspect()["acknowledged"] == 10


def test_the_transaction_id_goes_round(ward: Ward) -> None:
    ids = []
    for _ in range(300):
        asked = ward.beat()
        ids.append(asked.raw[0x18])
        ward.answer(asked)
    assert ids == [i % 256 for i in range(1, 301)]
    assert ward.service.state.missed == 0


def test_no_beat_is_sent_while_one_is_unanswered(ward: Ward) -> None:
    ward.beat()
    ward.clock.advance(10 * BEAT)
    ward.guest.channel.signal()
    assert ward.guest.poll() is None
    assert ward.service.state.missed == 10


def test_a_guest_dies_by_missing_five_beats(ward: Ward) -> None:
    ward.answer(ward.beat())
    ward.beat()
    ward.clock.advance(4 * BEAT)
    assert ward.service.alive
    ward.clock.advance(BEAT)
    assert not ward.service.alive
    assert ward.service.inspect()["alive"] is False


def test_a_late_answer_brings_it_back_to_life(ward: Ward) -> None:
    asked = ward.beat()
    ward.clock.advance(10 * BEAT)
    ward.answer(asked)
    assert ward.service.alive
    assert ward.service.state.missed == 0
    assert ward.guest.asked().u64(BODY) == 2


def test_the_same_answer_twice_counts_once(ward: Ward) -> None:
    asked = ward.beat()
    ward.answer(asked)
    ward.answer(asked)
    assert ward.service.state.acknowledged == 2
    assert ward.service.state.unasked == 1


def test_an_answer_with_nothing_in_it_is_none(ward: Ward) -> None:
    asked = ward.beat()
    asked.put(0x12, struct.pack("<H", 11))
    ward.guest.answer(asked)
    assert not ward.service.alive
    assert ward.service.state.missed == 1
    ward.answer(ward.beat())
    assert ward.service.alive


def test_the_guest_says_how_it_feels(ward: Ward) -> None:
    ward.answer(ward.beat(), application=2)
    assert ward.service.inspect()["application"] == 2


def test_a_beat_waits_for_room(ward: Ward) -> None:
    state = ward.service.state
    ward.clock.advance(BEAT)
    # The guest answers without ever taking the requests out of its ring.
    while state.outstanding is not None:
        answer = struct.pack("<HHHHHHIBBH", 3, 0, 1, 3, 0, 12, 0, state.outstanding, 5, 0)
        answer += struct.pack("<QI", state.sequence + 1, 0)
        ward.guest.send_raw(struct.pack("<II", 1, len(answer)) + answer)
        ward.clock.advance(BEAT)
    sent = state.sequence
    assert sent > 50
    ward.clock.advance(3 * BEAT)
    assert state.missed == 3
    while ward.guest.poll():
        pass
    assert state.sequence == sent + 1


def test_nothing_of_it_survives_the_channel(ward: Ward) -> None:
    ward.answer(ward.beat())
    ward.guest.reopen()
    assert not ward.service.alive
    ward.guest.choose((1, 0))
    asked = ward.beat()
    assert asked.u64(BODY) == 1
    assert asked.pair(VERSION) == (1, 0)
