"""What all integration components do with their channel."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv_devices.synthetic.heartbeat import Heartbeat
from hv_devices.synthetic.ic_service import IcService, IcState
from hv_devices.synthetic.kvp import Kvp
from hv_devices.synthetic.kvp_messages import Pool
from hv_devices.synthetic.shutdown import Shutdown
from hv_devices.synthetic.timesync import TimeSync
from tests.devices.ic_guest import ANSWERS, FLAGS, ID, TYPE, IcGuest
from tests.fakes import ManualClock
from tests.vmbus.fake_guest import boot
from tests.vmbus.guest_ring import COMPLETION, GPA_DIRECT, INBAND, descriptor

SECOND = 1_000_000_000

Ic = IcService[IcState]


@dataclass(frozen=True)
class Kind:
    """What is known of a component: how it is made, its GUIDs, what Linux 6.1 speaks."""

    make: Callable[[ManualClock], Ic]
    interface: str
    instance: str
    message_type: int
    versions: tuple[tuple[int, int], ...]


KINDS = {
    "heartbeat": Kind(
        Heartbeat,
        "57164f39-9115-4e78-ab55-382f3bd5422d",
        "fd149e91-82e0-4a7d-afa6-2a4166cbd7c0",
        1,
        ((3, 0), (1, 0)),
    ),
    "kvp": Kind(
        lambda clock: Kvp(clock, {"HostName": "host"}),
        "a9a0f4e7-5a45-4d96-b827-8a841e8c03e6",
        "242ff919-07db-4180-9c2e-b86cb68c8c55",
        2,
        ((4, 0), (3, 0), (1, 0)),
    ),
    "shutdown": Kind(
        lambda _: Shutdown(),
        "0e0b6031-5213-4934-818b-38d90ced39db",
        "b6650ff7-33bc-4840-8048-e0676786f393",
        3,
        ((3, 2), (3, 1), (3, 0), (1, 0)),
    ),
    "timesync": Kind(
        lambda clock: TimeSync(clock, 0, lambda: 0),
        "9527e630-d0ae-497b-adce-e80ab0175caf",
        "2dd1ce17-079e-403c-b352-a1921ee207ee",
        4,
        ((4, 0), (3, 0), (1, 0)),
    ),
}


@pytest.fixture(params=KINDS.values(), ids=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    result: Kind = request.param
    return result


@pytest.fixture
def service(kind: Kind) -> Ic:
    return kind.make(ManualClock())


def test_it_is_offered_in_message_mode(kind: Kind, service: Ic) -> None:
    (offer,) = boot(service).offers
    assert offer.interface == UUID(kind.interface)
    assert offer.instance == UUID(kind.instance)
    assert offer.flags == 0x10
    assert struct.unpack_from("<I", offer.user_data) == (4,)


def test_the_host_speaks_first_as_soon_as_the_channel_is_open(service: Ic) -> None:
    guest = IcGuest(service)
    assert guest.channel.interrupted()
    asked = guest.asked()
    assert asked.type == 0
    assert asked.raw[ID] == 0
    assert guest.poll() is None


def test_linux_finds_its_best_version(kind: Kind, service: Ic) -> None:
    guest = IcGuest(service)
    assert guest.choose(*kind.versions) == kind.versions[0]
    view = service.inspect()
    assert view["phase"] == "ready"
    assert view["framework"] == "3.0"
    assert view["version"] == "{}.{}".format(*kind.versions[0])


def test_an_older_guest_is_understood(kind: Kind, service: Ic) -> None:
    oldest = {"kvp": (3, 0)}.get(service.offer.name, (1, 0))
    guest = IcGuest(service)
    assert guest.choose(oldest) == oldest
    assert service.inspect()["version"] == "{}.{}".format(*oldest)


def test_without_a_common_version_nothing_is_asked_any_more(kind: Kind) -> None:
    clock = ManualClock()
    service = kind.make(clock)
    guest = IcGuest(service)
    assert guest.choose((9, 9)) is None
    clock.advance(100 * SECOND)
    guest.channel.signal()
    assert guest.poll() is None
    assert service.inspect()["phase"] == "no common version"


def test_nothing_is_asked_before_the_guest_chose(kind: Kind) -> None:
    clock = ManualClock()
    guest = IcGuest(kind.make(clock))
    guest.asked()
    clock.advance(1000 * SECOND)
    guest.channel.signal()
    assert guest.poll() is None


def test_a_second_answer_is_ignored(kind: Kind, service: Ic) -> None:
    guest = IcGuest(service)
    asked = guest.asked()
    body = struct.pack("<HHIHHHH", 1, 1, 0, 3, 0, *kind.versions[0])
    asked.put(0x12, struct.pack("<H", 0x10))
    asked.put(0x1C, body)
    guest.answer(asked)
    asked.put(0x24, struct.pack("<HHHH", 1, 0, 1, 0))
    guest.answer(asked)
    assert service.inspect()["version"] == "{}.{}".format(*kind.versions[0])
    assert service.inspect()["unasked"] == 1


@pytest.mark.parametrize(
    ("at", "value"),
    [(ID, 1), (FLAGS, 3), (FLAGS, 1), (TYPE, 1), (TYPE, 9)],
    ids=["other id", "request", "no response", "other type", "unknown type"],
)
def test_what_answers_nothing_is_ignored(service: Ic, at: int, value: int) -> None:
    guest = IcGuest(service)
    asked = guest.asked()
    asked.raw[FLAGS] = ANSWERS
    asked.raw[at] = value
    guest.send_raw(bytes(asked.raw))
    assert service.inspect()["phase"] == "negotiating"
    assert service.inspect()["unasked"] == 1


def test_every_opening_begins_anew(kind: Kind, service: Ic) -> None:
    guest = IcGuest(service)
    guest.choose(*kind.versions)
    for _ in range(3):
        guest.reopen()
        assert service.inspect()["phase"] == "negotiating"
        assert guest.choose(*kind.versions) == kind.versions[0]


def test_a_closed_component_rests(kind: Kind) -> None:
    clock = ManualClock()
    service = kind.make(clock)
    guest = IcGuest(service)
    guest.choose(*kind.versions)
    guest.channel.close()
    blank = kind.make(ManualClock()).inspect()
    assert service.inspect() == blank
    clock.advance(1000 * SECOND)
    service.ready()
    assert service.inspect() == blank


def test_a_guest_may_want_completions(service: Ic) -> None:
    guest = IcGuest(service)
    guest.asked()
    for tid in (7, 8):
        guest.channel.put(descriptor(INBAND, bytes([1, 0, 0, 0]) + bytes(12), tid, 1))
        packet = guest.channel.receive()
        assert packet is not None
        assert (packet.kind, packet.transaction_id) == (COMPLETION, tid)


def test_other_kinds_of_packets_are_let_pass(service: Ic) -> None:
    guest = IcGuest(service)
    guest.channel.put(descriptor(COMPLETION, bytes(0x40), 0))
    buffer = guest.guest.buffer(64)
    header = struct.pack("<II", 0, 1) + buffer.range()
    guest.channel.put(descriptor(GPA_DIRECT, bytes(0x40), 0, 0, header))
    assert service.inspect()["phase"] == "negotiating"
    assert guest.channel.outgoing.used() == 0


messages = st.builds(
    lambda kind, size, status, tid, flags, body: (
        struct.pack("<HHHHHHIBBH", 3, 0, kind, 3, 0, size, status, tid, flags, 0) + body
    ),
    st.integers(0, 9),
    st.integers(0, 0xFFFF),
    st.sampled_from([0, 0x80004005, 0x80070103]),
    st.integers(0, 4),
    st.sampled_from([3, 5, 7, 0xFF]),
    st.binary(max_size=48) | st.binary(max_size=48).map(lambda tail: tail.ljust(2580, b"\x01")),
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.booleans(),
    st.lists(messages | st.binary(max_size=64), max_size=12),
)
def test_no_guest_can_upset_it(name: str, agree: bool, packets: list[bytes]) -> None:
    kind = KINDS[name]
    clock = ManualClock()
    service = kind.make(clock)
    guest = IcGuest(service)
    if agree:
        guest.choose(*kind.versions)
    if isinstance(service, Kvp):
        service.enumerate(Pool.AUTO)
        service.get(Pool.GUEST, "key")
        service.get_ip_info("{}")
    if isinstance(service, Shutdown):
        service.request()
    for packet in packets:
        guest.send_raw(struct.pack("<II", 1, len(packet)) + packet)
        clock.advance(SECOND)
        service.inspect()
        while guest.poll():
            pass
    guest.reopen()
    assert guest.choose(*kind.versions) == kind.versions[0]
