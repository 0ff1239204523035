"""The synthetic keyboard as Linux's hyperv-keyboard knows it. Codes are from scan code set 1."""

import struct
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv.root.keys import SET_1
from hv_devices.synthetic.keyboard_vsp import QUEUE_SIZE, KeyboardVsp
from tests.vmbus.fake_guest import FakeGuest, GuestChannel, boot
from tests.vmbus.guest_ring import COMPLETION, GPA_DIRECT, INBAND, descriptor

# What Linux sends, and what it waits for; on the ring both are 8 bytes.
REQUEST_1_0 = bytes.fromhex("01000000 00000100")
ACCEPTED = bytes.fromhex("02000000 01000000")
REFUSED = bytes.fromhex("02000000 00000000")
EVENT = 3
BREAK, E0, E1 = 2, 4, 8


class Desk:
    """A keyboard, and a guest that has opened its channel."""

    def __init__(self, pages: int = 9) -> None:
        self.keyboard = KeyboardVsp(SET_1)
        self.guest: FakeGuest = boot(self.keyboard)
        self.pages = pages
        self.channel: GuestChannel = self.guest.open(self.guest.offers[0], pages)

    def received(self) -> list[bytes]:
        """Messages, without completions."""
        packets = self.channel.receive_all()
        assert {packet.kind for packet in packets} <= {INBAND, COMPLETION}
        assert not any(packet.flags for packet in packets)
        return [packet.payload for packet in packets if packet.kind == INBAND]

    def ask(self, message: bytes) -> list[bytes]:
        self.channel.send(message, wants_completion=True)
        return self.received()

    def shake_hands(self) -> None:
        assert self.ask(REQUEST_1_0) == [ACCEPTED]

    def heard(self) -> list[tuple[int, int]]:
        """Make codes and their info, as events."""
        events = []
        for message in self.received():
            kind, code, info = struct.unpack_from("<IIQ", message)
            assert kind == EVENT
            assert code < 0x80
            events.append((code, info))
        return events

    def reopen(self) -> None:
        self.channel.close()
        self.channel = self.guest.open(self.guest.offers[0], self.pages)


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.shake_hands()
    return desk


def serio(events: list[tuple[int, int]]) -> bytes:
    """What Linux makes of events for its PS/2 keyboard driver."""
    out = bytearray()
    for code, info in events:
        out += b"\xe0" if info & E0 else b""
        out += b"\xe1" if info & E1 else b""
        out.append(code | 0x80 if info & BREAK else code)
    return bytes(out)


class TestHandshake:
    def test_the_offer_is_a_raw_channel(self) -> None:
        (offer,) = boot(KeyboardVsp(SET_1)).offers
        assert offer.interface == UUID("f912ad6d-2b17-48ea-bd65-f927a61c7684")
        assert offer.instance == UUID("d34b2567-b9b6-42b9-8778-0a4ec0b955bf")
        assert not offer.pipe
        assert not any(offer.user_data)

    def test_the_host_waits_for_the_guest(self) -> None:
        assert Desk().received() == []

    def test_version_1_0_is_accepted(self) -> None:
        desk = Desk()
        assert desk.ask(REQUEST_1_0) == [ACCEPTED]
        assert desk.keyboard.inspect()["version"] == 0x10000

    @pytest.mark.parametrize("version", [0, 0x10001, 0x20000, 1, 0xFFFFFFFF])
    def test_others_are_refused_and_get_no_keys(self, version: int) -> None:
        desk = Desk()
        assert desk.ask(struct.pack("<II", 1, version)) == [REFUSED]
        desk.keyboard.press("a")
        assert desk.received() == []

    def test_a_refused_guest_may_try_again(self) -> None:
        desk = Desk()
        desk.ask(struct.pack("<II", 1, 0x20000))
        assert desk.ask(REQUEST_1_0) == [ACCEPTED]

    def test_it_is_in_use_from_the_handshake_to_the_end(self) -> None:
        desk = Desk()
        assert not desk.keyboard.in_use
        desk.ask(struct.pack("<II", 1, 0x20000))
        assert not desk.keyboard.in_use
        desk.shake_hands()
        assert desk.keyboard.in_use
        desk.channel.close()
        assert not desk.keyboard.in_use

    def test_the_request_is_completed(self) -> None:
        desk = Desk()
        tid = desk.channel.send(REQUEST_1_0, wants_completion=True)
        kinds = [(p.kind, p.transaction_id) for p in desk.channel.receive_all()]
        assert kinds == [(COMPLETION, tid), (INBAND, 0)]

    def test_every_opening_begins_anew(self, desk: Desk) -> None:
        desk.reopen()
        desk.keyboard.press("a")
        assert desk.received() == []
        desk.channel.send(REQUEST_1_0, wants_completion=True)
        response, event = desk.received()
        assert response == ACCEPTED
        assert event[:4] == b"\x03\0\0\0"


class TestKeys:
    def test_the_bytes_of_an_event(self, desk: Desk) -> None:
        desk.keyboard.press("a")
        desk.keyboard.release("a")
        make, brk = desk.received()
        assert make == bytes.fromhex("03000000 1e000000 00000000 00000000")
        assert brk == bytes.fromhex("03000000 1e000000 02000000 00000000")

    def test_a_capital_letter(self, desk: Desk) -> None:
        for key in ("lshift", "a"):
            desk.keyboard.press(key)
        for key in ("a", "lshift"):
            desk.keyboard.release(key)
        assert desk.heard() == [(0x2A, 0), (0x1E, 0), (0x1E, BREAK), (0x2A, BREAK)]

    @pytest.mark.parametrize(
        ("key", "events"),
        [
            ("rctrl", [(0x1D, E0)]),
            ("up", [(0x48, E0)]),
            ("menu", [(0x5D, E0)]),
            ("f12", [(0x58, 0)]),
            ("printscreen", [(0x37, E0)]),
            ("pause", [(0x1D, E1), (0x45, 0)]),
        ],
    )
    def test_prefixes_are_flags(self, desk: Desk, key: str, events: list[tuple[int, int]]) -> None:
        desk.keyboard.press(key)
        assert desk.heard() == events
        desk.keyboard.release(key)
        assert desk.heard() == [(code, info | BREAK) for code, info in events]

    @pytest.mark.parametrize("key", SET_1)
    def test_linux_sees_what_a_ps2_keyboard_would_have_sent(self, desk: Desk, key: str) -> None:
        codes = SET_1[key]
        desk.keyboard.press(key)
        assert serio(desk.heard()) == codes
        desk.keyboard.release(key)
        released = bytes(code if code in (0xE0, 0xE1) else code | 0x80 for code in codes)
        assert serio(desk.heard()) == released

    def test_a_key_held_is_not_pressed_again(self, desk: Desk) -> None:
        desk.keyboard.press("a")
        desk.keyboard.press("a")
        assert desk.heard() == [(0x1E, 0)]

    def test_a_key_not_held_is_not_released(self, desk: Desk) -> None:
        desk.keyboard.release("a")
        assert desk.heard() == []

    def test_the_guest_lights_leds(self, desk: Desk) -> None:
        assert desk.ask(bytes.fromhex("04000000 ff000000")) == []
        assert desk.keyboard.state.leds == 7
        desk.ask(bytes.fromhex("04000000 02000000"))
        assert desk.keyboard.inspect()["leds"] == 2


class TestQueue:
    def test_it_is_idle_when_the_guest_has_everything(self, desk: Desk) -> None:
        assert desk.keyboard.idle
        desk.keyboard.press("a")
        assert desk.keyboard.idle

    def test_what_is_typed_before_the_handshake_waits(self) -> None:
        desk = Desk()
        desk.keyboard.press("a")
        desk.keyboard.release("a")
        assert not desk.keyboard.idle
        desk.channel.send(REQUEST_1_0)
        assert desk.keyboard.idle
        assert [message[:4] for message in desk.received()] == [
            b"\2\0\0\0",
            b"\3\0\0\0",
            b"\3\0\0\0",
        ]

    def test_what_was_typed_for_a_guest_that_went_is_not_told_to_the_next(self) -> None:
        desk = Desk()
        desk.keyboard.press("a")
        desk.keyboard.release("a")
        desk.reopen()
        desk.shake_hands()
        assert desk.keyboard.idle

    def test_a_key_held_over_a_reboot_goes_up_in_the_next_guest(self, desk: Desk) -> None:
        desk.keyboard.press("a")
        desk.reopen()
        desk.shake_hands()
        desk.keyboard.release("a")
        assert desk.heard() == [(0x1E, BREAK)]

    def test_a_full_ring_makes_keys_wait_in_order(self) -> None:
        desk = Desk(pages=2)
        desk.shake_hands()
        strokes = 0
        while desk.keyboard.idle:
            desk.keyboard.press("a")
            desk.keyboard.release("a")
            strokes += 1
        assert strokes == 52  # of 80 ring bytes each, in 4096
        desk.keyboard.press("b")
        assert desk.heard() == [(0x1E, 0), (0x1E, BREAK)] * strokes + [(0x30, 0)]
        assert desk.keyboard.idle

    def test_it_holds_256_events(self) -> None:
        keyboard = KeyboardVsp(SET_1)
        for _ in range(200):
            keyboard.press("a")
            keyboard.release("a")
        assert len(keyboard.state.queue) == 256

    def test_it_is_bounded_and_no_key_gets_stuck(self) -> None:
        desk = Desk()
        keys = list(SET_1)[:40]
        for key in keys:
            desk.keyboard.press(key)
        for _ in range(QUEUE_SIZE):
            desk.keyboard.press("space")
            desk.keyboard.release("space")
        assert len(desk.keyboard.state.queue) <= QUEUE_SIZE + 1
        for key in keys:
            desk.keyboard.release(key)
        assert len(desk.keyboard.state.queue) <= QUEUE_SIZE + len(keys) + 1
        desk.channel.send(REQUEST_1_0)
        down: set[int] = set()
        for code, info in [struct.unpack_from("<4xIQ", one) for one in desk.received()[1:]]:
            (down.discard if info & BREAK else down.add)(code)
        assert down == set()

    def test_a_guest_that_only_asks_is_not_listened_to(self) -> None:
        desk = Desk(pages=2)
        sent = 0
        while desk.channel.outgoing.used() == 0:
            desk.channel.send(REQUEST_1_0)
            desk.keyboard.press("a")
            desk.keyboard.release("a")
            sent += 1
        for _ in range(20):
            desk.channel.send(REQUEST_1_0)
        assert desk.keyboard.state.response == ACCEPTED
        answers = []
        while got := desk.received():
            answers += [message for message in got if message == ACCEPTED]
            desk.channel.signal()
        assert len(answers) == sent + 20


class TestHostileGuest:
    @pytest.mark.parametrize(
        "packet",
        [b"", b"\0" * 8, b"\2" + b"\0" * 7, b"\3" + b"\0" * 15, b"\xff" * 64],
    )
    def test_nonsense_is_ignored(self, desk: Desk, packet: bytes) -> None:
        assert desk.ask(packet) == []
        assert desk.keyboard.inspect()["ignored"] == 1
        desk.keyboard.press("a")
        assert desk.heard() == [(0x1E, 0)]

    def test_other_kinds_of_packets_are_ignored(self, desk: Desk) -> None:
        desk.channel.put(descriptor(COMPLETION, REQUEST_1_0, 0))
        buffer = desk.guest.buffer(64)
        desk.channel.put(
            descriptor(GPA_DIRECT, REQUEST_1_0, 5, 1, struct.pack("<II", 0, 1) + buffer.range())
        )
        packets = desk.channel.receive_all()
        assert [(packet.kind, packet.transaction_id) for packet in packets] == [(COMPLETION, 5)]
        assert desk.keyboard.state.ignored == 2

    @settings(max_examples=80, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.binary(max_size=40)
                | st.builds(
                    lambda kind, rest: struct.pack("<I", kind) + rest,
                    st.integers(0, 5),
                    st.binary(max_size=12),
                ),
                st.booleans(),
                st.sampled_from(["a", "pause", "up"]),
            ),
            max_size=30,
        )
    )
    def test_no_guest_can_upset_it(self, steps: list[tuple[bytes, bool, str]]) -> None:
        desk = Desk(pages=2)
        for packet, wants_completion, key in steps:
            if desk.channel.outgoing.free() > 0x80:
                desk.channel.send(packet, wants_completion=wants_completion)
            desk.keyboard.press(key)
            desk.keyboard.release(key)
            desk.keyboard.inspect()
        desk.reopen()
        desk.shake_hands()
