"""Whatever a guest puts into the ring: an answer to each packet that wants one, and nothing worse."""

import dataclasses
import struct
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from hv_devices.synthetic.scsi_disk import ScsiDisk
from hv_devices.synthetic.scsi_dvd import ScsiDvd
from hv_devices.synthetic.storvsp import StorageController, scsi_controller
from tests.devices.scsi_initiator import FaultyDisk, SparseDisk
from tests.devices.storvsc_driver import Driver
from tests.vmbus.fake_guest import Buffer, boot
from tests.vmbus.fakes import FakeMemory

SECTORS = 1100
MEMORY_PAGES = 256

operations = st.sampled_from([3, 3, 3, 3, *range(1, 14)]) | st.integers(0, 0xFFFFFFFF)
headers = st.builds(
    lambda operation, flags: struct.pack("<III", operation, flags, 0),
    operations,
    st.sampled_from([0, 1, 0xFFFFFFFF]),
)
opcodes = st.sampled_from([0x00, 0x03, 0x12, 0x15, 0x1A, 0x28, 0x2A, 0x42, 0x88, 0x8A, 0x93, 0xA0])
small = st.sampled_from([0, 0, 0, 1, 2, 8, 0xFF])
cdbs = st.builds(
    lambda opcode, tail: bytes([opcode, *tail]), opcodes, st.lists(small, min_size=15, max_size=15)
)
requests = st.builds(
    lambda where, sense, direction, transfer, cdb, flags: struct.pack(
        "<HBBB3sBBBxI16s4xHBBIII",
        *(0x34, 0, 0, 0, bytes(where), 16, sense, direction, transfer, cdb),
        *(0, 0xFF, 0x20, flags, 60, 0),
    ),
    st.lists(st.sampled_from([0, 0, 0, 1, 255]), min_size=3, max_size=3),
    st.sampled_from([0, 18, 20, 255]),
    st.integers(0, 3),
    st.sampled_from([0, 1, 36, 512, 4096, 0x100000, 0xFFFFFFFF]),
    cdbs,
    st.sampled_from([0x14A, 0x48, 0x20, 0]),
)
bodies = requests | st.binary(max_size=80)
pages = st.lists(
    st.integers(0, MEMORY_PAGES - 1) | st.integers(0, (1 << 64) - 1), min_size=1, max_size=6
)
packets = st.tuples(
    st.builds(lambda header, body: header + body, headers, bodies) | st.binary(max_size=90),
    st.none() | st.tuples(pages, st.integers(0, 4095)),
    st.booleans(),
)


def make() -> StorageController:
    return scsi_controller(
        "scsi0",
        UUID(int=1),
        {0: ScsiDisk(FaultyDisk(SECTORS, 1, 2, 700)), 1: ScsiDvd(b"x"), 9: ScsiDisk(SparseDisk(8))},
    )


def memory() -> FakeMemory:
    return FakeMemory(MEMORY_PAGES * 4096)


def send(driver: Driver, packet: tuple[bytes, Any, bool]) -> None:
    payload, where, wanted = packet
    buffers = None
    if where is not None:
        numbers, offset = where
        size = len(numbers) * 4096 - offset
        buffers = [Buffer(driver.guest.memory, numbers, offset, size)]
    tid = driver.channel.send(payload, wants_completion=wanted, buffers=buffers)
    answers = [one for one in driver.channel.receive_all() if one.kind == 0xB]
    assert [one.transaction_id for one in answers] == ([tid] if wanted else [])
    for answer in answers:
        assert len(answer.payload) in (48, 64)
        assert answer.payload[:4] == b"\1\0\0\0"


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.booleans(), st.lists(packets, max_size=25))
def test_every_packet_is_answered(started: bool, story: list[tuple[bytes, Any, bool]]) -> None:
    controller = make()
    driver = Driver(controller, memory=memory())
    if started:
        driver.start()
    rings = {*driver.channel.incoming.pages, *driver.channel.outgoing.pages}
    for payload, where, wanted in story:
        if where is not None and rings & set(where[0]):
            continue  # the guest may ruin its rings, but then there is nothing to be seen in them
        send(driver, (payload, where, wanted))
        state = dataclasses.asdict(controller.state)
        assert all(isinstance(value, int) for value in state.values())
        assert set(controller.target.luns) == {0, 1, 9}
    assert driver.guest.bus.inspect().channels[0].failure == ""


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(packets, max_size=25))
def test_a_guest_that_starts_over_gets_its_disk(story: list[tuple[bytes, Any, bool]]) -> None:
    driver = Driver(make(), memory=memory())
    for payload, _, wanted in story:
        send(driver, (payload, None, wanted))
    driver.channel.close()
    driver.channel = driver.guest.open(driver.guest.offers[0])
    driver.start()
    assert driver.none("00").good


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=100), max_size=20))
def test_bytes_that_are_no_packets_end_the_channel_at_worst(story: list[bytes]) -> None:
    controller = make()
    guest = boot(controller, memory=memory())
    channel = guest.open(guest.offers[0])
    for data in story:
        if channel.put(data.ljust(-(-len(data) // 8) * 8, b"\0")) is None:
            break
        channel.signal()
    assert set(controller.target.luns) == {0, 1, 9}
