"""The synthetic mouse as Linux's hid-hyperv knows it."""

import struct
from collections.abc import Iterator
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv_devices.synthetic.mouse_vsp import QUEUE_SIZE, MouseVsp
from tests.vmbus.fake_guest import FakeGuest, GuestChannel, boot
from tests.vmbus.guest_ring import COMPLETION, INBAND, consume, descriptor

# Linux sends its structures with their padding: more bytes than the pipe header says.
REQUEST_2_0 = bytes.fromhex("01000000 0c000000 00000000 04000000 00000200 000000")
ACK = bytes.fromhex("01000000 09000000 03000000 01000000 00 000000")

RESPONSE_PIPE_SIZE = 13
"""A longer one does not fit into the structure that Linux copies it to."""

LEFT, RIGHT, MIDDLE, SIDE, EXTRA = 1, 2, 4, 8, 16


class Desk:
    """A mouse, and a guest that has opened its channel."""

    def __init__(self, pages: int = 9) -> None:
        self.mouse = MouseVsp()
        self.guest: FakeGuest = boot(self.mouse)
        self.pages = pages
        self.in_ring = 0
        self.channel: GuestChannel = self.guest.open(self.guest.offers[0], pages)

    def send(self, payload: bytes) -> None:
        """A packet as Linux sends it: pipe header included, completion wanted."""
        assert self.channel.put(descriptor(INBAND, payload, 0x1234, 1)), "ring full"

    def received(self) -> list[tuple[int, bytes]]:
        """HID type and body of what the host sent, without completions."""
        messages = []
        while taken := consume(self.channel.incoming):
            packet, host_waits = taken
            if host_waits:
                self.channel.signal()
            if packet.kind == COMPLETION:
                continue
            assert packet.kind == INBAND
            assert packet.flags == 0
            pipe, length, kind, size = struct.unpack_from("<IIII", packet.payload)
            assert pipe == 1
            assert length == size + 8
            assert length + 8 <= len(packet.payload) < length + 16
            messages.append((kind, packet.payload[16 : 16 + size]))
        return messages

    def shake_hands(self) -> bytes:
        """All of it; what the device said of itself."""
        self.send(REQUEST_2_0)
        response, info = self.received()
        assert response == (1, bytes.fromhex("00000200 01"))
        assert info[0] == 2
        self.send(ACK)
        return info[1]

    def reports(self) -> list[tuple[int, int, int, int]]:
        """Buttons, x, y, wheel."""
        messages = self.received()
        assert all(kind == 4 and len(body) == 6 for kind, body in messages)
        return [struct.unpack("<BHHb", body) for _, body in messages]

    def reopen(self) -> None:
        self.channel.close()
        self.channel = self.guest.open(self.guest.offers[0], self.pages)

    def fill(self) -> None:
        """Move until the ring is full; the last move waits."""
        while not self.mouse.state.reports:
            self.in_ring += 1
            self.mouse.move_to(1000 + self.in_ring, 0)
        self.in_ring -= 1

    def waited(self) -> list[tuple[int, int, int, int]]:
        """What comes after the reports that filled the ring."""
        return self.reports()[self.in_ring :]


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.shake_hands()
    return desk


class TestHandshake:
    def test_the_offer_is_a_message_pipe(self) -> None:
        (offer,) = boot(MouseVsp()).offers
        assert offer.interface == UUID("cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a")
        assert offer.instance == UUID("58f75a6d-d949-4320-99e1-a2a2576d581c")
        assert offer.flags == 0x10
        assert struct.unpack_from("<I", offer.user_data) == (4,)

    def test_the_bytes_of_the_response(self) -> None:
        desk = Desk()
        desk.send(REQUEST_2_0)
        packets = [taken[0] for taken in iter(lambda: consume(desk.channel.incoming), None)]
        assert (packets[0].kind, packets[0].transaction_id) == (COMPLETION, 0x1234)
        expected = "01000000 0d000000 01000000 05000000 00000200 01 000000"
        assert packets[1].payload == bytes.fromhex(expected)
        assert struct.unpack_from("<I", packets[1].payload, 4) == (RESPONSE_PIPE_SIZE,)

    @pytest.mark.parametrize("version", [0, 0x20001, 0x10000, 0x30000, 2])
    def test_another_version_is_refused(self, version: int) -> None:
        desk = Desk()
        desk.send(REQUEST_2_0[:16] + struct.pack("<I", version))
        assert desk.received() == [(1, struct.pack("<IB", version, 0))]
        desk.send(ACK)
        desk.mouse.move_to(1, 1)
        assert desk.received() == []

    def test_reports_start_with_the_acknowledgement(self) -> None:
        desk = Desk()
        desk.mouse.move_to(1, 1)
        desk.send(REQUEST_2_0)
        desk.mouse.move_to(5, 7)
        assert [kind for kind, _ in desk.received()] == [1, 2]
        assert not desk.mouse.in_use
        desk.send(ACK)
        assert desk.mouse.in_use
        assert desk.reports() == [(0, 5, 7, 0)]

    def test_an_acknowledgement_of_nothing_is_ignored(self) -> None:
        desk = Desk()
        desk.send(ACK)
        desk.mouse.move_to(1, 1)
        assert desk.received() == []
        assert desk.mouse.inspect()["ignored"] == 1

    def test_a_second_acknowledgement_is_ignored(self, desk: Desk) -> None:
        desk.mouse.move_to(1, 1)
        desk.send(ACK)
        assert desk.reports() == [(0, 1, 1, 0)]

    def test_every_opening_begins_anew(self, desk: Desk) -> None:
        desk.mouse.move_to(1, 1)
        desk.mouse.buttons(left=True)
        desk.reopen()
        desk.mouse.move_to(2, 2)
        assert desk.received() == []
        desk.shake_hands()
        assert desk.reports() == [(LEFT, 2, 2, 0)]

    def test_a_guest_may_ask_again(self, desk: Desk) -> None:
        desk.mouse.move_to(3, 3)
        desk.reports()
        desk.shake_hands()
        assert desk.reports() == [(0, 3, 3, 0)]


def items(descriptor: bytes) -> Iterator[tuple[int, int]]:
    """Short items: prefix without size, value; logical bounds are signed (HID 1.11, 6.2.2.2)."""
    at = 0
    while at < len(descriptor):
        prefix = descriptor[at]
        size = (0, 1, 2, 4)[prefix & 3]
        data = descriptor[at + 1 : at + 1 + size]
        assert len(data) == size
        signed = prefix & ~3 in (0x14, 0x24)
        yield prefix & ~3, int.from_bytes(data, "little", signed=signed)
        at += 1 + size


class TestDescription:
    """What the guest's HID core will read."""

    @pytest.fixture
    def info(self) -> bytes:
        return Desk().shake_hands()

    def test_linux_knows_the_device_by_its_attributes(self, info: bytes) -> None:
        assert info[:32] == struct.pack("<IHHH22x", 32, 0x045E, 0x0621, 1)

    def test_the_hid_descriptor_covers_the_report_descriptor(self, info: bytes) -> None:
        assert info[32:39] == bytes.fromhex("09 21 0101 00 01 22")
        assert struct.unpack_from("<H", info, 39)[0] == len(info) - 41

    def test_byte_14_is_not_what_linux_corrects(self, info: bytes) -> None:
        assert info[41 + 14] == 0x29

    def test_the_report_descriptor_describes_the_reports(self, info: bytes) -> None:
        now: dict[int, int] = {}
        usages: list[tuple[int, int]] = []
        fields = []
        depth = bits = 0
        for prefix, value in items(info[41:]):
            if prefix == 0x80:  # Input
                size, count = now[0x74], now[0x94]
                assert len(usages) in (0, count)
                fields.append((bits, size, count, value, now[0x14], now[0x24], usages))
                bits += size * count
                usages = []
            elif prefix == 0xA0:  # Collection
                depth += 1
                usages = []
            elif prefix == 0xC0:
                depth -= 1
            elif prefix == 0x08:
                usages = [*usages, (now[0x04], value)]
            elif prefix == 0x28:  # Usage Maximum
                usages = [(now[0x04], usage) for usage in range(now[0x18], value + 1)]
            else:
                now[prefix] = value
        assert depth == 0
        assert bits == 48
        desktop, button = 1, 9
        assert fields == [
            (0, 1, 5, 2, 0, 1, [(button, number) for number in range(1, 6)]),
            (5, 3, 1, 1, 0, 1, []),
            (8, 16, 2, 2, 0, 0x7FFF, [(desktop, 0x30), (desktop, 0x31)]),
            (40, 8, 1, 6, -127, 127, [(desktop, 0x38)]),
        ]

    def test_it_is_a_mouse_with_a_pointer(self, info: bytes) -> None:
        assert info[41:51] == bytes.fromhex("0501 0902 a101 0901 a100")


class TestReports:
    def test_the_bytes_of_a_report(self, desk: Desk) -> None:
        desk.mouse.move_to(0x1234, 0x5678)
        packet, _ = consume(desk.channel.incoming) or pytest.fail("nothing")
        while packet.kind != INBAND:
            packet, _ = consume(desk.channel.incoming) or pytest.fail("nothing")
        expected = "01000000 0e000000 04000000 06000000 00 3412 7856 00 0000"
        assert packet.payload == bytes.fromhex(expected)

    def test_places_are_absolute_and_bounded(self, desk: Desk) -> None:
        desk.mouse.move_to(0x7FFF, 1)
        desk.mouse.move_to(-5, 0x8000)
        assert desk.reports() == [(0, 0x7FFF, 1, 0), (0, 0, 0x7FFF, 0)]

    @pytest.mark.parametrize(
        ("button", "bit"),
        [("left", LEFT), ("right", RIGHT), ("middle", MIDDLE), ("side", SIDE), ("extra", EXTRA)],
    )
    def test_each_button_has_its_bit(self, desk: Desk, button: str, bit: int) -> None:
        desk.mouse.buttons(**{button: True})
        desk.mouse.buttons()
        assert desk.reports() == [(bit, 0, 0, 0), (0, 0, 0, 0)]

    def test_buttons_stay_down_while_it_moves(self, desk: Desk) -> None:
        desk.mouse.buttons(left=True)
        desk.mouse.move_to(9, 9)
        assert desk.reports() == [(LEFT, 0, 0, 0), (LEFT, 9, 9, 0)]

    def test_the_wheel_counts_away_from_the_user(self, desk: Desk) -> None:
        desk.mouse.wheel(1)
        desk.mouse.wheel(-3)
        desk.mouse.wheel(1000)
        assert [report[3] for report in desk.reports()] == [-1, 3, -127]

    def test_no_news_is_no_report(self, desk: Desk) -> None:
        desk.mouse.move_to(1, 1)
        desk.mouse.move_to(1, 1)
        desk.mouse.buttons()
        desk.mouse.wheel(0)
        assert desk.reports() == [(0, 1, 1, 0)]


class TestQueue:
    @pytest.fixture
    def full(self) -> Desk:
        """A guest that reads nothing; all that fits is in the ring, one report waits."""
        desk = Desk(pages=2)
        desk.shake_hands()
        desk.fill()
        return desk

    def test_of_moves_the_last_one_counts(self, full: Desk) -> None:
        for x in range(100):
            full.mouse.move_to(x, 50)
        assert len(full.mouse.state.reports) == 1
        assert full.waited() == [(0, 99, 50, 0)]

    def test_a_click_stays_where_it_was(self, full: Desk) -> None:
        full.mouse.move_to(10, 10)
        full.mouse.buttons(left=True)
        full.mouse.move_to(20, 20)
        full.mouse.move_to(30, 30)
        full.mouse.buttons()
        full.mouse.move_to(40, 40)
        assert full.waited() == [
            (0, 10, 10, 0),
            (LEFT, 10, 10, 0),
            (LEFT, 30, 30, 0),
            (0, 30, 30, 0),
            (0, 40, 40, 0),
        ]

    def test_turns_of_the_wheel_add_up(self, full: Desk) -> None:
        for _ in range(3):
            full.mouse.wheel(-2)
        assert [report[3] for report in full.waited()] == [6]

    def test_it_is_bounded_and_ends_as_the_hand_does(self, full: Desk) -> None:
        for x in range(10 * QUEUE_SIZE):
            full.mouse.buttons(left=bool(x % 2))
            full.mouse.move_to(x, 0)
            assert len(full.mouse.state.reports) <= QUEUE_SIZE
        full.mouse.buttons(right=True)
        full.mouse.move_to(7, 8)
        full.mouse.buttons()
        assert full.waited()[-1] == (0, 7, 8, 0)

    def test_a_handshake_waits_for_room_and_drops_the_queue(self, full: Desk) -> None:
        full.send(REQUEST_2_0)
        full.mouse.buttons(left=True)
        messages = []
        while got := full.received():
            messages += got
            full.channel.signal()
        assert [kind for kind, _ in messages[-2:]] == [1, 2]
        full.send(ACK)
        assert full.reports()[-1][0] == LEFT

    def test_a_guest_that_only_asks_is_not_listened_to(self, full: Desk) -> None:
        sent = 0
        while full.channel.outgoing.free() > 0x80:
            full.channel.send(REQUEST_2_0[8:])
            sent += 1
        assert len(full.mouse.state.control) <= 2
        answers = 0
        while got := full.received():
            answers += sum(kind == 1 for kind, _ in got)
            full.channel.signal()
        assert answers == sent


def message(kind: int, size: int, body: bytes) -> bytes:
    return struct.pack("<II", kind, size) + body


class TestHostileGuest:
    @pytest.mark.parametrize(
        "packet",
        [
            b"",
            b"\0" * 7,
            message(0, 0, b""),
            message(0, 3, b"\0\0\2\0"),
            message(0, 4, b"\0\0\2"),
            message(1, 0, b""),
            message(4, 6, b"\0" * 6),
            message(0xFFFFFFFF, 0xFFFFFFFF, b"\xff" * 40),
        ],
    )
    def test_nonsense_is_ignored(self, desk: Desk, packet: bytes) -> None:
        desk.channel.send(packet)
        assert desk.mouse.inspect()["ignored"] == 1
        desk.mouse.move_to(1, 2)
        assert desk.reports() == [(0, 1, 2, 0)]

    @settings(max_examples=80, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.binary(max_size=40)
                | st.builds(message, st.integers(0, 5), st.integers(0, 8), st.binary(max_size=8))
                | st.sampled_from([REQUEST_2_0[8:20], ACK[8:17]]),
                st.booleans(),
                st.integers(-10, 0x9000),
            ),
            max_size=30,
        )
    )
    def test_no_guest_can_upset_it(self, steps: list[tuple[bytes, bool, int]]) -> None:
        desk = Desk(pages=2)
        for packet, pressed, x in steps:
            if desk.channel.outgoing.free() > 0x80:
                desk.channel.send(packet, wants_completion=pressed)
            desk.mouse.move_to(x, 0)
            desk.mouse.buttons(pressed)
            desk.mouse.wheel(x)
            desk.mouse.inspect()
        desk.reopen()
        desk.shake_hands()
