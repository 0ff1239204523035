"""Whatever CDB comes with whatever data: no exception, a bounded answer, a bounded state."""

import dataclasses
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from hv_devices.synthetic.scsi_device import Request, ScsiDevice
from hv_devices.synthetic.scsi_disk import ScsiDisk
from hv_devices.synthetic.scsi_dvd import ScsiDvd
from tests.devices.scsi_initiator import (
    BLOCK,
    FaultyDisk,
    Initiator,
    SparseDisk,
    pattern,
    sense_of,
    sixteen,
    ten,
    twelve,
)

SECTORS = 1100
LARGEST = 8 << 20

Codes = tuple[Callable[[int, int, int], bytes], int, int]

OPCODES = [
    *(0x00, 0x03, 0x08, 0x0A, 0x12, 0x15, 0x1A, 0x1B, 0x1D, 0x1E, 0x25, 0x28, 0x2A, 0x2F),
    *(0x35, 0x41, 0x42, 0x43, 0x46, 0x4A, 0x51, 0x52, 0x55, 0x5A, 0x88, 0x8A, 0x8F, 0x91, 0x93),
    *(0x9E, 0xA8, 0xAA, 0xAD, 0xAF),
]
"""Favoured over random ones, which are nearly all invalid."""

small = st.sampled_from([0, 0, 0, 1, 2, 3, 8, 0x10, 0x20, 0xFF])
tails = st.binary(min_size=15, max_size=15) | st.lists(small, min_size=15, max_size=15).map(bytes)
cdbs = st.builds(
    lambda opcode, tail: bytes([opcode]) + tail,
    st.sampled_from(OPCODES) | st.integers(0, 255),
    tails,
)
lists = st.lists(small, max_size=64).map(bytes)
blocks = st.integers(0, 4).map(lambda count: pattern(*range(count)))
commands = st.tuples(cdbs, st.binary(max_size=64) | lists | blocks)


def units() -> list[ScsiDevice]:
    read_only = SparseDisk(3)
    read_only.read_only = True
    return [
        ScsiDisk(FaultyDisk(SECTORS, 1, 2, 700)),
        ScsiDisk(SparseDisk(1 << 40)),
        ScsiDisk(read_only),
        ScsiDvd(b"x" * 5000),
        ScsiDvd(FaultyDisk(SECTORS, 1, 700)),
        ScsiDvd(),
    ]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 5), st.lists(commands, max_size=30))
def test_no_command_raises_and_nothing_grows(which: int, story: list[tuple[bytes, bytes]]) -> None:
    unit = units()[which]
    for cdb, data in story:
        reply = unit.execute(Request(cdb, data))
        assert len(reply.data) <= LARGEST
        assert 0 <= reply.taken <= len(data)
        if reply.sense is not None:
            assert (reply.data, reply.taken) == (b"", 0)
            key, _, _ = sense_of(reply)
            assert key in (2, 3, 5, 6, 7, 0xE)
        check_state(unit)


def check_state(unit: ScsiDevice) -> None:
    for value in dataclasses.asdict(unit.state).values():
        assert value is None or isinstance(value, bool | int | tuple)
    assert len(unit.commands) < 64
    counted = unit.statistics
    assert counted.refused <= counted.commands


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.integers(0, SECTORS - 1),
    st.integers(0, 64),
    st.sampled_from([(ten, 0x2A, 0x28), (twelve, 0xAA, 0xA8), (sixteen, 0x8A, 0x88)]),
)
def test_what_is_written_is_read(lba: int, count: int, codes: Codes) -> None:
    shape, write, read = codes
    count = min(count, SECTORS - lba)
    disk = Initiator(ScsiDisk(SparseDisk(SECTORS)))
    data = pattern(*range(count))
    assert disk.send(shape(write, lba, count), data).taken == count * BLOCK
    assert disk.good(shape(read, lba, count)) == data


@settings(max_examples=200, deadline=None, derandomize=True)
@given(cdbs, st.binary(max_size=64))
def test_only_writers_write(cdb: bytes, data: bytes) -> None:
    medium = SparseDisk(SECTORS)
    medium.written = {i: pattern(i) for i in range(SECTORS)}
    before = dict(medium.written)
    reply = ScsiDisk(medium).execute(Request(cdb, data))
    if cdb[0] not in (0x0A, 0x2A, 0xAA, 0x8A, 0x41, 0x93, 0x42) or reply.sense is not None:
        assert medium.written == before


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.builds(
        lambda opcode, tail: bytes([opcode]) + tail,
        st.sampled_from((0x12, 0x1A, 0x43, 0x46, 0x4A, 0x5A)),
        tails,
    )
)
def test_a_shorter_allocation_is_a_prefix(cdb: bytes) -> None:
    """What is cut off changes nothing of what is left."""
    at = {0x12: 3, 0x5A: 7, 0x43: 7, 0x46: 7, 0x4A: 7}.get(cdb[0])
    whole, cut = bytearray(cdb), bytearray(cdb)
    if at is None:
        whole[4], cut[4] = 255, 9
    else:
        whole[at : at + 2], cut[at : at + 2] = b"\x0f\xff", b"\0\x09"
    for unit in units():
        long, short = unit.execute(Request(bytes(whole))), unit.execute(Request(bytes(cut)))
        assert short.sense == long.sense
        assert short.data == long.data[:9]
