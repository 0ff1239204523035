"""A SCSI disk: moving blocks, refusing what cannot be, settings."""

import struct

import pytest

from hv_devices.synthetic.scsi_disk import ScsiDisk
from tests.devices.scsi_initiator import (
    BLOCK,
    INVALID_FIELD,
    INVALID_OPCODE,
    INVALID_PARAMETER,
    LIST_LENGTH,
    MISCOMPARE,
    NO_SENSE,
    OUT_OF_RANGE,
    READ_ERROR,
    WRITE_ERROR,
    WRITE_PROTECTED,
    FaultyDisk,
    Initiator,
    SparseDisk,
    mode_select_6,
    mode_sense_6,
    pattern,
    sense_of,
    six,
    sixteen,
    ten,
    twelve,
)

SECTORS = 1000
EIGHT_MIB = 16384


@pytest.fixture
def medium() -> FaultyDisk:
    disk = FaultyDisk(SECTORS)
    disk.write(0, pattern(*range(SECTORS)))
    return disk


@pytest.fixture
def disk(medium: FaultyDisk) -> Initiator:
    return Initiator(ScsiDisk(medium))


READS = [
    pytest.param(six(0x08, 7, 3), id="READ(6)"),
    pytest.param(ten(0x28, 7, 3), id="READ(10)"),
    pytest.param(twelve(0xA8, 7, 3), id="READ(12)"),
    pytest.param(sixteen(0x88, 7, 3), id="READ(16)"),
    pytest.param(ten(0x28, 7, 3, flags=0x18), id="READ(10) with DPO and FUA"),
]


@pytest.mark.parametrize("cdb", READS)
def test_a_read_of_any_size_returns_the_blocks(disk: Initiator, cdb: bytes) -> None:
    assert disk.good(cdb) == pattern(7, 8, 9)


@pytest.mark.parametrize(
    "cdb",
    [
        pytest.param(six(0x0A, 20, 2), id="WRITE(6)"),
        pytest.param(ten(0x2A, 20, 2), id="WRITE(10)"),
        pytest.param(twelve(0xAA, 20, 2), id="WRITE(12)"),
        pytest.param(sixteen(0x8A, 20, 2), id="WRITE(16)"),
    ],
)
def test_a_write_takes_its_blocks_and_no_more(
    disk: Initiator, medium: SparseDisk, cdb: bytes
) -> None:
    reply = disk.send(cdb, pattern(500, 501, 502))
    assert (reply.sense, reply.data, reply.taken) == (None, b"", 2 * BLOCK)
    assert medium.read(19, 4) == pattern(19, 500, 501, 22)
    assert medium.flushes == 0


def test_a_six_byte_command_without_a_length_means_256_blocks(disk: Initiator) -> None:
    assert disk.good(six(0x08, 1, 0)) == pattern(*range(1, 257))


def test_a_ten_byte_command_without_a_length_moves_nothing(disk: Initiator) -> None:
    assert disk.good(ten(0x28, 5, 0)) == b""
    assert disk.send(ten(0x2A, 5, 0)).taken == 0


@pytest.mark.parametrize("force", [0x08, 0x18])
def test_a_write_with_fua_is_durable_when_it_ends(
    disk: Initiator, medium: SparseDisk, force: int
) -> None:
    disk.good(ten(0x2A, 0, 1, flags=force), pattern(9))
    assert medium.flushes == 1


def test_a_six_byte_command_ignores_the_old_lun_bits(disk: Initiator) -> None:
    assert disk.good(six(0x08, 7 | 5 << 21, 1)) == pattern(7)


def test_a_six_byte_write_has_address_bits_where_others_have_fua() -> None:
    medium = SparseDisk(0x10_0000)
    Initiator(ScsiDisk(medium)).good(six(0x0A, 0x08_0000, 1), pattern(1))
    assert medium.flushes == 0
    assert medium.written == {0x08_0000: pattern(1)}


@pytest.mark.parametrize(
    "cdb",
    [
        six(0x08, SECTORS - 1, 2),
        ten(0x28, SECTORS, 1),
        ten(0x28, SECTORS, 0),
        ten(0x2A, 0xFFFFFFFF, 1),
        twelve(0xA8, 0, 0xFFFFFFFF),
        sixteen(0x88, 0xFFFFFFFFFFFFFFFF, 1),
        sixteen(0x8A, 1 << 63, 0xFFFFFFFF),
        ten(0x2F, SECTORS, 1),
        ten(0x35, SECTORS, 1),
        sixteen(0x91, SECTORS - 1, 2),
    ],
    ids=lambda cdb: cdb.hex(),
)
def test_blocks_beyond_the_end_are_out_of_range(disk: Initiator, cdb: bytes) -> None:
    assert disk.sense(cdb, bytes(BLOCK)) == OUT_OF_RANGE


@pytest.mark.parametrize("opcode", [0x88, 0x8A, 0x8F])
def test_no_command_moves_more_than_8_mib(opcode: int) -> None:
    disk = Initiator(ScsiDisk(SparseDisk(1 << 40)))
    assert disk.sense(sixteen(opcode, 0, EIGHT_MIB + 1)) == INVALID_FIELD
    assert disk.send(sixteen(0x88, 0, EIGHT_MIB)).data == bytes(EIGHT_MIB * BLOCK)


def test_protection_information_is_not_supported(disk: Initiator) -> None:
    assert disk.sense(ten(0x28, 0, 1, flags=0x20)) == INVALID_FIELD
    assert disk.sense(ten(0x2A, 0, 1, flags=0xE0), bytes(BLOCK)) == INVALID_FIELD


def test_a_write_without_enough_data_writes_nothing(disk: Initiator, medium: SparseDisk) -> None:
    assert disk.sense(ten(0x2A, 0, 2), bytes(2 * BLOCK - 1)) == INVALID_FIELD
    assert medium.read(0, 2) == pattern(0, 1)


@pytest.mark.parametrize(
    "cdb",
    [ten(0x2A, 0, 1), sixteen(0x8A, 0, 1), ten(0x41, 0, 1), sixteen(0x93, 0, 1), ten(0x42, 0, 0)],
    ids=lambda cdb: cdb.hex(),
)
def test_a_read_only_disk_is_write_protected(
    disk: Initiator, medium: SparseDisk, cdb: bytes
) -> None:
    medium.read_only = True
    assert disk.sense(cdb, bytes(BLOCK)) == WRITE_PROTECTED
    assert disk.read(0, 1) == pattern(0)


def test_an_unreadable_block_is_named(disk: Initiator, medium: FaultyDisk) -> None:
    medium.bad = {13, 14}
    reply = disk.send(ten(0x28, 10, 8))
    assert sense_of(reply) == READ_ERROR
    assert reply.sense is not None
    sense = reply.sense.fixed()
    assert sense[0] == 0xF0
    assert sense[3:7] == bytes([0, 0, 0, 13])
    assert disk.good(ten(0x28, 10, 3)) == pattern(10, 11, 12)


def test_an_unreadable_block_beyond_32_bits_has_no_name() -> None:
    medium = FaultyDisk(1 << 40, 1 << 33)
    reply = Initiator(ScsiDisk(medium)).send(sixteen(0x88, 1 << 33, 1))
    assert reply.sense is not None
    assert reply.sense.fixed()[:7] == bytes([0x70, 0, 3, 0, 0, 0, 0])


def test_what_cannot_be_written_is_a_write_error(disk: Initiator, medium: FaultyDisk) -> None:
    medium.bad = {13}
    assert disk.sense(ten(0x2A, 12, 2), bytes(2 * BLOCK)) == WRITE_ERROR


def test_synchronize_cache_makes_writes_durable(disk: Initiator, medium: FaultyDisk) -> None:
    disk.good(ten(0x35, 0, 0))
    disk.good(sixteen(0x91, 5, 10))
    assert medium.flushes == 2
    medium.cannot_flush = True
    assert disk.sense(ten(0x35, 0, 0)) == WRITE_ERROR


# VERIFY


@pytest.mark.parametrize("cdb", [ten(0x2F, 5, 9), twelve(0xAF, 5, 9), sixteen(0x8F, 5, 9)])
def test_verify_reads_without_sending(disk: Initiator, medium: FaultyDisk, cdb: bytes) -> None:
    assert disk.good(cdb) == b""
    medium.bad = {13}
    assert disk.sense(cdb) == READ_ERROR


def test_verify_compares_all_bytes(disk: Initiator) -> None:
    assert disk.send(ten(0x2F, 5, 2, flags=0x02), pattern(5, 6)).taken == 2 * BLOCK
    assert disk.sense(ten(0x2F, 5, 2, flags=0x02), pattern(5, 7)) == MISCOMPARE
    assert disk.sense(ten(0x2F, 5, 2, flags=0x02), pattern(5)) == INVALID_FIELD


def test_verify_compares_every_block_with_one(disk: Initiator) -> None:
    disk.write(5, pattern(1) * 3)
    assert disk.send(ten(0x2F, 5, 3, flags=0x06), pattern(1)).taken == BLOCK
    assert disk.sense(ten(0x2F, 5, 4, flags=0x06), pattern(1)) == MISCOMPARE
    assert disk.sense(ten(0x2F, 5, 1, flags=0x04), pattern(1)) == INVALID_FIELD


# Capacity


@pytest.mark.parametrize(
    ("sectors", "last"), [(1, 0), (SECTORS, 999), (1 << 32, 0xFFFFFFFF), (1 << 33, 0xFFFFFFFF)]
)
def test_read_capacity_10_saturates(sectors: int, last: int) -> None:
    disk = Initiator(ScsiDisk(SparseDisk(sectors)))
    assert struct.unpack(">II", disk.good("25")) == (last, BLOCK)


def test_read_capacity_16_names_the_last_block_and_thin_provisioning(disk: Initiator) -> None:
    data = disk.good("9e10 0000000000000000 00000020 0000")
    assert data == struct.pack(">QI", SECTORS - 1, BLOCK) + b"\0\0\xc0\0" + bytes(16)
    assert disk.good("9e10 0000000000000000 0000000c 0000") == data[:12]


def test_a_read_only_disk_is_not_thin(disk: Initiator, medium: SparseDisk) -> None:
    medium.read_only = True
    assert disk.good("9e10 0000000000000000 00000020 0000")[12:16] == bytes(4)


def test_other_service_actions_are_refused(disk: Initiator) -> None:
    assert disk.sense("9e12 0000000000000000 00000020 0000") == INVALID_FIELD


# Mode pages


def test_mode_sense_tells_of_cache_and_fua(disk: Initiator) -> None:
    data = disk.good(mode_sense_6(0x08))
    assert data[:4] == bytes([3 + 20, 0, 0x10, 0])
    assert data[4:7] == bytes([0x08, 0x12, 0x04])
    assert len(data) == 24
    assert disk.good(mode_sense_6(0x3F, 4)) == bytes([3 + 20 + 12, 0, 0x10, 0])


def test_mode_sense_tells_of_write_protection(disk: Initiator, medium: SparseDisk) -> None:
    medium.read_only = True
    assert disk.good(mode_sense_6(0x3F, 4))[2] == 0x90


def test_mode_sense_10_has_a_longer_header(disk: Initiator) -> None:
    data = disk.good("5a 00 3f 00 000000 00ff 00")
    assert data[:8] == bytes([0, 6 + 20 + 12, 0, 0x10, 0, 0, 0, 0])
    assert (data[8], data[28]) == (0x08, 0x0A)


def test_the_write_cache_can_be_turned_off(disk: Initiator, medium: SparseDisk) -> None:
    disk.write(0, pattern(1))
    page = bytes([0x08, 0x12]) + bytes(18)
    assert disk.send(*mode_select_6(bytes(4) + page)).taken == 24
    assert medium.flushes == 1
    assert disk.good(mode_sense_6(0x08))[6] == 0
    assert disk.good(mode_sense_6(0x88))[6] == 0x04  # the default is still on
    assert disk.good(mode_sense_6(0x48))[6] == 0x04  # and it may be changed
    disk.write(0, pattern(2))
    assert medium.flushes == 2
    disk.device.reset()
    assert disk.good(mode_sense_6(0x08))[6] == 0x04


def test_mode_select_10_skips_a_block_descriptor(disk: Initiator) -> None:
    page = bytes([0x08, 0x12]) + bytes(18)
    header = bytes([0, 0, 0, 0, 0, 0, 0, 8])
    parameters = header + bytes(8) + page
    cdb = struct.pack(">BB5xHB", 0x55, 0x10, len(parameters), 0)
    assert disk.send(cdb, parameters).taken == len(parameters)
    assert disk.good(mode_sense_6(0x08))[6] == 0


CACHE_OFF = bytes([0x08, 0x12]) + bytes(18)


@pytest.mark.parametrize(
    ("parameters", "flags", "why"),
    [
        (bytes(4) + CACHE_OFF, 0x00, INVALID_FIELD),
        (bytes(4) + CACHE_OFF, 0x11, INVALID_FIELD),
        (bytes(3), 0x10, LIST_LENGTH),
        (bytes(4) + CACHE_OFF[:-1], 0x10, LIST_LENGTH),
        (bytes(4) + b"\x08", 0x10, LIST_LENGTH),
        (bytes(4) + bytes([0x08, 0x12, 0x01]) + bytes(17), 0x10, INVALID_PARAMETER),
        (bytes(4) + bytes([0x08, 0x0A]) + bytes(10), 0x10, INVALID_PARAMETER),
        (bytes(4) + bytes([0x48, 0x12]) + bytes(18), 0x10, INVALID_PARAMETER),
        (bytes(4) + bytes([0x19, 0x02]) + bytes(2), 0x10, INVALID_PARAMETER),
        (bytes(4) + CACHE_OFF + bytes([0x0A, 0x0A, 0x04]) + bytes(9), 0x10, INVALID_PARAMETER),
    ],
)
def test_mode_select_refuses_as_a_whole(
    disk: Initiator, parameters: bytes, flags: int, why: tuple[int, int, int]
) -> None:
    assert disk.sense(*mode_select_6(parameters, flags)) == why
    assert disk.good(mode_sense_6(0x08))[6] == 0x04


def test_mode_select_with_less_data_than_it_says_is_a_length_error(disk: Initiator) -> None:
    assert disk.sense("15 10 00 00 18 00", bytes(23)) == LIST_LENGTH
    assert disk.good("15 10 00 00 00 00") == b""


@pytest.mark.parametrize(
    ("cdb", "why"),
    [
        ("1a 00 c8 00 ff 00", (0x5, 0x39, 0x00)),
        ("1a 00 1c 00 ff 00", INVALID_FIELD),
        ("1a 00 08 01 ff 00", INVALID_FIELD),
        ("1a 00 3f 02 ff 00", INVALID_FIELD),
    ],
)
def test_mode_sense_refuses_what_it_has_not(
    disk: Initiator, cdb: str, why: tuple[int, int, int]
) -> None:
    assert disk.sense(cdb) == why


# The rest


def test_stopping_flushes_and_the_disk_still_works(disk: Initiator, medium: SparseDisk) -> None:
    disk.good("1b 00 00 00 00 00")
    assert medium.flushes == 1
    disk.good("1b 00 00 00 01 00")
    assert disk.read(3, 1) == pattern(3)
    assert disk.sense("1b 00 00 00 02 00") == INVALID_FIELD


def test_a_self_test_passes(disk: Initiator) -> None:
    disk.good("1d 04 00 00 00 00")
    assert disk.sense("1d 04 00 00 08 00") == INVALID_FIELD
    assert disk.sense("1d 20 00 00 00 00") == INVALID_FIELD


@pytest.mark.parametrize("opcode", ["85", "a1", "4d", "5e", "a3", "04", "43", "ff"])
def test_what_is_not_there_is_an_invalid_operation(disk: Initiator, opcode: str) -> None:
    assert disk.sense(opcode) == INVALID_OPCODE


def test_sense_that_came_with_the_status_is_not_kept(disk: Initiator) -> None:
    assert disk.sense("ff") == INVALID_OPCODE
    assert disk.request_sense() == NO_SENSE


def test_sense_that_was_kept_is_told_once(disk: Initiator) -> None:
    reply = disk.send("ff")
    assert reply.sense is not None
    disk.device.keep(reply.sense)
    assert disk.request_sense() == INVALID_OPCODE
    assert disk.request_sense() == NO_SENSE
    disk.device.keep(reply.sense)
    disk.good("00")
    assert disk.request_sense() == NO_SENSE
    assert disk.sense("03 01 00 00 12 00") == INVALID_FIELD


def test_a_new_disk_is_ready_without_a_unit_attention(disk: Initiator) -> None:
    disk.good("00")


def test_what_moved_is_counted(disk: Initiator) -> None:
    disk.read(0, 3)
    disk.read(0, 1)
    disk.write(0, pattern(1, 2))
    disk.good(ten(0x35, 0, 0))
    disk.sense("ff")
    disk.device.reset()
    counted = disk.device.statistics
    assert (counted.reads, counted.bytes_read) == (2, 4 * BLOCK)
    assert (counted.writes, counted.bytes_written) == (1, 2 * BLOCK)
    assert (counted.commands, counted.refused, counted.flushes) == (5, 1, 1)


def test_a_medium_without_sectors_is_no_disk() -> None:
    with pytest.raises(ValueError, match="sector"):
        ScsiDisk(SparseDisk(0))
