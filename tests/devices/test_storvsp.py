"""The storage service: initialisation, resets, units that come and go, the IDE accelerator."""

import struct
from uuid import UUID

import pytest

from hv_devices.synthetic.scsi_disk import ScsiDisk
from hv_devices.synthetic.scsi_dvd import ScsiDvd
from hv_devices.synthetic.storvsp import StorageController, ide_accelerator, scsi_controller
from tests.devices.scsi_initiator import SparseDisk, inquiry, mode_sense_6
from tests.devices.storvsc_driver import (
    BAD_PARAMETER,
    BAD_REQUEST,
    BAD_STATE,
    BEGIN,
    COMPLETE_IO,
    END,
    ENUMERATE_BUS,
    ERROR,
    EXECUTE_SRB,
    FCHBA_DATA,
    INBAND_KIND,
    INIT_ID,
    INVALID_LUN,
    MISMATCH,
    OK,
    PROPERTIES,
    REMOVE_DEVICE,
    RESET_ADAPTER,
    RESET_BUS,
    RESET_ID,
    RESET_LUN,
    VERSION,
    Driver,
    vstor,
)

INSTANCE = UUID("d422512d-2bf2-4752-809d-7b82b5fcb1b4")
VERSIONS = [0x0602, 0x0600, 0x0501, 0x0402, 0x0200]


def controller(**luns: ScsiDisk | ScsiDvd) -> StorageController:
    units = {int(name[1:]): unit for name, unit in luns.items()}
    return scsi_controller("scsi0", INSTANCE, units or {0: ScsiDisk(SparseDisk(1000))})


@pytest.fixture
def driver() -> Driver:
    return Driver(controller())


# The offer


def test_a_controller_is_offered_as_one(driver: Driver) -> None:
    offer = driver.guest.offers[0]
    assert offer.interface == UUID("ba6163d9-04a1-4d29-b605-72e2ffb1dc7f")
    assert offer.instance == INSTANCE
    assert offer.flags == 1
    assert offer.sub_channel == 0


# Initialisation


@pytest.mark.parametrize("version", VERSIONS)
def test_a_driver_of_any_version_initialises(driver: Driver, version: int) -> None:
    driver.start(version)
    assert driver.none("00").good


def test_the_answer_to_a_version_repeats_it(driver: Driver) -> None:
    driver.status(BEGIN)
    body = struct.pack("<HH", 0x0602, 7)
    payload = driver.call(vstor(VERSION, body), tid=INIT_ID)
    assert payload[8:16] == struct.pack("<IHH", 0, 0x0602, 0)


@pytest.mark.parametrize("version", [0x0000, 0x0601, 0x0700, 0x0206, 0xFFFF])
def test_an_unknown_version_is_refused_and_the_next_one_heard(driver: Driver, version: int) -> None:
    driver.status(BEGIN)
    assert driver.status(VERSION, struct.pack("<HH", version, 0)) == MISMATCH
    assert driver.status(PROPERTIES) == BAD_STATE
    assert driver.status(VERSION, struct.pack("<HH", 0x0600, 0)) == OK


def test_there_is_one_channel_and_256_kib_a_transfer(driver: Driver) -> None:
    driver.status(BEGIN)
    driver.status(VERSION, struct.pack("<HH", 0x0602, 0))
    assert driver.properties() == (0, 0, 0x40000)


STEPS = [
    (BEGIN, b""),
    (VERSION, struct.pack("<HH", 0x0602, 0)),
    (PROPERTIES, b""),
    (END, b""),
]


@pytest.mark.parametrize("done", range(5))
def test_steps_come_in_order(driver: Driver, done: int) -> None:
    for operation, body in STEPS[:done]:
        assert driver.status(operation, body) == OK
    for index, (operation, body) in enumerate(STEPS):
        if index != done:
            assert driver.status(operation, body) == BAD_STATE
    for operation, body in STEPS[done:]:
        assert driver.status(operation, body) == OK
    assert driver.none("00").good


def test_requests_before_the_end_fail(driver: Driver) -> None:
    done = driver.none("00")
    assert (done.status, done.srb) == (BAD_STATE, ERROR)
    assert driver.status(RESET_BUS) == BAD_STATE


@pytest.mark.parametrize(
    "operation", [0, COMPLETE_IO, REMOVE_DEVICE, ENUMERATE_BUS, FCHBA_DATA, 14, 0xFFFFFFFF]
)
def test_what_no_guest_sends_is_an_invalid_request(driver: Driver, operation: int) -> None:
    assert driver.status(operation) == BAD_REQUEST
    driver.start()
    assert driver.status(operation) == BAD_REQUEST


def test_a_packet_without_a_header_is_answered(driver: Driver) -> None:
    payload = driver.call(b"\7\0\0\0")
    assert payload[8:12] == struct.pack("<I", BAD_REQUEST)
    assert driver.call(b"")[8:12] == struct.pack("<I", BAD_REQUEST)
    driver.start()
    payload = driver.call(struct.pack("<III", EXECUTE_SRB, 1, 0))
    assert payload[8:12] == struct.pack("<I", BAD_PARAMETER)


def test_what_wants_no_completion_gets_none(driver: Driver) -> None:
    driver.channel.send(vstor(BEGIN))
    assert driver.channel.receive() is None
    assert driver.status(VERSION, struct.pack("<HH", 0x0602, 0)) == OK


def test_a_guests_completion_is_nothing(driver: Driver) -> None:
    driver.channel.complete(7, vstor(BEGIN))
    assert driver.channel.receive() is None
    assert driver.status(BEGIN) == OK


def test_a_channel_that_is_opened_again_starts_again(driver: Driver) -> None:
    driver.start()
    driver.channel.close()
    driver.channel = driver.guest.open(driver.guest.offers[0])
    assert driver.none("00").status == BAD_STATE
    driver.start()
    assert driver.none("00").good


def test_what_went_on_can_be_inspected(driver: Driver) -> None:
    assert driver.controller.inspect()["phase"] == "BEGIN"
    driver.start()
    driver.read("28 00 00000000 00 0002 00", 1024)
    seen = driver.controller.inspect()
    assert (seen["phase"], seen["version"], seen["requests"]) == ("READY", "6.2", 1)
    luns = seen["luns"]
    assert isinstance(luns, dict)
    assert luns[0]["product"] == "Virtual Disk"
    assert (luns[0]["reads"], luns[0]["bytes_read"]) == (1, 1024)


# Resets


def test_resets_succeed(driver: Driver) -> None:
    driver.start()
    for operation in (RESET_LUN, RESET_BUS, RESET_ADAPTER):
        payload = driver.call(vstor(operation), tid=RESET_ID)
        assert payload[:12] == struct.pack("<III", COMPLETE_IO, 1, OK)
    assert driver.none("00").good


CACHE_OFF = bytes([0, 0, 0, 0, 0x08, 0x12]) + bytes(18)


def write_caches(driver: Driver, *luns: int) -> list[bool]:
    return [bool(driver.read(mode_sense_6(0x08), 64, lun=lun)[6] & 0x04) for lun in luns]


def test_a_reset_reaches_the_unit_or_all_units() -> None:
    driver = Driver(controller(l0=ScsiDisk(SparseDisk(8)), l5=ScsiDisk(SparseDisk(8)))).start()
    for lun in (0, 5):
        assert driver.give("15 10 00 00 18 00", CACHE_OFF, lun=lun).good
    assert write_caches(driver, 0, 5) == [False, False]
    address = bytes([0, 0, 0, 0, 0, 0, 0, 5])
    assert driver.status(RESET_LUN, address) == OK
    assert write_caches(driver, 0, 5) == [False, True]
    assert driver.status(RESET_BUS) == OK
    assert write_caches(driver, 0, 5) == [True, True]


def test_a_reset_of_a_unit_that_is_not_there_is_harmless(driver: Driver) -> None:
    driver.start()
    assert driver.status(RESET_LUN, bytes([0, 0, 0, 0, 3, 1, 1, 9])) == OK


def test_a_guest_that_is_gone_has_nothing_locked() -> None:
    drive = ScsiDvd(b"x")
    driver = Driver(controller(l0=drive)).start()
    assert driver.none("1e 00 00 00 01 00").good
    driver.channel.close()
    assert drive.eject()


# Units that come and go


def unsolicited(driver: Driver) -> list[int]:
    """Operations of packets that the host sent on its own."""
    operations = []
    for packet in driver.channel.receive_all():
        assert (packet.kind, packet.transaction_id, packet.flags) == (INBAND_KIND, 0, 0)
        assert len(packet.payload) == driver.size
        operations.append(int.from_bytes(packet.payload[:4], "little"))
    return operations


@pytest.mark.parametrize("version", [0x0602, 0x0402])
def test_a_guest_is_told_of_units_that_come_and_go(driver: Driver, version: int) -> None:
    driver.start(version)
    unit = ScsiDisk(SparseDisk(8))
    driver.controller.attach(3, unit)
    assert unsolicited(driver) == [ENUMERATE_BUS]
    assert driver.none("00", lun=3).good
    assert driver.controller.detach(3) is unit
    assert unsolicited(driver) == [ENUMERATE_BUS]
    done = driver.none("00", lun=3)
    assert (done.srb, done.scsi) == (INVALID_LUN, 0)


def test_a_driver_that_would_not_understand_is_not_told(driver: Driver) -> None:
    driver.start(0x0200)
    driver.controller.attach(3, ScsiDisk(SparseDisk(8)))
    assert unsolicited(driver) == []


def test_a_driver_that_has_not_looked_yet_is_not_told(driver: Driver) -> None:
    driver.controller.attach(3, ScsiDisk(SparseDisk(8)))
    driver.status(BEGIN)
    driver.controller.attach(4, ScsiDisk(SparseDisk(8)))
    assert driver.channel.receive() is None
    driver = Driver(driver.controller).start()
    assert unsolicited(driver) == []
    assert driver.none("00", lun=3).good


def test_word_of_a_change_waits_for_room_in_the_ring() -> None:
    driver = Driver(controller(), pages=2).start()
    for _ in range(100):
        driver.controller.attach(1, ScsiDvd())
        driver.controller.detach(1)
    sent, rest = divmod(driver.channel.incoming.used(), 16 + 64 + 8)
    assert 40 < sent < 100
    assert rest == 0
    assert unsolicited(driver) == [ENUMERATE_BUS] * (sent + 1)
    assert driver.none("00").good


def test_no_more_than_64_units_and_none_twice(driver: Driver) -> None:
    for lun in (0, 64, -1):
        with pytest.raises(ValueError, match="LUN"):
            driver.controller.attach(lun, ScsiDvd())
    with pytest.raises(KeyError):
        driver.controller.detach(9)
    with pytest.raises(ValueError, match="LUN"):
        scsi_controller("x", INSTANCE, {64: ScsiDvd()})


# The IDE accelerator


@pytest.mark.parametrize(("bus", "drive"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_an_ide_drive_is_named_by_its_place(bus: int, drive: int) -> None:
    device = ide_accelerator("ide", bus, drive, ScsiDisk(SparseDisk(1000)))
    driver = Driver(device)
    offer = driver.guest.offers[0]
    assert offer.interface == UUID("32412632-86cb-44a2-9b5c-50d1417354f5")
    assert str(offer.instance) == f"{bus:08x}-{drive:04x}-8899-0000-000000000000"
    assert offer.user_data[:24] == bytes([0, 0, bus, drive, 0, 0, 0, 0, 2]) + bytes(15)
    driver.start()
    assert driver.none("00", target=drive).good
    assert driver.none("00", target=drive, path=bus).good
    assert driver.read(inquiry(size=36), 36, target=1 - drive)[0] == 0x7F
    assert driver.none("00", target=drive, lun=1).srb == INVALID_LUN
