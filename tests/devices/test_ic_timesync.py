"""Time synchronization: what time a guest is told it is."""

import struct
from dataclasses import dataclass

import pytest

from hv_devices.synthetic.timesync import TimeSync
from tests.devices.ic_guest import BODY, VERSION, IcGuest
from tests.fakes import ManualClock

SECOND = 1_000_000_000
TICKS = 10_000_000
SYNC, SAMPLE = 1, 2

EPOCH_2024 = 1_704_067_200
UNIX_EPOCH_IN_TICKS = 116_444_736_000_000_000
"""1970-01-01 in units of 100 ns since 1601-01-01."""


def ticks(seconds: int) -> int:
    return UNIX_EPOCH_IN_TICKS + seconds * TICKS


@dataclass
class Tower:
    clock: ManualClock
    service: TimeSync
    guest: IcGuest


def tower(*versions: tuple[int, int]) -> Tower:
    """A guest that opens the channel after one second and chooses among ``versions`` after three."""
    clock = ManualClock()
    service = TimeSync(clock, EPOCH_2024, lambda: 1000 + clock.now() // 100)
    clock.advance(SECOND)
    guest = IcGuest(service)
    clock.advance(2 * SECOND)
    guest.choose(*versions)
    return Tower(clock, service, guest)


def test_the_first_message_sets_the_clock() -> None:
    asked = tower((4, 0)).guest.asked()
    assert asked.type == 4
    assert asked.pair(VERSION) == (4, 0)
    assert len(asked.body) == 24
    expected = struct.pack("<QQBBB5x", ticks(EPOCH_2024 + 3), 1000 + 3 * TICKS, SYNC, 0, 0)
    assert asked.body == expected


@pytest.mark.parametrize("version", [(3, 0), (1, 0)])
def test_older_guests_are_not_told_the_reference_time(version: tuple[int, int]) -> None:
    asked = tower(version).guest.asked()
    assert asked.pair(VERSION) == version
    assert asked.body == struct.pack("<QQQB3x", ticks(EPOCH_2024 + 3), 0, 0, SYNC)


def test_samples_follow_every_five_seconds() -> None:
    scene = tower((4, 0))
    scene.guest.answer(scene.guest.asked())
    for count in range(1, 5):
        scene.clock.advance(5 * SECOND - 1)
        assert scene.guest.poll() is None
        scene.clock.advance(1)
        asked = scene.guest.asked()
        now = 3 + 5 * count
        assert struct.unpack_from("<QQB", asked.body) == (
            ticks(EPOCH_2024 + now),
            1000 + now * TICKS,
            SAMPLE,
        )
        scene.guest.answer(asked)
    assert scene.service.inspect()["sent"] == 5
    assert scene.service.inspect()["answered"] == 5


def test_a_guest_that_does_not_answer_gets_no_stale_samples() -> None:
    scene = tower((4, 0))
    first = scene.guest.asked()
    scene.clock.advance(61 * SECOND)
    assert scene.guest.poll() is None
    scene.guest.answer(first)
    assert struct.unpack_from("<QQB", scene.guest.asked().body) == (
        ticks(EPOCH_2024 + 64),
        1000 + 64 * TICKS,
        SAMPLE,
    )
    assert scene.guest.poll() is None


def test_a_guest_that_opens_again_is_set_again() -> None:
    scene = tower((4, 0))
    scene.guest.answer(scene.guest.asked())
    scene.clock.advance(5 * SECOND)
    scene.guest.reopen()
    scene.guest.choose((4, 0))
    asked = scene.guest.asked()
    assert struct.unpack_from("<16xB", asked.raw, BODY) == (SYNC,)


def test_setting_the_clock_waits_for_room() -> None:
    scene = tower((4, 0))
    guest, state = scene.guest, scene.service.state
    while True:
        assert state.outstanding is not None
        answer = struct.pack("<HHHHHHIBBH", 3, 0, 4, 4, 0, 0, 0, state.outstanding, 5, 0)
        guest.send_raw(struct.pack("<II", 1, len(answer)) + answer)
        scene.clock.advance(5 * SECOND)
        if state.outstanding is None:
            break
    scene.clock.advance(SECOND)
    sent = state.sent
    last = None
    while asked := guest.poll():
        last = asked
    assert state.sent == sent + 1
    assert last is not None
    told = struct.unpack_from("<Q", last.raw, BODY)[0]
    assert told == ticks(EPOCH_2024) + scene.clock.now() // 100
