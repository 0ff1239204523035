"""Requests to the storage service: data, sense and status where a driver looks for them."""

import struct
from uuid import UUID

import pytest

from hv.vmbus.service import GpaRange, Packet
from hv_devices.synthetic.scsi_disk import ScsiDisk
from hv_devices.synthetic.scsi_target import ScsiTarget
from hv_devices.synthetic.storvsp import scsi_controller
from hv_devices.synthetic.storvsp_requests import execute_srb
from tests.devices.scsi_initiator import (
    BLOCK,
    INVALID_FIELD,
    INVALID_OPCODE,
    NO_SENSE,
    OUT_OF_RANGE,
    FaultyDisk,
    decode,
    inquiry,
    pattern,
    report_luns,
    sixteen,
    ten,
)
from tests.devices.storvsc_driver import (
    BEGIN,
    CHECK_CONDITION,
    ERROR,
    INIT_ID,
    INVALID_LUN,
    IO_ERROR,
    NO_AUTOSENSE,
    NO_DEVICE,
    NONE,
    OVERFLOW,
    OVERRUN,
    READ,
    WRITE,
    Done,
    Driver,
    vstor,
)
from tests.vmbus.fake_guest import Buffer
from tests.vmbus.guest_ring import descriptor

SECTORS = 40_000


@pytest.fixture
def medium() -> FaultyDisk:
    disk = FaultyDisk(SECTORS)
    disk.write(0, pattern(*range(64)))
    return disk


@pytest.fixture
def driver(medium: FaultyDisk) -> Driver:
    controller = scsi_controller("scsi0", UUID(int=1), {0: ScsiDisk(medium)})
    return Driver(controller).start()


# Bytes as they lie in the rings


def ring_bytes(driver: Driver, start: int, size: int) -> bytes:
    return driver.channel.incoming.read(start, size)


def test_begin_initialization_byte_for_byte(medium: FaultyDisk) -> None:
    driver = Driver(scsi_controller("scsi0", UUID(int=1), {0: ScsiDisk(medium)}))
    packet = bytes.fromhex("06000200 0a000100 fdffffff ffffffff 07000000 01000000 00000000")
    assert driver.channel.put(packet.ljust(80, b"\0"))
    answer = bytes.fromhex("0b000200 0a000000 fdffffff ffffffff 01000000 01000000 00000000")
    assert ring_bytes(driver, 0, 88) == answer.ljust(88, b"\0")


def test_inquiry_byte_for_byte(driver: Driver) -> None:
    driver.channel.receive_all()
    start = driver.channel.incoming.word(0)
    head = bytes.fromhex("09000500 0d000100 12000000 00000000 00000000 01000000 24000000 00020000")
    page = driver.guest.pages(1)[0]
    request = bytes.fromhex(
        "03000000 01000000 00000000 34000000 00000000 06140100 24000000 12000000 24000000 00000000"
        "00000000 00000000 48000000 3c000000 00000000"
    )
    packet = head + struct.pack("<Q", page) + request.ljust(64, b"\0")
    assert driver.channel.put(packet)
    answer = bytes.fromhex(
        "0b000200 0a000000 12000000 00000000"
        "01000000 00000000 00000000 34000100 00000000 06140100 24000000 12000000 24000000 00000000"
        "00000000 00000000 48000000 3c000000 00000000"
    )
    assert ring_bytes(driver, start, 80) == answer.ljust(80, b"\0")
    data = driver.guest.memory.read(page * 4096 + 0x200, 36)
    assert data == bytes.fromhex("000005021f000002") + b"Msft    Virtual Disk    1.0 "


def test_the_guest_is_interrupted(driver: Driver) -> None:
    driver.channel.interrupted()
    driver.none("00")
    assert driver.channel.interrupted()


# Data


def test_a_read_fills_the_guests_pages(driver: Driver) -> None:
    assert driver.read(ten(0x28, 3, 20), 20 * BLOCK) == pattern(*range(3, 23))


def test_a_write_takes_the_guests_pages(driver: Driver, medium: FaultyDisk) -> None:
    data = pattern(*range(100, 120))
    done = driver.give(ten(0x2A, 10, 20), data)
    assert done.good
    assert done.transferred == 20 * BLOCK
    assert medium.read(10, 20) == data


def test_a_request_may_be_in_several_ranges(driver: Driver) -> None:
    buffers = [driver.guest.buffer(700, offset=0xF00), driver.guest.buffer(BLOCK * 2 - 700)]
    packet = driver.srb(ten(0x28, 0, 2), direction=READ, transfer=2 * BLOCK)
    assert Done(driver.call(packet, buffers=buffers)).good
    assert buffers[0].data() + buffers[1].data() == pattern(0, 1)


def test_more_room_than_data_is_left_alone(driver: Driver) -> None:
    assert driver.read(ten(0x28, 0, 1), 4096) == pattern(0)
    assert len(driver.read(inquiry(), 255)) == 36


def test_more_data_than_room_is_an_overrun(driver: Driver) -> None:
    done, data = driver.take(ten(0x28, 0, 3), 2 * BLOCK + 100)
    assert (done.srb, done.scsi, done.status) == (OVERRUN, 0, OVERFLOW)
    assert data == pattern(0, 1, 2)[: 2 * BLOCK + 100]


def test_the_transfer_length_limits_what_the_pages_could_hold(driver: Driver) -> None:
    buffer = driver.guest.buffer(4 * BLOCK, data=b"\xee" * 4 * BLOCK)
    packet = driver.srb(ten(0x28, 0, 2), direction=READ, transfer=BLOCK)
    done = Done(driver.call(packet, buffers=[buffer]))
    assert (done.srb, done.transferred) == (OVERRUN, BLOCK)
    assert buffer.data() == pattern(0) + b"\xee" * 3 * BLOCK


def test_the_pages_limit_what_the_transfer_length_says(driver: Driver, medium: FaultyDisk) -> None:
    buffer = driver.guest.buffer(BLOCK, data=pattern(99))
    packet = driver.srb(ten(0x2A, 0, 2), direction=WRITE, transfer=0xFFFFFFFF)
    assert Done(driver.call(packet, buffers=[buffer])).codes == INVALID_FIELD
    assert medium.read(0, 1) == pattern(0)
    packet = driver.srb(ten(0x28, 0, 2), direction=READ, transfer=0xFFFFFFFF)
    assert Done(driver.call(packet, buffers=[buffer])).transferred == BLOCK


def test_data_goes_only_the_way_the_request_says(driver: Driver, medium: FaultyDisk) -> None:
    buffer = driver.guest.buffer(BLOCK, data=pattern(99))
    packet = driver.srb(ten(0x28, 0, 1), direction=WRITE, transfer=BLOCK)
    done = Done(driver.call(packet, buffers=[buffer]))
    assert (done.srb, done.transferred) == (OVERRUN, 0)
    assert buffer.data() == pattern(99)
    packet = driver.srb(ten(0x2A, 0, 1), direction=READ, transfer=BLOCK)
    assert Done(driver.call(packet, buffers=[buffer])).codes == INVALID_FIELD
    assert medium.read(0, 1) == pattern(0)


def test_a_request_that_says_no_direction_may_use_either(
    driver: Driver, medium: FaultyDisk
) -> None:
    buffer = driver.guest.buffer(BLOCK, data=pattern(99))
    packet = driver.srb(ten(0x2A, 5, 1), direction=NONE, transfer=BLOCK)
    assert Done(driver.call(packet, buffers=[buffer])).good
    assert medium.read(5, 1) == pattern(99)
    packet = driver.srb(ten(0x28, 6, 1), direction=NONE, transfer=BLOCK)
    assert Done(driver.call(packet, buffers=[buffer])).good
    assert buffer.data() == pattern(6)


def test_a_read_without_pages_moves_nothing(driver: Driver) -> None:
    done = driver.none(ten(0x28, 0, 1), transfer=BLOCK, direction=READ)
    assert (done.srb, done.transferred) == (OVERRUN, 0)


def test_one_request_moves_8_mib_however_much_is_offered(driver: Driver) -> None:
    """2048 times the same page: a guest needs no memory of its own to offer gigabytes."""
    buffer = Buffer(driver.guest.memory, driver.guest.pages(1) * 2050, 0, 2050 * 4096)
    packet = driver.srb(sixteen(0x88, 0, 16384), direction=READ, transfer=0xFFFFFFFF)
    done = Done(driver.call(packet, buffers=[buffer]))
    assert done.good
    assert done.transferred == 8 << 20
    packet = driver.srb(sixteen(0x8A, 0, 16385), direction=WRITE, transfer=0xFFFFFFFF)
    assert Done(driver.call(packet, buffers=[buffer])).codes == INVALID_FIELD


class Gigabytes:
    """A channel whose guest has all the data one asks for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def read(self, _ranges: object, size: int) -> bytes:
        self.asked.append(size)
        return bytes(size)


def test_no_more_than_8_mib_is_ever_taken_from_the_guest() -> None:
    channel = Gigabytes()
    request = struct.pack("<III", 3, 1, 0) + bytes(12) + struct.pack("<I", 0xFFFFFFFF)
    endless = GpaRange(0xFFFFFFFF, 0, (0,) * (1 << 20))
    packet = Packet(9, 1, True, request.ljust(64, b"\0"), (endless,))
    execute_srb(ScsiTarget({}), channel, packet)  # type: ignore[arg-type]
    assert channel.asked == [8 << 20]


def test_buffers_outside_of_memory_are_a_guests_own_problem(driver: Driver) -> None:
    nowhere = Buffer(driver.guest.memory, [0xFFFFFFFFFFFFF, 1 << 51], 0xE00, BLOCK * 2)
    packet = driver.srb(ten(0x28, 0, 2), direction=READ, transfer=BLOCK * 2)
    assert Done(driver.call(packet, buffers=[nowhere])).good
    packet = driver.srb(ten(0x2A, 0, 2), direction=WRITE, transfer=BLOCK * 2)
    assert Done(driver.call(packet, buffers=[nowhere])).good
    assert driver.read(ten(0x28, 0, 2), BLOCK * 2) == b"\xff" * BLOCK * 2


# Sense


def test_a_refusal_brings_its_sense(driver: Driver) -> None:
    done, _ = driver.take(ten(0x28, SECTORS, 1), BLOCK)
    assert done.codes == OUT_OF_RANGE
    assert (done.status, done.transferred) == (IO_ERROR, 0)
    assert done.packet[0x15] == 18
    assert done.packet[0x1C:0x30] == bytes.fromhex("700005000000000a00000000210000000000") + bytes(
        2
    )


@pytest.mark.parametrize(("room", "length"), [(0x14, 18), (18, 18), (8, 8), (1, 1)])
def test_sense_is_no_longer_than_the_guests_room(driver: Driver, room: int, length: int) -> None:
    done = driver.none("ff", sense_room=room)
    assert done.packet[0x15] == length
    assert done.packet[0x1C:0x30] == bytes.fromhex("700005000000000a000000002000")[:length].ljust(
        20, b"\0"
    )


@pytest.mark.parametrize("how", [{"flags": 0x14A | NO_AUTOSENSE}, {"sense_room": 0}])
def test_a_guest_can_ask_for_sense_itself(driver: Driver, how: dict[str, int]) -> None:
    done = driver.none("ff", **how)
    assert (done.srb, done.scsi) == (ERROR, CHECK_CONDITION)
    assert decode(driver.read("03 00 00 00 12 00", 18)) == INVALID_OPCODE
    assert decode(driver.read("03 00 00 00 12 00", 18)) == NO_SENSE


def test_autosense_leaves_nothing_to_ask_for(driver: Driver) -> None:
    assert driver.none("ff").codes == INVALID_OPCODE
    assert decode(driver.read("03 00 00 00 12 00", 18)) == NO_SENSE


def test_an_old_guests_request_is_shorter(medium: FaultyDisk) -> None:
    driver = Driver(scsi_controller("scsi0", UUID(int=1), {0: ScsiDisk(medium)})).start(0x0402)
    assert driver.read(ten(0x28, 1, 1), BLOCK) == pattern(1)
    done = driver.none("ff", sense_room=0x12)
    assert done.codes == INVALID_OPCODE
    assert len(done.packet) == 48
    assert done.packet[0x0C] == 0x24


def test_a_bad_block_is_named(driver: Driver, medium: FaultyDisk) -> None:
    medium.bad = {21}
    done, _ = driver.take(ten(0x28, 16, 8), 8 * BLOCK)
    assert done.codes == (3, 0x11, 0)
    assert done.sense[0] == 0xF0
    assert done.sense[3:7] == bytes([0, 0, 0, 21])


# Addresses


def test_a_unit_that_is_not_there(driver: Driver) -> None:
    for where in ({"lun": 1}, {"target": 1}, {"path": 1}):
        done = driver.none("00", **where)
        assert (done.srb, done.scsi, done.status) == (INVALID_LUN, 0, NO_DEVICE)
        assert driver.read(inquiry(size=36), 36, **where)[0] == 0x7F
        done, data = driver.take(inquiry(0x83), 255, **where)
        assert done.codes == INVALID_FIELD
        assert data == b""
    assert len(driver.read(report_luns(), 0x1000, lun=1)) == 16
    assert len(driver.read(report_luns(), 0x1000, target=1)) == 8


# Several in flight


def requests(driver: Driver, count: int) -> list[bytes]:
    """Reads of one block each, as whole ring packets."""
    packets = []
    for lba in range(count):
        buffer = driver.guest.buffer(BLOCK)
        header = struct.pack("<II", 0, 1) + buffer.range()
        payload = driver.srb(ten(0x28, lba, 1), direction=READ, transfer=BLOCK)
        packets.append(descriptor(9, payload, lba + 1, 1, header))
    return packets


def test_requests_that_came_together_are_all_answered(driver: Driver) -> None:
    driver.channel.autosignal = False
    for packet in requests(driver, 50):
        assert driver.channel.put(packet) is not None
    driver.channel.signal()
    answers = driver.channel.receive_all()
    assert [answer.transaction_id for answer in answers] == list(range(1, 51))
    assert all(Done(answer.payload).good for answer in answers)


def test_no_request_is_taken_that_could_not_be_answered(medium: FaultyDisk) -> None:
    controller = scsi_controller("scsi0", UUID(int=1), {0: ScsiDisk(medium)})
    driver = Driver(controller, pages=2, upstream_pages=9).start()
    driver.channel.autosignal = False
    for packet in requests(driver, 100):
        assert driver.channel.put(packet) is not None
    driver.channel.signal()
    assert controller.statistics.requests == (4096 - 1) // 88
    seen = 0
    while answers := driver.channel.receive_all():
        seen += len(answers)
        driver.channel.signal()
    assert seen == 100
    assert controller.statistics.requests == 100


def test_two_packets_of_one_id_get_two_answers(driver: Driver) -> None:
    driver.channel.autosignal = False
    for _ in range(2):
        driver.channel.send(driver.srb("00"), transaction_id=7, wants_completion=True)
    driver.channel.signal()
    assert [answer.transaction_id for answer in driver.channel.receive_all()] == [7, 7]


def test_a_request_that_wants_no_answer_is_done_all_the_same(
    driver: Driver, medium: FaultyDisk
) -> None:
    buffer = driver.guest.buffer(BLOCK, data=pattern(99))
    packet = driver.srb(ten(0x2A, 0, 1), direction=WRITE, transfer=BLOCK)
    driver.channel.send(packet, buffers=[buffer])
    assert driver.channel.receive() is None
    assert medium.read(0, 1) == pattern(99)


def test_the_same_story_gives_the_same_bytes() -> None:
    def story() -> bytes:
        medium = FaultyDisk(SECTORS, 7)
        driver = Driver(scsi_controller("scsi0", UUID(int=1), {0: ScsiDisk(medium)})).start()
        for cdb in (inquiry(0x83), report_luns(), ten(0x28, 7, 1), ten(0x28, 1, 1)):
            driver.take(cdb, 4096)
        return bytes(driver.guest.memory.bytes)

    assert story() == story()


def test_counters(driver: Driver) -> None:
    driver.read(ten(0x28, 0, 2), 2 * BLOCK)
    driver.call(vstor(BEGIN), tid=INIT_ID)
    counted = driver.controller.statistics
    assert (counted.packets, counted.requests, counted.refused) == (6, 1, 1)
