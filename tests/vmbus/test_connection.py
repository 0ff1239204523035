"""Connecting, asking for offers, leaving, coming back."""

import struct

import pytest

from hv.errors import ConfigError
from hv.vmbus.bus import Bus
from hv.vmbus.version import Version
from tests.vmbus.fake_guest import FakeGuest, boot, power_on
from tests.vmbus.fakes import Diary, FakeMemory, FakeSynic, offer

VERSIONS = [
    0x10001,
    0x20004,
    0x30000,
    0x40000,
    0x40001,
    0x50000,
    0x50001,
    0x50002,
    0x50003,
]
UNKNOWN_VERSIONS = [0, 0x0000D, 0x10000, 0x20003, 0x50004, 0x60000, 0xFFFFFFFF]
FAILED = 2


@pytest.fixture
def guest() -> FakeGuest:
    return power_on()


def contact(
    guest: FakeGuest,
    version: int,
    *,
    vp: int = 0,
    target: int = 2,
    monitors: tuple[int, int] = (0, 0),
) -> bytes:
    """INITIATE_CONTACT; the answer from ``vp``'s queue."""
    guest.post(14, struct.pack("<IIQQQ", version, vp, target, *monitors))
    return guest.synic.messages[vp].pop()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_known_version_connects(guest: FakeGuest, version: int) -> None:
    assert guest.connect(version)
    assert guest.bus.inspect().version == f"{version >> 16}.{version & 0xFFFF}"


@pytest.mark.parametrize("version", UNKNOWN_VERSIONS)
def test_an_unknown_version_is_answered_with_zeroes(guest: FakeGuest, version: int) -> None:
    assert contact(guest, version) == struct.pack("<IIQ", 15, 0, 0)
    assert guest.bus.inspect().version is None


def test_a_guest_may_go_down_its_list_of_versions() -> None:
    guest = power_on(versions=[Version.V2_4, Version.V3_0])
    assert [guest.connect(version) for version in (0x50003, 0x40000, 0x30000)] == [
        False,
        False,
        True,
    ]


def test_before_5_0_the_answer_repeats_the_version(guest: FakeGuest) -> None:
    assert contact(guest, 0x40001, target=0) == struct.pack("<IIBBHI", 15, 0, 1, 0, 0, 0x40001)


@pytest.mark.parametrize("target", [0, 3, 0x102])
def test_another_sint_or_vtl_fails(guest: FakeGuest, target: int) -> None:
    answer = contact(guest, 0x50003, target=target)
    assert answer[8:10] == bytes([1, FAILED])
    assert guest.bus.inspect().version is None


def test_monitor_pages_come_in_pairs(guest: FakeGuest) -> None:
    assert contact(guest, 0x50003, monitors=(0x1000, 0))[8:10] == bytes([1, FAILED])
    assert contact(guest, 0x50003, monitors=(0, 0x1000))[8:10] == bytes([1, FAILED])
    assert contact(guest, 0x50003, monitors=(0x1000, 0x2000))[8:10] == bytes([1, 0])


def test_messages_go_to_the_processor_that_the_guest_named(guest: FakeGuest) -> None:
    contact(guest, 0x50003, vp=3)
    guest.post(3)
    assert guest.synic.messages[3].pop() == struct.pack("<II", 4, 0)
    assert not guest.synic.messages.get(0)
    assert guest.bus.inspect().target_vp == 3


def test_other_connections_are_not_ours(guest: FakeGuest) -> None:
    assert not guest.bus.message(2, 1, struct.pack("<II", 3, 0))
    assert not guest.bus.message(0x2001, 1, b"")
    assert not guest.bus.event(0x2001)
    assert not guest.bus.event(1)
    assert guest.bus.inspect().messages == 0


def test_another_kind_of_synic_message_is_ignored(guest: FakeGuest) -> None:
    assert guest.bus.message(1, 0x80000010, struct.pack("<II", 3, 0))
    assert guest.bus.inspect().refused == 1
    assert not guest.synic.log


def test_nothing_is_heard_before_contact(guest: FakeGuest) -> None:
    guest.post(3)
    guest.post(16)
    assert not guest.synic.log
    assert guest.bus.inspect().refused == 2


def test_an_empty_bus_still_ends_its_list_of_offers(guest: FakeGuest) -> None:
    guest.connect()
    assert guest.request_offers() == []


def test_offers_come_in_the_order_of_the_services_with_relids_from_1() -> None:
    guest = boot(*(Diary(offer(number)) for number in (7, 3, 5)))
    assert [(one.instance.int, one.relid, one.connection_id) for one in guest.offers] == [
        (7, 1, 0x2001),
        (3, 2, 0x2002),
        (5, 3, 0x2003),
    ]
    assert {one.monitor_allocated for one in guest.offers} == {0}
    assert {one.monitor_id for one in guest.offers} == {0xFF}
    assert {one.dedicated for one in guest.offers} == {1}


def test_what_a_service_says_of_itself_is_in_its_offer() -> None:
    guest = boot(Diary(offer(mmio_megabytes=8, sub_channel=2, user_data=b"its own", pipe=True)))
    (seen,) = guest.offers
    assert (seen.mmio_megabytes, seen.sub_channel) == (8, 2)
    assert seen.user_data == b"\4\0\0\0its own".ljust(120, b"\0")


def test_too_much_user_data_is_the_services_fault() -> None:
    bus = Bus(FakeMemory(), FakeSynic())
    with pytest.raises(ValueError, match="user data"):
        bus.offer(Diary(offer(pipe=True, user_data=bytes(117))))


def test_two_services_cannot_be_the_same_device() -> None:
    bus = Bus(FakeMemory(), FakeSynic())
    bus.offer(Diary(offer(1)))
    with pytest.raises(ConfigError, match="diary"):
        bus.offer(Diary(offer(1)))
    bus.offer(Diary(offer(1, sub_channel=1)))


def test_offers_are_listed_once() -> None:
    guest = boot(Diary(offer()))
    guest.post(3)
    assert not guest.poll()
    assert guest.bus.inspect().refused == 1


def test_a_service_added_between_contact_and_request_is_listed_not_announced(
    guest: FakeGuest,
) -> None:
    guest.connect()
    guest.bus.offer(Diary(offer()))
    assert not guest.poll()
    assert len(guest.request_offers()) == 1


def test_a_service_added_later_is_announced_at_once() -> None:
    guest = boot(Diary(offer(1)))
    guest.bus.offer(Diary(offer(2)))
    (message,) = guest.poll()
    assert message[0] == 1
    assert guest.offers[1].relid == 2


def test_unload_closes_everything_and_is_answered() -> None:
    service = Diary(offer())
    guest = boot(service)
    guest.open(guest.offers[0])
    guest.unload()
    assert service.events == ["open", "close"]
    view = guest.bus.inspect()
    assert (view.version, view.gpadl_pages, view.channels[0].state) == (None, 0, "unoffered")
    assert not guest.bus.event(0x2001)


def test_after_unload_the_guest_may_connect_again() -> None:
    service = Diary(offer())
    guest = boot(service)
    guest.open(guest.offers[0])
    guest.unload()
    assert guest.connect(0x40000)
    guest.request_offers()
    assert guest.offers[0].relid == 1
    guest.open(guest.offers[0])
    assert service.events == ["open", "close", "open"]


def test_a_second_contact_is_a_reboot_without_a_word() -> None:
    service, gone = Diary(offer(1)), Diary(offer(2))
    guest = boot(service, gone)
    guest.open(guest.offers[0])
    guest.bus.rescind(gone)
    assert guest.connect()
    assert service.events == ["open", "close"]
    assert [one.state for one in guest.bus.inspect().channels] == ["unoffered"]
    assert guest.bus.inspect().gpadl_pages == 0
    assert [one.relid for one in guest.request_offers()] == [1]


def test_a_second_contact_drops_what_was_on_its_way_to_the_first() -> None:
    guest = boot(Diary(offer(1)))
    guest.bus.offer(Diary(offer(2)))
    contact_body = struct.pack("<IIQQQ", 0x50003, 0, 2, 0, 0)
    guest.post(14, contact_body)
    assert [message[0] for message in guest.poll()] == [15]


def test_a_second_contact_in_a_version_we_lack_still_ends_the_first() -> None:
    service = Diary(offer())
    guest = boot(service)
    guest.open(guest.offers[0])
    assert not guest.connect(0x60000)
    assert service.events == ["open", "close"]
    assert guest.bus.inspect().version is None


def test_reset_ends_the_connection_silently() -> None:
    service = Diary(offer())
    guest = boot(service)
    guest.open(guest.offers[0])
    guest.poll()
    before = len(guest.synic.log)
    guest.bus.reset()
    assert service.events == ["open", "close"]
    assert guest.bus.inspect().version is None
    assert len(guest.synic.log) == before


def test_a_socket_is_refused_under_its_own_names() -> None:
    guest = boot()
    guest.post(21, bytes(range(32)))
    answer = guest.expect(23)
    assert answer == struct.pack("<II", 23, 0) + bytes(range(32)) + struct.pack("<I", 0xC0000236)


def test_unload_does_not_exist_before_3_0() -> None:
    guest = boot(version=0x20004)
    guest.post(16)
    assert not guest.poll()
    assert guest.bus.inspect().version == "2.4"


def test_version_1_1_interrupts_through_its_page() -> None:
    service = Diary(offer())
    guest = boot(service, version=0x10001, interrupt_page=0x7000)
    channel = guest.open(guest.offers[0])
    assert service.channel is not None
    service.channel.send(b"hello")
    assert guest.synic.flags == {0: {0}}
    assert guest.memory.read(0x7000, 4) == b"\2\0\0\0"
    assert guest.memory.read(0x7800, 4) == bytes(4)
    assert channel.receive() is not None


def test_version_1_1_leaves_other_channels_bits_alone() -> None:
    services = [Diary(offer(number)) for number in range(1, 11)]
    guest = boot(*services, version=0x10001, interrupt_page=0x7000)
    for relid in (9, 10):
        guest.open(guest.offers[relid - 1])
        channel = services[relid - 1].channel
        assert channel is not None
        channel.send(b"x")
    assert guest.memory.read(0x7000, 2) == b"\0\6"


def test_version_1_1_without_an_interrupt_page_sets_the_flag_alone() -> None:
    service = Diary(offer())
    guest = boot(service, version=0x10001)
    guest.open(guest.offers[0])
    assert service.channel is not None
    before = guest.memory.read(0, 0x1000)
    service.channel.send(b"x")
    assert guest.synic.flags == {0: {0}}
    assert guest.memory.read(0, 0x1000) == before


def test_version_1_1_has_room_for_255_channels() -> None:
    guest = boot(*(Diary(offer(number)) for number in range(1, 258)), version=0x10001)
    assert [one.relid for one in guest.offers] == list(range(1, 256))


def test_relids_end_below_2048() -> None:
    services = [Diary(offer(number)) for number in range(1, 2050)]
    guest = boot(*services)
    assert [one.relid for one in guest.offers] == list(range(1, 2048))
    guest.bus.rescind(services[9])
    guest.release(10)
    guest.poll()
    assert guest.offers[-1].relid == 10
    assert guest.offers[-1].instance.int == 2048
