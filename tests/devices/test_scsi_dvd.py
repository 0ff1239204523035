"""A DVD-ROM drive: reading discs, changing them, and what a guest is told of it."""

import struct
from collections.abc import Callable

import pytest

from hv_devices.synthetic.scsi_dvd import ScsiDvd
from tests.devices.scsi_initiator import (
    INVALID_FIELD,
    INVALID_OPCODE,
    INVALID_PARAMETER,
    LOCKED,
    MEDIUM_CHANGED,
    NO_MEDIUM_CLOSED,
    NO_MEDIUM_OPEN,
    NO_SENSE,
    OUT_OF_RANGE,
    READ_ERROR,
    FaultyDisk,
    Initiator,
    SparseDisk,
    inquiry,
    mode_select_6,
    mode_sense_6,
    pattern,
    ten,
    twelve,
)

BLOCK = 2048
EVENT_NONE, EVENT_EJECT, EVENT_NEW, EVENT_REMOVAL = range(4)
DOOR_OPEN, PRESENT = 1, 2

TUR = "00"
LOCK, UNLOCK = "1e 00 00 00 01 00", "1e 00 00 00 00 00"
EJECT, LOAD, STOP, START = "1b 00 00 00 02", "1b 00 00 00 03", "1b 00 00 00 00", "1b 00 00 00 01"


def image(blocks: int) -> bytes:
    return pattern(*range(4 * blocks))


@pytest.fixture
def drive() -> Initiator:
    """A drive with a disc of 10 blocks."""
    return Initiator(ScsiDvd(image(10)))


@pytest.fixture
def empty() -> Initiator:
    return Initiator(ScsiDvd())


def dvd(initiator: Initiator) -> ScsiDvd:
    assert isinstance(initiator.device, ScsiDvd)
    return initiator.device


def media_event(initiator: Initiator) -> tuple[int, int]:
    """Event and status of the media class."""
    data = initiator.good("4a 01 0000 10 0000 0008 00")
    assert data[:4] == bytes([0, 6, 4, 0x12])
    return data[4], data[5]


# Reading


def read_10(lba: int, blocks: int) -> bytes:
    return ten(0x28, lba, blocks)


def read_12(lba: int, blocks: int) -> bytes:
    return twelve(0xA8, lba, blocks)


@pytest.mark.parametrize("shape", [read_10, read_12])
def test_blocks_have_2048_bytes(drive: Initiator, shape: Callable[[int, int], bytes]) -> None:
    assert drive.good(shape(3, 2)) == image(10)[3 * BLOCK : 5 * BLOCK]
    assert drive.good(shape(3, 0)) == b""
    assert drive.sense(shape(9, 2)) == OUT_OF_RANGE
    assert drive.sense(shape(0xFFFFFFFF, 1)) == OUT_OF_RANGE


def test_a_drive_reads_a_block_device() -> None:
    medium = FaultyDisk(8, 6)
    medium.written = {i: pattern(i) for i in range(8)}
    drive = Initiator(ScsiDvd(medium))
    assert drive.good(ten(0x28, 0, 1)) == pattern(0, 1, 2, 3)
    reply = drive.send(ten(0x28, 0, 2))
    assert reply.sense is not None
    assert reply.sense.fixed()[:7] == bytes([0xF0, 0, 3, 0, 0, 0, 1])
    assert drive.sense(ten(0x28, 1, 1)) == READ_ERROR


@pytest.mark.parametrize("size", [1, 511, 512, 2047, 2049])
def test_a_last_block_that_is_not_whole_ends_in_zeros(size: int) -> None:
    drive = Initiator(ScsiDvd(b"x" * size))
    blocks = -(-size // BLOCK)
    assert struct.unpack(">II", drive.good("25")) == (blocks - 1, BLOCK)
    assert drive.good(ten(0x28, 0, blocks)) == (b"x" * size).ljust(blocks * BLOCK, b"\0")


def test_no_command_moves_more_than_8_mib() -> None:
    drive = Initiator(ScsiDvd(SparseDisk(1 << 20)))
    assert len(drive.good(ten(0x28, 0, 4096))) == 8 << 20
    assert drive.sense(ten(0x28, 0, 4097)) == INVALID_FIELD


def test_read_capacity(drive: Initiator) -> None:
    assert struct.unpack(">II", drive.good("25")) == (9, BLOCK)


def test_writing_is_not_what_it_does(drive: Initiator) -> None:
    assert drive.sense(ten(0x2A, 0, 1), bytes(BLOCK)) == INVALID_OPCODE


# Tables of contents


def test_the_table_of_contents_has_a_track_and_the_lead_out(drive: Initiator) -> None:
    data = drive.good("43 00 00 000000 00 0100 00")
    assert data == bytes.fromhex("0012 0101 00140100 00000000 0014aa00 0000000a")
    assert drive.good("43 00 00 000000 00 0004 00") == data[:4]
    lead_out = drive.good("43 00 00 000000 aa 0100 00")
    assert lead_out == bytes.fromhex("000a 0101 0014aa00 0000000a")
    assert drive.sense("43 00 00 000000 02 0100 00") == INVALID_FIELD


def test_addresses_can_be_minutes_seconds_and_frames(drive: Initiator) -> None:
    data = drive.good("43 02 00 000000 00 0100 00")
    assert data == bytes.fromhex("0012 0101 00140100 00000200 0014aa00 0000020a")


def test_a_disc_longer_than_any_cd_still_has_a_lead_out() -> None:
    drive = Initiator(ScsiDvd(SparseDisk(16 << 20)))
    assert drive.good("43 02 00 000000 aa 0100 00")[8:] == bytes([0, 255, 59, 74])


def test_there_is_one_session(drive: Initiator) -> None:
    data = drive.good("43 00 01 000000 00 0100 00")
    assert data == bytes.fromhex("000a 0101 00140100 00000000")
    assert drive.sense("43 00 02 000000 00 0100 00") == INVALID_FIELD


def test_a_disc_is_complete(drive: Initiator) -> None:
    data = drive.good("51 000000000000 0100 00")
    assert len(data) == 34
    assert data[:8] == bytes([0, 32, 0x0E, 1, 1, 1, 1, 0x20])
    assert drive.sense("51 010000000000 0100 00") == INVALID_FIELD


@pytest.mark.parametrize("which", ["00 00000000", "00 00000009", "01 00000001", "02 00000001"])
def test_the_track_takes_all_of_the_disc(drive: Initiator, which: str) -> None:
    data = drive.good(f"52 {which} 00 0100 00")
    assert data == bytes.fromhex("0022 0101 00 04 01 00") + bytes(16) + bytes.fromhex(
        "0000000a 00000000 00000000"
    )
    assert drive.good(f"52 {which} 00 0008 00") == data[:8]


@pytest.mark.parametrize(
    "which",
    ["00 0000000a", "01 00000000", "01 00000002", "01 000000ff", "02 00000002", "03 00000001"],
)
def test_there_is_no_other_track(drive: Initiator, which: str) -> None:
    assert drive.sense(f"52 {which} 00 0100 00") == INVALID_FIELD


def test_a_disc_has_a_physical_format_and_no_protection(drive: Initiator) -> None:
    data = drive.good("ad 00 00000000 00 00 0900 00 00")
    assert data[:4] == struct.pack(">HH", 2050, 0)
    assert data[4:16] == bytes.fromhex("010f0100 00030000 00030009")
    assert len(data) == 4 + 2048
    assert drive.good("ad 00 00000000 00 01 0900 00 00") == bytes([0, 6]) + bytes(6)
    assert drive.sense("ad 00 00000000 00 02 0900 00 00") == INVALID_FIELD
    assert drive.sense("ad 01 00000000 00 00 0900 00 00") == INVALID_FIELD


@pytest.mark.parametrize(
    "cdb",
    [TUR, "25", START, ten(0x28, 0, 1), "43", "51", "52", "ad 00 00000000 00 00 0900"],
)
def test_an_empty_drive_is_not_ready(empty: Initiator, cdb: str | bytes) -> None:
    assert empty.sense(cdb) == NO_MEDIUM_CLOSED


def test_an_empty_drive_still_says_who_it_is(empty: Initiator) -> None:
    assert empty.good(inquiry())[0] == 0x05
    assert empty.good(mode_sense_6(0x2A))[4] == 0x2A
    empty.good(LOCK)
    empty.good(UNLOCK)
    empty.good(STOP)
    assert empty.request_sense() == NO_SENSE


# Features


def features(data: bytes) -> dict[int, tuple[int, bytes]]:
    """Flags and data by number."""
    assert struct.unpack_from(">I", data)[0] == len(data) - 4
    found = {}
    at = 8
    while at < len(data):
        number, flags, length = struct.unpack_from(">HBB", data, at)
        assert length % 4 == 0
        found[number] = flags, data[at + 4 : at + 4 + length]
        at += 4 + length
    assert list(found) == sorted(found)
    return found


def test_a_drive_lists_its_features(drive: Initiator) -> None:
    data = drive.good("46 00 0000 000000 0400 00")
    assert data[6:8] == bytes.fromhex("0010")
    found = features(data)
    assert found[0x0000] == (0x03, bytes.fromhex("00100100"))
    assert found[0x0001] == (0x03, bytes.fromhex("00000001"))
    assert found[0x0003] == (0x03, bytes.fromhex("29000000"))
    assert found[0x0010] == (0x01, bytes.fromhex("00000800 0010 00 00"))
    assert found[0x001F] == (0x01, b"")


def test_without_a_disc_reading_is_not_current(empty: Initiator) -> None:
    data = empty.good("46 00 0000 000000 0400 00")
    assert data[6:8] == bytes(2)
    found = features(data)
    assert found[0x0000][1] == bytes.fromhex("00100000")
    assert (found[0x0010][0], found[0x001F][0]) == (0x00, 0x00)
    assert set(features(empty.good("46 01 0000 000000 0400 00"))) == {0, 1, 2, 3}


def test_features_can_be_asked_for_singly_or_from_one_on(drive: Initiator) -> None:
    assert set(features(drive.good("46 02 0010 000000 0400 00"))) == {0x10}
    assert features(drive.good("46 02 0021 000000 0400 00")) == {}
    assert set(features(drive.good("46 00 0003 000000 0400 00"))) == {0x03, 0x10, 0x1F}
    assert drive.good("46 00 0000 000000 0008 00") == drive.good("46 00 0000 000000 0400 00")[:8]
    assert drive.sense("46 03 0000 000000 0400 00") == INVALID_FIELD


def test_the_capabilities_page_names_a_tray_and_dvds(drive: Initiator) -> None:
    data = drive.good(mode_sense_6(0x2A, 128))
    assert data[:4] == bytes([23, 0, 0, 0])
    assert data[4:6] == bytes([0x2A, 0x12])
    assert data[6] & 0x08  # reads DVD-ROMs
    assert data[7] == 0  # writes nothing
    assert data[10] == 0x29
    drive.good(LOCK)
    assert drive.good(mode_sense_6(0x2A, 128))[10] == 0x2B


def test_no_mode_page_can_be_changed(drive: Initiator) -> None:
    recovery = bytes([0x01, 0x0A]) + bytes(10)
    assert drive.good(mode_sense_6(0x3F))[4:16] == recovery
    drive.good(*mode_select_6(bytes(4) + recovery))
    changed = bytes([0x01, 0x0A, 0x20]) + bytes(9)
    assert drive.sense(*mode_select_6(bytes(4) + changed)) == INVALID_PARAMETER


# Changing discs


def test_a_disc_that_is_there_from_the_start_is_no_news(drive: Initiator) -> None:
    drive.good(TUR)
    assert media_event(drive) == (EVENT_NONE, PRESENT)


def test_a_new_disc_is_a_unit_attention_and_an_event(empty: Initiator) -> None:
    dvd(empty).insert(image(5))
    assert media_event(empty) == (EVENT_NEW, PRESENT)
    assert media_event(empty) == (EVENT_NONE, PRESENT)
    assert empty.good(inquiry())[0] == 5
    empty.good("46 00 0000 000000 0400 00")
    assert empty.sense(TUR) == MEDIUM_CHANGED
    empty.good(TUR)
    assert struct.unpack(">II", empty.good("25")) == (4, BLOCK)


def test_request_sense_takes_the_attention_away(drive: Initiator) -> None:
    dvd(drive).insert(image(5))
    assert drive.request_sense() == MEDIUM_CHANGED
    assert drive.request_sense() == NO_SENSE
    drive.good(TUR)


def test_a_disc_that_was_taken_is_gone(drive: Initiator) -> None:
    assert dvd(drive).eject()
    assert media_event(drive) == (EVENT_REMOVAL, 0)
    assert drive.sense(TUR) == NO_MEDIUM_CLOSED
    assert dvd(drive).medium is None
    assert dvd(drive).eject()
    assert media_event(drive) == (EVENT_NONE, 0)


def test_a_disc_that_was_taken_at_once_was_never_news(empty: Initiator) -> None:
    dvd(empty).insert(image(1))
    dvd(empty).eject()
    assert empty.sense(TUR) == NO_MEDIUM_CLOSED


def test_taking_the_disc_from_the_tray_closes_it(drive: Initiator) -> None:
    drive.good(EJECT)
    dvd(drive).eject()
    assert drive.sense(TUR) == NO_MEDIUM_CLOSED
    assert media_event(drive) == (EVENT_REMOVAL, 0)


def test_a_locked_drive_asks_the_guest_to_let_go(drive: Initiator) -> None:
    drive.good(LOCK)
    assert not dvd(drive).eject()
    assert media_event(drive) == (EVENT_EJECT, PRESENT)
    drive.good(TUR)
    drive.good(UNLOCK)
    assert dvd(drive).eject()


def test_force_opens_a_locked_drive(drive: Initiator) -> None:
    drive.good(LOCK)
    assert dvd(drive).eject(force=True)
    assert drive.sense(TUR) == NO_MEDIUM_CLOSED
    dvd(drive).insert(image(1))
    assert dvd(drive).eject()


def test_the_guest_opens_and_closes_the_tray(drive: Initiator) -> None:
    drive.good(EJECT)
    assert media_event(drive) == (EVENT_REMOVAL, DOOR_OPEN)
    assert drive.sense(TUR) == NO_MEDIUM_OPEN
    drive.good(EJECT)
    assert media_event(drive) == (EVENT_NONE, DOOR_OPEN)
    drive.good(LOAD)
    assert media_event(drive) == (EVENT_NEW, PRESENT)
    assert drive.sense(TUR) == MEDIUM_CHANGED
    drive.good(ten(0x28, 0, 1))
    drive.good(LOAD)
    drive.good(TUR)


def test_an_empty_tray_can_be_opened_and_closed(empty: Initiator) -> None:
    empty.good(EJECT)
    assert media_event(empty) == (EVENT_NONE, DOOR_OPEN)
    empty.good(LOAD)
    assert media_event(empty) == (EVENT_NONE, 0)
    assert empty.sense(TUR) == NO_MEDIUM_CLOSED


def test_a_disc_can_be_put_on_an_open_tray(empty: Initiator) -> None:
    empty.good(EJECT)
    dvd(empty).insert(image(3))
    assert empty.sense(TUR) == MEDIUM_CHANGED
    assert struct.unpack(">II", empty.good("25")) == (2, BLOCK)


def test_the_guest_cannot_open_what_it_has_locked(drive: Initiator) -> None:
    drive.good(LOCK)
    assert drive.sense(EJECT) == LOCKED
    drive.good(TUR)
    assert drive.sense("1e 00 00 00 03 00") == INVALID_FIELD


def test_a_reset_unlocks_but_does_not_close_the_tray(drive: Initiator) -> None:
    drive.good(EJECT)
    drive.good(LOCK)
    drive.device.reset()
    assert drive.good(mode_sense_6(0x2A))[10] == 0x29
    assert media_event(drive) == (EVENT_REMOVAL, DOOR_OPEN)


def test_news_of_a_disc_survives_a_reset(drive: Initiator) -> None:
    dvd(drive).insert(image(1))
    drive.device.reset()
    assert drive.sense(TUR) == MEDIUM_CHANGED


# Events


def test_events_are_polled_only(drive: Initiator) -> None:
    assert drive.sense("4a 00 0000 10 0000 0008 00") == INVALID_FIELD


def test_an_event_that_did_not_fit_is_told_again(empty: Initiator) -> None:
    dvd(empty).insert(image(1))
    assert empty.good("4a 01 0000 10 0000 0004 00") == bytes([0, 6, 4, 0x12])
    assert media_event(empty) == (EVENT_NEW, PRESENT)


def test_other_classes_of_events_are_quiet(drive: Initiator) -> None:
    assert drive.good("4a 01 0000 02 0000 0008 00") == bytes([0, 6, 1, 0x12, 0, 0, 0, 0])
    assert drive.good("4a 01 0000 40 0000 0008 00") == bytes([0, 2, 0x80, 0x12])


def test_news_of_the_disc_goes_before_quiet_classes(drive: Initiator) -> None:
    assert drive.good("4a 01 0000 12 0000 0008 00")[2] == 1
    dvd(drive).eject()
    assert drive.good("4a 01 0000 12 0000 0008 00")[2:6] == bytes([4, 0x12, EVENT_REMOVAL, 0])
