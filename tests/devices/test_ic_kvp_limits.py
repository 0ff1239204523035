"""KVP with guests that are slow, silent, gone or endless."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv_devices.synthetic.ic_protocol import Status
from hv_devices.synthetic.kvp import MAX_ANSWERS, MAX_ITEMS, MAX_WAITING, Answer, Kvp
from hv_devices.synthetic.kvp_messages import IpInfo, Pool
from tests.devices.ic_guest import BODY, FAILED, IcGuest
from tests.devices.kvp_daemon import ENUM_DATA, NO_MORE_ITEMS, SECOND, Daemon, Scene, fill, scene
from tests.fakes import ManualClock

TIMED_OUT, NOT_CONNECTED, NOT_SUPPORTED = 0x800705B4, 0x8007048F, 0x80070032
MORE_DATA = 0x800700EA


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
