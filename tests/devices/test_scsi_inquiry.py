"""INQUIRY: who disks and drives say they are."""

import struct

import pytest

from hv_devices.synthetic.scsi_disk import ScsiDisk
from hv_devices.synthetic.scsi_dvd import ScsiDvd
from hv_devices.synthetic.scsi_inquiry import Identity
from tests.devices.scsi_initiator import INVALID_FIELD, Initiator, SparseDisk, inquiry


@pytest.fixture
def disk() -> Initiator:
    return Initiator(ScsiDisk(SparseDisk(1000), Identity(serial="TEST0001")))


@pytest.fixture
def dvd() -> Initiator:
    return Initiator(ScsiDvd())


def test_a_disk_looks_like_hyper_vs(disk: Initiator) -> None:
    assert disk.good(inquiry()) == bytes.fromhex("00 00 05 02 1f 00 00 02") + (
        b"Msft    Virtual Disk    1.0 "
    )


def test_a_dvd_is_removable(dvd: Initiator) -> None:
    assert dvd.good(inquiry()) == bytes.fromhex("05 80 05 02 1f 00 00 02") + (
        b"Msft    Virtual DVD-ROM 1.0 "
    )


def test_texts_are_cut_and_padded() -> None:
    identity = Identity(vendor="A", product="x" * 30, revision="é", serial="s" * 300)
    disk = Initiator(ScsiDisk(SparseDisk(1), identity))
    assert disk.good(inquiry())[8:] == b"A       " + b"x" * 16 + b"?   "
    assert disk.good(inquiry(0x80, 0x1000)) == b"\0\x80\0\x40" + b"s" * 64


@pytest.mark.parametrize("size", [0, 1, 5, 35, 36, 37])
def test_an_answer_is_cut_to_the_allocation_length(disk: Initiator, size: int) -> None:
    assert disk.good(inquiry(size=size)) == disk.good(inquiry())[:size]


def test_the_allocation_length_has_sixteen_bits(disk: Initiator) -> None:
    assert len(disk.good("12 00 00 01 00 00")) == 36


def test_the_list_of_pages_is_sorted_and_true(disk: Initiator, dvd: Initiator) -> None:
    assert disk.good(inquiry(0x00)) == bytes.fromhex("00 00 00 06 00 80 83 b0 b1 b2")
    assert dvd.good(inquiry(0x00)) == bytes.fromhex("05 00 00 03 00 80 83")
    for device in (disk, dvd):
        for page in device.good(inquiry(0x00))[4:]:
            data = device.good(inquiry(page, 0x1000))
            kind, code, length = struct.unpack_from(">BBH", data)
            assert (code, length) == (page, len(data) - 4)
            assert kind == device.good(inquiry())[0]


def test_pages_that_are_not_listed_are_refused(disk: Initiator, dvd: Initiator) -> None:
    assert disk.sense(inquiry(0x89)) == INVALID_FIELD
    assert dvd.sense(inquiry(0xB0)) == INVALID_FIELD


@pytest.mark.parametrize("cdb", ["12 00 80 00 ff 00", "12 02 00 00 ff 00", "12 03 80 00 ff 00"])
def test_a_page_wants_its_flag_and_no_other(disk: Initiator, cdb: str) -> None:
    assert disk.sense(cdb) == INVALID_FIELD


def test_the_serial_number_is_the_identitys(disk: Initiator) -> None:
    assert disk.good(inquiry(0x80)) == b"\0\x80\0\x08TEST0001"


def test_the_identification_page_has_a_microsoft_naa_name(disk: Initiator) -> None:
    data = disk.good(inquiry(0x83))[4:]
    assert data[:4] == bytes([0x01, 0x03, 0x00, 0x10])
    assert data[4:8] == bytes.fromhex("60022480")
    assert data[20:24] == bytes([0x02, 0x01, 0x00, 0x10])
    assert data[24:] == b"Msft    TEST0001"


def test_names_differ_with_the_serial_number_alone() -> None:
    def name(sectors: int, serial: str) -> bytes:
        disk = Initiator(ScsiDisk(SparseDisk(sectors), Identity(serial=serial)))
        return disk.good(inquiry(0x83))

    assert name(1, "A") == name(2, "A") != name(1, "B")


def test_block_limits(disk: Initiator) -> None:
    data = disk.good(inquiry(0xB0))
    assert len(data) == 64
    assert data[4] == 0x01  # WRITE SAME of zero blocks is not everything
    assert struct.unpack(">IIII", data[8:24]) == (16384, 0, 0, 0x10000)
    assert struct.unpack(">IIIQ", data[24:44]) == (64, 1, 0x80000000, 0x10000)


def test_a_disk_does_not_rotate(disk: Initiator) -> None:
    assert disk.good(inquiry(0xB1)) == bytes.fromhex("00b1003c 0001") + bytes(58)


def test_provisioning_is_thin_unless_read_only() -> None:
    assert Initiator(ScsiDisk(SparseDisk(1))).good(inquiry(0xB2))[4:] == bytes([0, 0xE4, 2, 0])
    medium = SparseDisk(1)
    medium.read_only = True
    disk = Initiator(ScsiDisk(medium))
    assert disk.good(inquiry(0xB2))[4:] == bytes(4)
    assert disk.good(inquiry(0xB0))[8:] == struct.pack(">I", 16384) + bytes(52)
