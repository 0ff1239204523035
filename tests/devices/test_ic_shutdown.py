"""Shutdown: what a guest is asked and what it says to that."""

import struct

import pytest

from hv_devices.synthetic.shutdown import Outcome, Shutdown
from tests.devices.ic_guest import BODY, FAILED, VERSION, IcGuest

PLANNED = 0x80000000


@pytest.fixture
def service() -> Shutdown:
    return Shutdown()


@pytest.fixture
def guest(service: Shutdown) -> IcGuest:
    guest = IcGuest(service)
    guest.choose((3, 2), (3, 1), (3, 0), (1, 0))
    return guest


@pytest.mark.parametrize(
    ("wish", "flags"),
    [
        ({}, 0),
        ({"force": True}, 1),
        ({"reboot": True}, 2),
        ({"reboot": True, "force": True}, 3),
        ({"hibernate": True}, 4),
        ({"hibernate": True, "force": True}, 5),
    ],
)
def test_the_wish_is_in_the_flags(
    service: Shutdown, guest: IcGuest, wish: dict[str, bool], flags: int
) -> None:
    assert service.request(**wish)
    asked = guest.asked()
    assert asked.type == 3
    assert asked.pair(VERSION) == (3, 2)
    assert len(asked.body) == 0x80C
    assert struct.unpack_from("<III", asked.raw, BODY) == (PLANNED, 0, flags)
    assert not any(asked.body[12:])
    assert service.outcome is Outcome.PENDING


def test_linux_accepts(service: Shutdown, guest: IcGuest) -> None:
    service.request()
    guest.answer(guest.asked())
    assert service.outcome is Outcome.ACCEPTED
    assert service.inspect()["outcome"] == "accepted"


def test_linux_refuses_to_hibernate(service: Shutdown, guest: IcGuest) -> None:
    service.request(hibernate=True)
    guest.answer(guest.asked(), FAILED)
    assert service.outcome is Outcome.REFUSED
    assert service.state.status == FAILED


def test_a_refused_request_can_be_followed_by_another(service: Shutdown, guest: IcGuest) -> None:
    service.request(hibernate=True)
    guest.answer(guest.asked(), FAILED)
    assert service.request(reboot=True)
    guest.answer(guest.asked())
    assert service.outcome is Outcome.ACCEPTED
    assert service.state.status == 0


def test_one_request_at_a_time(service: Shutdown, guest: IcGuest) -> None:
    assert service.request()
    assert not service.request(reboot=True)
    assert struct.unpack_from("<8xI", guest.asked().body) == (0,)
    assert guest.poll() is None


@pytest.mark.parametrize(
    ("reason", "units"),
    [
        ("maintenance", "maintenance"),
        ("x" * 5000, "x" * 1023),
        ("x" * 1022 + "\N{GRINNING FACE}", "x" * 1022),
        ("a\ud800b", "a?b"),
    ],
)
def test_the_reason_is_text(service: Shutdown, guest: IcGuest, reason: str, units: str) -> None:
    service.request(reason=reason)
    text = guest.asked().body[12:]
    assert text == units.encode("utf-16-le").ljust(0x800, b"\0")


def test_nobody_listens_before_the_channel_is_open(service: Shutdown) -> None:
    assert not service.request()
    assert service.outcome is Outcome.NONE
    guest = IcGuest(service)
    assert not service.request()
    guest.choose((3, 2))
    assert guest.poll() is None


def test_a_guest_cannot_reboot_and_hibernate(service: Shutdown) -> None:
    with pytest.raises(ValueError, match="either"):
        service.request(reboot=True, hibernate=True)


def test_a_channel_that_goes_answers_for_the_guest(service: Shutdown, guest: IcGuest) -> None:
    service.request()
    guest.reopen()
    assert service.outcome is Outcome.CLOSED
    guest.choose((3, 2))
    assert guest.poll() is None
    assert service.request()


def test_the_answer_outlives_the_guest(service: Shutdown, guest: IcGuest) -> None:
    service.request()
    guest.answer(guest.asked())
    guest.guest.bus.reset()
    assert service.outcome is Outcome.ACCEPTED


def test_a_request_waits_for_room(service: Shutdown, guest: IcGuest) -> None:
    state = service.state
    answered = 0
    # The guest answers without ever taking the requests out of its ring.
    while service.request() and state.outstanding is not None:
        answer = struct.pack("<HHHHHHIBBH", 3, 0, 3, 3, 2, 0, 0, state.outstanding, 5, 0)
        guest.send_raw(struct.pack("<II", 1, len(answer)) + answer)
        assert service.outcome is Outcome.ACCEPTED
        answered += 1
    assert answered == 5
    assert service.outcome is Outcome.PENDING
    for _ in range(answered + 1):
        asked = guest.asked()
    guest.answer(asked)
    assert service.outcome is Outcome.ACCEPTED
    assert guest.poll() is None
