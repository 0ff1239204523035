"""Sub-channels of the storage service: offered on request, good for requests, gone with the first channel."""

import struct
from uuid import UUID

import pytest

from hv.vmbus.bus import Bus
from hv_devices.synthetic.scsi_disk import ScsiDisk
from hv_devices.synthetic.storvsp import scsi_controller
from tests.devices.scsi_initiator import SparseDisk
from tests.devices.storvsc_driver import (
    BAD_PARAMETER,
    BAD_STATE,
    BEGIN,
    CREATE_SUB_CHANNELS,
    END,
    OK,
    PROPERTIES,
    RESET_BUS,
    VERSION,
    Done,
    Driver,
)
from tests.vmbus.fake_guest import FakeGuest
from tests.vmbus.fakes import FakeMemory, FakeSynic

INSTANCE = UUID("d422512d-2bf2-4752-809d-7b82b5fcb1b4")


def multi_channel(channels: int) -> Driver:
    """A controller that offers more channels, on a bus of its own."""
    memory, synic = FakeMemory(), FakeSynic()
    bus = Bus(memory, synic)
    units = {0: ScsiDisk(SparseDisk(1000))}
    device = scsi_controller("scsi0", INSTANCE, units, sub_channels=channels, services=bus)
    bus.offer(device)
    driver = Driver.__new__(Driver)
    driver.controller, driver.size = device, 64
    driver.guest = FakeGuest(bus, memory, synic)
    assert driver.guest.connect()
    driver.guest.request_offers()
    driver.channel = driver.guest.open(driver.guest.offers[0])
    return driver


def sub_channels(driver: Driver) -> list[int]:
    driver.guest.poll()
    return [offer.sub_channel for offer in driver.guest.offers if offer.sub_channel]


def create(driver: Driver, count: int) -> int:
    return driver.status(CREATE_SUB_CHANNELS, struct.pack("<H", count))


def on(driver: Driver, number: int) -> Driver:
    """The same driver on sub-channel ``number``."""
    other = Driver.__new__(Driver)
    other.__dict__.update(driver.__dict__)
    offer = next(one for one in driver.guest.offers if one.sub_channel == number)
    assert offer.instance == INSTANCE
    other.channel = driver.guest.open(offer)
    return other


def test_sub_channels_are_offered_when_asked_for() -> None:
    driver = multi_channel(3)
    driver.status(BEGIN)
    driver.status(VERSION, struct.pack("<HH", 0x0602, 0))
    assert driver.properties() == (3, 1, 0x40000)
    driver.status(END)
    assert sub_channels(driver) == []
    assert create(driver, 2) == OK
    assert sub_channels(driver) == [1, 2]


def test_requests_can_go_over_any_channel() -> None:
    driver = multi_channel(2).start()
    create(driver, 2)
    sub_channels(driver)
    second = on(driver, 2)
    assert second.none("00").good
    assert driver.none("00").good
    assert second.status(RESET_BUS) == OK
    assert second.status(BEGIN) == BAD_STATE
    assert second.status(CREATE_SUB_CHANNELS, b"\1\0") == BAD_STATE


@pytest.mark.parametrize("count", [4, 0xFFFF])
def test_no_more_sub_channels_than_there_may_be(count: int) -> None:
    driver = multi_channel(3).start()
    assert create(driver, count) == BAD_PARAMETER
    assert create(driver, 3) == OK
    assert create(driver, 1) == BAD_PARAMETER
    assert sub_channels(driver) == [1, 2, 3]


def test_old_drivers_have_one_channel() -> None:
    driver = multi_channel(3)
    driver.status(BEGIN)
    driver.status(VERSION, struct.pack("<HH", 0x0402, 0))
    assert driver.properties() == (0, 0, 0x40000)
    driver.status(END)
    assert create(driver, 1) == BAD_PARAMETER


def test_a_controller_alone_on_its_bus_has_one_channel() -> None:
    units = {0: ScsiDisk(SparseDisk(1000))}
    driver = Driver(scsi_controller("scsi0", INSTANCE, units, sub_channels=3)).start()
    assert create(driver, 1) == BAD_PARAMETER
    assert create(driver, 0) == OK


def test_a_sub_channel_waits_for_the_end_of_initialisation() -> None:
    driver = multi_channel(1)
    driver.status(BEGIN)
    driver.status(VERSION, struct.pack("<HH", 0x0602, 0))
    driver.status(PROPERTIES)
    create(driver, 1)
    sub_channels(driver)
    second = on(driver, 1)
    second.channel.send(second.srb("00"), wants_completion=True)
    assert second.channel.receive() is None
    driver.status(END)
    answer = second.channel.receive()
    assert answer is not None
    assert Done(answer.payload).good


def test_sub_channels_end_with_the_first_channel() -> None:
    driver = multi_channel(2).start()
    create(driver, 2)
    assert sub_channels(driver) == [1, 2]
    on(driver, 1)
    driver.channel.close()
    assert sub_channels(driver) == []
    driver.channel = driver.guest.open(driver.guest.offers[0])
    driver.start()
    for relid in {slot.relid for slot in driver.guest.bus.inspect().channels} - {
        driver.channel.offer.relid
    }:
        driver.guest.release(relid)
    assert create(driver, 1) == OK
    assert sub_channels(driver) == [1]


def test_a_guest_that_reboots_finds_no_sub_channels() -> None:
    driver = multi_channel(2).start()
    create(driver, 2)
    driver.guest.unload()
    assert driver.guest.connect()
    assert [offer.sub_channel for offer in driver.guest.request_offers()] == [0]
