"""The frame around packets: checksums, escapes, and what a hostile peer may send instead."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hv.debug.packets import Acknowledgement, Break, Packet, PacketReader, escape, frame, unescape
from tests.mutations import EXAMPLES

MOST = 16384


def test_a_packet_may_come_in_pieces() -> None:
    reader = PacketReader()
    assert reader.feed(b"$m7c0") == []
    assert reader.feed(b"0,4#") == []
    assert reader.feed(b"c") == []
    assert reader.feed(b"7$?#3f") == [Packet(b"m7c00,4"), Packet(b"?")]


def test_a_wrong_checksum_is_a_broken_packet() -> None:
    assert PacketReader().feed(b"$g#68$g#67$g#zz") == [Packet(None), Packet(b"g"), Packet(None)]


def test_a_packet_cut_off_by_the_next_one_is_forgotten() -> None:
    assert PacketReader().feed(b"$m7c00,$g#67") == [Packet(b"g")]


def test_what_stands_between_packets_is_ctrl_c_and_acknowledgements_or_nothing() -> None:
    events = PacketReader().feed(b"+\x03-\0xyz#$g#67")
    assert events == [Acknowledgement(True), Break(), Acknowledgement(False), Packet(b"g")]


def test_three_in_a_packet_is_data() -> None:
    assert PacketReader().feed(b"$\x03#03") == [Packet(b"\x03")]


def test_a_packet_without_end_is_broken_and_takes_no_memory() -> None:
    reader = PacketReader()
    for _ in range(100):
        assert reader.feed(b"$" + b"a" * MOST * 2) == []
    assert reader.feed(b"#00") == [Packet(None)]
    longest = frame(b"b" * MOST)
    assert reader.feed(longest) == [Packet(b"b" * MOST)]


@given(st.binary(max_size=300))
def test_escaping_has_an_inverse(data: bytes) -> None:
    escaped = escape(data)
    assert unescape(escaped) == data
    assert PacketReader().feed(frame(escaped)) == [Packet(escaped)]


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_can_be_read(pieces: list[bytes]) -> None:
    reader, whole = PacketReader(), PacketReader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    assert events == whole.feed(b"".join(pieces))
