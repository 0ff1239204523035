"""UNMAP and WRITE SAME: zeros where they were asked for, and nowhere else."""

import struct
from collections.abc import Callable

import pytest

from hv_devices.synthetic.scsi_disk import ScsiDisk
from tests.devices.scsi_initiator import (
    BLOCK,
    INVALID_FIELD,
    INVALID_PARAMETER,
    LIST_LENGTH,
    OUT_OF_RANGE,
    WRITE_ERROR,
    FaultyDisk,
    Initiator,
    SparseDisk,
    mode_select_6,
    pattern,
    sixteen,
    ten,
)

SECTORS = 5000
MOST = 0x10000
DESCRIPTORS = 64

UNMAP_BIT, ANCHOR_BIT, NO_DATA = 0x08, 0x10, 0x01
Shape = Callable[[int, int, int, int], bytes]
WRITE_SAMES = [(ten, 0x41), (sixteen, 0x93)]


@pytest.fixture
def medium() -> FaultyDisk:
    disk = FaultyDisk(SECTORS)
    disk.write(0, pattern(*range(100)))
    return disk


@pytest.fixture
def disk(medium: FaultyDisk) -> Initiator:
    return Initiator(ScsiDisk(medium))


def unmap(*extents: tuple[int, int]) -> tuple[bytes, bytes]:
    """A CDB and its parameter list."""
    listed = b"".join(struct.pack(">QI4x", *extent) for extent in extents)
    parameters = struct.pack(">HH4x", len(listed) + 6, len(listed)) + listed
    return struct.pack(">BB5xHB", 0x42, 0, len(parameters), 0), parameters


def test_unmapped_blocks_read_as_zeros(disk: Initiator) -> None:
    cdb, parameters = unmap((3, 2), (10, 1), (50, 0))
    assert disk.send(cdb, parameters).taken == len(parameters)
    assert disk.read(2, 10) == pattern(2) + bytes(2 * BLOCK) + pattern(5, 6, 7, 8, 9) + bytes(
        BLOCK
    ) + pattern(11)
    assert disk.device.statistics.bytes_zeroed == 3 * BLOCK


def test_what_is_zero_already_is_not_written() -> None:
    medium = SparseDisk(1 << 30)
    medium.write(5000, pattern(5000))
    disk = Initiator(ScsiDisk(medium))
    disk.good(*unmap((0, MOST)))
    assert disk.read(5000, 1) == bytes(BLOCK)
    assert len(medium.written) <= 2048


def test_unmap_of_nothing_does_nothing(disk: Initiator) -> None:
    disk.good("42 00 00000000 00 0000 00")
    disk.good(*unmap())


def test_an_empty_extent_is_no_error_up_to_the_end(disk: Initiator) -> None:
    disk.good(*unmap((0, 0), (SECTORS, 0)))
    assert disk.sense(*unmap((SECTORS + 1, 0))) == OUT_OF_RANGE
    assert disk.read(0, 1) == pattern(0)


def test_one_bad_extent_spares_all_of_them(disk: Initiator) -> None:
    assert disk.sense(*unmap((0, 1), (SECTORS - 1, 2))) == OUT_OF_RANGE
    assert disk.read(0, 1) == pattern(0)


def test_unmap_has_limits_as_its_vpd_page_says() -> None:
    disk = Initiator(ScsiDisk(SparseDisk(1 << 40)))
    limits = disk.good("12 01 b0 00 ff 00")
    assert struct.unpack(">II", limits[20:28]) == (MOST, DESCRIPTORS)
    disk.good(*unmap((0, MOST)))
    assert disk.sense(*unmap((0, MOST), (MOST, 1))) == INVALID_PARAMETER
    disk.good(*unmap(*[(i, 1) for i in range(DESCRIPTORS)]))
    assert disk.sense(*unmap(*[(i, 1) for i in range(DESCRIPTORS + 1)])) == INVALID_PARAMETER


def test_an_unmap_list_must_fit_its_lengths(disk: Initiator) -> None:
    cdb, parameters = unmap((0, 1))
    assert disk.sense(cdb, parameters[:-1]) == LIST_LENGTH
    assert disk.sense("42 00 00000000 00 0007 00", parameters) == LIST_LENGTH
    assert disk.sense("42 00 00000000 00 0010 00", parameters) == LIST_LENGTH
    assert disk.sense("42 01 00000000 00 0018 00", parameters) == INVALID_FIELD
    assert disk.read(0, 1) == pattern(0)


def test_half_a_descriptor_is_no_descriptor(disk: Initiator) -> None:
    _, parameters = unmap((0, 1), (1, 1))
    half = struct.pack(">HH4x", 30, 24) + parameters[8:32]
    disk.good(struct.pack(">BB5xHB", 0x42, 0, len(half), 0), half)
    assert disk.read(0, 2) == bytes(BLOCK) + pattern(1)


@pytest.mark.parametrize(("shape", "opcode"), WRITE_SAMES)
@pytest.mark.parametrize("flags", [0, UNMAP_BIT])
def test_write_same_repeats_a_block(disk: Initiator, shape: Shape, opcode: int, flags: int) -> None:
    reply = disk.send(shape(opcode, 7, 3, flags), pattern(77, 78))
    assert (reply.sense, reply.taken) == (None, BLOCK)
    assert disk.read(6, 5) == pattern(6, 77, 77, 77, 10)


@pytest.mark.parametrize(("shape", "opcode"), WRITE_SAMES)
@pytest.mark.parametrize("flags", [0, UNMAP_BIT])
def test_write_same_of_zeros_leaves_zeros(
    disk: Initiator, shape: Shape, opcode: int, flags: int
) -> None:
    disk.good(shape(opcode, 7, 3, flags), bytes(BLOCK))
    assert disk.read(6, 5) == pattern(6) + bytes(3 * BLOCK) + pattern(10)
    assert disk.device.statistics.bytes_zeroed == 3 * BLOCK


def test_write_same_16_needs_no_data_for_zeros(disk: Initiator) -> None:
    assert disk.send(sixteen(0x93, 7, 1, NO_DATA)).taken == 0
    assert disk.read(7, 1) == bytes(BLOCK)
    assert disk.sense(ten(0x41, 7, 1, NO_DATA), bytes(BLOCK)) == INVALID_FIELD


def test_write_same_repeats_over_more_than_one_transfer() -> None:
    medium = SparseDisk(1 << 20)
    disk = Initiator(ScsiDisk(medium))
    disk.good(sixteen(0x93, 1, MOST), pattern(1))
    assert set(medium.written) == set(range(1, MOST + 1))
    assert set(medium.written.values()) == {pattern(1)}


def test_write_same_is_durable_without_a_write_cache(disk: Initiator, medium: FaultyDisk) -> None:
    disk.good(ten(0x41, 7, 1), pattern(1))
    assert medium.flushes == 0
    disk.good(*mode_select_6(bytes([0, 0, 0, 0, 0x08, 0x12]) + bytes(18)))
    medium.flushes = 0
    disk.good(ten(0x41, 7, 1), pattern(1))
    assert medium.flushes == 1


@pytest.mark.parametrize("flags", [ANCHOR_BIT, 0x02, 0x04, 0x20])
def test_write_same_knows_no_other_flags(disk: Initiator, flags: int) -> None:
    assert disk.sense(sixteen(0x93, 0, 1, flags), bytes(BLOCK)) == INVALID_FIELD


def test_write_same_checks_what_it_is_given(disk: Initiator) -> None:
    assert disk.sense(sixteen(0x93, 0, 0), bytes(BLOCK)) == INVALID_FIELD
    assert disk.sense(sixteen(0x93, 0, MOST + 1), bytes(BLOCK)) == INVALID_FIELD
    assert disk.sense(sixteen(0x93, SECTORS, 1), bytes(BLOCK)) == OUT_OF_RANGE
    assert disk.sense(sixteen(0x93, 0, 1), bytes(BLOCK - 1)) == INVALID_FIELD
    assert disk.read(0, 1) == pattern(0)


def test_zeros_that_cannot_be_written_are_a_write_error(
    disk: Initiator, medium: FaultyDisk
) -> None:
    medium.bad = {30}
    assert disk.sense(*unmap((20, 20))) == WRITE_ERROR
    assert disk.sense(sixteen(0x93, 20, 20), pattern(1)) == WRITE_ERROR
