"""KVP exchange: what goes over the wire, and what comes back."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv_devices.synthetic.ic_protocol import Status
from hv_devices.synthetic.kvp import Answer, Kvp
from hv_devices.synthetic.kvp_messages import Family, IpInfo, Pool
from tests.devices.ic_guest import BODY, FAILED, VERSION, IcGuest
from tests.devices.kvp_daemon import (
    DATA,
    ENUM_DATA,
    GET,
    GET_IP,
    KEY,
    NO_MORE_ITEMS,
    SET,
    SET_IP,
    STRING,
    VALUE,
    Daemon,
    Scene,
    fill,
    scene,
    text,
    utf16,
)
from tests.fakes import ManualClock

NOT_SUPPORTED, INVALID_DATA = 0x80070032, 0x8007000D
EXPAND, U32, U64_LINUX, U64 = 2, 4, 8, 11


class TestWire:
    """Bytes of requests, against offsets of struct hv_kvp_msg."""

    def test_set(self) -> None:
        one = scene()
        one.service.set(Pool.EXTERNAL, "Colour", "blue")
        asked = one.guest.asked()
        assert asked.pair(VERSION) == (4, 0)
        assert len(asked.body) == 0xA14
        head = bytes.fromhex("01000000 01000000 0e000000 0a000000")
        assert asked.body[:16] == head
        assert asked.body[16 : 16 + KEY] == utf16("Colour").ljust(KEY, b"\0")
        assert asked.body[16 + KEY :].rstrip(b"\0") + b"\0\0\0" == utf16("blue")

    def test_get(self) -> None:
        one = scene()
        one.service.get(Pool.GUEST, "Colour")
        body = one.guest.asked().body
        assert body[:16] == bytes.fromhex("00010000 01000000 0e000000 00000000")
        assert body[16:] == utf16("Colour").ljust(KEY + VALUE + 4, b"\0")

    def test_delete(self) -> None:
        one = scene()
        one.service.delete(Pool.AUTO_EXTERNAL, "Colour")
        body = one.guest.asked().body
        assert body[:8] == bytes.fromhex("02030000 0e000000")
        assert body[8:] == utf16("Colour").ljust(0xA14 - 8, b"\0")

    def test_enumerate(self) -> None:
        one = scene()
        one.service.enumerate(Pool.AUTO)
        assert one.guest.asked().body == bytes.fromhex("03020000").ljust(0xA14, b"\0")

    def test_addresses(self) -> None:
        one = scene()
        info = IpInfo(
            "{0b4e}",
            Family.IPV4 | Family.IPV6,
            True,
            ("10.0.0.2", "fe80::1"),
            ("255.0.0.0", "/64"),
            ("10.0.0.1",),
            ("10.0.0.3", "10.0.0.4"),
        )
        one.service.set_ip_info(info)
        body = one.guest.asked().body
        assert len(body) == 0x1D04
        assert body[0] == SET_IP
        assert text(body[2:258]) == "{0b4e}"
        assert body[258:260] == bytes([3, 1])
        assert text(body[260:2308]) == "10.0.0.2;fe80::1"
        assert text(body[2308:4356]) == "255.0.0.0;/64"
        assert text(body[4356:5380]) == "10.0.0.1"
        assert text(body[5380:7428]) == "10.0.0.3;10.0.0.4"


class TestExchange:
    def test_what_was_set_can_be_got(self) -> None:
        one = scene()
        assert one.answered(one.service.set(Pool.EXTERNAL, "Straße", "\N{SNOWMAN}")).ok
        answer = one.answered(one.service.get(Pool.EXTERNAL, "Straße"))
        assert answer == Answer(Status.OK, value="\N{SNOWMAN}")

    def test_pools_are_apart(self) -> None:
        one = scene()
        one.answered(one.service.set(Pool.EXTERNAL, "a", "1"))
        answer = one.answered(one.service.get(Pool.GUEST, "a"))
        assert answer == Answer(NO_MORE_ITEMS)
        assert not answer.ok

    def test_the_guests_own_pool_is_listed(self) -> None:
        one = scene()
        items = tuple((f"key {i}", f"value {i}") for i in range(12))
        one.daemon.pools[Pool.GUEST] = list(items)
        answer = one.answered(one.service.enumerate(Pool.GUEST))
        assert answer == Answer(Status.OK, items=items)
        assert len(one.daemon.seen) == 13

    def test_an_empty_pool_is_an_answer(self) -> None:
        one = scene()
        assert one.answered(one.service.enumerate(Pool.AUTO)) == Answer(Status.OK)

    def test_what_was_deleted_is_gone(self) -> None:
        one = scene()
        one.answered(one.service.set(Pool.EXTERNAL, "a", "1"))
        assert one.answered(one.service.delete(Pool.EXTERNAL, "a")).ok
        assert one.daemon.pools[Pool.EXTERNAL] == []
        assert one.answered(one.service.delete(Pool.EXTERNAL, "a")).status == NO_MORE_ITEMS

    def test_a_guest_says_its_addresses(self) -> None:
        one = scene()
        ticket = one.service.get_ip_info("{0b4e}")
        asked = one.guest.asked()
        assert asked.body[0] == GET_IP
        assert text(asked.body[2:258]) == "{0b4e}"
        at = BODY + 258
        asked.put(at, bytes([1, 0]))
        asked.put(at + 2, utf16("10.0.0.2;10.0.0.9"))
        asked.put(at + 2 + 2048, utf16("255.0.0.0;255.0.0.0"))
        asked.put(at + 2 + 4096, utf16("10.0.0.1"))
        asked.put(at + 2 + 5120, utf16(""))
        one.guest.answer(asked)
        answer = one.service.take(ticket)
        assert answer is not None
        assert answer.ip_info == IpInfo(
            "{0b4e}",
            Family.IPV4,
            False,
            ("10.0.0.2", "10.0.0.9"),
            ("255.0.0.0", "255.0.0.0"),
            ("10.0.0.1",),
            (),
        )

    def test_old_guests_have_no_addresses_to_give(self) -> None:
        one = scene((3, 0))
        tickets = [one.service.get_ip_info("{}"), one.service.set_ip_info(IpInfo("{}"))]
        assert [one.answered(ticket).status for ticket in tickets] == [NOT_SUPPORTED] * 2
        assert one.daemon.seen == []

    @pytest.mark.parametrize(
        ("kind", "size", "value", "read"),
        [
            (STRING, 6, utf16("ab"), "ab"),
            (EXPAND, 6, utf16("%a"), "%a"),
            (STRING, 4, utf16("ab"), "ab"),
            (STRING, 0, utf16("ab"), ""),
            (STRING, 0xFFFFFFFF, b"\x41\0" * 1024, "A" * 1024),
            (STRING, 6, b"\x41\0\0\xd8\0\0", "A\N{REPLACEMENT CHARACTER}"),
            (STRING, 3, b"\x41\0\x42\0\0\0", "A\N{REPLACEMENT CHARACTER}"),
            (U32, 4, struct.pack("<I", 0xFFFFFFFF), "4294967295"),
            (U64_LINUX, 8, struct.pack("<Q", 1 << 63), "9223372036854775808"),
            (U64, 8, struct.pack("<Q", 7), "7"),
        ],
    )
    def test_values_come_in_several_types(
        self, kind: int, size: int, value: bytes, read: str
    ) -> None:
        one = scene()
        ticket = one.service.get(Pool.GUEST, "a")
        asked = one.guest.asked()
        asked.put(DATA, struct.pack("<III", kind, 4, size))
        asked.put(DATA + 12 + KEY, value)
        one.guest.answer(asked)
        assert one.service.take(ticket) == Answer(Status.OK, value=read)

    def test_a_value_of_no_known_type_is_no_value(self) -> None:
        one = scene()
        ticket = one.service.get(Pool.GUEST, "a")
        asked = one.guest.asked()
        asked.put(DATA, struct.pack("<III", 3, 4, 4))
        one.guest.answer(asked)
        assert one.service.take(ticket) == Answer(INVALID_DATA)

    @pytest.mark.parametrize("operation", ["get", "enumerate", "get_ip_info"])
    def test_an_answer_cut_short_is_none(self, operation: str) -> None:
        one = scene()
        submit = {
            "get": lambda: one.service.get(Pool.GUEST, "a"),
            "enumerate": lambda: one.service.enumerate(Pool.GUEST),
            "get_ip_info": lambda: one.service.get_ip_info("{}"),
        }
        ticket = submit[operation]()
        asked = one.guest.asked()
        asked.put(0x12, struct.pack("<H", 0x40))
        one.guest.answer(asked)
        assert one.service.take(ticket) == Answer(INVALID_DATA)

    def test_the_guests_refusal_is_passed_on(self) -> None:
        one = scene()
        ticket = one.service.set(Pool.EXTERNAL, "a", "b")
        one.guest.answer(one.guest.asked(), FAILED)
        assert one.service.take(ticket) == Answer(FAILED)

    def test_an_enumeration_keeps_what_it_got_before_it_failed(self) -> None:
        one = scene()
        ticket = one.service.enumerate(Pool.GUEST)
        asked = one.guest.asked()
        fill(asked, ENUM_DATA, "a", "b")
        one.guest.answer(asked)
        one.guest.answer(one.guest.asked(), FAILED)
        assert one.service.take(ticket) == Answer(FAILED, items=(("a", "b"),))

    def test_an_answer_is_taken_once(self) -> None:
        one = scene()
        ticket = one.service.set(Pool.EXTERNAL, "a", "b")
        assert one.answered(ticket).ok
        assert one.service.take(ticket) is None


class TestFacts:
    FACTS = {"HostName": "emulator", "VirtualMachineName": "guest"}

    def test_they_are_told_before_anything_else(self) -> None:
        clock = ManualClock()
        service = Kvp(clock, self.FACTS)
        ticket = service.get(Pool.AUTO_EXTERNAL, "HostName")
        guest = IcGuest(service)
        guest.choose((4, 0))
        one = Scene(clock, service, Daemon(guest))
        assert one.answered(ticket).value == "emulator"
        assert one.daemon.pools == {3: list(self.FACTS.items())}
        assert one.daemon.seen == [(SET, 3), (SET, 3), (GET, 3)]

    def test_they_are_told_at_every_opening_and_leave_no_answers(self) -> None:
        one = scene(facts=self.FACTS)
        one.daemon.serve()
        one.guest.reopen()
        one.guest.choose((4, 0))
        one.daemon.serve()
        assert one.daemon.seen == [(SET, 3)] * 4
        assert one.service.state.answers == {}


plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(plain, plain, max_size=6))
def test_any_text_survives_the_journey(items: dict[str, str]) -> None:
    one = scene()
    for key, value in items.items():
        assert one.answered(one.service.set(Pool.EXTERNAL, key, value)).ok
    answer = one.answered(one.service.enumerate(Pool.EXTERNAL))
    assert answer.items == tuple(items.items())
