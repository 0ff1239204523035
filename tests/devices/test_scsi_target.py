"""A target: who answers at which address, and what is heard from nobody."""

import struct

import pytest

from hv_devices.synthetic.scsi_device import Request
from hv_devices.synthetic.scsi_disk import ScsiDisk
from hv_devices.synthetic.scsi_dvd import ScsiDvd
from hv_devices.synthetic.scsi_target import Address, ScsiTarget
from tests.devices.scsi_initiator import INVALID_FIELD, SparseDisk, inquiry, report_luns, sense_of

HERE = Address(0, 0, 0)


@pytest.fixture
def target() -> ScsiTarget:
    return ScsiTarget({9: ScsiDvd(), 0: ScsiDisk(SparseDisk(100)), 2: ScsiDisk(SparseDisk(200))})


def send(target: ScsiTarget, address: Address, cdb: bytes) -> bytes | None:
    reply = target.execute(address, Request(cdb.ljust(16, b"\0")))
    if reply is None:
        return None
    assert reply.sense is None
    return reply.data


def luns(data: bytes | None) -> list[int]:
    assert data is not None
    (length,) = struct.unpack_from(">I", data)
    assert (length, data[4:8]) == (len(data) - 8, bytes(4))
    listed = [struct.unpack_from(">H", data, at)[0] for at in range(8, len(data), 8)]
    assert all(data[at + 2 : at + 8] == bytes(6) for at in range(8, len(data), 8))
    return listed


def test_commands_go_to_the_unit_they_name(target: ScsiTarget) -> None:
    read_capacity = bytes([0x25])
    for lun, last in ((0, 99), (2, 199)):
        data = send(target, Address(0, 0, lun), read_capacity)
        assert data == struct.pack(">II", last, 512)


def test_report_luns_lists_units_in_order(target: ScsiTarget) -> None:
    assert luns(send(target, HERE, report_luns())) == [0, 2, 9]
    assert luns(send(target, HERE, report_luns(select=2))) == [0, 2, 9]
    assert luns(send(target, HERE, report_luns(select=1))) == []
    assert luns(send(target, Address(0, 0, 77), report_luns())) == [0, 2, 9]


def test_report_luns_is_cut_but_says_how_much_there_is(target: ScsiTarget) -> None:
    assert send(target, HERE, report_luns(16)) == struct.pack(">I4xH6x", 24, 0)


@pytest.mark.parametrize("cdb", [report_luns(15), report_luns(select=3)])
def test_report_luns_refuses(target: ScsiTarget, cdb: bytes) -> None:
    reply = target.execute(HERE, Request(cdb.ljust(16, b"\0")))
    assert reply is not None
    assert sense_of(reply) == INVALID_FIELD


@pytest.mark.parametrize("address", [Address(1, 0, 0), Address(0, 1, 0), Address(7, 1, 0)])
def test_elsewhere_nobody_is_listed(target: ScsiTarget, address: Address) -> None:
    assert luns(send(target, address, report_luns())) == []


@pytest.mark.parametrize("address", [Address(1, 0, 0), Address(0, 1, 0), Address(7, 1, 0)])
def test_an_empty_place_answers_inquiry_with_data(target: ScsiTarget, address: Address) -> None:
    data = send(target, address, inquiry(size=36))
    assert data is not None
    assert data[0] == 0x7F
    assert data[8:12] == b"Msft"
    assert len(data) == 36


def test_an_empty_lun_has_no_name(target: ScsiTarget) -> None:
    data = send(target, Address(0, 0, 1), inquiry(size=36))
    assert data is not None
    assert data[0] == 0x7F
    assert data[8:] == bytes(28)
    assert send(target, Address(0, 0, 1), inquiry(size=5)) == data[:5]


def test_an_empty_place_has_no_pages(target: ScsiTarget) -> None:
    reply = target.execute(Address(0, 1, 0), Request(inquiry(0x83).ljust(16, b"\0")))
    assert reply is not None
    assert sense_of(reply) == INVALID_FIELD


@pytest.mark.parametrize("opcode", [0x00, 0x03, 0x28, 0x25, 0xFF])
def test_an_empty_place_answers_nothing_else(target: ScsiTarget, opcode: int) -> None:
    assert send(target, Address(0, 0, 1), bytes([opcode])) is None
    assert send(target, Address(1, 0, 0), bytes([opcode])) is None


def test_any_path_will_do_where_paths_are_not_looked_at() -> None:
    target = ScsiTarget({0: ScsiDisk(SparseDisk(100))}, path=1, target=1, any_path=True)
    for path in (0, 1, 5):
        assert send(target, Address(path, 1, 0), b"\0") == b""
        assert luns(send(target, Address(path, 1, 0), report_luns())) == [0]
        assert send(target, Address(path, 0, 0), b"\0") is None


def test_units_come_and_go(target: ScsiTarget) -> None:
    unit = ScsiDisk(SparseDisk(300))
    target.attach(1, unit)
    assert luns(send(target, HERE, report_luns())) == [0, 1, 2, 9]
    assert target.detach(1) is unit
    assert send(target, Address(0, 0, 1), b"\0") is None
    with pytest.raises(KeyError):
        target.detach(1)


@pytest.mark.parametrize("lun", [0, -1, 64])
def test_a_lun_must_be_free_and_possible(target: ScsiTarget, lun: int) -> None:
    with pytest.raises(ValueError, match=f"LUN {lun}"):
        target.attach(lun, ScsiDvd())
