"""KVP exchange with a guest that keeps its pools as Linux's daemon does."""

import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv_devices.synthetic.ic_protocol import Status
from hv_devices.synthetic.kvp import MAX_ANSWERS, MAX_ITEMS, MAX_WAITING, Answer, Kvp
from hv_devices.synthetic.kvp_messages import Family, IpInfo, Pool
from tests.devices.ic_guest import BODY, FAILED, VERSION, Asked, IcGuest
from tests.fakes import ManualClock

SECOND = 1_000_000_000
NO_MORE_ITEMS = 0x80070103
TIMED_OUT, NOT_CONNECTED, NOT_SUPPORTED = 0x800705B4, 0x8007048F, 0x80070032
MORE_DATA, INVALID_DATA = 0x800700EA, 0x8007000D

GET, SET, DELETE, ENUMERATE, GET_IP, SET_IP = range(6)
STRING, EXPAND, U32, U64_LINUX, U64 = 1, 2, 4, 8, 11
KEY, VALUE = 0x200, 0x800
DATA = BODY + 4
ENUM_DATA = BODY + 8


def utf16(text: str) -> bytes:
    return (text + "\0").encode("utf-16-le")


def text(data: bytes | bytearray) -> str:
    return data.decode("utf-16-le").split("\0")[0]


@dataclass
class Daemon:
    """The guest: its pools, and the addresses that it was told."""

    guest: IcGuest
    pools: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    told: list[bytes] = field(default_factory=list)
    seen: list[tuple[int, int]] = field(default_factory=list)
    """Operation and pool of each request."""

    def serve(self) -> None:
        """Answer until nothing is asked."""
        while asked := self.guest.poll():
            self.guest.answer(asked, self.obey(asked))

    def obey(self, asked: Asked) -> int:
        assert asked.type == 2
        operation, pool = asked.raw[BODY], asked.raw[BODY + 1]
        self.seen.append((operation, pool))
        items = self.pools.setdefault(pool, [])
        if operation == ENUMERATE:
            index = asked.u32(DATA)
            if index >= len(items):
                return NO_MORE_ITEMS
            fill(asked, ENUM_DATA, *items[index])
        elif operation == DELETE:
            key = text(asked.raw[DATA + 4 : DATA + 4 + asked.u32(DATA)])
            if key not in dict(items):
                return NO_MORE_ITEMS
            self.pools[pool] = [item for item in items if item[0] != key]
        elif operation in (GET, SET):
            return self.item(asked, operation, items)
        else:
            self.told.append(asked.body)
        return 0

    def item(self, asked: Asked, operation: int, items: list[tuple[str, str]]) -> int:
        kind, key_size, value_size = struct.unpack_from("<III", asked.raw, DATA)
        assert kind == STRING
        key = text(asked.raw[DATA + 12 : DATA + 12 + key_size])
        value = text(asked.raw[DATA + 12 + KEY : DATA + 12 + KEY + value_size])
        known = dict(items)
        if operation == SET:
            known[key] = value
            items[:] = known.items()
            return 0
        assert value_size == 0
        if key not in known:
            return NO_MORE_ITEMS
        fill(asked, DATA, key, known[key])
        return 0


def fill(asked: Asked, at: int, key: str, value: str) -> None:
    """Put an item into a request, as its answer."""
    name, content = utf16(key), utf16(value)
    asked.put(at, struct.pack("<III", STRING, len(name), len(content)))
    asked.put(at + 12, name.ljust(KEY, b"\0") + content.ljust(VALUE, b"\0"))


@dataclass
class Scene:
    clock: ManualClock
    service: Kvp
    daemon: Daemon

    @property
    def guest(self) -> IcGuest:
        return self.daemon.guest

    def answered(self, ticket: int) -> Answer:
        """Let the guest work; the answer must be there."""
        self.daemon.serve()
        answer = self.service.take(ticket)
        assert answer is not None
        return answer


def scene(*versions: tuple[int, int], facts: dict[str, str] | None = None) -> Scene:
    clock = ManualClock()
    service = Kvp(clock, facts)
    guest = IcGuest(service)
    guest.choose(*(versions or ((4, 0), (3, 0), (1, 0))))
    return Scene(clock, service, Daemon(guest))


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


class TestTime:
    def test_a_guest_without_a_daemon_never_answers(self) -> None:
        clock = ManualClock()
        service = Kvp(clock)
        guest = IcGuest(service)
        ticket = service.get(Pool.AUTO, "OSName")
        clock.advance(60 * SECOND - 1)
        assert service.take(ticket) is None
        clock.advance(1)
        assert service.take(ticket) == Answer(TIMED_OUT)
        guest.choose((4, 0))
        assert guest.poll() is None

    def test_requests_wait_for_the_guest(self) -> None:
        clock = ManualClock()
        service = Kvp(clock)
        ticket = service.get(Pool.AUTO, "OSName")
        clock.advance(30 * SECOND)
        guest = IcGuest(service)
        guest.choose((4, 0))
        one = Scene(clock, service, Daemon(guest, {Pool.AUTO: [("OSName", "Debian")]}))
        assert one.answered(ticket).value == "Debian"

    def test_one_request_at_a_time_in_order(self) -> None:
        one = scene()
        tickets = [one.service.set(Pool.EXTERNAL, "a", str(i)) for i in range(5)]
        for ticket in tickets:
            asked = one.guest.asked()
            assert one.guest.poll() is None
            one.guest.answer(asked)
            assert one.service.take(ticket) == Answer(Status.OK)

    def test_a_late_answer_is_ignored_and_makes_way(self) -> None:
        one = scene()
        first = one.service.get(Pool.GUEST, "a")
        late = one.guest.asked()
        one.clock.advance(59 * SECOND)
        second = one.service.get(Pool.GUEST, "b")
        one.clock.advance(SECOND)
        assert one.service.take(first) == Answer(TIMED_OUT)
        assert one.guest.poll() is None
        one.daemon.pools[Pool.GUEST] = [("a", "1"), ("b", "2")]
        one.guest.answer(late, one.daemon.obey(late))
        assert one.service.take(first) is None
        assert one.answered(second).value == "2"

    def test_every_request_has_its_own_time(self) -> None:
        one = scene()
        tickets = []
        for _ in range(3):
            tickets.append(one.service.get(Pool.GUEST, "a"))
            one.clock.advance(SECOND)
        one.clock.advance(57 * SECOND)
        for i in range(3):
            answers = [one.service.take(ticket) for ticket in tickets]
            assert answers == [Answer(TIMED_OUT) if i == j else None for j in range(3)]
            one.clock.advance(SECOND)

    def test_an_enumeration_gets_its_time_for_each_item(self) -> None:
        one = scene()
        ticket = one.service.enumerate(Pool.GUEST)
        for _ in range(5):
            asked = one.guest.asked()
            fill(asked, ENUM_DATA, "a", "b")
            one.clock.advance(59 * SECOND)
            one.guest.answer(asked)
        one.clock.advance(60 * SECOND)
        assert one.service.take(ticket) == Answer(TIMED_OUT, items=(("a", "b"),) * 5)

    def test_no_alarm_is_left_behind(self) -> None:
        one = scene()
        ticket = one.service.get(Pool.GUEST, "a")
        one.answered(ticket)
        one.clock.advance(1000 * SECOND)
        assert one.service.take(ticket) is None

    def test_closing_answers_for_the_guest(self) -> None:
        one = scene()
        tickets = [one.service.get(Pool.GUEST, "a") for _ in range(3)]
        one.guest.asked()
        one.guest.reopen()
        assert [one.service.take(ticket) for ticket in tickets] == [Answer(NOT_CONNECTED)] * 3
        one.guest.choose((4, 0))
        assert one.guest.poll() is None
        assert one.service.get(Pool.GUEST, "a") not in tickets

    def test_a_guest_of_another_version_answers_at_once(self) -> None:
        clock = ManualClock()
        service = Kvp(clock)
        before = service.get(Pool.GUEST, "a")
        guest = IcGuest(service)
        assert guest.choose((5, 0)) is None
        assert service.take(before) == Answer(NOT_SUPPORTED)
        assert service.take(service.get(Pool.GUEST, "a")) == Answer(NOT_SUPPORTED)


class TestBounds:
    def test_the_queue(self) -> None:
        service = Kvp(ManualClock())
        for _ in range(MAX_WAITING):
            service.get(Pool.GUEST, "a")
        with pytest.raises(ValueError, match="waiting"):
            service.get(Pool.GUEST, "a")

    def test_answers_that_nobody_takes(self) -> None:
        one = scene()
        tickets = []
        for _ in range(3 * MAX_ANSWERS):
            tickets.append(one.service.get(Pool.GUEST, "a"))
            one.daemon.serve()
        assert list(one.service.state.answers) == tickets[-MAX_ANSWERS:]

    def test_a_pool_without_an_end(self) -> None:
        one = scene()
        one.daemon.pools[Pool.GUEST] = [(str(i), "x") for i in range(2 * MAX_ITEMS)]
        answer = one.answered(one.service.enumerate(Pool.GUEST))
        assert answer.status == MORE_DATA
        assert answer.items == tuple((str(i), "x") for i in range(MAX_ITEMS))

    @pytest.mark.parametrize("key", ["k" * 256, "a\0b", "\ud800"])
    def test_keys_that_do_not_fit(self, key: str) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - of two kinds
            Kvp(ManualClock()).get(Pool.GUEST, key)

    def test_values_that_do_not_fit(self) -> None:
        service = Kvp(ManualClock())
        service.set(Pool.EXTERNAL, "k" * 255, "v" * 1023)
        with pytest.raises(ValueError, match="UTF-16"):
            service.set(Pool.EXTERNAL, "k", "v" * 1024)

    def test_addresses_that_do_not_fit(self) -> None:
        service = Kvp(ManualClock())
        service.set_ip_info(IpInfo("a" * 127, gateways=("g" * 255, "h" * 255)))
        for info in (IpInfo("a" * 128), IpInfo("a", gateways=("g" * 255, "h" * 256))):
            with pytest.raises(ValueError, match="UTF-16"):
                service.set_ip_info(info)

    def test_a_ring_too_small_for_addresses(self) -> None:
        clock = ManualClock()
        service = Kvp(clock)
        guest = IcGuest(service, pages=2)
        guest.choose((4, 0))
        ticket = service.get_ip_info("{}")
        clock.advance(60 * SECOND)
        assert service.take(ticket) == Answer(TIMED_OUT)
        daemon = Daemon(guest, {Pool.GUEST: [("a", "1")]})
        assert Scene(clock, service, daemon).answered(service.get(Pool.GUEST, "a")).value == "1"


plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(plain, plain, max_size=6))
def test_any_text_survives_the_journey(items: dict[str, str]) -> None:
    one = scene()
    for key, value in items.items():
        assert one.answered(one.service.set(Pool.EXTERNAL, key, value)).ok
    answer = one.answered(one.service.enumerate(Pool.EXTERNAL))
    assert answer.items == tuple(items.items())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_answer_is_an_answer(data: st.DataObject) -> None:
    one = scene()
    service = one.service
    tickets = [
        service.get(Pool.GUEST, "a"),
        service.enumerate(Pool.GUEST),
        service.get_ip_info("{}"),
        service.set(Pool.EXTERNAL, "a", "b"),
    ]
    while asked := one.guest.poll():
        junk = data.draw(st.binary(max_size=80))
        asked.put(BODY + data.draw(st.integers(0, 0x20)), junk)
        one.guest.answer(asked, data.draw(st.sampled_from([0, 0, NO_MORE_ITEMS, FAILED])))
        if len(service.state.answers) == len(tickets):
            break
    one.clock.advance(100 * SECOND)
    assert all(service.take(ticket) is not None for ticket in tickets)
