"""The frame of integration components, against bytes written down by hand."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hv_devices.synthetic.ic_protocol import (
    Agreement,
    Status,
    Version,
    agreement,
    negotiate,
    parse,
    request,
)

SHUTDOWN_VERSIONS = (Version(1, 0), Version(3, 0), Version(3, 1), Version(3, 2))

NEGOTIATE_SHUTDOWN = bytes.fromhex(
    "00000000 0000 00000000 2000 00000000 00 03 0000"
    "0200 0400 00000000"
    "01000000 03000000"
    "01000000 03000000 03000100 03000200"
)

# Counts 1 and 1, framework 3.0, version 3.2: what Linux 6.1 makes of it.
CHOSEN = bytes.fromhex("0100 0100 00000000 03000000 03000200")


def test_negotiate_lists_frameworks_then_versions() -> None:
    assert negotiate(SHUTDOWN_VERSIONS, 0) == NEGOTIATE_SHUTDOWN


def test_a_request_carries_what_was_agreed() -> None:
    message = request(3, Version(3, 0), Version(3, 2), 0x7F, b"abcdef")
    header = "03000000 0300 03000200 0600 00000000 7f 03 0000"
    assert message == bytes.fromhex(header) + b"abcdef"


def test_an_answer_is_read() -> None:
    message = parse(bytes.fromhex("03000000 0200 04000000 0400 03010780 2a 05 ffff") + b"bodyrest")
    assert message is not None
    assert message.message_type == 2
    assert message.status == Status.NO_MORE_ITEMS
    assert message.transaction_id == 0x2A
    assert message.is_response
    assert message.body == b"body"


def test_a_request_is_no_response() -> None:
    message = parse(NEGOTIATE_SHUTDOWN)
    assert message is not None
    assert not message.is_response


@pytest.mark.parametrize("length", range(0x14))
def test_less_than_a_header_is_nothing(length: int) -> None:
    assert parse(NEGOTIATE_SHUTDOWN[:length]) is None


def test_a_header_alone_is_a_message() -> None:
    message = parse(NEGOTIATE_SHUTDOWN[:0x14])
    assert message is not None
    assert message.body == b""


def test_a_size_beyond_the_end_gives_what_is_there() -> None:
    message = parse(struct.pack("<10xHI4x", 0xFFFF, 0) + b"abc")
    assert message is not None
    assert message.body == b"abc"


def test_the_guest_chooses() -> None:
    chosen = agreement(CHOSEN, SHUTDOWN_VERSIONS)
    assert chosen == Agreement(Version(3, 0), Version(3, 2))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "0100 0100 00000000 03000000 0300",
        "0000 0000 00000000 03000000 03000200",
        "0100 0000 00000000 03000000 03000200",
        "0200 0100 00000000 03000000 03000200",
        "0100 0100 00000000 02000000 03000200",
        "0100 0100 00000000 03000000 03000300",
    ],
    ids=["empty", "short", "none", "no version", "two", "strange framework", "strange version"],
)
def test_the_guest_chooses_nothing_that_was_offered(body: str) -> None:
    assert agreement(bytes.fromhex(body), SHUTDOWN_VERSIONS) is None


@given(st.binary(max_size=64))
def test_any_bytes_are_read_somehow(payload: bytes) -> None:
    message = parse(payload)
    assert (message is None) == (len(payload) < 0x14)
    agreement(payload, SHUTDOWN_VERSIONS)


def test_versions_print_as_people_write_them() -> None:
    assert str(Version(3, 2)) == "3.2"
