"""Every message in every state of a channel: what moves, what is answered, what the service hears."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from hv.vmbus.channel_state import TRANSITIONS, ChannelEvent, ChannelState, step
from tests.vmbus.fake_guest import FakeGuest, GuestChannel, boot
from tests.vmbus.fakes import Diary, offer

RELID = 1
FAILURE = 0xC0000001

OPEN_RESULT, GPADL_CREATED, GPADL_TORNDOWN, MODIFY_RESPONSE = 6, 10, 12, 24


@dataclass
class Scene:
    """One offered service, brought into some state, and the GPADLs that it has."""

    guest: FakeGuest
    service: Diary
    ring: int
    spare: int
    channel: GuestChannel | None = None


def closed() -> Scene:
    service = Diary(offer())
    guest = boot(service)
    ring = guest.share(RELID, guest.buffer(0x8000))
    spare = guest.share(RELID, guest.buffer(0x1000))
    return Scene(guest, service, ring, spare)


def opened() -> Scene:
    scene = closed()
    assert scene.guest.try_open(RELID, scene.ring, 4) == 0
    return scene


def broken() -> Scene:
    scene = opened()
    scene.service.on_ready = lambda channel: channel.fail("told to")
    scene.guest.bus.event(0x2001)
    return scene


def rescinded() -> Scene:
    scene = opened()
    scene.guest.bus.rescind(scene.service)
    return scene


def rescinded_closed() -> Scene:
    scene = closed()
    scene.guest.bus.rescind(scene.service)
    return scene


STATES: dict[str, tuple[Callable[[], Scene], str]] = {
    "closed": (closed, "closed"),
    "open": (opened, "open"),
    "broken": (broken, "broken"),
    "rescinded while open": (rescinded, "rescinded"),
    "rescinded while closed": (rescinded_closed, "rescinded"),
}


def send_open(scene: Scene) -> None:
    scene.guest.post(5, struct.pack("<IIIII120x", RELID, 0x77, scene.ring, 0, 4))


def send_close(scene: Scene) -> None:
    scene.guest.post(7, struct.pack("<I", RELID))


def send_gpadl(scene: Scene) -> None:
    ranges = struct.pack("<IIQ", 0x1000, 0, 5)
    scene.guest.post(8, struct.pack("<IIHH", RELID, 0x99, 16, 1) + ranges)


def send_teardown(scene: Scene) -> None:
    scene.guest.post(11, struct.pack("<II", RELID, scene.spare))


def send_modify(scene: Scene) -> None:
    scene.guest.post(22, struct.pack("<II", RELID, 3))


def send_release(scene: Scene) -> None:
    scene.guest.post(13, struct.pack("<I", RELID))


Send = Callable[[Scene], None]
Answer = tuple[int, int] | None
"""Message type and its last word; None: silence."""

# message, state: next state, answer, what the service hears
OUTCOMES: dict[tuple[Send, str], tuple[str | None, Answer, list[str]]] = {
    (send_open, "closed"): ("open", (OPEN_RESULT, 0), ["open"]),
    (send_open, "open"): ("open", (OPEN_RESULT, FAILURE), []),
    (send_open, "broken"): ("broken", (OPEN_RESULT, FAILURE), []),
    (send_open, "rescinded while open"): ("rescinded", (OPEN_RESULT, FAILURE), []),
    (send_open, "rescinded while closed"): ("rescinded", (OPEN_RESULT, FAILURE), []),
    (send_close, "closed"): ("closed", None, []),
    (send_close, "open"): ("closed", None, ["close"]),
    (send_close, "broken"): ("closed", None, []),
    (send_close, "rescinded while open"): ("rescinded", None, []),
    (send_close, "rescinded while closed"): ("rescinded", None, []),
    (send_gpadl, "closed"): ("closed", (GPADL_CREATED, 0), []),
    (send_gpadl, "open"): ("open", (GPADL_CREATED, 0), []),
    (send_gpadl, "broken"): ("broken", (GPADL_CREATED, 0), []),
    (send_gpadl, "rescinded while open"): ("rescinded", (GPADL_CREATED, FAILURE), []),
    (send_gpadl, "rescinded while closed"): ("rescinded", (GPADL_CREATED, FAILURE), []),
    (send_teardown, "closed"): ("closed", (GPADL_TORNDOWN, -1), []),
    (send_teardown, "open"): ("open", (GPADL_TORNDOWN, -1), []),
    (send_teardown, "broken"): ("broken", (GPADL_TORNDOWN, -1), []),
    (send_teardown, "rescinded while open"): ("rescinded", (GPADL_TORNDOWN, -1), []),
    (send_teardown, "rescinded while closed"): ("rescinded", (GPADL_TORNDOWN, -1), []),
    (send_modify, "closed"): ("closed", (MODIFY_RESPONSE, FAILURE), []),
    (send_modify, "open"): ("open", (MODIFY_RESPONSE, 0), []),
    (send_modify, "broken"): ("broken", (MODIFY_RESPONSE, 0), []),
    (send_modify, "rescinded while open"): ("rescinded", (MODIFY_RESPONSE, FAILURE), []),
    (send_modify, "rescinded while closed"): ("rescinded", (MODIFY_RESPONSE, FAILURE), []),
    (send_release, "closed"): ("closed", None, []),
    (send_release, "open"): ("open", None, []),
    (send_release, "broken"): ("broken", None, []),
    (send_release, "rescinded while open"): (None, None, []),
    (send_release, "rescinded while closed"): (None, None, []),
}


@pytest.mark.parametrize(
    ("send", "state"), OUTCOMES, ids=[f"{s.__name__[5:]} {state}" for s, state in OUTCOMES]
)
def test_every_message_in_every_state(send: Send, state: str) -> None:
    after, answer, heard = OUTCOMES[send, state]
    make, before = STATES[state]
    scene = make()
    scene.guest.poll()
    scene.service.events.clear()
    view = scene.guest.bus.inspect()
    assert view.channels[0].state == before

    send(scene)

    answers = scene.guest.poll()
    if answer is None:
        assert not answers
    else:
        (message,) = answers
        kind, value = answer
        last_word = struct.unpack_from("<I", message, len(message) - 4)[0]
        assert message[0] == kind
        assert last_word == (scene.spare if value == -1 else value)
    channels = scene.guest.bus.inspect().channels
    assert [one.state for one in channels] == ([] if after is None else [after])
    assert scene.service.events == heard


def test_the_table_above_leaves_nothing_out() -> None:
    sends = {send for send, _ in OUTCOMES}
    assert set(OUTCOMES) == {(send, state) for send in sends for state in STATES}


@pytest.mark.parametrize(("send", "state"), OUTCOMES)
def test_what_is_out_of_place_is_counted_and_named(send: Send, state: str) -> None:
    after, answer, _ = OUTCOMES[send, state]
    make, before = STATES[state]
    scene = make()
    refused = scene.guest.bus.inspect().refused
    send(scene)
    view = scene.guest.bus.inspect()
    out_of_place = (answer is not None and answer[1] == FAILURE) or (
        answer is None
        and (send, before) not in {(send_close, "open"), (send_close, "broken")}
        and after is not None
        and (send, before) != (send_close, "rescinded")
    )
    assert (view.refused > refused) == out_of_place
    if out_of_place:
        assert view.last_failure


@pytest.mark.parametrize("send", dict.fromkeys(send for send, _ in OUTCOMES))
def test_a_relid_that_nobody_has_moves_nothing(send: Send) -> None:
    guest = boot()
    send(Scene(guest, Diary(offer()), 1, 2))
    answers = guest.poll()
    if send is send_gpadl:
        assert [struct.unpack("<IIIII", one) for one in answers] == [
            (GPADL_CREATED, 0, RELID, 0x99, FAILURE)
        ]
    else:
        assert not answers
    assert guest.bus.inspect().refused >= 1


def test_pairs_outside_the_table_go_nowhere() -> None:
    everything = {(state, event) for state in ChannelState for event in ChannelEvent}
    for pair in everything - set(TRANSITIONS):
        assert step(*pair) is None


def test_only_a_release_gives_a_relid_back() -> None:
    leaves = {pair for pair, after in TRANSITIONS.items() if after is ChannelState.UNOFFERED}
    assert leaves == {(ChannelState.RESCINDED, ChannelEvent.RELEASE)}
