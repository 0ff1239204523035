"""Guest messages at the edge: what is too short, too long, unknown or not of the agreed version."""

import struct

import pytest

from hv.vmbus import messages
from hv.vmbus.messages import Refusal
from hv.vmbus.version import Version

LATEST = 0x50003

# type: least size, and the version that brought it
GUEST_MESSAGES = {
    3: (8, 0x10001),
    5: (148, 0x10001),
    7: (12, 0x10001),
    8: (20, 0x10001),
    9: (16, 0x10001),
    11: (16, 0x10001),
    13: (12, 0x10001),
    14: (40, 0x10001),
    16: (8, 0x30000),
    21: (40, 0x40000),
    22: (16, 0x40001),
}


def message(kind: int, size: int) -> bytes:
    return struct.pack("<II", kind, 0).ljust(size, b"\0")[:size]


@pytest.mark.parametrize(("kind", "least"), [(k, v[0]) for k, v in GUEST_MESSAGES.items()])
def test_a_message_of_its_least_size_is_taken_and_a_byte_less_is_not(kind: int, least: int) -> None:
    assert not isinstance(messages.parse(message(kind, least), LATEST), Refusal)
    assert messages.parse(message(kind, least - 1), LATEST) is Refusal.TOO_SHORT


@pytest.mark.parametrize(("kind", "known"), list(GUEST_MESSAGES.items()))
@pytest.mark.parametrize("version", list(Version))
def test_a_message_exists_from_its_version_on(
    kind: int, known: tuple[int, int], version: Version
) -> None:
    least, since = known
    parsed = messages.parse(message(kind, least), version)
    assert (parsed is Refusal.NOT_IN_VERSION) == (version < since)


@pytest.mark.parametrize("kind", sorted(GUEST_MESSAGES))
def test_before_contact_only_contact_is_heard(kind: int) -> None:
    parsed = messages.parse(message(kind, GUEST_MESSAGES[kind][0]), None)
    assert (parsed is Refusal.NOT_CONNECTED) == (kind != 14)


@pytest.mark.parametrize("kind", [*sorted(set(range(40)) - set(GUEST_MESSAGES)), 0xFFFFFFFF])
def test_host_messages_and_unknown_types_are_refused(kind: int) -> None:
    assert messages.parse(message(kind, 240), LATEST) is Refusal.UNKNOWN_TYPE


def test_more_than_a_hypercall_carries_is_refused() -> None:
    assert messages.parse(message(3, 241), LATEST) is Refusal.TOO_LONG


def test_less_than_a_prefix_is_refused() -> None:
    assert messages.parse(b"", LATEST) is Refusal.TOO_SHORT
    assert messages.parse(bytes(7), LATEST) is Refusal.TOO_SHORT


def test_fields_are_where_the_protocol_has_them() -> None:
    data = struct.pack("<IIIIIII", 5, 0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5) + bytes(range(120))
    parsed = messages.parse(data, LATEST)
    assert parsed == messages.OpenChannel(0xA1, 0xA2, 0xA3, 0xA4, 0xA5, bytes(range(120)))
    data = struct.pack("<IIIIHH", 8, 0, 0xB1, 0xB2, 0xB3, 0xB4) + b"ranges"
    assert messages.parse(data, LATEST) == messages.GpadlHeader(0xB1, 0xB2, 0xB3, 0xB4, b"ranges")
    data = struct.pack("<IIII", 9, 0, 0xC1, 0xC2) + b"pages"
    assert messages.parse(data, LATEST) == messages.GpadlBody(0xC1, 0xC2, b"pages")
    data = struct.pack("<IIIIBBHIQQ", 14, 0, LATEST, 3, 2, 1, 0, 0, 0xD1, 0xD2)
    parsed = messages.parse(data, None)
    assert parsed == messages.InitiateContact(LATEST, 3, 0x0102, 0xD1, 0xD2)
    assert isinstance(parsed, messages.InitiateContact)
    assert (parsed.sint, parsed.vtl) == (2, 1)


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        (messages.RescindChannelOffer(1), 12),
        (messages.AllOffersDelivered(), 8),
        (messages.OpenChannelResult(1, 2, 3), 20),
        (messages.GpadlCreated(1, 2, 3), 20),
        (messages.GpadlTorndown(1), 12),
        (messages.VersionResponse(1, 0, 1), 16),
        (messages.UnloadResponse(), 8),
        (messages.TlConnectResult(bytes(16), bytes(16), 1), 44),
        (messages.ModifyChannelResponse(1, 0), 16),
    ],
)
def test_answers_have_the_size_that_guests_demand(answer: messages.Response, size: int) -> None:
    assert len(answer.encode()) == size
    assert answer.encode()[:8] == struct.pack("<II", answer.TYPE, 0)
